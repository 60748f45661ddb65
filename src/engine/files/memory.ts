// The engine's memory: all runs that are not settled, with their orders and indexes, and the settled ones that no page
// file has yet. Every change goes through `put`, which keeps each index true; putting the old run back is how a change
// that could not be written is undone.
//
// A million waiting runs must fit: the heaps hold the runs themselves and are lazy (an entry is true while `live` has
// that very object; run/run-heap.ts tells of large ones), and everything else is per run only where the run has
// something to say.

import { Picker } from '../../run/pick.ts';
import {
  asideOf,
  isHeldUp,
  isSettled,
  isSettledName,
  queuedSince,
  type Run,
  STATE_NAMES,
  type StateName,
} from '../../run/run.ts';
import { RunHeap } from '../../run/run-heap.ts';
import { lightOf, RUN_ID, readRun } from '../../run/stored-run.ts';
import { promote } from '../../run/transitions.ts';
import { lengthOf } from '../../run/waits.ts';
import { weightOf } from '../../run/weight.ts';
import type { Note } from '../../store/folder.ts';
import type { PagedTable } from '../../store/pages.ts';
import { type Aside, fitting, sensible } from '../../store/table.ts';
import { pageOf, type Summary, Tally } from '../../store/tally.ts';
import { ById } from '../../support/by-id.ts';
import { PAGE_SIZE } from '../../support/limits.ts';
import type { SteadyTime } from '../../support/steady-time.ts';
import type { DueOrder } from './due-order.ts';
import { Waits } from './waits.ts';

/** Returns the run, or what stands in its place; a text says what is wrong with one that has no number. */
export function runOf(raw: unknown, note: Note): Run | string {
  const run = readRun(raw);
  if (typeof run !== 'string' && run !== raw)
    note(`run ${run.id} makes no sense: ${asideOf(run)}`, true);
  return run;
}

export const newTally = (): Tally<Run, StateName> =>
  new Tally({
    states: STATE_NAMES,
    isRest: isSettledName,
    groupOf: ({ job }) => job,
    stateOf: ({ state }) => state.name,
    restsSince: ({ state }) => ('settledAt' in state ? state.settledAt : null),
  });

export class Memory implements PagedTable<Run> {
  readonly name = 'runs';
  readonly what = 'run';
  readonly read = runOf;
  readonly isAtRest = isSettled;
  readonly lightOf = lightOf;
  readonly live = new ById<Run>();
  /** Settled since their page was written; null for a run that was removed. */
  readonly fresh = new ById<Run | null>();
  /** Runs that were removed since the last fold began. */
  removed = 0;
  /** Estimated heap of the runs held here. */
  readonly bytes = { unsettled: 0, settled: 0 };
  readonly tally = newTally();
  readonly picker = new Picker((id) => this.live.get(id));
  /** Pages with a run that changed since their file was written. */
  readonly dirty = new Set<number>();
  /** For each run that others wait for, those others. */
  readonly dependents = new Map<number, Set<number>>();
  /** Unsettled runs by the schedule that made them. */
  readonly bySchedule = new Map<string, Set<number>>();
  /** Runs that were set aside before they had ended: what waits for them goes on waiting. */
  readonly heldUp = new Set<number>();
  /** The order that a client looks at just now, or has lately. */
  dueOrder: DueOrder | null = null;
  /** Runs that wait for an instant. */
  readonly #due = new RunHeap(
    (a, b) => a.state.dueAt < b.state.dueAt,
    (run) => this.live.get(run.id) === run,
  );
  readonly #waits = new Waits((run) => this.live.get(run.id) === run);
  #offset = (): number => 0;
  readonly #keys = new Map<string, number>();
  readonly #names = new Map<string, string>();

  /** The run as it is; null where it was removed, undefined where only its page can tell. */
  known(id: number): Run | null | undefined {
    return this.live.get(id) ?? this.fresh.get(id);
  }

  /** Replaces `prev` (null: there was none) by `next` (null: it is removed). */
  put(prev: Run | null, next: Run | null): void {
    const run = (next ?? prev) as Run;
    this.#weigh(this.known(run.id), -1);
    this.#weigh(next, 1);
    // The new one first: the counts of a page with this one run would be thrown away and made anew.
    if (next) this.tally.add(next, 1);
    if (prev) this.tally.add(prev, -1);
    this.dirty.add(pageOf(run.id));
    this.#noteHeldUp(run.id, next);
    if (this.dueOrder?.put(prev, next) === false) this.dueOrder = null;
    // Before the orders are told: what they hold of the run as it was is true no longer.
    if (next && !isSettled(next)) this.live.set(run.id, next);
    else this.live.delete(run.id);
    if (prev?.state.name === 'running' && next?.state.name === 'running') return;
    if (prev) this.#leave(prev);
    if (next) this.#enter(next);
    else this.#remove(run.id);
  }

  /** Takes in a run as its page has it: no change, so the page stays clean. */
  load(run: Run): void {
    this.tally.add(run, 1);
    // It was parsed a moment ago and is not shared: the one change of a run in place.
    const own: { -readonly [Field in keyof Run]: Run[Field] } = run;
    if (run.state.name === 'queued') own.state = queuedSince(run.state.dueAt, run.state.waitMs);
    own.job = this.#nameOf(run.job);
    this.#noteHeldUp(run.id, run);
    if (isSettled(run)) return;
    this.#weigh(run, 1);
    this.live.set(run.id, run);
    this.#enter(run);
  }

  /** Drops a settled or removed run that its page file knows as it is. */
  forget(id: number): void {
    this.#weigh(this.fresh.get(id), -1);
    this.fresh.delete(id);
  }

  #weigh(run: Run | null | undefined, by: 1 | -1): void {
    if (run) this.bytes[isSettled(run) ? 'settled' : 'unsettled'] += by * weightOf(run);
  }

  hold(run: Run): void {
    this.fresh.set(run.id, run);
  }

  *held(): Generator<Run> {
    for (const run of this.fresh.values()) if (run) yield run;
  }

  aside(run: Run): Aside | null {
    const why = asideOf(run);
    if (why === null) return null;
    const { id } = run;
    const message = `run ${id} is set aside, for it makes no sense: ${why}`;
    const hint = `Look at it: jobrun show ${id}; then jobrun retry ${id}, jobrun remove ${id}, or jobrun doctor --repair`;
    return { message, hint };
  }

  *logged(): Generator<{ id: number; rows: number }> {
    for (const { id, life } of this.live.values()) {
      const rows = life?.rows ?? 0;
      if (rows > 0) yield { id, rows };
    }
  }

  count(run: Run): void {
    this.tally.add(run, 1);
    this.#noteHeldUp(run.id, run);
  }

  written(page: number, runs: readonly Run[]): void {
    const byId = new Map(runs.map((run) => [run.id, run]));
    for (let id = page * PAGE_SIZE; id < (page + 1) * PAGE_SIZE; id++) {
      const run = this.fresh.get(id);
      if (run === undefined) continue;
      if (run === null ? !byId.has(id) : byId.get(id) === run) this.forget(id);
    }
  }

  summary(numbers: readonly number[]): Summary {
    return { ...this.tally.summary(numbers), aside: [...this.heldUp] };
  }

  takeSummary(summary: Summary, note: Note): readonly number[] {
    const aside = summary.aside ?? [];
    for (const id of sensible(aside, fitting<number>(RUN_ID), 'run that is set aside', note))
      this.heldUp.add(id);
    return this.tally.takeSummary(summary, note);
  }

  /** One text for all runs of a job: each was parsed with one of its own, which is 32 MB in a million. */
  #nameOf(job: string): string {
    const known = this.#names.get(job);
    if (known === undefined) this.#names.set(job, job);
    return known ?? job;
  }

  /** The unsettled run of a job that has this key. */
  findKey(job: string, key: string): Run | null {
    const id = this.#keys.get(keyOf(job, key));
    return id === undefined ? null : (this.live.get(id) ?? null);
  }

  /** Queues what is due. Returns the runs as they were and are. */
  promote(now: number): { prev: Run; run: Run }[] {
    const promoted: { prev: Run; run: Run }[] = [];
    const steady = this.steady(now);
    for (let prev = this.#takeDue(now, steady); prev; prev = this.#takeDue(now, steady)) {
      const run = promote(prev);
      const dirty = this.dirty.has(pageOf(run.id));
      this.put(prev, run);
      // Nothing was decided that the clock would not decide again: the page need not be written for it.
      if (!dirty) this.dirty.delete(pageOf(run.id));
      promoted.push({ prev, run });
    }
    return promoted;
  }

  nextDueAt(now: number): number | null {
    const steady = this.steady(now);
    const waited = this.#waits.first()?.until ?? Number.POSITIVE_INFINITY;
    const place = this.picker.nextPlaceAt(steady) ?? Number.POSITIVE_INFINITY;
    const instant = this.#due.first()?.state.dueAt ?? Number.POSITIVE_INFINITY;
    const next = Math.min(instant, Math.min(waited, place) + now - steady);
    return Number.isFinite(next) ? next : null;
  }

  /** From now on durations are held in steady time. A record that was read is held against the present first. */
  begin(time: SteadyTime, now: number): void {
    this.#offset = () => time.offset;
    this.#waits.cut(now);
    this.picker.cutStarts(now);
  }

  /** The same moment as no set clock moves it. */
  steady(now: number): number {
    return now - this.#offset();
  }

  /** Waits whose end has another name since the clock was set. */
  movedWaits(): readonly { readonly run: Run; readonly dueAt: number }[] {
    return this.#waits.moved(this.#offset());
  }

  /** Starts that a later daemon has to know of, on the present clock. */
  starts(): readonly (readonly [job: string, at: readonly number[]])[] {
    const offset = this.#offset();
    return this.picker.starts().map(([job, all]) => [job, all.map((at) => at + offset)]);
  }

  /** The runs that a waiting one still waits for. */
  pendingOf(run: Run): number[] {
    return (run.origin?.after ?? []).filter((id) => this.live.has(id) || this.heldUp.has(id));
  }

  #noteHeldUp(id: number, run: Run | null): void {
    if (run && isHeldUp(run)) this.heldUp.add(id);
    else if (this.heldUp.size > 0) this.heldUp.delete(id);
  }

  #takeDue(now: number, steady: number): Run | undefined {
    const waited = this.#waits.first();
    if (waited && waited.until <= steady) {
      this.#waits.takeFirst();
      return waited.run;
    }
    const first = this.#due.first();
    if (!first || first.state.dueAt > now) return undefined;
    return this.#due.take();
  }

  #enter(run: Run): void {
    if (isSettled(run)) {
      this.fresh.set(run.id, run);
      this.#waits.forget(run.id);
      return;
    }
    this.fresh.delete(run.id);
    if (lengthOf(run) !== null) this.#waits.add(run, this.#offset());
    else this.#waits.forget(run.id);
    const key = run.origin?.key;
    if (key !== undefined) this.#keys.set(keyOf(run.job, key), run.id);
    const schedule = run.origin?.schedule;
    if (schedule !== undefined) addTo(this.bySchedule, schedule, run.id);
    switch (run.state.name) {
      case 'scheduled':
        if (lengthOf(run) === null) this.#due.add(run);
        break;
      case 'queued':
        this.picker.add(run);
        break;
      case 'running':
        this.picker.started(run);
        break;
      case 'waiting':
        if (run.state.for === 'runs') this.#await(run);
        break;
    }
  }

  #remove(id: number): void {
    this.fresh.set(id, null);
    this.removed++;
  }

  #leave(run: Run): void {
    if (isSettled(run)) {
      this.fresh.delete(run.id);
      return;
    }
    const key = run.origin?.key;
    if (key !== undefined && this.#keys.get(keyOf(run.job, key)) === run.id)
      this.#keys.delete(keyOf(run.job, key));
    const schedule = run.origin?.schedule;
    if (schedule !== undefined) removeFrom(this.bySchedule, schedule, run.id);
    if (run.state.name === 'queued') this.picker.remove(run);
    if (run.state.name === 'scheduled' && lengthOf(run) === null) this.#due.left();
    if (run.state.name === 'running') this.picker.ended(run);
    if (run.state.name === 'waiting' && run.state.for === 'runs') this.#forget(run);
  }

  #await(run: Run): void {
    for (const id of run.origin?.after ?? []) addTo(this.dependents, id, run.id);
  }

  #forget(run: Run): void {
    for (const id of run.origin?.after ?? []) removeFrom(this.dependents, id, run.id);
  }
}

function addTo<K>(sets: Map<K, Set<number>>, key: K, id: number): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(id));
}

function removeFrom<K>(sets: Map<K, Set<number>>, key: K, id: number): void {
  const set = sets.get(key);
  set?.delete(id);
  if (set?.size === 0) sets.delete(key);
}

const keyOf = (job: string, key: string): string => `${job}\0${key}`;
