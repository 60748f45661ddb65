// Settled runs go when their time is over: what `keep` of their job says, but never the newest ten of each job, unless
// that is 0. If the config sets a bound over all (`keep.runs`, `keep.bytes`), the oldest go until it is met, by the
// same exception.
//
// It looks through the history a batch at a time, with a pause between two, so that it never holds up anything. For
// each stretch of the history it remembers when the next run is over. It looks at it again only then, or when another
// run of a job settles that keeps one of its newest there. So a daemon at rest looks at nothing.
import type { Catalog } from '../catalog/catalog.ts';
import type { Change, Engine, Period, SettledRun } from '../engine/engine.ts';
import type { Logs } from '../engine/logs.ts';
import type { Members } from '../engine/members.ts';
import { asideOf } from '../run/run.ts';
import { type Clock, delay } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import type { JobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import { HistoryClock } from './history-clock.ts';
import { Keeping, Newest } from './keeping.ts';

export interface UpkeepParts {
  readonly engine: Engine;
  readonly members: Members;
  readonly logs: Pick<Logs, 'remove' | 'size'>;
  readonly clock: Clock;
  readonly config: Config;
  readonly catalog: Catalog;
  readonly onError: (error: unknown) => void;
  /** The clock has leapt ahead: history is removed as of before until it is confirmed. */
  readonly onLeap?: (ms: number) => void;
}

/** With these a run is gone within a minute after its time, and a start is not slowed. */
const FIRST_MS = 3 * SECOND;
const EVERY_MS = 15 * SECOND;
/** Between two batches: a million runs are a thousand, looked through in half a minute. */
const PAUSE_MS = 25;
const REMOVED_AT_ONCE = 100;
/** The least number of runs. */
const STRETCH = 1000;

/** Runs that settled from this time on, until the next stretch begins. */
interface Stretch {
  readonly from: number;
  /** When the next run in it is over. */
  dueAt: number;
}

const NEVER = Number.POSITIVE_INFINITY;

export class Upkeep {
  readonly #p: UpkeepParts;
  readonly #keeping: Keeping;
  readonly #clock: HistoryClock;
  readonly #stopping = new AbortController();
  /** In their order; the first one begins before all time. */
  #stretches: Stretch[] = [{ from: -NEVER, dueAt: 0 }];
  /** While it looks at a stretch: runs that have settled meanwhile, which it may not meet. */
  #arrived: (readonly [settledAt: number, overAt: number])[] | null = null;
  /** By job: the stretches with runs that are over and stay as its newest. */
  readonly #held = new Map<string, Set<Stretch>>();
  /** Jobs of which a run has settled since this round began: what is known of their newest is old. */
  #settled = new Set<string>();
  /** The files that could not be read, and were told. */
  readonly #told = new Set<string>();
  #over: Promise<void> = Promise.resolve();

  constructor(parts: UpkeepParts) {
    this.#p = parts;
    this.#keeping = new Keeping(parts);
    this.#clock = new HistoryClock(parts);
  }

  start(): void {
    this.#over = this.#run();
  }

  /** Resolves when nothing more is removed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#over;
  }

  /** Job files have changed: what they say of keeping may have. */
  reloaded(): void {
    for (const stretch of this.#stretches) stretch.dueAt = 0;
  }

  changed({ run }: Change): void {
    const { job, state } = run;
    if (!('settledAt' in state)) return;
    this.#hasNewer(job);
    const { name, settledAt } = state;
    const overAt = this.#keeping.overAt({
      job,
      state: name,
      settledAt,
      aside: asideOf(run) !== null,
    });
    if (overAt === null) return;
    this.#arrived?.push([settledAt, overAt]);
    this.#note(settledAt, overAt);
  }

  /** There is a newer one: those that stay as the newest of their job are looked at again. */
  #hasNewer(job: string): void {
    this.#settled.add(job);
    for (const stretch of this.#held.get(job) ?? []) stretch.dueAt = 0;
    this.#held.delete(job);
  }

  #note(settledAt: number, overAt: number): void {
    lower(stretchOf(this.#stretches, settledAt), overAt);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#clock.look().catch(this.#p.onError);
    await delay(this.#p.clock, FIRST_MS, signal);
    while (!signal.aborted) {
      try {
        await this.#pass();
      } catch (error) {
        // A disk that takes nothing now may do so at the next round.
        this.#p.onError(error);
      }
      await delay(this.#p.clock, EVERY_MS, signal);
    }
  }

  async #pass(): Promise<void> {
    const now = await this.#clock.look();
    const newest = new Newest(this.#p.engine, this.#keeping);
    this.#settled = new Set();
    for (const stretch of [...this.#stretches]) {
      if (this.#stopping.signal.aborted) return;
      if (stretch.dueAt > now) continue;
      await this.#look(stretch, newest, now);
    }
    await this.#meetBounds(newest);
  }

  /** If it holds many runs it becomes several stretches, if it holds none it becomes a part of the one before. */
  async #look(stretch: Stretch, newest: Newest, now: number): Promise<void> {
    const { engine, clock } = this.#p;
    const { signal } = this.#stopping;
    const arrived: [settledAt: number, overAt: number][] = [];
    this.#arrived = arrived;
    stretch.dueAt = NEVER;
    let [present, seen] = [stretch, 0];
    try {
      for await (const { runs, damage } of engine.history(this.#periodOf(stretch))) {
        const [first] = runs;
        if (first && seen >= STRETCH && first.settledAt > present.from)
          [present, seen] = [this.#begin(present, first.settledAt), 0];
        seen += runs.length;
        this.#tell(damage);
        await this.#lookAt(runs, present, newest, now);
        await delay(clock, PAUSE_MS, signal);
        if (signal.aborted) return;
      }
      const isEmpty = seen === 0 && stretch !== this.#stretches[0];
      if (isEmpty) this.#stretches = this.#stretches.filter((one) => one !== stretch);
    } catch (error) {
      // Runs that it has not met are looked at in the next round.
      lower(present, now);
      throw error;
    } finally {
      this.#arrived = null;
      for (const [settledAt, overAt] of arrived) this.#note(settledAt, overAt);
    }
  }

  #periodOf(stretch: Stretch): Period {
    const at = this.#stretches.indexOf(stretch);
    const next = this.#stretches[at + 1];
    return { ...(at > 0 && { from: stretch.from }), ...(next && { until: next.from }) };
  }

  #begin(after: Stretch, from: number): Stretch {
    const stretch = { from, dueAt: NEVER };
    this.#stretches.splice(this.#stretches.indexOf(after) + 1, 0, stretch);
    return stretch;
  }

  async #lookAt(
    runs: readonly SettledRun[],
    stretch: Stretch,
    newest: Newest,
    now: number,
  ): Promise<void> {
    const over: number[] = [];
    for (const run of runs) {
      const overAt = this.#keeping.overAt(run);
      if (overAt === null) continue;
      if (overAt > now) lower(stretch, overAt);
      else if (!(await newest.has(run))) over.push(run.id);
      else if (this.#settled.has(run.job)) lower(stretch, now);
      else this.#held.set(run.job, (this.#held.get(run.job) ?? new Set()).add(stretch));
    }
    // Removals that the disk refuses now are tried again in the next round.
    if (over.length > 0) lower(stretch, now);
    await this.#remove(over);
  }

  async #meetBounds(newest: Newest): Promise<void> {
    const excess = await this.#keeping.excess();
    if (excess === null) return;
    for await (const { runs, damage } of this.#p.engine.history({ sized: true })) {
      this.#tell(damage);
      const going: number[] = [];
      for (const run of runs) {
        if (!excess.remains() || (await newest.has(run))) continue;
        await excess.take(run);
        going.push(run.id);
      }
      await this.#remove(going);
      if (this.#stopping.signal.aborted || !excess.remains()) return;
      await delay(this.#p.clock, PAUSE_MS, this.#stopping.signal);
    }
  }

  /** A part of the state that cannot be read is told of once; all else is looked through all the same. */
  #tell(damage: readonly JobrunError[]): void {
    for (const error of damage) {
      if (!this.#told.has(error.message)) this.#p.onError(error);
      this.#told.add(error.message);
    }
  }

  async #remove(all: readonly number[]): Promise<void> {
    for (let at = 0; at < all.length; at += REMOVED_AT_ONCE) {
      const ids = all.slice(at, at + REMOVED_AT_ONCE);
      // First the logs: one that a kill leaves without its run would never be removed.
      await Promise.all(ids.map((id) => this.#p.logs.remove(id)));
      await this.#p.engine.remove(ids);
      await new Promise(setImmediate);
    }
  }
}

function lower(stretch: Stretch, at: number): void {
  stretch.dueAt = Math.min(stretch.dueAt, at);
}

/** The stretch of a time: each run that settles asks, and there are a thousand. */
function stretchOf(stretches: readonly Stretch[], at: number): Stretch {
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((stretches[middle]?.from ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return stretches[low] as Stretch;
}
