// A stretch of ordinary life of an engine, on a simulated disk: everything that is ever written, several things at
// once, folds at rest and under load, a clean end and a kill. And the check of any state that may be left of it.
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import type { Run } from '../../src/run/run.ts';
import type { Disk } from '../../src/support/files.ts';
import { Ledger } from './engine-ledger.ts';
import type { Files } from './engine-platter.ts';
import { DIR, handClock, Session, untilCrash } from './engine-session.ts';
import { DONE, draft, THREW, worker } from './engine-values.ts';
import { SimulatedDisk, type SimulatedProcess, type Weakness } from './simulated-disk.ts';

export interface History {
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
}

export interface HistoryOptions {
  readonly weakness?: Weakness;
  /** Stands between the engine and the disk. */
  readonly wrap?: (process: SimulatedProcess) => Disk;
  readonly crashAt?: number;
}

/** Begins a history: returns what opens a session of the next process. */
export function begin({
  weakness = {},
  wrap = (process) => process,
  crashAt,
}: HistoryOptions = {}) {
  const disk = new SimulatedDisk(new Map(), weakness);
  // As the lock made it, which is taken first: its name is not synced yet.
  disk.perform({ kind: 'makeFolder', path: DIR });
  const ledger = new Ledger(() => disk.operations.length);
  const clock = handClock();
  const open = (process: SimulatedProcess): Promise<Session> =>
    Session.open({ disk: wrap(process), ledger, clock });
  return { disk, ledger, clock, open, first: disk.process(crashAt) };
}

/** Accepts, claims, saves, settles, retries, removes, schedules, folds, ends, and begins again after a kill. */
export async function fullHistory(options: HistoryOptions = {}): Promise<History> {
  const { disk, ledger, open, first } = begin(options);
  const one = await open(first);
  await work(one);
  await one.engine.fold();
  await workUnderFold(one);
  await one.engine.close();
  const process = disk.process();
  const two = await open(process);
  await two.accept([60]);
  // Killed while two lines are on their way: the cache then holds what the disk may not.
  const dying = untilCrash(() =>
    Promise.all([two.accept([61]), two.engine.fold(), two.accept([62])]),
  );
  for (let turns = 0; turns < 7; turns++) await new Promise(setImmediate);
  process.kill();
  await dying;
  const three = await open(disk.process());
  await emptyPages(three);
  await three.accept([71]);
  await three.engine.close();
  return { disk, ledger };
}

/** Each kind of change, one after the other and several at once. */
export async function work(session: Session): Promise<void> {
  const { engine } = session;
  await session.accept([1, 2], null, 'request-a');
  await session.accept([3]);
  await Promise.all([
    session.accept([4]),
    session.accept([5, 6]),
    session.accept([7], { key: 'k' }),
  ]);
  engine.members.putWorker(worker(1));
  const [a, b, c] = await session.claim(3, 'w1', [1, 2, 3, 4, 5, 6, 7]);
  if (!a || !b || !c) throw new Error('three runs are queued');
  await session.accept([8, 9], { after: [a.run.id] });
  await session.accept([10], { after: [b.run.id] });
  await session.put('s');
  await session.fire('s', 1, 50);
  await Promise.all([session.save(a, 1), session.save(b, 2)]);
  await session.save(a, 3);
  await Promise.all([session.settle(a, DONE, [8, 9]), session.settle(b, THREW, [10])]);
  await session.settle(c, THREW);
  await session.retry(c.run.id);
  await engine.pause({ job: 'mail' }, true);
  await engine.pause({ job: 'mail' }, false);
}

/** Changes go on while a fold is under way, and what was settled before is removed. */
export async function workUnderFold(session: Session): Promise<void> {
  const { engine } = session;
  engine.members.putWorker(worker(2));
  const claimed = await session.claim(2, 'w2', [3, 4, 5, 6, 7, 8, 9]);
  const folding = engine.fold();
  // Awaited below; where the process dies before that, its end is nobody's.
  folding.catch(() => undefined);
  for (let i = 20; i < 26; i++) await session.accept([i]);
  await Promise.all([session.fire('s', 2, 51), ...claimed.map((held) => session.save(held, 7))]);
  const [d, e] = claimed;
  if (!d || !e) throw new Error('two runs are queued');
  await session.settle(d, DONE);
  await folding;
  await session.remove(d.run);
  await Promise.all([session.settle(e, DONE), session.accept([26, 27, 28])]);
  engine.members.removeWorker('w2');
  await engine.fold();
}

/** Whole pages of runs are settled and removed, over two folds, the second of which drops their files. */
export async function emptyPages(session: Session): Promise<void> {
  const { engine } = session;
  const runs = await session.accept([70, 80, 81, 82, 83, 84, 85, 86, 87]);
  await engine.fold();
  await Promise.all(runs.map((run) => session.abort(run)));
  const folding = engine.fold();
  folding.catch(() => undefined);
  await Promise.all(runs.slice(4).map((run) => session.remove(run)));
  await folding;
  await Promise.all(runs.slice(0, 4).map((run) => session.remove(run)));
  await engine.fold();
  await session.accept([88]);
  await engine.fold();
}

/**
 * Recovers from a state left at moment `at` and says every promise that is broken. If asked to, it then goes on
 * working, and sees that this too is kept, over another power cut that takes all that is not synced.
 */
export async function judge(
  files: Files,
  at: number,
  ledger: Ledger,
  goOn = true,
): Promise<string[]> {
  const clock = handClock();
  const disk = new SimulatedDisk(files);
  const { engine, damage } = await openFileEngine({ disk: disk.process(), dir: DIR, clock });
  if (damage.length > 0) return damage.map(({ message }) => `false alarm: ${message}`);
  const wrong = await ledger.broken(engine, at);
  if (wrong.length > 0 || !goOn) return wrong;
  const { runs } = await engine.list({ states: ['scheduled', 'waiting', 'queued'], limit: 1000 });
  const raise = (run: Run): Run => ({ ...run, priority: run.priority + 1 });
  // In one line of the journal: the first one after a recovery is the one that a mistake in its end would cost.
  const [[accepted]] = await Promise.all([
    engine.accept([draft(999)], clock.now()),
    ...runs.map((run) => engine.change(run.id, raise)),
  ]);
  const id = accepted?.run.id ?? 0;
  const left = [...disk.powerCuts({ from: disk.operations.length, onlyCertain: true })][0];
  const again = new SimulatedDisk(left?.files ?? disk.files());
  const next = await openFileEngine({ disk: again.process(), dir: DIR, clock });
  if (next.damage.length > 0) return next.damage.map(({ message }) => `second time: ${message}`);
  const kept = await next.engine.find(id);
  if ((kept?.params as { i?: number } | undefined)?.i !== 999)
    return [`run ${id} was lost at once`];
  const before = await engine.list({ limit: 1_000_000 });
  const after = await next.engine.list({ limit: 1_000_000 });
  const same = JSON.stringify(before) === JSON.stringify(after);
  return same ? [] : ['what was recovered is not what is recovered from that'];
}
