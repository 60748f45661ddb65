// One process at a time on a state folder, with real processes and the real lock.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { lockedDisk, lockState, readHolder } from '../../src/store/lock.ts';
import { type Clock, systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { handClock } from '../helpers/engine-session.ts';
import { draft, T0 } from '../helpers/engine-values.ts';
import { platform } from '../helpers/platform.ts';

const CHILD = fileURLToPath(new URL('../helpers/engine-lock-child.ts', import.meta.url));
let home = '';
let dir = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'jobrun-lock-'));
  dir = join(home, 'state');
});
afterEach(async () => {
  for (const child of children.splice(0)) await end(child);
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

/** Starts a process that takes the lock; resolves with what it says. */
function other(
  kind: 'daemon' | 'command' = 'daemon',
): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, ['--import', 'jiti/register', CHILD, dir, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout?.once('data', (data) => resolve({ child, said: String(data).trim() }));
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

test('of two processes that want the folder at once, exactly one gets it', async () => {
  const said = (await Promise.all([other(), other(), other()])).map((one) => one.said);
  expect(said.sort()).toEqual(['daemon-running', 'daemon-running', 'held']);
});

test('a second daemon is refused at once, naming the first; after its kill -9 the folder is free', async () => {
  const { child, said } = await other();
  expect(said).toBe('held');
  expect(readHolder(join(dir, 'lock'))).toEqual({ pid: child.pid, kind: 'daemon' });
  const began = performance.now();
  await expect(lockState(dir, 'daemon', systemClock)).rejects.toMatchObject({
    code: 'daemon-running',
    message: expect.stringContaining(`pid ${child.pid}`),
  });
  expect(performance.now() - began).toBeLessThan(2000);
  await end(child);
  const lock = await lockState(dir, 'daemon', systemClock);
  await lock.release();
});

test('a stopped process keeps its lock', async () => {
  const { child } = await other();
  child.kill('SIGSTOP');
  await expect(lockState(dir, 'daemon', systemClock)).rejects.toMatchObject({
    code: 'daemon-running',
  });
});

test('a daemon waits for a command that holds the lock, and gets it when the command ends', async () => {
  const { child } = await other('command');
  const waiting = lockState(dir, 'daemon', systemClock);
  const early = await Promise.race([
    waiting,
    new Promise((done) => setTimeout(done, 150, 'waits')),
  ]);
  expect(early).toBe('waits');
  await end(child);
  await (await waiting).release();
});

test('within one process too the lock is taken once, and given back by release', async () => {
  const first = await lockState(dir, 'daemon', systemClock);
  await expect(lockState(dir, 'daemon', systemClock)).rejects.toMatchObject({
    code: 'daemon-running',
  });
  await first.release();
  await (await lockState(dir, 'daemon', systemClock)).release();
});

test('a lock file that was replaced or removed while held stops all writing; one in place does not', async () => {
  let now = 0;
  const clock: Clock = { ...handClock(), monotonic: () => now };
  const lock = await lockState(dir, 'daemon', clock);
  const disk = lockedDisk(realDisk, lock.guard);
  const { engine } = await openFileEngine({ disk, dir, clock, release: lock.release });
  now += 1000;
  await engine.accept([draft(1)], T0);
  renameSync(join(dir, 'lock'), join(dir, 'lock.away'));
  now += 1000;
  await expect(engine.accept([draft(2)], T0)).rejects.toMatchObject({ code: 'state-unsafe' });
  writeFileSync(join(dir, 'lock'), '');
  now += 1000;
  await expect(engine.accept([draft(3)], T0)).rejects.toMatchObject({ code: 'state-unsafe' });
  expect((await engine.list({ limit: 10 })).total).toBe(1);
  await engine.close();
});

test('the folder and everything in it is private from its first moment, whatever the umask', async () => {
  const before = process.umask(0);
  try {
    const lock = await lockState(dir, 'daemon', systemClock);
    const { engine } = await openFileEngine({ disk: realDisk, dir, clock: systemClock, ...lock });
    await engine.accept([draft(1)], T0);
    await engine.fold();
    await engine.close();
  } finally {
    process.umask(before);
  }
  for (const name of ['', 'runs', 'journal', 'logs', 'aside'])
    expect([name, modeOf(name)]).toEqual([name, 0o700]);
  for (const name of [
    'lock',
    'manifest.json',
    'locks.json',
    'schedules.json',
    'witness',
    'runs/000000.json',
  ]) {
    expect([name, modeOf(name)]).toEqual([name, 0o600]);
  }
});

test('a folder that others can read is made private; one that others can write is refused untouched', async () => {
  await (await lockState(dir, 'daemon', systemClock)).release();
  chmodSync(dir, 0o755);
  await (await lockState(dir, 'daemon', systemClock)).release();
  expect(modeOf('')).toBe(0o700);
  chmodSync(dir, 0o777);
  await expect(lockState(dir, 'daemon', systemClock)).rejects.toMatchObject({
    code: 'state-unsafe',
  });
  expect(modeOf('')).toBe(0o777);
});

test('a link, a file or nothing to stand on in place of the folder is refused', async () => {
  symlinkSync(home, dir);
  await expect(lockState(dir, 'daemon', systemClock)).rejects.toMatchObject({
    code: 'state-unsafe',
  });
  rmSync(dir);
  writeFileSync(dir, 'mine');
  await expect(lockState(dir, 'daemon', systemClock)).rejects.toMatchObject({
    code: 'state-unsafe',
  });
  expect(readFileSync(dir, 'utf8')).toBe('mine');
  await expect(lockState(join(home, 'no', 'state'), 'daemon', systemClock)).rejects.toMatchObject({
    code: 'state-unsafe',
  });
});

test('a lock file that is a link is refused, and what it names is not written', async () => {
  await (await lockState(dir, 'daemon', systemClock)).release();
  rmSync(join(dir, 'lock'));
  writeFileSync(join(home, 'precious'), 'mine');
  symlinkSync(join(home, 'precious'), join(dir, 'lock'));
  await expect(lockState(dir, 'daemon', systemClock)).rejects.toMatchObject({
    code: 'state-unsafe',
  });
  expect(readFileSync(join(home, 'precious'), 'utf8')).toBe('mine');
});

const modeOf = (name: string): number => statSync(join(dir, name)).mode & 0o777;

test.runIf(platform.hasProc)(
  'where no folder can be made, that is said, and not that something is missing',
  async () => {
    // The system's own view of its processes is there, and takes nothing, from nobody.
    await expect(lockState('/proc/jobrun', 'command', systemClock)).rejects.toMatchObject({
      code: 'state-unsafe',
      message: '/proc/jobrun cannot be made: nothing can be made in /proc',
    });
    await expect(
      lockState(join(home, 'deep', 'state'), 'command', systemClock),
    ).rejects.toMatchObject({
      code: 'state-unsafe',
      message: `${join(home, 'deep')} is not there`,
    });
  },
);
