// What the engine holds in memory: all runs that are not settled, with their orders and indexes, and the settled ones
// that no page file has yet. Every change goes through `put`, which keeps each index true; putting the old run back
// is how a change that could not be written is undone.
//
// A million waiting runs must fit: the heaps hold the runs themselves and are lazy (an entry is true while `live` has
// that very object; run/run-heap.ts tells of large ones), and everything else is per run only where the run has something to say.

import { Picker } from '../../run/pick.ts';
import { isSettled, queuedSince, type Run } from '../../run/run.ts';
import { RunHeap } from '../../run/run-heap.ts';
import { asideOf, isHeldUp, lightOf, RUN_ID, readRun } from '../../run/stored-run.ts';
import { promote } from '../../run/transitions.ts';
import { lengthOf } from '../../run/waits.ts';
import { weightOf } from '../../run/weight.ts';
import { ById } from '../../store/by-id.ts';
import type { Note } from '../../store/damage.ts';
import { type PagedTable, pageOf, type Summary } from '../../store/pages.ts';
import { fitting, sensible } from '../../store/table.ts';
import { PAGE_SIZE } from '../../support/limits.ts';
import type { SteadyTime } from '../../support/steady-time.ts';
import type { DueOrder } from './due-order.ts';
import { PageSummaries, Tally } from './tally.ts';
import { Waits } from './waits.ts';

/** Returns the run, or what stands in its place; a text says what is wrong with one that has no number. */
export function runOf(raw: unknown, note: Note): Run | string {
  const run = readRun(raw);
  if (typeof run !== 'string' && run !== raw)
    note(`run ${run.id} makes no sense: ${asideOf(run)}`, true);
  return run;
}

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
  readonly tally = new Tally();
  readonly picker = new Picker((id) => this.live.get(id));
  /** Pages with a run that changed since their file was written. */
  readonly dirty = new Set<number>();
  /** For each run that others wait for, those others. */
  readonly dependents = new Map<number, Set<number>>();
  /** Unsettled runs by the schedule that made them. */
  readonly bySchedule = new Map<string, Set<number>>();
  /** Runs that were set aside before they had ended: what waits for them goes on waiting. */
  readonly aside = new Set<number>();
  /** The order that somebody looks at just now, or has lately. */
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
  readonly #summaries = new PageSummaries();

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
    this.#noteAside(run.id, next);
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
    // It was parsed a moment ago and nobody else has it: the one change of a run there is.
    const state =
      run.state.name === 'queued' ? queuedSince(run.state.dueAt, run.state.waitMs) : run.state;
    Object.assign(run, { state, job: this.#nameOf(run.job) });
    this.#noteAside(run.id, run);
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

  count(run: Run): void {
    this.tally.add(run, 1);
    this.#noteAside(run.id, run);
  }

  pages(): readonly number[] {
    return this.tally.pages();
  }

  hasPage(page: number): boolean {
    return this.tally.hasPage(page);
  }

  countOf(page: number): number {
    return this.tally.matching(page, null, null);
  }

  measure(page: number, runs: Iterable<Run>): void {
    this.tally.measure(page, runs);
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
    const pages = numbers.map((page) => [page, this.tally.ofPage(page)] as const);
    return { pages, settled: this.tally.spans(numbers), aside: [...this.aside] };
  }

  takeSummary(summary: Summary, note: Note): readonly number[] {
    const aside = summary.aside ?? [];
    for (const id of sensible(aside, fitting<number>(RUN_ID), 'run that is set aside', note))
      this.aside.add(id);
    return this.#summaries.take(summary, note);
  }

  summaryCount(page: number): number {
    return this.#summaries.count(page);
  }

  isPageAtRest(page: number): boolean {
    return this.#summaries.isSettled(page);
  }

  countPage(page: number, isOnDisk: boolean): void {
    this.#summaries.addTo(this.tally, page, isOnDisk ? 1 : -1);
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

  /** From now on durations are held in steady time. What was read is held against the present first. */
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
    return (run.origin?.after ?? []).filter((id) => this.live.has(id) || this.aside.has(id));
  }

  #noteAside(id: number, run: Run | null): void {
    if (run && isHeldUp(run)) this.aside.add(id);
    else if (this.aside.size > 0) this.aside.delete(id);
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
