// Who goes next. Queued runs stand in one line per job, ordered by priority, due time and id; the jobs whose first
// run may start now stand in a heap by that first run. A job that may not start anything (paused, broken, its
// concurrency or rate reached) is simply not in the heap, so a thousand blocked runs cost the others nothing. A run
// whose lock is held steps out of its line into the lock's own, and the best of those comes back when it is free.
//
// A run that runs alone takes a place whatever the lane of its job: it stands in a second line of that job.
//
// Both heaps are lazy: an entry that is no longer true (the run left, the job's first run is another by now) is
// dropped when it comes up. That keeps every change at O(log n) without positions to maintain.
import { Heap } from './heap.ts';
import type { RateLimit } from './policy.ts';
import { type Run, runsAlone } from './run.ts';

/** Runs that take a place (a worker process of their own), and those that share one process. */
export type Lane = 'place' | 'shared';

/** What stands between a job's queued runs and their start. */
export interface JobLimits {
  readonly lane: Lane;
  readonly concurrency: number | null;
  readonly rateLimit: RateLimit | null;
  /** Why nothing of this job may start ("paused", "no job named mail"), or null. */
  readonly blocked: string | null;
  /** Nobody has read the job's file yet: its rate may be anything. */
  readonly unread?: true;
}

export const UNREAD: JobLimits = {
  lane: 'place',
  concurrency: null,
  rateLimit: null,
  blocked: null,
  unread: true,
};

interface Line {
  readonly job: string;
  limits: JobLimits;
  readonly queue: Heap<Run>;
  /** Runs that get a process of their own. */
  readonly alone: Heap<Run>;
  readonly running: Set<number>;
  /** Starts within the last period of the rate limit, oldest first; all that are known while limits are not. */
  starts: number[];
}

interface Front {
  readonly line: Line;
  readonly queue: Heap<Run>;
  readonly run: Run;
}

const before = (a: Run, b: Run): boolean =>
  a.priority !== b.priority
    ? a.priority > b.priority
    : a.state.dueAt !== b.state.dueAt
      ? a.state.dueAt < b.state.dueAt
      : a.id < b.id;

export class Picker {
  readonly #lines = new Map<string, Line>();
  readonly #fronts: Readonly<Record<Lane, Heap<Front>>> = {
    place: frontHeap(),
    shared: frontHeap(),
  };
  /** Which version of a run there is now: what a heap holds beyond that is out of date. */
  readonly #current: (id: number) => Run | undefined;
  readonly #holders = new Map<string, number>();
  /** By lock, then by the queue they stood in: a paused job's run that is first for a lock must not keep out another's. */
  readonly #parked = new Map<string, Map<Heap<Run>, Heap<Run>>>();
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
      trimStarts(line);
      this.#offer(line);
    }
  }

  /** Takes in a run that is queued now. */
  add(run: Run): void {
    const line = this.#line(run.job);
    const queue = queueOf(line, run);
    queue.push(run);
    if (queue.peek() === run) this.#offer(line);
  }

  /** A run that was queued is so no longer, or is another version of itself. */
  remove(run: Run): void {
    this.#offer(this.#line(run.job));
    const lock = run.origin?.lock;
    if (lock !== undefined && !this.#holders.has(lock)) this.#unpark(lock);
  }

  /** An attempt of this job has begun at that time: it counts against the job's rate, whatever becomes of it. */
  counted(job: string, at: number): void {
    const line = this.#line(job);
    line.starts.push(at);
    trimStarts(line);
  }

  /** It has not begun after all. */
  uncounted(job: string, at: number): void {
    const { starts } = this.#line(job);
    const i = starts.lastIndexOf(at);
    if (i >= 0) starts.splice(i, 1);
  }

  /** Starts that a later daemon has to know of to keep to the rates. */
  starts(): readonly (readonly [job: string, at: readonly number[]])[] {
    return [...this.#lines.values()].flatMap(({ job, starts }) =>
      starts.length > 0 ? [[job, [...starts]] as const] : [],
    );
  }

  /** A run is running. */
  started(run: Run): void {
    const line = this.#line(run.job);
    line.running.add(run.id);
    const lock = run.origin?.lock;
    if (lock !== undefined) this.#holders.set(lock, run.id);
    this.#offer(line);
  }

  /** A run has ended; its place, and its lock, are free. */
  ended(run: Run): void {
    const line = this.#line(run.job);
    line.running.delete(run.id);
    this.#offer(line);
    const lock = run.origin?.lock;
    if (lock === undefined || this.#holders.get(lock) !== run.id) return;
    this.#holders.delete(lock);
    this.#unpark(lock);
  }

  /** The run that is to start next in this lane, or null. It stays queued until `started` is called. */
  next(lane: Lane, now: number): Run | null {
    // A copy: `mayStart` puts back those that still have to wait, and a set gives what was put back once more.
    for (const line of [...this.#throttled]) {
      this.#throttled.delete(line);
      if (this.#mayStart(line, now)) this.#offer(line);
    }
    const fronts = this.#fronts[lane];
    for (let front = fronts.pop(); front; front = fronts.pop()) {
      const { line, queue } = front;
      const run = this.#first(queue);
      if (run !== front.run || laneOf(line, queue) !== lane) continue;
      if (!this.#mayStart(line, now)) continue;
      if (!this.#park(line, queue, run)) {
        fronts.push(front);
        return run;
      }
    }
    return null;
  }

  /** The same, where it is to be this run and no other. */
  nextOnly(id: number, lane: Lane, now: number): Run | null {
    const run = this.#current(id);
    if (run?.state.name !== 'queued' || this.why(run, now) !== null) return null;
    const line = this.#line(run.job);
    return laneOf(line, queueOf(line, run)) === lane ? run : null;
  }

  /** When after `now` a job that has reached its rate gets its next place; null where none waits for that. */
  nextPlaceAt(now: number): number | null {
    let soonest: number | null = null;
    for (const line of this.#throttled) {
      const at = placeAt(line);
      if (at !== null && (this.#first(line.queue) ?? this.#first(line.alone)) && at > now)
        soonest = Math.min(soonest ?? at, at);
    }
    return soonest;
  }

  /** Why a queued run does not start, or null where it only waits for a free worker. */
  why(run: Run, now: number): string | null {
    const line = this.#line(run.job);
    const { blocked, concurrency, rateLimit } = line.limits;
    if (blocked !== null) return blocked;
    if (concurrency !== null && line.running.size >= concurrency) {
      const by = [...line.running].sort((a, b) => a - b);
      const shown = by.slice(0, 5).join(', ') + (by.length > 5 ? ` and ${by.length - 5} more` : '');
      return `concurrency ${concurrency} of ${run.job} reached by ${shown}`;
    }
    const holder = run.origin?.lock === undefined ? undefined : this.#holders.get(run.origin.lock);
    if (holder !== undefined) return `lock "${run.origin?.lock}" is held by ${holder}`;
    if (rateLimit === null || hasRate(line, now)) return null;
    const seconds = (((placeAt(line) ?? now) - now) / 1000).toFixed(1);
    return `rate ${rateLimit.limit} per ${rateLimit.perMs / 1000}s, next place in ${seconds}s`;
  }

  #line(job: string): Line {
    let line = this.#lines.get(job);
    if (!line) {
      const limits = this.#limitsOf(job);
      const queues = { queue: new Heap(before), alone: new Heap(before) };
      line = { job, limits, ...queues, running: new Set(), starts: [] };
      this.#lines.set(job, line);
    }
    return line;
  }

  /** Puts the job's first runs into the heaps of those that may start; a doubt is cleared up when they come out. */
  #offer(line: Line): void {
    for (const queue of [line.queue, line.alone]) {
      const run = this.#first(queue);
      if (run) this.#fronts[laneOf(line, queue)].push({ line, queue, run });
    }
  }

  #first(queue: Heap<Run>): Run | undefined {
    for (let run = queue.peek(); run; run = queue.peek()) {
      if (this.#current(run.id) === run) return run;
      queue.pop();
    }
    return undefined;
  }

  #mayStart(line: Line, now: number): boolean {
    const { blocked, concurrency } = line.limits;
    if (blocked !== null) return false;
    if (concurrency !== null && line.running.size >= concurrency) return false;
    if (hasRate(line, now)) return true;
    this.#throttled.add(line);
    return false;
  }

  /** Moves a run whose lock is held out of its line, and brings up the next one. */
  #park(line: Line, queue: Heap<Run>, run: Run): boolean {
    const lock = run.origin?.lock;
    if (lock === undefined || !this.#holders.has(lock)) return false;
    queue.pop();
    const byQueue = this.#parked.get(lock) ?? new Map<Heap<Run>, Heap<Run>>();
    this.#parked.set(lock, byQueue);
    const parked = byQueue.get(queue) ?? new Heap<Run>(before);
    byQueue.set(queue, parked);
    parked.push(run);
    this.#offer(line);
    return true;
  }

  /** The lock is free: the best run of each queue that waited for it goes back there. */
  #unpark(lock: string): void {
    const byQueue = this.#parked.get(lock);
    if (!byQueue) return;
    for (const [queue, parked] of byQueue) {
      let run = parked.pop();
      while (run && this.#current(run.id) !== run) run = parked.pop();
      if (parked.size === 0) byQueue.delete(queue);
      if (!run) continue;
      queue.push(run);
      this.#offer(this.#line(run.job));
    }
    if (byQueue.size === 0) this.#parked.delete(lock);
  }
}

const queueOf = (line: Line, run: Run): Heap<Run> => (runsAlone(run) ? line.alone : line.queue);

const laneOf = (line: Line, queue: Heap<Run>): Lane =>
  queue === line.alone ? 'place' : line.limits.lane;

const frontHeap = (): Heap<Front> => new Heap((a, b) => before(a.run, b.run));

/** While the limits are not known yet, this many starts of a job are remembered: no sensible rate is higher. */
const MOST_STARTS = 1000;

/** Only as many starts as the rate allows can ever matter. */
function trimStarts(line: Line): void {
  const most = line.limits.unread ? MOST_STARTS : (line.limits.rateLimit?.limit ?? 0);
  if (most === 0) line.starts = [];
  while (line.starts.length > most) line.starts.shift();
}

function hasRate(line: Line, now: number): boolean {
  const { rateLimit } = line.limits;
  if (rateLimit === null) return true;
  // The clock was set back: what seems to lie ahead says nothing any more.
  while ((line.starts.at(-1) ?? now) > now) line.starts.pop();
  while (line.starts.length > 0 && (line.starts[0] ?? 0) <= now - rateLimit.perMs)
    line.starts.shift();
  return line.starts.length < rateLimit.limit;
}

function placeAt(line: Line): number | null {
  const { rateLimit } = line.limits;
  const oldest = line.starts[line.starts.length - (rateLimit?.limit ?? 0)];
  return rateLimit && oldest !== undefined ? oldest + rateLimit.perMs : null;
}
