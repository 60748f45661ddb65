// How many runs there are of each job in each state, page by page, and when the settled ones of a page settled: counts
// for everybody, and for lists the means to skip a page without reading it. Kept up to date by every change, so counts
// add up at every moment.

import * as v from 'valibot';
import {
  type Counts,
  isSettledName,
  type Run,
  STATE_NAMES,
  type StateName,
} from '../../run/run.ts';
import type { Note } from '../../store/damage.ts';
import { pageOf, type Summary } from '../../store/pages.ts';
import { fitting, sensible } from '../../store/table.ts';
import { faultOf, instant, mapOf, strict, tuple, whole } from '../../support/schema.ts';
import { EMPTY, type Span, spanOf, UNKNOWN, widened } from './settled-order.ts';

export type JobCounts = Readonly<Record<string, Partial<Counts>>>;

/** The spans of pages, without those that are empty or unknown. */
export type Spans = readonly (readonly [page: number, first: number, last: number])[];

type Cells = number[];
const COLUMN = Object.fromEntries(STATE_NAMES.map((name, i) => [name, i])) as Record<
  StateName,
  number
>;

interface PageTally {
  readonly jobs: Map<string, Cells>;
  readonly sum: Cells;
  span: Span;
  /** Another number after each change: what was learnt of a page holds as long as it is the same. */
  version: number;
}

export class Tally {
  readonly #pages = new Map<number, PageTally>();
  readonly #all: PageTally = { jobs: new Map(), sum: newCells(), span: EMPTY, version: 0 };
  /** The pages, newest first, until one comes or goes. */
  #order: readonly number[] | null = null;

  add(run: Run, by: 1 | -1): void {
    this.#add(pageOf(run.id), run.job, run.state.name, by);
    const own = this.#pages.get(pageOf(run.id));
    if (own && by > 0) own.span = widened(own.span, spanOf([run]));
  }

  /** Takes in what is known of a page that stays on the disk. */
  load(page: number, counts: JobCounts, by: 1 | -1, span: Span = UNKNOWN): void {
    for (const [job, states] of Object.entries(counts)) {
      for (const [name, n] of Object.entries(states))
        this.#add(page, job, name as StateName, by * n);
    }
    const own = this.#pages.get(page);
    if (own) own.span = widened(own.span, span);
  }

  /** Makes the span of a page exact. `runs` are all of its runs, at this moment. */
  measure(page: number, runs: Iterable<Run>): void {
    const own = this.#pages.get(page);
    if (own) own.span = spanOf(runs);
  }

  /** Returns the span of a page: none of its runs settled outside of it. */
  spanOf(page: number): Span {
    return this.#pages.get(page)?.span ?? EMPTY;
  }

  /** Returns the spans of these pages as the manifest keeps them. */
  spans(pages: readonly number[]): Spans {
    return pages.flatMap((page) => {
      const { first, last } = this.spanOf(page);
      return Number.isFinite(first) ? [[page, first, last] as const] : [];
    });
  }

  counts(): Counts {
    return countsOf(this.#all.sum);
  }

  byJob(): Map<string, Counts> {
    return new Map([...this.#all.jobs].map(([job, cells]) => [job, countsOf(cells)]));
  }

  /** Pages that hold any run, newest first. */
  pages(): readonly number[] {
    this.#order ??= [...this.#pages.keys()].sort((a, b) => b - a);
    return this.#order;
  }

  versionOf(page: number): number {
    return this.#pages.get(page)?.version ?? 0;
  }

  hasPage(page: number): boolean {
    return this.#pages.has(page);
  }

  /** Runs of a page, or of all, in any of these states and jobs; null stands for all. */
  matching(
    page: number | null,
    states: readonly StateName[] | null,
    jobs: ReadonlySet<string> | null,
  ): number {
    const from = page === null ? this.#all : this.#pages.get(page);
    if (!from) return 0;
    const columns = (states ?? STATE_NAMES).map((name) => COLUMN[name]);
    const sumOf = (cells: Cells | undefined): number => {
      let sum = 0;
      for (const column of columns) sum += cells?.[column] ?? 0;
      return sum;
    };
    if (!jobs) return sumOf(from.sum);
    let sum = 0;
    if (jobs.size < from.jobs.size) for (const job of jobs) sum += sumOf(from.jobs.get(job));
    else for (const [job, cells] of from.jobs) if (jobs.has(job)) sum += sumOf(cells);
    return sum;
  }

  /** What the manifest keeps of a page. */
  ofPage(page: number): JobCounts {
    const entries = [...(this.#pages.get(page)?.jobs ?? [])].map(([job, cells]) => {
      const nonZero = STATE_NAMES.flatMap((name, i) => (cells[i] ? [[name, cells[i]]] : []));
      return [job, Object.fromEntries(nonZero)];
    });
    return Object.fromEntries(entries);
  }

  #add(page: number, job: string, name: StateName, by: number): void {
    const own = this.#pages.get(page) ?? this.#begin(page);
    own.version = ++this.#all.version;
    for (const { jobs, sum } of [own, this.#all]) {
      bump(jobs, job, name, by);
      sum[COLUMN[name]] = (sum[COLUMN[name]] ?? 0) + by;
    }
    if (by > 0 || own.jobs.size > 0) return;
    this.#pages.delete(page);
    this.#order = null;
  }

  #begin(page: number): PageTally {
    const own = { jobs: new Map<string, Cells>(), sum: newCells(), span: EMPTY, version: 0 };
    this.#pages.set(page, own);
    this.#order = null;
    return own;
  }
}

function bump(cellsOf: Map<string, Cells>, job: string, name: StateName, by: number): void {
  const cells = cellsOf.get(job) ?? newCells();
  cellsOf.set(job, cells);
  const column = COLUMN[name];
  cells[column] = (cells[column] ?? 0) + by;
  if (by < 0 && cells[column] === 0 && cells.every((n) => n === 0)) cellsOf.delete(job);
}

function newCells(): Cells {
  return STATE_NAMES.map(() => 0);
}

function countsOf(cells: Cells): Counts {
  return Object.fromEntries(
    STATE_NAMES.map((name, i) => [name, cells[i] ?? 0]),
  ) as unknown as Counts;
}

/** What the manifest keeps of pages: their counts, and when their runs settled. */
export class PageSummaries {
  readonly #counts = new Map<number, JobCounts>();
  readonly #spans = new Map<number, Span>();

  /** Takes in what makes sense, and returns the pages that are named. */
  take({ pages, settled }: Summary, note: Note): readonly number[] {
    for (const [page, held] of pages) {
      const wrong = faultOf(COUNTS, held);
      if (wrong !== null) note(`the counts of page ${page} make no sense: ${wrong}`);
      this.#counts.set(page, wrong === null ? (held as JobCounts) : NOT_KNOWN);
    }
    // Missing if an earlier version wrote the file.
    const spans = sensible(settled ?? [], fitting<Spans[number]>(SPAN), 'span of a page', note);
    for (const [page, first, last] of spans) this.#spans.set(page, { first, last });
    return pages.map(([page]) => page);
  }

  count(page: number): number {
    const all = Object.values(this.#counts.get(page) ?? {}).flatMap((of) => Object.values(of));
    return all.reduce((sum, n) => sum + n, 0);
  }

  /** True if every run of a page is settled: such a page need not be read at a start. */
  isSettled(page: number): boolean {
    const counts = Object.values(this.#counts.get(page) ?? {});
    return counts.flatMap((of) => Object.keys(of) as StateName[]).every(isSettledName);
  }

  /** Counts a page that stays on the disk, or no longer. */
  addTo(tally: Tally, page: number, by: 1 | -1): void {
    const counts = this.#counts.get(page);
    if (counts) tally.load(page, counts, by, by === 1 ? this.#spans.get(page) : undefined);
  }
}

/** A page of which it is not known what it holds: it is read. */
const NOT_KNOWN: JobCounts = { '': { queued: 1 } };

/** Page, and when the first and the last of its runs settled. */
const SPAN = v.pipe(
  tuple(whole(0), instant, instant),
  v.check((span) => {
    const [, first, last] = span as Spans[number];
    return first <= last;
  }, ' ends before it begins'),
);

/** Of each job, how many runs are in each state. */
const COUNTS = mapOf(
  strict(Object.fromEntries(STATE_NAMES.map((name) => [name, v.optional(whole(0))]))),
);
