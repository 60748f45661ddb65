// How many records of each group are in each state, page by page, and when those at rest came to rest: counts for
// everybody, and for lists the means to skip a page without reading it. Every change keeps it up to date, so counts add
// up at every moment. The manifest keeps it too, so that a start reads no page for it.
import * as v from 'valibot';
import { PAGE_SIZE } from '../support/limits.ts';
import { faultOf, instant, mapOf, type Schema, strict, tuple, whole } from '../support/schema.ts';
import type { Note } from './folder.ts';
import { fitting, sensible } from './table.ts';

export const pageOf = (id: number): number => Math.floor(id / PAGE_SIZE);

/** How the records of a table are counted. */
export interface Counting<R, S extends string> {
  readonly states: readonly S[];
  /** Nothing more becomes of a record in such a state by itself. */
  isRest(state: S): boolean;
  groupOf(record: R): string;
  stateOf(record: R): S;
  /** Since when a record is at rest; null where it is not. */
  restsSince(record: R): number | null;
}

/** When the first and the last record of a page came to rest. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** The span of a page without a record at rest. */
export const EMPTY: Span = { first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY };
/** The span of a page that has to be read before anything is known of it. */
export const UNKNOWN: Span = { first: Number.NEGATIVE_INFINITY, last: Number.POSITIVE_INFINITY };

const widened = (span: Span, { first, last }: Span): Span => ({
  first: Math.min(span.first, first),
  last: Math.max(span.last, last),
});

/**
 * The manifest's record of pages: their counts by group and state, and the spans that are neither empty nor unknown.
 */
export interface Summary {
  readonly pages: readonly (readonly [page: number, counts: unknown])[];
  readonly settled?: readonly (readonly [page: number, first: number, last: number])[];
  readonly [field: string]: unknown;
}

type Counts<S extends string> = Readonly<Record<S, number>>;
type Grouped = Readonly<Record<string, Readonly<Record<string, number>>>>;
type Cells = number[];

interface Page {
  readonly groups: Map<string, Cells>;
  readonly sum: Cells;
  span: Span;
  /** Another number after each change: what was learnt of a page holds as long as it is the same. */
  version: number;
}

export class Tally<R, S extends string> {
  readonly #is: Counting<R, S>;
  readonly #columns: ReadonlyMap<string, number>;
  readonly #pages = new Map<number, Page>();
  readonly #all: Page;
  /** The pages, newest first, until one comes or goes. */
  #order: readonly number[] | null = null;
  /** The manifest's answer about pages. */
  readonly #counts = new Map<number, Grouped>();
  readonly #spans = new Map<number, Span>();
  readonly #grouped: Schema;

  constructor(is: Counting<R, S>) {
    this.#is = is;
    this.#columns = new Map(is.states.map((name, i) => [name, i]));
    this.#all = this.#newPage();
    this.#grouped = mapOf(
      strict(Object.fromEntries(is.states.map((name) => [name, v.optional(whole(0))]))),
    );
  }

  // ---------------------------------------------------------------------------------------------------- changes

  add(record: R & { readonly id: number }, by: 1 | -1): void {
    const is = this.#is;
    const page = pageOf(record.id);
    this.#add(page, is.groupOf(record), is.stateOf(record), by);
    const own = this.#pages.get(page);
    const at = by > 0 ? is.restsSince(record) : null;
    if (own && at !== null) own.span = widened(own.span, { first: at, last: at });
  }

  /**
   * Makes the span of a page exact: none has to be too narrow, and changes only widen it. These are all of its records.
   */
  measure(page: number, records: Iterable<R>): void {
    const own = this.#pages.get(page);
    if (own) own.span = this.#spanOf(records);
  }

  #spanOf(records: Iterable<R>): Span {
    let [first, last] = [EMPTY.first, EMPTY.last];
    for (const record of records) {
      const at = this.#is.restsSince(record);
      if (at === null) continue;
      first = Math.min(first, at);
      last = Math.max(last, at);
    }
    return { first, last };
  }

  #add(page: number, group: string, state: string, by: number): void {
    const column = this.#columns.get(state) ?? 0;
    const own = this.#pages.get(page) ?? this.#begin(page);
    own.version = ++this.#all.version;
    this.#addTo(own, group, column, by);
    this.#addTo(this.#all, group, column, by);
    if (by > 0 || own.groups.size > 0) return;
    this.#pages.delete(page);
    this.#order = null;
  }

  /** Runs four times for each change of a record, so it allocates nothing for the garbage collector. */
  #addTo({ groups, sum }: Page, group: string, column: number, by: number): void {
    let cells = groups.get(group);
    if (!cells) {
      cells = this.#newCells();
      groups.set(group, cells);
    }
    cells[column] = (cells[column] ?? 0) + by;
    sum[column] = (sum[column] ?? 0) + by;
    if (by < 0 && cells[column] === 0 && cells.every((n) => n === 0)) groups.delete(group);
  }

  #begin(page: number): Page {
    const own = this.#newPage();
    this.#pages.set(page, own);
    this.#order = null;
    return own;
  }

  #newPage(): Page {
    return { groups: new Map(), sum: this.#newCells(), span: EMPTY, version: 0 };
  }

  #newCells(): Cells {
    return this.#is.states.map(() => 0);
  }

  // ------------------------------------------------------------------------------------------------------ answers

  counts(): Counts<S> {
    return this.#countsOf(this.#all.sum);
  }

  byGroup(): Map<string, Counts<S>> {
    return new Map([...this.#all.groups].map(([name, cells]) => [name, this.#countsOf(cells)]));
  }

  #countsOf(cells: Cells): Counts<S> {
    // The names are all states: fromEntries does not say so.
    return Object.fromEntries(this.#is.states.map((name, i) => [name, cells[i] ?? 0])) as Counts<S>;
  }

  /** Pages that hold any record, newest first. */
  pages(): readonly number[] {
    this.#order ??= [...this.#pages.keys()].sort((a, b) => b - a);
    return this.#order;
  }

  hasPage(page: number): boolean {
    return this.#pages.has(page);
  }

  /** Returns the span of a page: none of its records came to rest outside of it. */
  spanOf(page: number): Span {
    return this.#pages.get(page)?.span ?? EMPTY;
  }

  versionOf(page: number): number {
    return this.#pages.get(page)?.version ?? 0;
  }

  /** Records of a page, or of all, in any of these states and groups; null stands for all. */
  matching(
    page: number | null,
    states: readonly S[] | null = null,
    groups: ReadonlySet<string> | null = null,
  ): number {
    const from = page === null ? this.#all : this.#pages.get(page);
    if (!from) return 0;
    const columns = (states ?? this.#is.states).map((name) => this.#columns.get(name) ?? 0);
    const sumOf = (cells: Cells | undefined): number => {
      let sum = 0;
      for (const column of columns) sum += cells?.[column] ?? 0;
      return sum;
    };
    if (!groups) return sumOf(from.sum);
    let sum = 0;
    if (groups.size < from.groups.size)
      for (const name of groups) sum += sumOf(from.groups.get(name));
    else for (const [name, cells] of from.groups) if (groups.has(name)) sum += sumOf(cells);
    return sum;
  }

  // ---------------------------------------------------------------------------------------- what the manifest keeps

  summary(pages: readonly number[]): Summary {
    const counted = pages.map((page) => [page, this.#groupedOf(page)] as const);
    const settled = pages.flatMap((page) => {
      const { first, last } = this.spanOf(page);
      return Number.isFinite(first) ? [[page, first, last] as const] : [];
    });
    return { pages: counted, settled };
  }

  #groupedOf(page: number): Grouped {
    const entries = [...(this.#pages.get(page)?.groups ?? [])].map(([name, cells]) => {
      const nonZero = this.#is.states.flatMap((state, i) => (cells[i] ? [[state, cells[i]]] : []));
      return [name, Object.fromEntries(nonZero)];
    });
    return Object.fromEntries(entries);
  }

  /** Remembers what makes sense of that, and returns the pages that it names. */
  takeSummary({ pages, settled }: Summary, note: Note): readonly number[] {
    for (const [page, held] of pages) {
      const wrong = faultOf(this.#grouped, held);
      if (wrong !== null) note(`the counts of page ${page} make no sense: ${wrong}`);
      // Its contents are unknown then: it counts as not at rest, so it is read.
      this.#counts.set(page, wrong === null ? (held as Grouped) : this.#notKnown);
    }
    // Missing if an earlier version wrote the file.
    const read = fitting<readonly [page: number, first: number, last: number]>(SPAN);
    for (const [page, first, last] of sensible(settled ?? [], read, 'span of a page', note))
      this.#spans.set(page, { first, last });
    return pages.map(([page]) => page);
  }

  get #notKnown(): Grouped {
    const open = this.#is.states.find((state) => !this.#is.isRest(state)) ?? '';
    return { '': { [open]: 1 } };
  }

  /** How many records a page has by the manifest. */
  keptCount(page: number): number {
    const all = Object.values(this.#counts.get(page) ?? {}).flatMap((of) => Object.values(of));
    return all.reduce((sum, n) => sum + n, 0);
  }

  /** True if all records of a page are at rest by the manifest: such a page need not be read at a start. */
  isAtRest(page: number): boolean {
    const states = Object.values(this.#counts.get(page) ?? {}).flatMap((of) => Object.keys(of));
    return states.every((state) => this.#is.isRest(state as S));
  }

  /** Counts a page by the manifest as long as it stays on the disk, or no longer, for it is read after all. */
  countKept(page: number, by: 1 | -1): void {
    const counts = this.#counts.get(page);
    for (const [group, states] of Object.entries(counts ?? {}))
      for (const [state, n] of Object.entries(states)) this.#add(page, group, state, by * n);
    const own = this.#pages.get(page);
    const span = (by === 1 ? this.#spans.get(page) : undefined) ?? UNKNOWN;
    if (own && counts) own.span = widened(own.span, span);
  }
}

/** Page, and when the first and the last of its records came to rest. */
const SPAN = v.pipe(
  tuple(whole(0), instant, instant),
  v.check((span) => {
    const [, first, last] = span as readonly [number, number, number];
    return first <= last;
  }, ' ends before it begins'),
);
