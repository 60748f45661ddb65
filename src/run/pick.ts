// Picks the run that starts next. Queued runs stand in one line per job, ordered by priority, due time and id. The jobs
// whose first run may start now stand in a heap by that first run. A job that may not start anything (paused, broken,
// its concurrency or rate reached) is simply not in the heap, so a thousand blocked runs cost the others nothing. A run
// whose lock is held steps out of its line into the lock's own, and the best of those comes back when it is free.
//
// A run that runs alone gets a dedicated worker whatever the kind of its job: it stands in a second line of that job.
//
// All heaps are lazy. An entry that is no longer true (the run left, the job's first run is another by now) is dropped
// when it comes up, or with many others if most of a heap is out of date.
import { Heap } from './heap.ts';
import type { RateLimit } from './policy.ts';
import { Starts } from './rate.ts';
import { type Run, runsAlone } from './run.ts';
import { before, type Entry, RunHeap, runOf } from './run-heap.ts';

/**
 * A dedicated worker has one attempt at a time; in a shared one those of a job run side by side. An external one is no
 * process of ours: it asks for the runs of the jobs that it names.
 */
export type WorkerKind = 'dedicated' | 'shared' | 'external';

/** The limits between a job's queued runs and their start. */
export interface JobLimits {
  readonly workerKind: WorkerKind;
  readonly concurrency: number | null;
  readonly rateLimit: RateLimit | null;
  /** Why nothing of this job may start ("paused", "no job named mail"), or null. */
  readonly blocked: string | null;
  /** Set for an external job: true where a worker has asked for its runs of late. */
  readonly isAsked?: () => boolean;
  /** The job's file has not been read yet: its rate may be anything. */
  readonly unread?: true;
}

export const UNREAD: JobLimits = {
  workerKind: 'dedicated',
  concurrency: null,
  rateLimit: null,
  blocked: null,
  unread: true,
};

export interface Standing {
  readonly limits: JobLimits;
  /** The runs of the job that are running. */
  readonly running: ReadonlySet<number>;
  readonly starts: Starts;
  /** The run that holds the lock of the run. */
  readonly holder: number | undefined;
}

interface Queue {
  readonly runs: RunHeap;
  /** Its entry among those that may start; null where it has none. */
  front: Front | null;
}

interface Line {
  readonly job: string;
  limits: JobLimits;
  readonly queue: Queue;
  /** Runs that get a process of their own. */
  readonly alone: Queue;
  readonly running: Set<number>;
  readonly starts: Starts;
}

interface Front {
  readonly line: Line;
  readonly queue: Queue;
  readonly workerKind: WorkerKind;
  readonly entry: Entry;
}

export class Picker {
  readonly #lines = new Map<string, Line>();
  readonly #fronts: Readonly<Record<WorkerKind, Heap<Front>>> = {
    dedicated: frontHeap(),
    shared: frontHeap(),
    external: frontHeap(),
  };
  /** Which version of a run there is now: what a heap holds beyond that is out of date. */
  readonly #current: (id: number) => Run | undefined;
  readonly #holders = new Map<string, number>();
  /**
   * By lock, then by the queue they stood in: a paused job's run that is first for a lock must not keep out another's.
   */
  readonly #parked = new Map<string, Map<Queue, RunHeap>>();
  /** Jobs that have to be looked at again once the clock has reached their next place in the rate. */
  readonly #throttled = new Set<Line>();
  #limitsOf: (job: string) => JobLimits = () => UNREAD;

  constructor(current: (id: number) => Run | undefined) {
    this.#current = current;
  }

  /** Sets where the limits of a job are read from, and reads them anew. */
  configure(limitsOf: (job: string) => JobLimits): void {
    this.#limitsOf = limitsOf;
    for (const line of this.#lines.values()) {
      line.limits = limitsOf(line.job);
      line.starts.trim(line.limits);
      this.#offer(line);
    }
  }

  /** Takes in a run that is queued now. */
  add(run: Run): void {
    const line = this.#line(run.job);
    const queue = queueOf(line, run);
    if (queue.runs.add(run)) this.#offer(line);
  }

  /** A run that was queued is so no longer, or is another version of itself. */
  remove(run: Run): void {
    const line = this.#line(run.job);
    queueOf(line, run).runs.left();
    this.#offer(line);
    const lock = run.origin?.lock;
    if (lock !== undefined && !this.#holders.has(lock)) this.#unpark(lock);
  }

  /** An attempt of this job has begun at that time: it counts against the job's rate, whatever becomes of it. */
  counted(job: string, at: number): void {
    const { starts, limits } = this.#line(job);
    if (!limits.unread && limits.rateLimit === null) return;
    starts.add(at);
    starts.trim(limits);
  }

  /** It has not begun after all. */
  uncounted(job: string, at: number): void {
    this.#line(job).starts.takeBack(at);
  }

  /** Starts that a later daemon has to know of to keep to the rates. */
  starts(): readonly (readonly [job: string, at: readonly number[]])[] {
    return [...this.#lines.values()].flatMap(({ job, starts }) =>
      starts.all.length > 0 ? [[job, [...starts.all]] as const] : [],
    );
  }

  /** None of them may lie ahead: the clock was set back while no daemon looked. */
  cutStarts(now: number): void {
    for (const { starts } of this.#lines.values()) starts.cut(now);
  }

  /** A run is running. */
  started(run: Run): void {
    const line = this.#line(run.job);
    line.running.add(run.id);
    const lock = run.origin?.lock;
    if (lock !== undefined) this.#holders.set(lock, run.id);
  }

  /** A run has ended; its place, and its lock, are free. */
  ended(run: Run): void {
    const line = this.#line(run.job);
    line.running.delete(run.id);
    if (line.limits.concurrency !== null) this.#offer(line);
    const lock = run.origin?.lock;
    if (lock === undefined || this.#holders.get(lock) !== run.id) return;
    this.#holders.delete(lock);
    this.#unpark(lock);
  }

  /** The run that is to start next in a worker of this kind, or null. It stays queued until `started` is called. */
  next(workerKind: WorkerKind, now: number): Run | null {
    // A copy: `mayStart` puts back those that still have to wait, and a set gives what was put back once more.
    for (const line of [...this.#throttled]) {
      this.#throttled.delete(line);
      if (this.#mayStart(line, now)) this.#offer(line);
    }
    const fronts = this.#fronts[workerKind];
    for (let front = fronts.peek(); front; front = fronts.peek()) {
      const { line, queue, entry } = front;
      const run = queue.front === front ? queue.runs.first() : undefined;
      const may = run && runOf(entry) === run && this.#mayStart(line, now);
      if (may && !this.#isLocked(run)) return run;
      fronts.pop();
      if (queue.front === front) queue.front = null;
      if (may) this.#park(line, queue, run);
    }
    return null;
  }

  /** The same of an external worker, which asks for these jobs alone. */
  nextOf(jobs: readonly string[], now: number): Run | null {
    const firsts = [...new Set(jobs)].flatMap((job) => {
      const line = this.#lines.get(job);
      return line?.limits.workerKind === 'external' ? (this.#firstOf(line, now) ?? []) : [];
    });
    return firsts.reduce<Run | null>(
      (best, run) => (best === null || before(run, best) ? run : best),
      null,
    );
  }

  /** The first run of a line that may start. Those whose lock is held step aside. */
  #firstOf(line: Line, now: number): Run | null {
    let best: Run | null = null;
    for (const queue of [line.queue, line.alone]) {
      let run = queue.runs.first();
      while (run && this.#mayStart(line, now) && this.#isLocked(run)) {
        this.#park(line, queue, run);
        run = queue.runs.first();
      }
      if (run && (best === null || before(run, best)) && this.#mayStart(line, now)) best = run;
    }
    return best;
  }

  /** The same, where it is to be this run and no other. */
  nextOnly(id: number, workerKind: WorkerKind, now: number): Run | null {
    const run = this.#current(id);
    if (run?.state.name !== 'queued') return null;
    const line = this.#line(run.job);
    if (workerKindOf(line, queueOf(line, run)) !== workerKind) return null;
    return this.#mayStart(line, now) && !this.#isLocked(run) ? run : null;
  }

  /** When after `now` a job that has reached its rate gets its next place; null where none waits for that. */
  nextPlaceAt(now: number): number | null {
    let soonest: number | null = null;
    for (const line of this.#throttled) {
      const at = line.starts.nextPlaceAt(line.limits.rateLimit);
      if (at !== null && (line.queue.runs.first() ?? line.alone.runs.first()) && at > now)
        soonest = Math.min(soonest ?? at, at);
    }
    return soonest;
  }

  /** The facts between a queued run and its start: why.ts turns them into words. */
  standingOf({ job, origin }: Run): Standing {
    const { limits, running, starts } = this.#line(job);
    const holder = origin?.lock === undefined ? undefined : this.#holders.get(origin.lock);
    return { limits, running, starts, holder };
  }

  #newHeap(): RunHeap {
    return new RunHeap(before, (run) => this.#current(run.id) === run);
  }

  #newQueue(): Queue {
    return { runs: this.#newHeap(), front: null };
  }

  #line(job: string): Line {
    let line = this.#lines.get(job);
    if (!line) {
      const limits = this.#limitsOf(job);
      const queues = { queue: this.#newQueue(), alone: this.#newQueue() };
      line = { job, limits, ...queues, running: new Set(), starts: new Starts() };
      this.#lines.set(job, line);
    }
    return line;
  }

  /** Puts the job's first runs into the heaps of those that may start; a doubt is cleared up when they come out. */
  #offer(line: Line): void {
    this.#offerFirst(line, line.queue);
    this.#offerFirst(line, line.alone);
  }

  #offerFirst(line: Line, queue: Queue): void {
    const entry = queue.runs.firstEntry();
    const workerKind = workerKindOf(line, queue);
    const { front } = queue;
    if (!entry || (front?.entry === entry && front.workerKind === workerKind)) return;
    queue.front = { line, queue, workerKind, entry };
    const fronts = this.#fronts[workerKind];
    fronts.push(queue.front);
    // At most two of a job stand.
    if (fronts.size > 4 * this.#lines.size + 100) fronts.keep((one) => one.queue.front === one);
  }

  #mayStart(line: Line, now: number): boolean {
    const { blocked, concurrency, rateLimit } = line.limits;
    if (blocked !== null) return false;
    if (concurrency !== null && line.running.size >= concurrency) return false;
    if (line.starts.hasPlace(rateLimit, now)) return true;
    this.#throttled.add(line);
    return false;
  }

  #isLocked(run: Run): boolean {
    const lock = run.origin?.lock;
    return lock !== undefined && this.#holders.has(lock);
  }

  /** Moves a run whose lock is held out of its line, and brings up the next one. */
  #park(line: Line, queue: Queue, run: Run): void {
    const lock = run.origin?.lock as string;
    queue.runs.take();
    const byQueue = this.#parked.get(lock) ?? new Map<Queue, RunHeap>();
    this.#parked.set(lock, byQueue);
    const parked = byQueue.get(queue) ?? this.#newHeap();
    byQueue.set(queue, parked);
    parked.add(run);
    this.#offer(line);
  }

  /** The lock is free: the best run of each queue that waited for it goes back there. */
  #unpark(lock: string): void {
    const byQueue = this.#parked.get(lock);
    if (!byQueue) return;
    for (const [queue, parked] of byQueue) {
      const run = parked.take();
      if (!run) {
        byQueue.delete(queue);
        continue;
      }
      queue.runs.add(run);
      this.#offer(this.#line(run.job));
    }
    if (byQueue.size === 0) this.#parked.delete(lock);
  }
}

const queueOf = (line: Line, run: Run): Queue => (runsAlone(run) ? line.alone : line.queue);

/** A program outside shares no process of ours. */
const workerKindOf = ({ alone, limits }: Line, queue: Queue): WorkerKind =>
  queue === alone && limits.workerKind !== 'external' ? 'dedicated' : limits.workerKind;

const frontHeap = (): Heap<Front> => new Heap((a, b) => before(a.entry, b.entry));
