// Files of the state are removed, or moved away, under an engine that works on it. Whoever was answered finds his run
// after a kill in the next moment, and what only a removed page held is told as damage.
import { describe, expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import { lockedDisk } from '../../src/store/lock.ts';
import { WITNESS } from '../../src/store/notes.ts';
import { systemClock } from '../../src/support/clock.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { all, draft, T0 } from '../helpers/engine-values.ts';
import { SimulatedDisk, type SimulatedProcess } from '../helpers/simulated-disk.ts';
import { abort } from './contract-intake.ts';

const clock = { ...handClock(), after: systemClock.after };

async function opened(disk: SimulatedDisk, errors: unknown[] = [], guard = (): void => undefined) {
  const process = disk.process();
  const onError = (error: unknown): void => void errors.push(error);
  const held = lockedDisk(process, guard);
  return { process, ...(await openFileEngine({ disk: held, dir: DIR, clock, onError })) };
}

const newDisk = (): SimulatedDisk => new SimulatedDisk(new Map([['/', null]]));

/** As `rm` would, and nothing of it is the process's own. */
async function removeIn(disk: SimulatedDisk, folder: string, is = /./): Promise<void> {
  const other: SimulatedProcess = disk.process();
  for (const name of await other.list(`${DIR}/${folder}`))
    if (is.test(name)) await other.remove(`${DIR}/${folder}/${name}`);
}

/** As `truncate` would, from outside. */
async function cutJournal(disk: SimulatedDisk, share: number): Promise<void> {
  for (const name of await disk.process().list(`${DIR}/journal`)) {
    const file = disk.look(`${DIR}/journal/${name}`) as number;
    disk.perform({ kind: 'truncate', file, size: Math.floor(disk.bytesOf(file).length * share) });
  }
}

const removeJournal = (disk: SimulatedDisk): Promise<void> => removeIn(disk, 'journal');

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

test.each([0, 0.5])(
  'so it is where the journal was cut to %d of its length instead, seen before the next line or at the next look',
  async (share) => {
    for (const next of ['line', 'look'] as const) {
      const disk = newDisk();
      const errors: unknown[] = [];
      const { engine, process } = await opened(disk, errors);
      for (let i = 0; i < 3; i++) await engine.accept([draft(i)], T0);
      await cutJournal(disk, share);
      if (next === 'line') await engine.accept([draft(3)], T0);
      else await engine.look();
      process.kill();
      expect(errors, next).toMatchObject([{ code: 'write-failed' }]);
      expect(await foundAfterKill(disk), next).toBe(next === 'line' ? 4 : 3);
    }
  },
);

test('so it is at whatever moment between a request and its answer the journal is cut', async () => {
  let moments = 0;
  for (let isOpen = true; isOpen; moments++) {
    const disk = newDisk();
    const { engine, process } = await opened(disk, []);
    await engine.accept([draft(0)], T0);
    isOpen = false;
    let isAnswered = false;
    const accepted = engine.accept([draft(1)], T0).then(() => {
      isAnswered = true;
    });
    for (let turn = 0; turn < moments && !isAnswered; turn++) await new Promise(setImmediate);
    if (!isAnswered) {
      isOpen = true;
      await cutJournal(disk, 0.5);
    }
    await accepted;
    process.kill();
    expect(await foundAfterKill(disk), `cut after ${moments} turns`).toBe(2);
  }
  expect(moments).toBeGreaterThan(3);
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

describe('a look at an idle engine', () => {
  test('finds that the journal was removed, and writes all of it anew', async () => {
    const disk = newDisk();
    const errors: unknown[] = [];
    const { engine, process } = await opened(disk, errors);
    for (let i = 0; i < 3; i++) await engine.accept([draft(i)], T0);
    await removeJournal(disk);
    await engine.look();
    expect(errors).toMatchObject([{ code: 'write-failed' }]);
    process.kill();
    expect(await foundAfterKill(disk)).toBe(3);
  });

  test('writes nothing where nothing was removed, also after folds of its own', async () => {
    const disk = newDisk();
    const errors: unknown[] = [];
    const { engine } = await opened(disk, errors);
    for (let i = 0; i < 3; i++) {
      await engine.accept([draft(i)], T0);
      await engine.fold();
      const before = disk.operations.length;
      for (let look = 0; look < 3; look++) await engine.look();
      expect(disk.operations.length).toBe(before);
    }
    expect(errors).toEqual([]);
  });

  test.each(['manifest.json', 'locks.json', 'schedules.json'])('writes %s anew', async (name) => {
    const disk = newDisk();
    const { engine, process } = await opened(disk);
    await engine.accept([draft(0)], T0);
    await engine.look();
    await removeIn(disk, '', new RegExp(`^${name}$`));
    await engine.look();
    process.kill();
    expect(await foundAfterKill(disk)).toBe(1);
  });

  test('writes pages anew whose runs are all in memory, with the journal if that went too', async () => {
    for (const also of [false, true]) {
      const disk = newDisk();
      const { engine, process } = await opened(disk);
      for (let i = 0; i < 3; i++) await engine.accept([draft(i)], T0);
      await engine.fold();
      await engine.look();
      if (also) await removeJournal(disk);
      await removeIn(disk, 'runs');
      for (let look = 0; look < 3; look++) await engine.look();
      process.kill();
      expect(await foundAfterKill(disk)).toBe(3);
    }
  });

  test('tells a page as damage that held what nothing else holds, once, and keeps all else of it', async () => {
    const disk = newDisk();
    const errors: unknown[] = [];
    const { engine, process } = await opened(disk, errors);
    for (let i = 0; i < 4; i++) await engine.accept([draft(i)], T0);
    await engine.change(1, abort);
    await engine.fold();
    await engine.look();
    await removeIn(disk, 'runs');
    for (let look = 0; look < 5; look++) await engine.look();
    expect(errors).toMatchObject([{ code: 'write-failed' }, { code: 'state-damaged' }]);
    // It goes on: what changes is kept, whatever is folded.
    await engine.change(2, abort);
    await engine.fold();
    await engine.accept([draft(4)], T0);
    process.kill();
    const again = await opened(disk);
    expect(again.damage).toMatchObject([{ code: 'state-damaged' }]);
    const found = await inspectState(disk.process(), DIR, clock);
    const options = { disk: disk.process(), dir: DIR, clock };
    const { lost } = await repairState(options, found);
    expect(lost).toHaveLength(1);
    const repaired = await opened(disk);
    expect(repaired.damage).toEqual([]);
    const { runs } = await all(repaired.engine);
    const states = runs.map(({ id, state }) => [id, state.name]);
    expect(states.sort()).toEqual([
      [2, 'aborted'],
      [3, 'queued'],
      [4, 'queued'],
      [5, 'queued'],
    ]);
  });

  test('a page that was put back is whole', async () => {
    const disk = newDisk();
    const { engine, process } = await opened(disk);
    for (let i = 0; i < 3; i++) await engine.accept([draft(i)], T0);
    await engine.change(1, abort);
    await engine.fold();
    const path = `${DIR}/runs/000000.json`;
    const other = disk.process();
    await other.rename(path, `${DIR}/000000.json`);
    await engine.look();
    await engine.change(2, abort);
    process.kill();
    await other.rename(`${DIR}/000000.json`, path);
    const again = await opened(disk);
    expect([again.damage, again.oddities]).toEqual([[], []]);
    const { runs } = await all(again.engine);
    expect(runs.map(({ state }) => state.name)).toEqual(['queued', 'aborted', 'aborted']);
  });
});

test('a witness and a heartbeat that were removed or replaced are written anew, as they were, and told of once', async () => {
  for (const isReplaced of [false, true]) {
    const disk = newDisk();
    const errors: unknown[] = [];
    const { engine } = await opened(disk, errors);
    await engine.accept([draft(1)], T0);
    engine.members.beat(T0 + 1);
    await engine.look();
    const other = disk.process();
    const names = ['witness', 'heartbeat'];
    const textsNow = (): Promise<(string | undefined)[]> =>
      Promise.all(names.map(async (name) => `${await other.read(`${DIR}/${name}`)}`));
    const before = await textsNow();
    expect(before[0]).toMatch(WITNESS);
    for (const name of names) {
      await other.remove(`${DIR}/${name}`);
      if (isReplaced) await (await other.create(`${DIR}/${name}`)).close();
    }
    await engine.look();
    expect(await textsNow()).toEqual(before);
    for (let i = 0; i < 3; i++) await engine.look();
    expect(errors.map((error) => (error as JobrunError).message)).toEqual(
      names.map((name) => expect.stringContaining(`${name} was removed or replaced`)),
    );
    await engine.accept([draft(2)], T0);
    await engine.close();
    expect((await textsNow())[0], 'notes go on in the new file').not.toBe(before[0]);
  }
});
