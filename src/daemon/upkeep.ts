// Settled runs go when their time is over: what `keep` of their job says, but never the newest ten of each job, unless
// that is 0. Where the config sets a bound over all (`keep.runs`, `keep.bytes`), the oldest go until it is met, by the
// same exception.
//
// It looks through all runs a part at a time, with a pause between two, so that it never holds up anything. Of each
// part it remembers when its next run is over, and looks at it again only then, or when another run of a job settles
// that keeps one of its newest there. So a daemon at rest looks at nothing.
import type { Catalog } from '../catalog/catalog.ts';
import type { Change, Engine, PartRun } from '../engine/engine.ts';
import type { Logs } from '../engine/logs.ts';
import type { Members } from '../engine/members.ts';
import { keepTime, seen, trusting } from '../run/keep-clock.ts';
import { isSettled, type Run } from '../run/run.ts';
import { type Clock, delay } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { HOUR, SECOND } from '../support/limits.ts';
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
/** Between two parts: a million runs are a thousand parts, looked through in half a minute. */
const PAUSE_MS = 25;
/** The clock that is believed is noted this often, so that a restart knows of a leap. */
const MARK_EVERY_MS = HOUR;
const REMOVED_AT_ONCE = 100;

export class Upkeep {
  readonly #p: UpkeepParts;
  readonly #keeping: Keeping;
  readonly #stopping = new AbortController();
  #starts: readonly number[] = [];
  /** By the start of a part: when the next run in it is over. */
  #dueAt = new Map<number, number>();
  /** By job: the parts with runs that are over and stay as its newest. */
  readonly #held = new Map<string, Set<number>>();
  /** Jobs of which a run has settled since this round began: what is known of their newest is old. */
  #settled = new Set<string>();
  #over: Promise<void> = Promise.resolve();

  constructor(parts: UpkeepParts) {
    this.#p = parts;
    this.#keeping = new Keeping(parts);
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
    this.#dueAt = new Map();
  }

  changed({ run }: Change): void {
    if (!isSettled(run)) return;
    this.#hasNewer(run.job);
    const start = lastUpTo(this.#starts, run.id);
    const known = start === undefined ? undefined : this.#dueAt.get(start);
    if (start === undefined || known === undefined) return;
    this.#dueAt.set(start, Math.min(known, this.#keeping.overAt(run) ?? known));
  }

  /** There is a newer one: those that stay as the newest of their job are looked at again. */
  #hasNewer(job: string): void {
    this.#settled.add(job);
    for (const start of this.#held.get(job) ?? []) this.#dueAt.set(start, 0);
    this.#held.delete(job);
  }

  /** The time by which history is removed: run/keep-clock tells which. */
  async #keepTime(): Promise<number> {
    const { engine, members, clock, onLeap } = this.#p;
    const now = clock.now();
    const before = await engine.clockMark();
    const mark = seen(before ?? trusting((await members.lastBeat()) ?? now), now);
    const isNew = before === null || mark.leapAt !== before.leapAt;
    if (isNew || Math.abs(mark.trusted - before.trusted) > MARK_EVERY_MS)
      await engine.putClockMark(mark);
    if (isNew && mark.leapAt !== null) onLeap?.(mark.leapAt - mark.trusted);
    return keepTime(mark, now);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#keepTime().catch(this.#p.onError);
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
    const { engine, clock } = this.#p;
    const now = await this.#keepTime();
    const keeping = this.#keeping;
    const newest = new Newest(engine, keeping);
    const before = this.#dueAt;
    const starts = await engine.parts();
    this.#starts = starts;
    this.#settled = new Set();
    this.#dueAt = new Map(starts.map((start) => [start, before.get(start) ?? 0]));
    for (const start of starts) {
      if (this.#stopping.signal.aborted) return;
      if ((this.#dueAt.get(start) ?? 0) > now) continue;
      await this.#look(start, newest, now);
      await delay(clock, PAUSE_MS, this.#stopping.signal);
    }
    await this.#meetBounds(starts, newest);
  }

  async #look(start: number, newest: Newest, now: number): Promise<void> {
    const keeping = this.#keeping;
    // Set before it is read: what settles meanwhile lowers it.
    this.#dueAt.set(start, Number.POSITIVE_INFINITY);
    const over: Run[] = [];
    for (const { run } of await this.#part(start)) {
      const overAt = isSettled(run) ? keeping.overAt(run) : null;
      if (overAt === null) continue;
      if (overAt > now) this.#again(start, overAt);
      else if (!(await newest.has(run))) over.push(run);
      else if (this.#settled.has(run.job)) this.#again(start, now);
      else this.#held.set(run.job, (this.#held.get(run.job) ?? new Set()).add(start));
    }
    // What the disk does not take now is tried again in the next round.
    if (over.length > 0) this.#again(start, now);
    await this.#remove(over);
  }

  #again(start: number, at: number): void {
    this.#dueAt.set(start, Math.min(this.#dueAt.get(start) ?? at, at));
  }

  async #meetBounds(starts: readonly number[], newest: Newest): Promise<void> {
    const excess = await this.#keeping.excess();
    if (excess === null) return;
    for (const start of starts) {
      if (this.#stopping.signal.aborted || !excess.remains()) break;
      const going: Run[] = [];
      for (const one of await this.#part(start)) {
        const { run } = one;
        if (!isSettled(run) || !excess.remains() || (await newest.has(run))) continue;
        await excess.take(one);
        going.push(run);
      }
      await this.#remove(going);
      await delay(this.#p.clock, PAUSE_MS, this.#stopping.signal);
    }
  }

  /** A page that cannot be read is told of; the others are looked through all the same. */
  async #part(start: number): Promise<readonly PartRun[]> {
    try {
      return await this.#p.engine.part(start);
    } catch (error) {
      this.#p.onError(error);
      return [];
    }
  }

  async #remove(runs: readonly Run[]): Promise<void> {
    for (let at = 0; at < runs.length; at += REMOVED_AT_ONCE) {
      const ids = runs.slice(at, at + REMOVED_AT_ONCE).map(({ id }) => id);
      // First the logs: one that a kill leaves without its run would never be removed.
      await Promise.all(ids.map((id) => this.#p.logs.remove(id)));
      await this.#p.engine.remove(ids);
      await new Promise(setImmediate);
    }
  }
}

/** The last of rising numbers that is at most `most`: each run that settles asks, and there are a thousand parts. */
function lastUpTo(rising: readonly number[], most: number): number | undefined {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] ?? 0) <= most) low = middle + 1;
    else high = middle;
  }
  return rising[low - 1];
}
