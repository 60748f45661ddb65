// The worker processes: one pool, and one life of a process, for everything that runs job code.
//
//   starting --> ready <--> busy --> retiring --> ended
//
// starting: the process has its mark, and a task may be sent to it: that waits in its pipe. `onStart` has been called,
//   so that the claim of a run can name the process, and a daemon that starts after a crash finds it.
// ready: it has no task. Ready ones above the first are retired after a minute.
// busy: it has a task, or several that may share it (`mayTake` is the table of who shares with whom).
// retiring: it gets no further task, and ends when it has given back the last one. The job files have changed, it
//   died, a run has changed it, it has had its runs, or it holds too much memory: `#isSpent` and `retire` decide.
// ended: nothing of it lives any more (death.ts proves it). Only then `onEnd` is called, and a run of it may go on.
//
// The order of effects for a run:
//
//   const runner = pool.acquire(run, catalog.find(run.job));                // at once; its pid is known
//   const [claimed] = await engine.claim(…);                                // the start is durable
//   runner.listen(claimed.run.id, listener);                                // up to `outcome`, or runner.exited
//   runner.send({ type: 'run', assignment });
//   …
//   runner.unlisten(claimed.run.id, listener);
//   pool.release(runner, { reusable: true });                               // or false: it is retired
import { readFileSync } from 'node:fs';
import { isBuiltIn, type JobEntry, policyOf } from '../catalog/catalog.ts';
import type { WorkerKind } from '../run/pick.ts';
import type { Isolation } from '../run/policy.ts';
import { type Run, runsAlone } from '../run/run.ts';
import type { Clock } from '../support/clock.ts';
import { orElseSync } from '../support/errors.ts';
import { MAX_RUNS_PER_WORKER, MAX_SHARED, MINUTE } from '../support/limits.ts';
import { deferred } from '../support/wakeup.ts';
import { Child, type ChildOptions } from './child.ts';
import { CommandRunner } from './command-job.ts';
import type { WorkerIdentity } from './death.ts';
import { Reaper } from './reaper.ts';
import type { OnStart, Runner, Stray } from './runner.ts';
import { canTie, isScarce } from './spawn.ts';

/** Carrying out one run. */
export interface AttemptTask {
  readonly type: 'attempt';
  readonly job: string;
  /** A command is its own process. */
  readonly isolation: Isolation | 'command';
  readonly memoryMb: number | null;
}

/** Asking job code something outside of an attempt. */
export type CallTask =
  | { readonly type: 'hook'; readonly file: string }
  | { readonly type: 'check' | 'next' | 'inspect' };

export type Task = AttemptTask | CallTask;

export interface PoolOptions {
  /** Attempts at once, `shared` ones aside. */
  readonly capacity: number;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Random text, never given twice. */
  readonly newMark: () => string;
  readonly stray: Stray;
  readonly onProcess?: OnStart | undefined;
  /** Starts a process for attempts under a mark; missing: a real one, of node or of a command job. */
  readonly start?: (task: AttemptTask, mark: string) => Runner;
  /** A process for attempts was started; called before it is handed out. */
  readonly onStart?: (worker: WorkerIdentity) => void;
  /** Nothing of it lives any more. */
  readonly onEnd?: (worker: WorkerIdentity) => void;
  /** The interval at which a daemon that has to `beat` is looked at. */
  readonly beatTickMs?: number;
}

interface Worker {
  readonly runner: Runner;
  /** The task that it was started for, or has now: the table of `mayTake` compares the next one with it. */
  task: Task;
  readonly generation: number;
  /** Tasks begun, and under way. */
  begun: number;
  busy: number;
  idleSince: number;
  retiring: boolean;
  /** Resolves when nothing of it lives; null before it is being ended. */
  ended: Promise<void> | null;
  /** Resolves where something of it cannot be ended. */
  readonly undying: Promise<void>;
  readonly onUndying: () => void;
}

/** An idle worker above the first is given up after this long. */
const IDLE_MS = MINUTE;
/** A worker that holds more memory than this is not reused: whatever leaks there, leaks no further. */
const MAX_RESIDENT_BYTES = 1024 ** 3;
/** Reading the memory costs as much as a small run. */
const LOOK_AT_MEMORY_EVERY = 25;
/** Workers that many tasks share are replaced too, but far later: these are many and small. */
const MAX_SHARED_TASKS = MAX_RUNS_PER_WORKER * 10;
/** Jobs whose hooks run at once; the others wait for a moment. */
const MAX_HOOK_WORKERS = 4;

const USUAL: AttemptTask = {
  type: 'attempt',
  job: '',
  isolation: 'process',
  memoryMb: null,
};

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #workers = new Map<Runner, Worker>();
  readonly #reaper: Reaper;
  #generation = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#reaper = new Reaper(options.clock, options.beatTickMs ?? null);
  }

  /**
   * Unless this is called again within that time, all workers for attempts are killed, also while this process stands.
   */
  beat(leftMs: number): void {
    this.#reaper.beat(leftMs);
  }

  /** How many attempts may begin in workers of this kind now. */
  free(workerKind: WorkerKind): number {
    const most = workerKind === 'shared' ? MAX_SHARED : this.#options.capacity;
    return Math.max(0, most - this.#busyIn(workerKind));
  }

  /** Attempts under way in processes of their own, for `status`: `shared` ones count as one a process. */
  get busy(): number {
    const shared = this.#attemptWorkers().filter((one) => isShared(one.task) && one.busy > 0);
    return this.#busyIn('dedicated') + shared.length;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  /** A worker for one run: an idle one that fits, or a new one. The caller has looked at `free`. */
  acquire(run: Run, entry: JobEntry | null): Runner {
    const task = taskOf(run, entry);
    const worker = this.#take(task);
    if (task.isolation === 'fresh') this.#warmAhead(task);
    return worker.runner;
  }

  /** A worker for a call; null while hooks of other jobs have all of theirs. Throws where none can be started. */
  acquireFor(task: CallTask): Child | null {
    if (task.type === 'hook' && !this.#fitting(task) && this.#hasAllHookWorkers()) return null;
    const { runner } = this.#take(task);
    return runner instanceof Child ? runner : null;
  }

  /** Gives a worker back after a task. A worker that is not to be used again, outdated or worn out, is ended. */
  release(runner: Runner, { reusable }: { readonly reusable: boolean }): void {
    const worker = this.#workers.get(runner);
    if (!worker) return;
    worker.busy--;
    worker.idleSince = this.#options.clock.monotonic();
    if (worker.retiring || !reusable || this.#isSpent(worker)) this.#retire(worker);
  }

  /** Nothing more goes to this worker. False where that was so already. */
  retire(runner: Runner): boolean {
    const worker = this.#workers.get(runner);
    if (!worker || worker.retiring) return false;
    this.#retire(worker);
    return true;
  }

  /** Ends a worker with whatever it is at; resolves when nothing of it lives. */
  async end(runner: Runner): Promise<void> {
    const worker = this.#workers.get(runner);
    if (worker) await this.#end(worker);
  }

  /** Job files have changed: idle workers are replaced now, busy ones after what they are at. */
  renew(): void {
    this.#generation++;
    for (const worker of this.#workers.values()) this.#retire(worker);
  }

  /** Starts workers ahead, up to `n` idle ones of the usual kind: the first runs need not wait for a process. */
  warm(n: number): void {
    const workers = this.#attemptWorkers();
    const ready = workers.filter((one) => isIdle(one) && mayTake(one, USUAL)).length;
    const room = this.#options.capacity - workers.length;
    for (let i = 0; i < Math.min(n - ready, room); i++) this.#startAhead(USUAL);
  }

  /** Gives up workers that have been idle for a while, but for one. To be called now and then. */
  tidy(): void {
    const now = this.#options.clock.monotonic();
    const idle = this.#attemptWorkers().filter(isIdle);
    for (const worker of idle.slice(1)) if (now - worker.idleSince > IDLE_MS) this.#retire(worker);
  }

  /** Ends the workers for attempts; calls are carried out until `close`. */
  async closeAttempts(): Promise<void> {
    await Promise.all(this.#attemptWorkers().map((worker) => this.#endOrGiveUp(worker)));
  }

  /** Ends all workers; resolves when nothing of them lives but what cannot be ended. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => this.#endOrGiveUp(worker)));
    this.#reaper.close();
  }

  #endOrGiveUp(worker: Worker): Promise<void> {
    return Promise.race([this.#end(worker), worker.undying]);
  }

  #attemptWorkers(): readonly Worker[] {
    return [...this.#workers.values()].filter(({ task }) => task.type === 'attempt');
  }

  #busyIn(workerKind: WorkerKind): number {
    let busy = 0;
    for (const { task, busy: own } of this.#workers.values())
      if (task.type === 'attempt' && workerKindOf(task) === workerKind) busy += own;
    return busy;
  }

  #hasAllHookWorkers(): boolean {
    let workers = 0;
    for (const { task, ended } of this.#workers.values())
      if (task.type === 'hook' && ended === null) workers++;
    return workers >= MAX_HOOK_WORKERS;
  }

  #take(task: Task): Worker {
    const worker = this.#fitting(task) ?? this.#start(task);
    worker.task = task;
    worker.busy++;
    worker.begun++;
    return worker;
  }

  /** The first that has such tasks already, else the first idle one. */
  #fitting(task: Task): Worker | null {
    let idle: Worker | null = null;
    for (const worker of this.#workers.values()) {
      if (worker.retiring || worker.runner.exit !== null || !mayTake(worker, task)) continue;
      if (worker.busy > 0) return worker;
      idle ??= worker;
    }
    return idle;
  }

  #start(task: Task): Worker {
    if (task.type === 'attempt' && !isShared(task)) this.#makeRoom();
    const runner = this.#startProcess(task);
    const undying = deferred();
    const worker: Worker = {
      runner,
      task,
      generation: this.#generation,
      begun: 0,
      busy: 0,
      idleSince: this.#options.clock.monotonic(),
      retiring: false,
      ended: null,
      undying: undying.promise,
      onUndying: undying.resolve,
    };
    this.#workers.set(runner, worker);
    if (task.type === 'attempt') this.#options.onStart?.(runner);
    // The caller that has a busy one releases it.
    runner.exited.then(() => this.#retire(worker));
    return worker;
  }

  #startProcess(task: Task): Runner {
    const { dir, env, clock, stray, onProcess, newMark, start } = this.#options;
    const mark = newMark();
    const options = { mark, dir, env, clock, stray, onStart: onProcess };
    if (task.type !== 'attempt') return this.#startChild({ ...options, memoryMb: null }, false);
    if (start) return start(task, mark);
    if (task.isolation === 'command')
      return new CommandRunner({ ...options, reaper: this.#reaper });
    const { memoryMb } = task;
    return this.#startChild({ ...options, memoryMb }, this.#reaper.isBeaten);
  }

  /** The reaper ends it where the kernel does not: nothing that blocks a worker is in the way of that. */
  #startChild(options: ChildOptions, isWatched: boolean): Child {
    if (!isWatched && canTie()) return new Child(options);
    this.#reaper.begin();
    const child = new Child(options);
    this.#reaper.watch(child);
    return child;
  }

  /** An idle worker of another kind gives way, so that the processes never exceed the capacity. */
  #makeRoom(): void {
    const own = this.#attemptWorkers().filter((one) => !isShared(one.task) && !one.retiring);
    const idle = own.find(isIdle);
    if (own.length >= this.#options.capacity && idle) this.#retire(idle);
  }

  #warmAhead(task: AttemptTask): void {
    const isReady = this.#attemptWorkers().some((one) => isIdle(one) && mayTake(one, task));
    if (!isReady) this.#startAhead(task);
  }

  /** If none can be started just now, nothing is lost: the next caller that needs one meets the error. */
  #startAhead(task: AttemptTask): void {
    try {
      this.#start(task);
    } catch (error) {
      if (!isScarce(error)) throw error;
    }
  }

  /** True where a worker must not get another task. */
  #isSpent({ task, runner, generation, begun }: Worker): boolean {
    if (generation !== this.#generation || runner.exit !== null) return true;
    if (task.type !== 'attempt' || isShared(task)) return begun >= MAX_SHARED_TASKS;
    if (task.isolation !== 'process' || begun >= MAX_RUNS_PER_WORKER) return true;
    return begun % LOOK_AT_MEMORY_EVERY === 0 && residentBytes(runner.pid) > MAX_RESIDENT_BYTES;
  }

  #retire(worker: Worker): void {
    worker.retiring = true;
    // It cannot fail but by a defect, which then must stop the daemon: an unhandled rejection does.
    if (worker.busy === 0) void this.#end(worker);
  }

  #end(worker: Worker): Promise<void> {
    worker.retiring = true;
    worker.ended ??= this.#endProcess(worker);
    return worker.ended;
  }

  /** Without a task there is nothing in it that would want to be told first. */
  async #endProcess({ runner, task, onUndying }: Worker): Promise<void> {
    await runner.end({ force: true, together: runner.exit !== null, onUndying });
    this.#reaper.forget(runner);
    this.#workers.delete(runner);
    if (task.type === 'attempt') this.#options.onEnd?.(runner);
  }
}

/**
 * The tasks that may share a process: tasks of `shared` runs of one job, hooks of one job, all checks, and all
 * questions for a next time. A hook is asked once, so no two jobs share its process at a time. Files are read in a
 * process of their own.
 */
function mayTake({ task: own, busy }: Worker, task: Task): boolean {
  if (task.type === 'hook') return own.type === 'hook' && (busy === 0 || own.file === task.file);
  if (task.type !== 'attempt') return task.type !== 'inspect' && own.type === task.type;
  if (own.type !== 'attempt') return false;
  if (own.isolation !== task.isolation || own.memoryMb !== task.memoryMb) return false;
  switch (task.isolation) {
    case 'shared':
      return own.job === task.job;
    case 'process':
    case 'fresh':
      return busy === 0;
    case 'command':
      return false;
  }
}

const isIdle = ({ busy, retiring, runner }: Worker): boolean =>
  busy === 0 && !retiring && runner.exit === null;

const isShared = (task: Task): boolean => task.type === 'attempt' && task.isolation === 'shared';

const workerKindOf = (task: Task): WorkerKind => (isShared(task) ? 'shared' : 'dedicated');

/** A run that may have ended a shared process gets one to itself. */
function taskOf(run: Run, entry: JobEntry | null): AttemptTask {
  const { isolation, memoryMb } = policyOf(entry);
  const alone = isolation === 'shared' && runsAlone(run) ? 'process' : isolation;
  const typed = run.origin?.command !== undefined || isBuiltIn(entry);
  return {
    type: 'attempt',
    job: run.job,
    isolation: typed || entry?.kind === 'command' ? 'command' : alone,
    memoryMb,
  };
}

/** 0 where the system does not tell. */
const residentBytes = (pid: number): number =>
  orElseSync(0, () => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096);
