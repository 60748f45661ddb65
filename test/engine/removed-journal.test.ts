// The journal is removed, or moved away, under an engine that works on it. Whoever was answered finds his run after a
// kill in the next moment.
import { expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { lockedDisk } from '../../src/store/locked-disk.ts';
import { systemClock } from '../../src/support/clock.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { all, draft, T0 } from '../helpers/engine-values.ts';
import { SimulatedDisk, type SimulatedProcess } from '../helpers/simulated-disk.ts';

const clock = { ...handClock(), after: systemClock.after };

async function opened(disk: SimulatedDisk, errors: unknown[] = [], guard = (): void => undefined) {
  const process = disk.process();
  const onError = (error: unknown): void => void errors.push(error);
  const held = lockedDisk(process, guard);
  return { process, ...(await openFileEngine({ disk: held, dir: DIR, clock, onError })) };
}

const newDisk = (): SimulatedDisk => new SimulatedDisk(new Map([['/', null]]));

/** As `rm` would, and nothing of it is the process's own. */
async function removeJournal(disk: SimulatedDisk): Promise<void> {
  const other: SimulatedProcess = disk.process();
  for (const name of await other.list(`${DIR}/journal`))
    await other.remove(`${DIR}/journal/${name}`);
}

async function foundAfterKill(disk: SimulatedDisk): Promise<number> {
  const { engine, damage } = await opened(disk);
  expect(damage).toEqual([]);
  return (await all(engine)).total;
}

test('what is answered after the journal was removed is there after a kill, and all before it', async () => {
  const disk = newDisk();
  const errors: unknown[] = [];
  const { engine, process } = await opened(disk, errors);
  for (let i = 0; i < 3; i++) await engine.accept([draft(i)], T0);
  await removeJournal(disk);
  await engine.accept([draft(3)], T0);
  process.kill();
  expect(errors).toMatchObject([{ code: 'write-failed' }]);
  expect(await foundAfterKill(disk)).toBe(4);
});

test('so is what is accepted at once by many while it is removed again and again', async () => {
  const disk = newDisk();
  const { engine, process } = await opened(disk);
  let answered = 0;
  const accepting = Array.from({ length: 60 }, async (_, i) => {
    for (let turns = 0; turns < i * 7; turns++) await new Promise(setImmediate);
    await engine.accept([draft(i)], T0);
    answered++;
  });
  for (let round = 0; round < 4; round++) {
    for (let turns = 0; turns < 60; turns++) await new Promise(setImmediate);
    await removeJournal(disk);
  }
  await Promise.all(accepting);
  process.kill();
  expect(await foundAfterKill(disk)).toBe(answered);
});

test('a clean stop folds what only the memory has', async () => {
  const disk = newDisk();
  const { engine } = await opened(disk);
  await engine.accept([draft(0)], T0);
  await removeJournal(disk);
  await engine.fold();
  await engine.close();
  expect(await foundAfterKill(disk)).toBe(1);
});

test('nobody is answered as long as the state cannot be written anew', async () => {
  const disk = newDisk();
  const errors: { message: string }[] = [];
  const { engine, process } = await opened(disk, errors);
  await engine.accept([draft(0)], T0);
  await removeJournal(disk);
  process.fail([{ kind: 'rename', n: 0, errno: 'EIO', forever: true }]);
  let answered = false;
  const accepting = engine.accept([draft(1)], T0).then(() => {
    answered = true;
  });
  await expect.poll(() => errors.length, { timeout: 10_000 }).toBeGreaterThan(1);
  expect(answered).toBe(false);
  process.heal();
  await accepting;
  process.kill();
  expect(await foundAfterKill(disk)).toBe(2);
});

test('a close that could not write it anew says so', async () => {
  const disk = newDisk();
  const { engine, process } = await opened(disk);
  await removeJournal(disk);
  process.fail([{ kind: 'rename', n: 0, errno: 'EIO', forever: true }]);
  void engine.accept([draft(0)], T0);
  await new Promise(setImmediate);
  await expect(engine.close()).rejects.toMatchObject({ code: 'write-failed' });
});

test('where the state is no longer ours the answer is that it was not taken', async () => {
  const disk = newDisk();
  const errors: unknown[] = [];
  const guard = (): void => {
    if (errors.length > 0) throw new JobrunError('state-unsafe', 'the lock is lost', '');
  };
  const { engine } = await opened(disk, errors, guard);
  await removeJournal(disk);
  const accepting = engine.accept([draft(0)], T0);
  await expect(accepting).rejects.toMatchObject({ code: 'state-unsafe' });
});
