// What the engine keeps besides runs: schedules and pauses (`schedules.json`), leases and the worker processes that
// hold them (`locks.json`), and the requests that were answered (in the manifest), so that a repeated one is known.
import type { Schedule } from '../../run/schedule.ts';
import type { Document } from '../../store/document.ts';
import { MAX_REQUESTS_REMEMBERED, REQUEST_MEMORY_MS } from '../../support/limits.ts';
import { Recent } from '../../support/recent.ts';
import type { Lease, Pauses, PauseTarget, Token, Worker } from '../engine.ts';

export interface SchedulesFile extends Document {
  readonly schedules: readonly Schedule[];
  readonly paused: { readonly all: boolean; readonly jobs: readonly string[] };
}

export interface LocksFile extends Document {
  readonly leases: readonly Lease[];
  readonly workers: readonly Worker[];
}

export interface Held {
  readonly token: Token;
  readonly mark: string;
}

/** A request that was answered, and the ids it got. */
export type Answered = readonly [request: string, ids: Ids, at: number];

/**
 * Ids in their order; neighbours, as a batch gets them, are the first of them and how many they are. Ten thousand batches
 * of a thousand would be 80 MB, and as much text in every manifest.
 */
export type Ids = readonly (number | readonly [first: number, count: number])[];

export function packed(ids: readonly number[]): Ids {
  const ranges: [first: number, count: number][] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last && id === last[0] + last[1]) last[1]++;
    else ranges.push([id, 1]);
  }
  return ranges.map(([first, count]) => (count === 1 ? first : [first, count]));
}

export const unpacked = (ids: Ids): number[] =>
  ids.flatMap((one) =>
    typeof one === 'number' ? one : Array.from({ length: one[1] }, (_, i) => one[0] + i),
  );

/** By name, with a list that is the same one until something changes: whoever holds it sees by that. */
class Schedules extends Map<string, Schedule> {
  #list: readonly Schedule[] | null = null;

  override set(name: string, schedule: Schedule): this {
    this.#list = null;
    return super.set(name, schedule);
  }

  override delete(name: string): boolean {
    this.#list = null;
    return super.delete(name);
  }

  list(): readonly Schedule[] {
    this.#list ??= [...this.values()];
    return this.#list;
  }
}

export class Registry {
  readonly schedules = new Schedules();
  readonly leases = new Map<number, Held>();
  readonly workers = new Map<string, Worker>();
  readonly requests = new Recent<Answered>(MAX_REQUESTS_REMEMBERED, REQUEST_MEMORY_MS);
  readonly #paused = { all: false, jobs: new Set<string>() };

  get pauses(): Pauses {
    return this.#paused;
  }

  setPaused(target: PauseTarget, paused: boolean): void {
    if ('all' in target) this.#paused.all = paused;
    else if (paused) this.#paused.jobs.add(target.job);
    else this.#paused.jobs.delete(target.job);
  }

  isPaused(target: PauseTarget): boolean {
    return 'all' in target ? this.#paused.all : this.#paused.jobs.has(target.job);
  }

  /** A lease with the process that holds it, as the world sees it. */
  leaseOf(run: number): Lease | null {
    const held = this.leases.get(run);
    if (!held) return null;
    const { token, mark } = held;
    const { pid = 0, startTime = '', boot = '' } = this.workers.get(mark) ?? {};
    return { run, token, mark, pid, startTime, boot };
  }

  /** Workers of a process that is gone, as far as they hold no run: nobody will ever ask for them. */
  forgetIdleWorkers(): void {
    const marks = new Set([...this.leases.values()].map(({ mark }) => mark));
    for (const mark of this.workers.keys()) if (!marks.has(mark)) this.workers.delete(mark);
  }

  remember(answered: Answered): void {
    this.requests.set(answered[0], answered, answered[2]);
  }

  schedulesFile(format: number, seq: number): SchedulesFile {
    const { all, jobs } = this.#paused;
    return {
      format,
      seq,
      schedules: [...this.schedules.values()],
      paused: { all, jobs: [...jobs].sort() },
    };
  }

  locksFile(format: number, seq: number): LocksFile {
    const leases = [...this.leases.keys()].map((run) => this.leaseOf(run) as Lease);
    return { format, seq, leases, workers: [...this.workers.values()] };
  }

  loadSchedules({ schedules, paused }: Pick<SchedulesFile, 'schedules' | 'paused'>): void {
    for (const schedule of schedules) this.schedules.set(schedule.name, schedule);
    this.#paused.all = paused.all;
    for (const job of paused.jobs) this.#paused.jobs.add(job);
  }

  loadLocks({ leases, workers }: Pick<LocksFile, 'leases' | 'workers'>): void {
    for (const { run, token, mark } of leases) this.leases.set(run, { token, mark });
    for (const worker of workers) this.workers.set(worker.mark, worker);
  }
}
