// The end of workers: whatever a job does, nothing of it lives when `end` has resolved; and nothing else is touched.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/support/clock.ts';
import { isAlive } from '../../src/support/system.ts';
import { endGroup, hasCompany } from '../../src/workers/death.ts';
import {
  allProcesses,
  bootId,
  carriesMark,
  processInfo,
  startTimeOf,
} from '../../src/workers/processes.ts';
import { queuedRun } from '../helpers/runs.ts';
import { assignment, atEnd, carry, child, jobOf, newMark, project, until } from './harness.ts';

const pidIn = (file: string): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);
const identityOf = (pid: number) => ({ startTime: startTimeOf(pid), boot: bootId() });
const lives = (pid: number): boolean => processInfo(pid)?.alive === true;

/** Starts a job and waits until it has written the pid to look for. */
async function begin(body: string) {
  const dir = project({
    'jobs/job.mjs': `import { writeFileSync } from 'node:fs';\n${jobOf(body)}`,
  });
  const worker = child(dir);
  const said = carry(
    worker,
    assignment(join(dir, 'jobs/job.mjs'), { params: { file: join(dir, 'pid') } }),
  );
  await until(() => pidIn(join(dir, 'pid')) > 0);
  return { worker, said, pid: pidIn(join(dir, 'pid')) };
}

const NOTE = 'writeFileSync(params.file, String(process.pid));';
const noteOf = (start: string): string =>
  `const c = ${start}; writeFileSync(params.file, String(c.pid)); await new Promise(() => setInterval(() => {}, 1000));`;

describe('ending a worker', () => {
  test.each([
    ['a loop without end', `${NOTE} while (true) {}`],
    ['a call that blocks', `${NOTE} execSync('sleep 1000')`],
    ['one that ignores SIGTERM', `process.on('SIGTERM', () => {}); ${NOTE} await ctx.sleep('1h')`],
    ['a stopped process', `${NOTE} process.kill(process.pid, 'SIGSTOP')`],
    ['a grandchild', noteOf(`spawn('sleep', ['1000'])`)],
    [
      'a grandchild in a session of its own',
      noteOf(`spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })`),
    ],
    [
      'a grandchild in a session of its own that ignores SIGTERM',
      noteOf(`spawn('sh', ['-c', 'trap "" TERM; sleep 1000; sleep 1000'], { detached: true })`),
    ],
    [
      'a grandchild without environment',
      noteOf(`spawn('sleep', ['1000'], { detached: true, env: {}, stdio: 'ignore' })`),
    ],
  ])('takes %s with it, within a second', async (_what, body) => {
    const { worker, pid } = await begin(body);
    const began = performance.now();
    await worker.end();
    expect(performance.now() - began).toBeLessThan(1000);
    expect(lives(pid)).toBe(false);
    expect(lives(worker.pid)).toBe(false);
    expect(worker.exit).not.toBe(null);
  });

  test('finds what outlived a worker that has already gone', async () => {
    const { worker, pid } = await begin(
      `const c = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }); writeFileSync(params.file, String(c.pid)); process.exit(1)`,
    );
    await worker.exited;
    expect(lives(pid)).toBe(true);
    expect(hasCompany(worker)).toBe(true);
    await worker.end();
    expect(lives(pid)).toBe(false);
  });
});

describe('what outlived a worker that was killed is found by its mark', () => {
  const waits = 'await new Promise(() => setInterval(() => {}, 1000));';
  const leaves = (start: string): string =>
    `const c = spawn(${start}); writeFileSync(params.file, String(c.pid)); ${waits}`;

  test.each([
    ['in its group', leaves(`'sleep', ['1000'], { env: {}, stdio: 'ignore' }`)],
    [
      'in a session of its own, without environment',
      leaves(`'sleep', ['1000'], { env: {}, detached: true, stdio: 'ignore' }`),
    ],
    [
      'as a daemon forks twice',
      `execSync("env -i setsid sh -c 'sleep 1000 & echo $! > \\"$0\\"' " + params.file + ' >/dev/null 2>&1 &'); ${waits}`,
    ],
    ...(process.getuid?.() === 0
      ? [
          [
            'as another user',
            leaves(
              `'setpriv', ['--reuid', '54321', '--clear-groups', 'env', '-i', 'setsid', 'sleep', '1000'], { stdio: 'ignore' }`,
            ),
          ],
        ]
      : []),
  ])('%s', async (_how, body = '') => {
    const { worker } = await begin(body);
    const { mark, pid, startTime, boot } = worker;
    process.kill(pid, 'SIGKILL');
    await worker.exited;
    const lease = { mark, pid, startTime, boot };
    expect(hasCompany(lease)).toBe(true);
    await endGroup(lease, { clock: systemClock, force: true });
    expect(hasCompany(lease)).toBe(false);
    expect(allProcesses().filter((info) => info.alive && carriesMark(info.pid, mark))).toEqual([]);
  });
});

test('a process whose first thread has ended is no zombie while others go on', async () => {
  const dir = project({
    'threads.py': `import ctypes, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
print('ready', flush=True)
ctypes.CDLL(None).pthread_exit(None)
`,
  });
  const started = spawn('python3', [join(dir, 'threads.py')], { detached: true });
  const pid = started.pid ?? 0;
  atEnd(() => started.kill('SIGKILL'));
  await until(() => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  expect(lives(pid)).toBe(true);
  expect(isAlive(pid), 'its files are open, and it may hold the lock of a state').toBe(true);
  const lease = { pid, mark: newMark(), ...identityOf(pid) };
  await endGroup(lease, { clock: systemClock });
  expect(lives(pid)).toBe(false);
});

test('a lease of another container, where pids began anew, names nobody here', async () => {
  const started = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  atEnd(() => started.kill('SIGKILL'));
  const pid = started.pid ?? 0;
  const { startTime, boot } = identityOf(pid);
  const lease = { pid, startTime, mark: newMark() };
  const machine = boot.slice(0, boot.indexOf('/'));
  await endGroup({ ...lease, boot: `${machine}/another` }, { clock: systemClock });
  expect(lives(pid)).toBe(true);
  await endGroup({ ...lease, boot: machine }, { clock: systemClock });
  expect(lives(pid), 'as earlier versions wrote it').toBe(false);
});

describe('ending by a lease of an earlier daemon', () => {
  const stranger = () => {
    const started = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    atEnd(() => started.kill('SIGKILL'));
    return started.pid ?? 0;
  };

  test('a stranger who has the pid now is left alone', async () => {
    const pid = stranger();
    await endGroup(
      { pid, mark: newMark(), startTime: '1', boot: bootId() },
      { clock: systemClock },
    );
    expect(lives(pid)).toBe(true);
  });

  test('after a restart of the machine nobody is signalled', async () => {
    const pid = stranger();
    const { startTime } = identityOf(pid);
    await endGroup({ pid, mark: newMark(), startTime, boot: 'another' }, { clock: systemClock });
    expect(lives(pid)).toBe(true);
  });

  test('the worker itself is ended', async () => {
    const pid = stranger();
    const lease = { pid, mark: newMark(), ...identityOf(pid) };
    await endGroup(lease, { clock: systemClock, force: true });
    expect(lives(pid)).toBe(false);
  });
});

test('a zombie is dead, though it has a pid', async () => {
  // The shell starts a child that ends at once, and then becomes a program that never looks after it.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  atEnd(() => parent.kill('SIGKILL'));
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (text) => resolve(Number(text))),
  );
  await until(() => processInfo(pid)?.alive === false);
  expect(process.kill(pid, 0)).toBe(true);
  expect(isAlive(pid), 'a holder of the lock is judged the same').toBe(false);
});

/** As a worker of Node 20 does while the thread of its loader has not begun. */
const ASLEEP = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';

test.each([
  ['by the kernel, where setpriv is there, even if they block', {}, 'while (true) {}'],
  ['with what they started where it is not', { PATH: '' }, `await ctx.sleep('1h')`],
  ['where it is not, even if they sleep for ever', { PATH: '' }, ASLEEP],
])(
  'workers die with their daemon: %s',
  async (_how, env, body) => {
    const src = fileURLToPath(new URL('../../src/', import.meta.url));
    const dir = project({
      'jobs/job.mjs': `import { writeFileSync } from 'node:fs';
      ${jobOf(`const c = spawn('/bin/sleep', ['1000']); writeFileSync('child', String(c.pid));
        writeFileSync('worker', String(process.pid)); ${body}`)}`,
      'daemon.mjs': `
      import { createJiti } from '${import.meta.resolve('jiti')}';
      const jiti = createJiti(import.meta.url, { fsCache: false, nativeModules: ['valibot'] });
      const { WorkerPool } = await jiti.import('${src}workers/pool.ts');
      const { systemClock: clock } = await jiti.import('${src}support/clock.ts');
      const newMark = () => '${newMark()}';
      const pool = new WorkerPool({ capacity: 1, dir: process.cwd(), env: { ...process.env }, clock, newMark, stray() {} });
      const runner = pool.acquire(${JSON.stringify(queuedRun(1))}, null);
      runner.send({ type: 'run', assignment: { ...${JSON.stringify(assignment(''))}, program: { kind: 'file', file: process.cwd() + '/jobs/job.mjs' } } });`,
    });
    const daemon = spawn(process.execPath, ['daemon.mjs'], {
      cwd: dir,
      env: { ...process.env, ...env },
    });
    // The sources are compiled first, which takes long on a busy machine.
    await until(() => pidIn(join(dir, 'worker')) > 0, 60_000);
    const [worker, grandchild] = [pidIn(join(dir, 'worker')), pidIn(join(dir, 'child'))];
    atEnd(() => lives(grandchild) && process.kill(grandchild, 'SIGKILL'));
    daemon.kill('SIGKILL');
    await until(() => !lives(worker), 3000);
    if ('PATH' in env) await until(() => !lives(grandchild), 3000);
  },
  90_000,
);
