// The state folder is replaced by another (a restore, a new volume, `rm -rf` and a start) under a process that holds
// the lock of the first and has been busy or asleep meanwhile: nothing that it writes goes into the new one.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { importState, inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import { lockedDisk, lockState } from '../../src/store/lock.ts';
import { type Disk, realDisk } from '../../src/support/files.ts';
import { handClock } from '../helpers/engine-session.ts';
import { all, draft, T0 } from '../helpers/engine-values.ts';

let home = '';
let dir = '';
const clock = handClock();

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'jobrun-replaced-'));
  dir = join(home, 'state');
});
afterEach(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));

async function opened(under: Disk = realDisk) {
  const lock = await lockState(dir, 'daemon', clock);
  const { release } = lock;
  return {
    lock,
    ...(await openFileEngine({ disk: lockedDisk(under, lock.guard), dir, clock, release })),
  };
}

async function stateOf(runs: number): Promise<void> {
  const { engine } = await opened();
  for (let i = 0; i < runs; i++) await engine.accept([draft(i)], T0);
  await engine.close();
}

/** The folder that was there goes away, and another process works on one of its own in the same place. */
async function replaced(): Promise<FileEngine> {
  renameSync(dir, join(home, `away-${readdirSync(home).length}`));
  const { engine } = await opened();
  await engine.accept([draft(100), draft(101)], T0);
  clock.move(1000);
  return engine;
}

/** Does something once, in the first read of a file. */
function onRead(name: string, act: () => Promise<unknown>): Disk {
  let waits: Promise<unknown> | null = null;
  const pieces: Disk['pieces'] = async (path) => {
    if (path.endsWith(name)) waits ??= act();
    await waits;
    return realDisk.pieces(path);
  };
  return { ...realDisk, pieces };
}

const filesOf = (folder: string): readonly (readonly [string, string])[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile() && name !== 'lock')
    .sort()
    .map((name) => [name, readFileSync(join(folder, name), 'latin1')]);

/** Nothing of the new state has changed, and it is found whole when its process is killed in the next moment. */
async function expectUntouched(before: ReturnType<typeof filesOf>, ours: FileEngine) {
  expect(filesOf(dir)).toEqual(before);
  await ours.accept([draft(102)], T0);
  await ours.close();
  const { engine, damage } = await opened();
  expect(damage).toEqual([]);
  expect((await all(engine)).total).toBe(3);
  await engine.close();
}

test('a start that reads for long leaves the folder alone that took the place of its own', async () => {
  await stateOf(5);
  let ours: FileEngine | null = null;
  let before: ReturnType<typeof filesOf> = [];
  const slow = onRead('manifest.json', async () => {
    ours = await replaced();
    before = filesOf(dir);
  });
  await expect(opened(slow)).rejects.toMatchObject({ code: 'state-unsafe' });
  await expectUntouched(before, ours as unknown as FileEngine);
});

test('a start whose folder stays opens it, however long it reads', async () => {
  await stateOf(5);
  const { engine, damage } = await opened(
    onRead('manifest.json', async () => clock.move(1_000_000)),
  );
  expect(damage).toEqual([]);
  await engine.accept([draft(5)], T0);
  expect((await all(engine)).total).toBe(6);
  await engine.close();
});

test('so do a repair and an import', async () => {
  await stateOf(5);
  const lock = await lockState(dir, 'command', clock);
  const options = { disk: lockedDisk(realDisk, lock.guard), dir, clock };
  const found = await inspectState(realDisk, dir, clock);
  const ours = await replaced();
  const before = filesOf(dir);
  await expect(repairState(options, found)).rejects.toMatchObject({ code: 'state-unsafe' });
  await expect(importState(options, noLines())).rejects.toMatchObject({ code: 'state-unsafe' });
  await expectUntouched(before, ours);
  await lock.release();
});

test('so does a process that slept with a fold, a heartbeat and the mark of its clock to write', async () => {
  const { engine: old } = await opened();
  await old.accept([draft(1)], T0);
  const ours = await replaced();
  const before = filesOf(dir);
  await expect(old.accept([draft(2)], T0)).rejects.toMatchObject({ code: 'state-unsafe' });
  await expect(old.fold()).rejects.toMatchObject({ code: 'state-unsafe' });
  await expect(old.putClockMark({ trusted: T0, leapAt: null })).rejects.toMatchObject({
    code: 'state-unsafe',
  });
  old.members.beat(T0);
  await old.close().catch(() => undefined);
  await expectUntouched(before, ours);
});

test('a folder put there a moment ago takes nothing, nor does the one that comes back miss an answer', async () => {
  const { engine: old, lock } = await opened();
  await old.accept([draft(0)], T0);
  lock.guard();
  renameSync(dir, join(home, 'away'));
  mkdirSync(dir, { mode: 0o700 });
  await expect(old.accept([draft(1)], T0)).rejects.toMatchObject({ code: 'state-unsafe' });
  expect(readdirSync(dir)).toEqual([]);
  await old.close().catch(() => undefined);
  rmSync(dir, { recursive: true });
  renameSync(join(home, 'away'), dir);
  const { engine, damage } = await opened();
  expect([damage, (await all(engine)).total]).toEqual([[], 1]);
  await engine.close();
});

async function* noLines(): AsyncGenerator<string> {}
