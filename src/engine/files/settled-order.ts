// Settled runs in the order in which they settled, or against it: windows of lists begin with the last one, the history
// with the first. In the same millisecond the higher id is the later one.
//
// Pages hold runs by id, and a run may settle long after its neighbours: because it took days, or was retried. So each
// page has a span (store/tally.ts), the times at which the first and the last of its settled runs settled. It may be
// too wide but never too narrow: each change widens it, and a look at all runs of the page makes it exact.
//
// Spans and counts tell which pages a window has to read:
//
//   newest   a time after which at most as many runs settled as stand before the window. A page whose span begins after
//            it lies before the window.
//   oldest   a time since which at least as many runs settled as stand before the end of the window. A page whose span
//            ends before it lies after the window.
//
// Pages before and after the window are counted. The others are read, the one whose span ends last first. A run has its
// final place once the next page ends before it: then it is in the window, or forgotten. So memory holds the runs of
// spans that overlap, and of these no more than the window can take. Once the window is full, the pages that are left
// are counted too.
import { asideOf, type Run } from '../../run/run.ts';
import { type Pages, readable } from '../../store/pages.ts';
import { EMPTY, type Span, type Tally, UNKNOWN } from '../../store/tally.ts';
import type { JobrunError } from '../../support/errors.ts';
import { PAGE_SIZE } from '../../support/limits.ts';
import type { History, Period, SettledRun } from '../engine.ts';

/** A page of which some runs fit the filter. */
export interface Part extends Span {
  readonly page: number;
  /** How many fit: exact where both are the same. */
  readonly least: number;
  readonly most: number;
}

/** Puts a window together from pages, as they are read. */
export class SettledWindow {
  readonly runs: Run[] = [];
  /** Runs that fit, as far as they have been counted. */
  total = 0;
  readonly #from: number;
  readonly #until: number;
  readonly #newest: number;
  readonly #oldest: number;
  readonly #around: Run | null;
  /** How many stand before `around`. */
  #at = 0;
  #isThere = false;
  /** How many have a final place. */
  #placed = 0;
  /** Pages that may be needed, the one to read next first. */
  readonly #left: Part[];
  /** Runs without a final place. */
  #open: Run[] = [];

  constructor(parts: readonly Part[], from: number, until: number, around: Run | null) {
    this.#from = from;
    this.#until = until;
    this.#around = around;
    this.#newest = newestOf(parts, from);
    this.#oldest = oldestOf(parts, until);
    this.#left = parts
      .filter((part) => this.#isNeeded(part))
      .sort((a, b) => b.last - a.last || b.page - a.page);
    for (const part of parts) if (!this.#isNeeded(part)) this.#count(part);
  }

  /** The page to read now, null where no more is needed. */
  next(): Part | null {
    for (let part = this.#left[0]; part; part = this.#left[0]) {
      if (this.#placed < this.#until || this.#isNeededWhole(part)) return part;
      this.#left.shift();
      this.#count(part);
    }
    return null;
  }

  /** Place of `around` in the list, once no page is left; null where it is not in the list. */
  get at(): number | null {
    return this.#isThere ? this.#at : null;
  }

  /** Takes the page that `next` gave: its runs that fit, or null where it cannot be read. */
  take(part: Part, fitting: readonly Run[] | null): void {
    if (fitting) this.#open.push(...this.#toPlace(part, fitting));
    else this.#leaveRoom(part);
    this.#left.shift();
    this.#place(this.#left[0]?.last ?? EMPTY.last);
  }

  /** The runs of a page that may be in the window. */
  #toPlace(part: Part, fitting: readonly Run[]): Run[] {
    // Runs that settled since the search began are left to the next one: they would stand before runs that have their
    // place.
    const known = fitting.filter((run) => settledAt(run) <= part.last);
    this.total += known.length;
    for (const run of known) {
      if (this.#around && isBefore(run, this.#around)) this.#at++;
      if (run.id === this.#around?.id) this.#isThere = true;
      if (settledAt(run) > this.#newest) this.#placed++;
    }
    return known.filter((run) => settledAt(run) <= this.#newest && settledAt(run) >= this.#oldest);
  }

  /** A page of which no run is in the window. */
  #count({ first, least }: Part): void {
    this.total += least;
    if (first > this.#newest) this.#placed += least;
    if (this.#around && first > settledAt(this.#around)) this.#at += least;
  }

  /** Counts a page that cannot be read: its runs keep their places, at the end of its span. */
  #leaveRoom({ last, least }: Part): void {
    this.total += least;
    this.#placed += least;
    if (this.#around && last > settledAt(this.#around)) this.#at += least;
  }

  /** Places the runs that settled after the next page ends. */
  #place(next: number): void {
    const open = this.#open.sort((a, b) => (isBefore(a, b) ? -1 : 1));
    const end = open.findIndex((run) => settledAt(run) <= next);
    const placed = end < 0 ? open : open.slice(0, end);
    for (const run of placed) {
      if (this.#placed >= this.#from && this.#placed < this.#until) this.runs.push(run);
      this.#placed++;
    }
    const room = Math.max(0, this.#until - this.#placed);
    this.#open = open.slice(placed.length, placed.length + room);
  }

  #isNeeded(part: Part): boolean {
    return (part.first <= this.#newest && part.last >= this.#oldest) || this.#isNeededWhole(part);
  }

  /** True where its runs have to be counted one by one, wherever the window is. */
  #isNeededWhole({ first, last, least, most }: Part): boolean {
    const at = this.#around && settledAt(this.#around);
    return least !== most || (at !== null && first <= at && at <= last);
  }
}

const settledAt = ({ state }: Run): number =>
  'settledAt' in state ? state.settledAt : Number.POSITIVE_INFINITY;

const isBefore = (a: Run, b: Run): boolean =>
  settledAt(a) !== settledAt(b) ? settledAt(a) > settledAt(b) : a.id > b.id;

function newestOf(parts: readonly Part[], from: number): number {
  let sum = 0;
  for (const { most, last } of parts.toSorted((a, b) => b.last - a.last)) {
    sum += most;
    if (sum > from) return last;
  }
  return EMPTY.last;
}

function oldestOf(parts: readonly Part[], until: number): number {
  let sum = 0;
  for (const { least, first } of parts.toSorted((a, b) => b.first - a.first)) {
    sum += least;
    if (sum >= until) return first;
  }
  return EMPTY.last;
}

// -------------------------------------------------------------------------------------------------------- history
//
// Pages are read in the order in which their spans begin, each once. A run has its place when no page that is left can
// hold one before it. It is held until then, light; if too many are, the last of them are left to another pass. So a
// history that is about in the order of its ids costs one look at each page, and none costs more memory than that.

/** Runs held until they have their place, at most: some megabytes. */
const HELD = 65_536;
const BATCH = 1000;

type Counts = Pick<Tally<Run, string>, 'pages' | 'spanOf'>;
type Place = Pick<SettledRun, 'settledAt' | 'id'>;

const isEarlier = (a: Place, b: Place): boolean =>
  a.settledAt !== b.settledAt ? a.settledAt < b.settledAt : a.id < b.id;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function* history(
  tally: Counts,
  pages: Pages<Run>,
  { from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY, sized }: Period,
  held = HELD,
): AsyncGenerator<History> {
  const damage: JobrunError[] = [];
  const batch = (runs: readonly SettledRun[]): History => ({ runs, damage: damage.splice(0) });
  for await (const _ of measured(tally, pages, damage)) yield batch([]);
  let begin: Place = { settledAt: from, id: 0 };
  for (let isOver = false; !isOver; ) {
    isOver = true;
    let end: Place = { settledAt: until, id: 0 };
    let waiting: SettledRun[] = [];
    const left = beginnings(tally, begin.settledAt);
    for (const [i, { page, place }] of left.entries()) {
      if (!isEarlier(place, end)) break;
      for (const run of (await readable(pages.current(page), damage)) ?? []) {
        const one = settledOf(run, sized ? pages.sizeOf(run) : 0);
        if (one && !isEarlier(one, begin) && isEarlier(one, end)) waiting.push(one);
      }
      waiting.sort((a, b) => (isEarlier(a, b) ? -1 : 1));
      const next = left[i + 1]?.place;
      const at = next ? waiting.findIndex((one) => !isEarlier(one, next)) : -1;
      const placed = waiting.splice(0, at < 0 ? waiting.length : at);
      for (let n = 0; n === 0 || n < placed.length; n += BATCH)
        yield batch(placed.slice(n, n + BATCH));
      begin = placed.at(-1) ?? begin;
      const over = waiting[held];
      if (over) [end, waiting, isOver] = [over, waiting.slice(0, held), false];
      await turn();
    }
    begin = end;
  }
}

/** Looks once into the pages of which it is not known when their runs settled: the manifest does not always tell. */
export async function* measured(
  tally: Counts,
  pages: Pages<Run>,
  damage: JobrunError[],
): AsyncGenerator<void> {
  for (const page of tally.pages()) {
    if (tally.spanOf(page).first > UNKNOWN.first) continue;
    await readable(pages.current(page), damage);
    yield;
    await turn();
  }
}

/** The pages with a run that settled at this time or later, each with the place before which it has none. */
function beginnings(tally: Counts, from: number): { page: number; place: Place }[] {
  const beginning = (page: number): { page: number; place: Place }[] => {
    const { first, last } = tally.spanOf(page);
    const isThere = Number.isFinite(first) && last >= from;
    return isThere ? [{ page, place: { settledAt: first, id: page * PAGE_SIZE } }] : [];
  };
  return tally
    .pages()
    .flatMap(beginning)
    .sort((a, b) => (isEarlier(a.place, b.place) ? -1 : 1));
}

function settledOf(run: Run, bytes: number): SettledRun | null {
  const { id, job, state } = run;
  if (!('settledAt' in state)) return null;
  const { name, settledAt } = state;
  return {
    id,
    job,
    state: name,
    settledAt,
    bytes,
    aside: asideOf(run) !== null,
  };
}
