// The disk says no: each single write, sync, rename and folder sync in turn, once or from then on, full or broken.
// What was answered is kept, what was refused leaves no trace, memory and disk agree, and when the disk is well again
// the engine goes on without a restart.
import { expect, test, vi } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import { STATE_NAMES } from '../../src/run/run.ts';
import { abortIdle, retry } from '../../src/run/transitions.ts';
import { notWritten } from '../../src/store/committer.ts';
import { JobrunError } from '../../src/support/errors.ts';
import type { Disk } from '../../src/support/files.ts';
import { markOf, textOf } from '../helpers/engine-ledger.ts';
import type { Files } from '../helpers/engine-platter.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { all, DONE, draft, finish, schedule, T0, worker } from '../helpers/engine-values.ts';
import { type Fault, type Kind, SimulatedDisk } from '../helpers/simulated-disk.ts';

vi.mock('../../src/support/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/support/limits.ts')>()),
  PAGE_SIZE: 4,
}));

const open = async (disk: Disk): Promise<FileEngine> => {
  const { engine, damage } = await openFileEngine({ disk, dir: DIR, clock: handClock() });
  expect(damage).toEqual([]);
  return engine;
};

/** What became of each request: runs that were answered, and those that were refused. */
interface Outcome {
  readonly kept: Set<number>;
  readonly refused: Set<number>;
  readonly settled: Set<number>;
  readonly unsettled: Set<number>;
  readonly errors: unknown[];
}

/** Everything that is written, several at once, on a disk that fails somewhere in it. */
async function busy(engine: FileEngine): Promise<Outcome> {
  const o: Outcome = {
    kept: new Set(),
    refused: new Set(),
    settled: new Set(),
    unsettled: new Set(),
    errors: [],
  };
  const attempt = async (
    work: () => Promise<unknown>,
    is: readonly number[],
    yes: Set<number>,
    no: Set<number>,
  ) => {
    try {
      await work();
      for (const i of is) yes.add(i);
    } catch (error) {
      o.errors.push(error);
      for (const i of is) no.add(i);
    }
  };
  const accept = (...is: number[]) =>
    attempt(
      () =>
        engine.accept(
          is.map((i) => draft(i)),
          T0,
        ),
      is,
      o.kept,
      o.refused,
    );
  engine.members.putWorker(worker(2));
  await accept(10);
  await Promise.all([accept(11), accept(12, 13), accept(14)]);
  const ref = { mark: 'w2', pid: 1002 };
  const claimed = await engine
    .claim({ workerKind: 'dedicated', most: 2 }, () => ref, T0)
    .catch(() => []);
  for (const { run, token } of claimed) {
    const settles = () => engine.changeHeld(run.id, token, (now) => finish(now, DONE, T0));
    await attempt(settles, [markOf(run)], o.settled, o.unsettled);
  }
  await attempt(() => engine.fold(), [], o.kept, o.refused);
  const fires = async () => {
    await engine.changeSchedule('s', () => schedule('s'));
    await engine.fire(['s'], () => ({ schedule: schedule('s', 1), drafts: [draft(20)] }), T0);
  };
  await attempt(fires, [20], o.kept, o.refused);
  await Promise.all([attempt(() => engine.fold(), [], o.kept, o.refused), accept(21), accept(22)]);
  return o;
}

async function looksRight(engine: FileEngine, o: Outcome): Promise<void> {
  const { runs, total } = await all(engine);
  const states = new Map(runs.map((run) => [markOf(run), run.state.name]));
  expect(total).toBe(runs.length);
  expect(states.size).toBe(runs.length);
  for (const i of o.kept) expect([i, states.has(i)]).toEqual([i, true]);
  for (const i of o.refused) expect([i, states.has(i)]).toEqual([i, false]);
  for (const i of o.settled) expect([i, states.get(i)]).toEqual([i, 'done']);
  for (const i of o.unsettled) expect([i, states.get(i)]).toEqual([i, 'running']);
  for (const name of STATE_NAMES) {
    expect((await engine.counts())[name]).toBe(
      runs.filter((run) => run.state.name === name).length,
    );
  }
  const fired = (await engine.schedules()).find(({ name }) => name === 's')?.skipped ?? 0;
  expect(fired).toBe(states.has(20) ? 1 : 0);
}

const snapshot = async (engine: FileEngine): Promise<unknown> => [
  (await all(engine)).runs.map((run) => [run.id, textOf(run)]),
  await engine.schedules(),
  await engine.members.leases(),
];

async function started(): Promise<Files> {
  const disk = new SimulatedDisk();
  const engine = await open(disk.process());
  await engine.accept([draft(1), draft(2), draft(3)], T0);
  engine.members.putWorker(worker(1));
  await engine.durable();
  await engine.close();
  return disk.files();
}

/** Makes each operation of a kind fail in turn; returns how many there were. */
async function everywhere(
  kind: Kind,
  errno: Fault['errno'],
  forever: boolean,
  check: (disk: SimulatedDisk, o: Outcome, engine: FileEngine, heal: () => void) => Promise<void>,
): Promise<number> {
  const start = await started();
  for (let n = 0; ; n++) {
    const disk = new SimulatedDisk(start);
    const process = disk.process();
    const engine = await open(process);
    process.fail([{ kind, n, errno, forever }]);
    const o = await busy(engine);
    const reached = process.performed(kind) > n;
    if (!reached) expect(o.errors).toEqual([]);
    for (const error of o.errors) expect(error).toSatisfy(isHonest);
    await check(disk, o, engine, () => process.heal());
    if (!reached) return n;
  }
}

/** An engine's refusal says so; a fold's failure may be the disk's own. */
const isHonest = (error: unknown): boolean =>
  error instanceof JobrunError
    ? ['disk-full', 'write-failed', 'state-read-only'].includes(error.code)
    : String(error).includes('simulated');

const KINDS: readonly Kind[] = ['write', 'sync', 'rename', 'syncFolder', 'create', 'remove'];
const cases = KINDS.flatMap((kind) =>
  (['EIO', 'ENOSPC'] as const).flatMap((errno) =>
    [false, true].map((forever) => ({
      kind,
      errno,
      forever,
      how: forever ? 'from then on' : 'once',
    })),
  ),
);

test.each(cases)(
  '$kind fails with $errno $how: the engine goes on without a restart, disk and memory agree',
  async ({ kind, errno, forever }) => {
    const reached = await everywhere(kind, errno, forever, async (disk, o, engine, heal) => {
      await looksRight(engine, o);
      heal();
      await looksRight(engine, o);
      const [more] = await engine.accept([draft(30)], T0);
      const ref = { mark: 'w2', pid: 1002 };
      await engine.claim({ workerKind: 'dedicated', most: 1 }, () => ref, T0);
      await engine.fold();
      expect((await engine.members.leases()).at(-1)).toMatchObject({
        mark: 'w2',
        pid: 1002,
        startTime: '2',
      });
      const memory = await snapshot(engine);
      await engine.close();
      const next = await open(disk.process());
      expect(await snapshot(next)).toEqual(memory);
      expect(await next.find(more?.run.id ?? 0)).not.toBeNull();
    });
    expect(reached).toBeGreaterThan(1);
  },
  60_000,
);

test.each(cases)(
  '$kind fails with $errno $how and the process is killed: what was refused is not there after a restart',
  async ({ kind, errno, forever }) => {
    await everywhere(kind, errno, forever, async (disk, o) => {
      const next = await open(disk.process());
      await looksRight(next, o);
    });
  },
  60_000,
);

test.each(cases)(
  '$kind fails with $errno $how and the power is cut: what was answered is there',
  async ({ kind, errno, forever }) => {
    await everywhere(kind, errno, forever, async (disk, o) => {
      for (const { files } of disk.powerCuts({ from: disk.operations.length, random: 1 })) {
        const next = await open(new SimulatedDisk(files).process());
        const states = new Map((await all(next)).runs.map((run) => [markOf(run), run.state.name]));
        for (const i of o.kept) expect([i, states.has(i)]).toEqual([i, true]);
        for (const i of o.settled) expect([i, states.get(i)]).toEqual([i, 'done']);
      }
    });
  },
  60_000,
);

test.each([1, 2, 3, 4, 5])(
  'two syncs fail, %i apart: no line is written where a failed one was, whatever a power cut leaves of that',
  async (apart) => {
    const disk = new SimulatedDisk(await started());
    const process = disk.process();
    const engine = await open(process);
    process.fail([0, apart].map((n) => ({ kind: 'sync', n, errno: 'EIO' })));
    const kept: number[] = [];
    for (const i of [10, 11, 12, 13, 14]) {
      const accepted = await engine.accept([draft(i)], T0).catch(() => []);
      if (accepted.length > 0) kept.push(i);
    }
    expect(process.performed('sync')).toBeGreaterThan(apart);
    expect(kept.length).toBeGreaterThan(2);
    for (const { files } of disk.powerCuts({ from: disk.operations.length, random: 4 })) {
      const next = await open(new SimulatedDisk(files).process());
      const marks = new Set((await all(next)).runs.map(markOf));
      expect(kept.filter((i) => !marks.has(i))).toEqual([]);
    }
  },
);

test('a pause that could not be written is not in force', async () => {
  const disk = new SimulatedDisk();
  const process = disk.process();
  const engine = await open(process);
  await engine.accept([draft(1)], T0);
  process.fail([{ kind: 'write', n: 0, errno: 'EIO', forever: true }]);
  await expect(engine.pause({ all: true }, true)).rejects.toThrow('not accepted');
  process.heal();
  const claimed = await engine.claim(
    { workerKind: 'dedicated', most: 1 },
    () => ({ mark: 'w1', pid: 1001 }),
    T0,
  );
  expect(claimed.map(({ run }) => run.id)).toEqual([1]);
});

test('a start that could not be written does not count against the rate of its job', async () => {
  const disk = new SimulatedDisk();
  const process = disk.process();
  const engine = await open(process);
  const rateLimit = { limit: 1, perMs: 60_000 };
  engine.configure(
    () => ({ workerKind: 'dedicated', concurrency: null, rateLimit, blocked: null }),
    () => DEFAULT_POLICY,
  );
  await engine.accept([draft(1), draft(2)], T0);
  const claim = () =>
    engine.claim({ workerKind: 'dedicated', most: 9 }, () => ({ mark: 'w1', pid: 1001 }), T0);
  process.fail([{ kind: 'write', n: 0, errno: 'EIO', forever: true }]);
  await expect(claim()).rejects.toThrow();
  process.heal();
  expect((await claim()).map(({ run }) => run.id)).toEqual([1]);
  expect(await claim()).toEqual([]);
});

test('a run whose time came while its acceptance failed is not there, not counted and not handed out', async () => {
  const disk = new SimulatedDisk();
  const process = disk.process();
  const engine = await open(process);
  const told: number[] = [];
  engine.onChange(({ run }) => told.push(run.id));
  process.fail([{ kind: 'write', n: 0, errno: 'EIO', forever: true }]);
  const accepting = engine.accept([draft(1, null, { dueAt: T0 + 5 })], T0);
  await Promise.resolve();
  await engine.advance(T0 + 10);
  expect((await engine.counts()).queued).toBe(1);
  await expect(accepting).rejects.toThrow('not accepted');
  await new Promise(setImmediate);
  expect((await engine.counts()).queued).toBe(0);
  expect(told).toEqual([]);
  expect(
    await engine.claim({ workerKind: 'dedicated', most: 1 }, () => ({ mark: 'w1', pid: 1001 }), T0),
  ).toEqual([]);
});

test('a run whose time came after a change that was refused is told as it is, once its time is seen again', async () => {
  const process = new SimulatedDisk().process();
  const engine = await open(process);
  await engine.accept([draft(1, null, { dueAt: T0 + 5 }), draft(2, null, { dueAt: T0 + 5 })], T0);
  const told: unknown[] = [];
  engine.onChange(({ prev, run }) => told.push([run.id, prev?.priority, run.priority]));
  process.fail([{ kind: 'write', n: 0, errno: 'EIO', forever: true }]);
  const changing = engine.change(1, (run) => ({ ...run, priority: 9 }));
  await Promise.resolve();
  await Promise.resolve();
  await engine.advance(T0 + 10);
  expect((await engine.counts()).queued).toBe(2);
  await expect(changing).rejects.toThrow('not accepted');
  expect(told).toEqual([[2, 1, 1]]);
  process.heal();
  expect((await engine.counts()).queued).toBe(1);
  await engine.advance(T0 + 10);
  await engine.durable();
  expect(told).toEqual([
    [2, 1, 1],
    [1, 1, 1],
  ]);
});

test('that a run fell due has the number of the change before it, whatever comes before it is told', async () => {
  const engine = await open(new SimulatedDisk().process());
  await engine.accept([draft(1, null, { dueAt: T0 + 5 })], T0);
  const told: unknown[] = [];
  engine.onChange(({ n, run }) => told.push([n, run.id]));
  const before = engine.accept([draft(2)], T0);
  await Promise.resolve();
  await engine.advance(T0 + 10);
  await Promise.all([before, engine.accept([draft(3)], T0)]);
  expect(told).toEqual([
    [2, 2],
    [2, 1],
    [3, 3],
  ]);
});

test('a refusal names the full disk, and says that nothing was lost', async () => {
  const disk = new SimulatedDisk();
  const process = disk.process();
  const engine = await open(process);
  process.fail([{ kind: 'write', n: 0, errno: 'ENOSPC', forever: true }]);
  const refused = engine.accept([draft(1)], T0);
  await expect(refused).rejects.toMatchObject({
    code: 'disk-full',
    hint: expect.stringContaining('nothing was lost'),
  });
});

test('a file of the state that may not be opened is named; a read-only disk has none to name', () => {
  const fault = (code: string) =>
    Object.assign(new Error(code), { code, path: '/s/runs/000000.json' });
  const told = ['EACCES', 'EPERM', 'EROFS'].map((code) => notWritten(fault(code), 'refused'));
  expect(told.map(({ code }) => code)).toEqual(Array(3).fill('state-read-only'));
  expect(told.map(({ message }) => message)).toEqual([
    'refused: no permission for /s/runs/000000.json',
    'refused: no permission for /s/runs/000000.json',
    'refused: the state folder is read-only',
  ]);
  expect(told[0]?.hint).toContain('ls -ld /s/runs/000000.json');
});

test('a write that a limit on file size stops is no fault of the disk: the limit is named, and how to raise it', () => {
  const cause = Object.assign(new Error('EFBIG: file too large, write'), { code: 'EFBIG' });
  const told = notWritten(cause);
  expect(told).toMatchObject({ code: 'write-failed', cause });
  expect(told.message).toBe(
    'not accepted: a file would be larger than the limit on file size allows',
  );
  expect(told.hint).toContain('ulimit -f unlimited');
  const other = notWritten(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));
  expect(other.message).toBe('not accepted: the disk failed (EIO: i/o error)');
  expect(other.hint).not.toContain('ulimit');
});

test('that a run is queued is told before that it runs, even where both stand in one line', async () => {
  const engine = await open(new SimulatedDisk().process());
  engine.members.putWorker(worker(1));
  await engine.accept([draft(1, null, { dueAt: T0 + 5 })], T0);
  const told: string[] = [];
  engine.onChange(({ run }) => told.push(run.state.name));
  const other = engine.pause({ job: 'other' }, true);
  await engine.advance(T0 + 10);
  await engine.claim(
    { workerKind: 'dedicated', most: 1 },
    () => ({ mark: 'w1', pid: 1001 }),
    T0 + 10,
  );
  await other;
  expect(told).toEqual(['queued', 'running']);
});

test('a retried run that never began waits again for the runs that it waits for', async () => {
  const engine = await open(new SimulatedDisk().process());
  const [first] = await engine.accept([draft(1)], T0);
  const after = [first?.run.id ?? 0];
  const [second] = await engine.accept([draft(2, { after })], T0);
  const id = second?.run.id ?? 0;
  await engine.change(id, (run) => abortIdle(run, 'not now', T0));
  const again = await engine.change(id, (run) => retry(run, DEFAULT_POLICY, T0, false));
  expect(again.state).toMatchObject({ name: 'waiting', for: 'runs' });
  await engine.change(after[0] ?? 0, (run) => abortIdle(run, 'never', T0));
  const alone = await engine.change(id, (run) => retry(run, DEFAULT_POLICY, T0, false));
  expect(alone.state.name).toBe('queued');
});
