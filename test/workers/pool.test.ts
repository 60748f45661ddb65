// Who gets which worker process, and when one is replaced.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileEntry } from '../../src/catalog/catalog.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/run/policy.ts';
import { claim, settle } from '../../src/run/transitions.ts';
import { systemClock } from '../../src/support/clock.ts';
import { MINUTE } from '../../src/support/limits.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { processInfo } from '../../src/workers/processes.ts';
import { jobData, NOW, queuedRun } from '../helpers/runs.ts';
import { assignment, atEnd, carry, ENV, jobOf, newMark, project, until } from './harness.ts';

function setUp(capacity = 4) {
  const dir = project({
    'jobs/job.mjs': jobOf('return process.pid'),
    'jobs/command': '#!/bin/sh\necho "::output $$"',
  });
  chmodSync(join(dir, 'jobs/command'), 0o755);
  const alive = new Set<string>();
  let ahead = 0;
  let starts = Number.POSITIVE_INFINITY;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
  const pool = new WorkerPool({
    capacity,
    dir,
    env: ENV,
    clock,
    newMark: () => {
      if (starts-- > 0) return newMark();
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    },
    stray: () => undefined,
    onStart: (worker) => void alive.add(worker.mark),
    onEnd: (worker) => void alive.delete(worker.mark),
  });
  atEnd(() => pool.close());
  const entry = (
    policy: Partial<Policy> = {},
    kind: 'module' | 'command' = 'module',
  ): FileEntry => ({
    name: 'job',
    file: join(dir, kind === 'module' ? 'jobs/job.mjs' : 'jobs/command'),
    kind,
    state: 'ok',
    data: jobData({ policy: { ...DEFAULT_POLICY, ...policy } }),
  });
  const run = async (of: FileEntry): Promise<number> => {
    const runner = pool.acquire(queuedRun(1, { job: of.name }), of);
    const said = await carry(runner, assignment(of.file));
    pool.release(runner, { reusable: true });
    expect(said.outcome).toEqual({ kind: 'returned', output: runner.pid });
    return runner.pid;
  };
  const forward = (ms: number) => (ahead += ms);
  return { pool, alive, entry, run, forward, refuseStarts: (after: number) => (starts = after) };
}

describe('a worker process', () => {
  test('takes run after run', async () => {
    const { entry, run } = setUp();
    expect(await run(entry())).toBe(await run(entry()));
  });

  test('is not given to a second run while it has one', () => {
    const { pool, entry } = setUp();
    const first = pool.acquire(queuedRun(1, { job: 'a' }), entry());
    const second = pool.acquire(queuedRun(1, { job: 'b' }), entry());
    expect(first.pid).not.toBe(second.pid);
    expect(pool.busy).toBe(2);
    expect(pool.free('dedicated')).toBe(2);
  });

  test('of one memory limit is not used for another', async () => {
    const { entry, run } = setUp();
    expect(await run(entry())).not.toBe(await run(entry({ memoryMb: 100 })));
  });

  test('is not used again after a reload, but ends the run that it is at', async () => {
    const { pool, entry, run } = setUp();
    const idle = await run(entry());
    const busy = pool.acquire(queuedRun(1, { job: 'job' }), entry());
    expect(busy.pid).toBe(idle);
    pool.renew();
    expect(processInfo(busy.pid)?.alive).toBe(true);
    expect(await run(entry())).not.toBe(idle);
    pool.release(busy, { reusable: true });
    await busy.exited;
  });

  test('that is not reusable is ended, and so is what it started', async () => {
    const { pool, entry, alive } = setUp();
    const runner = pool.acquire(queuedRun(1, { job: 'job' }), entry());
    expect(alive.has(runner.mark)).toBe(true);
    pool.release(runner, { reusable: false });
    await until(() => !alive.has(runner.mark));
    expect(processInfo(runner.pid)?.alive ?? false).toBe(false);
  });

  test('that dies while it is idle is replaced', async () => {
    const { entry, run } = setUp();
    const first = await run(entry());
    process.kill(first, 'SIGKILL');
    await until(() => processInfo(first) === null);
    expect(await run(entry())).not.toBe(first);
  });

  test('gives way where all places hold idle ones of another kind', async () => {
    const { pool, alive, entry, run } = setUp(1);
    await run(entry());
    await run(entry({ memoryMb: 100 }));
    await until(() => alive.size === 1);
    expect(pool.free('dedicated')).toBe(1);
  });

  test('that has been idle for long is given up, but for one', () => {
    const { pool, alive, forward } = setUp();
    pool.warm(3);
    pool.tidy();
    expect(alive.size).toBe(3);
    forward(2 * MINUTE);
    pool.tidy();
    return until(() => alive.size === 1);
  });
});

test('a fresh job has a new process for each run, with a warm one behind it', async () => {
  const { alive, entry, run } = setUp();
  const first = await run(entry({ isolation: 'fresh' }));
  expect(await run(entry({ isolation: 'fresh' }))).not.toBe(first);
  await until(() => alive.size === 1);
});

test('a place is not lost where no warm process can be started', async () => {
  const { pool, entry, refuseStarts } = setUp(2);
  const fresh = entry({ isolation: 'fresh' });
  refuseStarts(1);
  const runner = pool.acquire(queuedRun(1), fresh);
  expect([pool.free('dedicated'), pool.busy]).toEqual([1, 1]);
  pool.release(runner, { reusable: false });
  expect(pool.free('dedicated')).toBe(2);
  // Twin: whoever needs a process hears of it, and has no place.
  refuseStarts(0);
  expect(() => pool.acquire(queuedRun(2), fresh)).toThrow('too many open files');
  expect(pool.free('dedicated')).toBe(2);
});

test('runs of a shared job are in one process, those of another job in another', () => {
  const { pool, entry } = setUp();
  const shared = entry({ isolation: 'shared' });
  const pids = Array.from(
    { length: 50 },
    () => pool.acquire(queuedRun(1, { job: 'io' }), shared).pid,
  );
  expect(new Set(pids).size).toBe(1);
  expect(pool.acquire(queuedRun(1, { job: 'other' }), shared).pid).not.toBe(pids[0]);
  expect(pool.free('dedicated')).toBe(4);
});

test('a run that may have ended a shared process gets one to itself, in a place', () => {
  const { pool, entry } = setUp();
  const shared = entry({ isolation: 'shared' });
  const policy = { ...DEFAULT_POLICY, isolation: 'shared' as const };
  const died = { kind: 'lost', signal: 'SIGSEGV' } as const;
  const run = settle(claim(queuedRun(2), policy, 1, NOW), died, policy, NOW, 0);
  const pid = pool.acquire(queuedRun(1), shared).pid;
  expect(pool.acquire(run, shared).pid).not.toBe(pid);
  expect(pool.acquire(queuedRun(3), shared).pid).toBe(pid);
  expect(pool.free('dedicated')).toBe(3);
});

test('a tainted shared process gets no further run, and is ended after its last', async () => {
  const { pool, entry } = setUp();
  const shared = entry({ isolation: 'shared' });
  const [first, second] = [
    pool.acquire(queuedRun(1, { job: 'io' }), shared),
    pool.acquire(queuedRun(1, { job: 'io' }), shared),
  ];
  pool.release(first, { reusable: false });
  expect(pool.acquire(queuedRun(1, { job: 'io' }), shared).pid).not.toBe(second.pid);
  expect(processInfo(second.pid)?.alive).toBe(true);
  pool.release(second, { reusable: true });
  await second.exited;
});

test('a command job is its own process, and its pid is known before it starts', async () => {
  const { entry, run, alive } = setUp();
  await run(entry({}, 'command'));
  await until(() => alive.size === 0);
});

test('closing ends everything, busy or not', async () => {
  const { pool, entry, alive } = setUp();
  pool.acquire(queuedRun(1, { job: 'job' }), entry());
  pool.warm(2);
  await pool.close();
  expect(alive.size).toBe(0);
});

describe('what job code is asked outside of attempts', () => {
  test('hooks of one job share a worker, those of two never do at a time, and a fifth job waits', () => {
    const { pool } = setUp();
    const hookOf = (file: string) => pool.acquireFor({ type: 'hook', file });
    const workers = ['a', 'b', 'c', 'd'].map(hookOf);
    expect(new Set(workers).size).toBe(4);
    expect(hookOf('b')).toBe(workers[1]);
    expect(hookOf('e')).toBe(null);
    for (const worker of workers) if (worker) pool.release(worker, { reusable: true });
    // One hook of b is still open.
    expect(hookOf('e')).toBe(workers[0]);
    expect(hookOf('b')).toBe(workers[1]);
  });

  test('checks share a worker, next times another, each reading has its own; attempts keep their room', () => {
    const { pool, alive } = setUp(1);
    const ask = (type: 'check' | 'next' | 'inspect') => pool.acquireFor({ type });
    expect(ask('check')).toBe(ask('check'));
    expect(ask('next')).toBe(ask('next'));
    expect(ask('check')).not.toBe(ask('next'));
    expect(ask('inspect')).not.toBe(ask('inspect'));
    expect([pool.free('dedicated'), pool.busy, alive.size]).toEqual([1, 0, 0]);
  });

  test('a worker that is retired ends after its last call, and the next call has a new one', async () => {
    const { pool } = setUp();
    const worker = pool.acquireFor({ type: 'check' });
    if (!worker) throw new Error('no worker');
    expect([pool.retire(worker), pool.retire(worker)]).toEqual([true, false]);
    expect(pool.acquireFor({ type: 'check' })).not.toBe(worker);
    expect(processInfo(worker.pid)?.alive).toBe(true);
    pool.release(worker, { reusable: true });
    await worker.exited;
  });

  test('goes on while the workers for attempts are closed', async () => {
    const { pool, entry, alive } = setUp();
    const worker = pool.acquireFor({ type: 'check' });
    pool.acquire(queuedRun(1, { job: 'job' }), entry());
    await pool.closeAttempts();
    expect([alive.size, worker?.exit]).toEqual([0, null]);
  });
});
