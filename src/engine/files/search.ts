// Lists without holding all runs: counts come from the tally, and only the pages that can hold a part of the window
// asked for are looked into. If the filter asks for more than the tally knows (key, words, time), the runs themselves
// are looked at, a page at a turn, so that nothing else waits. The findings about a page hold until one of its runs
// changes. So a client that looks at the same list again reads only what is new, and a filter that is typed on looks
// only where the letters before were found.
import { isSettledName, type Run, SETTLED, STATE_NAMES, type StateName } from '../../run/run.ts';
import { isNarrower, isSearched, WordFilter } from '../../run/words.ts';
import { type Pages, readable } from '../../store/pages.ts';
import { pageOf, UNKNOWN } from '../../store/tally.ts';
import type { JobrunError } from '../../support/errors.ts';
import { MB } from '../../support/limits.ts';
import { weightOfValue } from '../../support/weight.ts';
import type { Found, Query } from '../engine.ts';
import { DueOrder, isWaiting, Nearest } from './due-order.ts';
import type { Memory } from './memory.ts';
import { measured, type Part, SettledWindow, turn } from './settled-order.ts';

/** The findings about a page, for one filter. */
interface Known {
  readonly version: number;
  readonly count: number;
  /** The ones that fit, newest first, where they are few. */
  readonly runs: readonly Run[] | null;
}

interface Ages {
  readonly version: number;
  readonly oldest: number;
  readonly newest: number;
}

/** The part of a query that decides which runs fit. */
type Filter = Omit<Query, 'offset' | 'limit' | 'below' | 'light' | 'order' | 'around'>;

const FILTERS_KNOWN = 4;
/** Pages with more that fit are read again: the window then is in few of them. */
const FEW = 50;
/** Runs kept for all filters together, at most: some megabytes. */
const RUNS_KEPT = 8000;

/** So far from the first or the last, runs are found by one pass over all. */
const NEAR = 1000;

/** Bytes of runs that are searched for words in one turn. */
const A_TURN = MB;

/** The size of most runs. */
const A_RUN = 512;

export class Search {
  readonly #memory: Memory;
  readonly #pages: Pages<Run>;
  /** The filters that were asked for last, the oldest first. */
  readonly #known = new Map<string, { filter: Filter; pages: Map<number, Known> }>();
  readonly #ages = new Map<number, Ages>();
  #kept = 0;

  constructor(memory: Memory, pages: Pages<Run>) {
    this.#memory = memory;
    this.#pages = pages;
  }

  run(query: Query): AsyncGenerator<Found> {
    if (query.order === 'due') return this.#byDue(query);
    return query.order === 'settled' ? this.#bySettled(query) : this.#byId(query);
  }

  async *#byId(query: Query): AsyncGenerator<Found> {
    const { tally } = this.#memory;
    const plan = this.#planOf(query);
    const known = this.#knownOf(query);
    const isOldest = query.order === 'oldest';
    const isWhole = plan.counted && plan.below === Number.POSITIVE_INFINITY;
    const all = isWhole ? tally.matching(null, plan.states, plan.jobs) : null;
    const pageOfRun = plan.around === null ? null : pageOf(plan.around);
    const pages = isOldest ? tally.pages().toReversed() : tally.pages();
    const runs: Run[] = [];
    const damage: JobrunError[] = [];
    let at: number | null = null;
    let [seen, searched] = [0, 0];
    for (const page of pages) {
      const most = tally.matching(page, plan.states, plan.jobs);
      if (most === 0 || page > pageOf(plan.below)) continue;
      searched += most;
      const isCut = page === pageOf(plan.below);
      const count = isCut ? null : this.#countOf(page, most, plan, known);
      const isWanted = count !== 0 && seen < plan.until && seen + (count ?? 1) > plan.from;
      if (count !== null && !isWanted && page !== pageOfRun) {
        seen += count;
        continue;
      }
      const found = await readable(this.#fitting(page, plan, known), damage);
      if (found === null) {
        seen += count ?? 0;
        continue;
      }
      const fitting = isCut ? found.filter(({ id }) => id < plan.below) : found;
      if (isOldest) fitting.reverse();
      const place = page === pageOfRun ? fitting.findIndex(({ id }) => id === plan.around) : -1;
      if (place >= 0) at = seen + place;
      if (seen < plan.until)
        runs.push(...fitting.slice(Math.max(0, plan.from - seen), plan.until - seen));
      seen += fitting.length;
      yield { total: all ?? seen, runs, at, complete: false, searched, damage };
      await turn();
    }
    yield { total: all ?? seen, runs, at, complete: true, damage };
  }

  async *#bySettled(query: Query): AsyncGenerator<Found> {
    const states = query.states?.length ? query.states.filter(isSettledName) : SETTLED;
    if (states.length === 0) return yield { total: 0, runs: [], at: null, complete: true };
    const { tally } = this.#memory;
    const plan = this.#planOf({ ...query, states });
    const known = this.#knownOf({ ...query, states });
    const all = plan.counted ? tally.matching(null, states, plan.jobs) : null;
    const damage: JobrunError[] = [];
    for await (const _ of measured(tally, this.#pages, damage))
      yield { total: all ?? 0, runs: [], at: null, complete: false, damage };
    const around = plan.around === null ? null : await this.#settled(plan.around, plan, known);
    const window = new SettledWindow(this.#parts(plan, known), plan.from, plan.until, around);
    const { runs } = window;
    let searched = 0;
    for (let part = window.next(); part; part = window.next()) {
      window.take(part, await readable(this.#fitting(part.page, plan, known), damage));
      searched += part.most;
      yield { total: all ?? window.total, runs, at: null, complete: false, searched, damage };
      await turn();
    }
    yield { total: all ?? window.total, runs, at: window.at, complete: true, damage };
  }

  /** The run, if it is in the list; a page that cannot be read is told where the window needs it. */
  async #settled(id: number, plan: Plan, known: Map<number, Known>): Promise<Run | null> {
    if (!this.#memory.tally.hasPage(pageOf(id))) return null;
    const fitting = await readable(this.#fitting(pageOf(id), plan, known), []);
    return fitting?.find((run) => run.id === id) ?? null;
  }

  /** The pages with runs that fit. A run that could not be read is none of them: nothing is known of it. */
  #parts(plan: Plan, known: Map<number, Known>): Part[] {
    const { tally } = this.#memory;
    return tally.pages().flatMap((page) => {
      const most = tally.matching(page, plan.states, plan.jobs);
      const count = most === 0 ? 0 : this.#countOf(page, most, plan, known);
      const { first, last } = tally.spanOf(page);
      if (count === 0 || first === UNKNOWN.first) return [];
      return [{ page, least: count ?? 0, most: count ?? most, first, last }];
    });
  }

  async *#byDue(query: Query): AsyncGenerator<Found> {
    const memory = this.#memory;
    const plan = this.#planOf(query);
    if (!this.#dueOrder().fill()) {
      const runs = await this.#nearEnd(plan);
      yield { total: this.#waiting(plan), runs, at: null, complete: false };
      while (!this.#dueOrder().fill()) {
        yield { total: this.#waiting(plan), runs, at: null, complete: false };
        await turn();
      }
    }
    const order = this.#dueOrder();
    const isAll = plan.counted && this.#waiting(plan) === this.#waiting(ALL);
    if (!isAll) return yield* this.#walkDue(plan);
    const around = plan.around === null ? null : memory.known(plan.around);
    const isThere = around && isWaiting(around);
    const at = isThere ? order.rank(around) : null;
    const runs = order.slice(plan.from, plan.until);
    yield { total: this.#waiting(plan), runs, at, complete: true };
  }

  /** The window without the order of all, which takes longer to make: only where it is near the first or the last. */
  async #nearEnd(plan: Plan): Promise<readonly Run[]> {
    const { from, until, fits } = plan;
    const total = this.#waiting(plan);
    const isFirst = until <= NEAR;
    const least = Math.max(0, total - until);
    if (!isFirst && total - from > NEAR) return [];
    const best = new Nearest(isFirst ? until : total - from, isFirst);
    let looked = 0;
    for (const run of this.#memory.live.values()) {
      if (isWaiting(run) && fits(run)) best.put(run);
      looked += 1 + (plan.words ? Math.floor(weightOfValue(run.params) / A_RUN) : 0);
      if (looked < 8192) continue;
      looked = 0;
      await turn();
    }
    return isFirst ? best.runs.slice(from) : best.runs.slice(least).toReversed();
  }

  /** Goes over all that wait, and on from the last one seen, whatever has changed meanwhile. */
  async *#walkDue(plan: Plan): AsyncGenerator<Found> {
    const runs: Run[] = [];
    const all = plan.counted ? this.#waiting(plan) : null;
    let [seen, at, looked] = [0, null as number | null, 0];
    let last: Run | null = null;
    while (all === null || seen < all) {
      const order = this.#dueOrder();
      const bucket: readonly Run[] = order.after(last);
      if (bucket.length === 0) break;
      for (const run of bucket) {
        if (plan.words) looked += Math.floor(weightOfValue(run.params) / A_RUN);
        if (!plan.fits(run)) continue;
        if (run.id === plan.around) at = seen;
        if (seen >= plan.from && seen < plan.until) runs.push(run);
        seen++;
      }
      last = bucket.at(-1) ?? null;
      looked += bucket.length;
      if (looked < 8192) continue;
      looked = 0;
      yield { total: all ?? seen, runs, at, complete: false };
      await turn();
      if (!order.fill()) break;
    }
    yield { total: all ?? seen, runs, at, complete: true };
  }

  #dueOrder(): DueOrder {
    this.#memory.dueOrder ??= new DueOrder(this.#memory.live);
    return this.#memory.dueOrder;
  }

  #waiting({ states, jobs }: Pick<Plan, 'states' | 'jobs'>): number {
    const waiting = (states ?? WAITING).filter((name) => WAITING.includes(name));
    return this.#memory.tally.matching(null, waiting, jobs);
  }

  /** How many fit, where that is known without a look at the runs. */
  #countOf(page: number, most: number, plan: Plan, known: Map<number, Known>): number | null {
    if (plan.counted) return most;
    if (plan.only !== null && pageOf(plan.only) !== page) return 0;
    if (plan.sure && this.#memory.tally.matching(page, plan.states, plan.sure) === most)
      return most;
    const version = this.#memory.tally.versionOf(page);
    const before = known.get(page);
    if (before?.version === version) return before.count;
    const ages = this.#ages.get(page);
    if (ages?.version !== version || plan.since === null) return null;
    if (ages.newest < plan.since) return 0;
    return plan.onlySince && ages.oldest >= plan.since ? most : null;
  }

  /** The runs of a page that fit, newest first. */
  async #fitting(page: number, plan: Plan, known: Map<number, Known>): Promise<Run[]> {
    const { tally } = this.#memory;
    const before = known.get(page);
    if (before?.runs && before.version === tally.versionOf(page)) return [...before.runs];
    const { live, mayFit } = plan;
    const all = live
      ? this.#pages.collect(page, NOTHING_FILED)
      : mayFit
        ? await this.#pages.currentLike(page, mayFit)
        : await this.#pages.current(page);
    // No wait lies between the look at the runs and their version.
    const version = tally.versionOf(page);
    if (!live && !mayFit) this.#ages.set(page, agesOf(all, version));
    const fitting = await this.#chosen(all.filter(plan.fitsBut), plan);
    const isKept = fitting.length <= FEW && this.#kept < RUNS_KEPT;
    if (isKept) this.#kept += fitting.length;
    known.set(page, { version, count: fitting.length, runs: isKept ? [...fitting] : null });
    return fitting;
  }

  /** Those of them that have the words; the values of large ones are read for that, one after the other. */
  async #chosen(runs: readonly Run[], { words }: Plan): Promise<Run[]> {
    if (words === null) return [...runs];
    const chosen = new Set<Run>();
    const open = new Map<number, Run>();
    let bytes = 0;
    for (const run of runs) {
      const fits = words.fits(run, this.#pages.isLight(run));
      if (fits) chosen.add(run);
      if (fits === null) open.set(run.id, run);
      bytes += weightOfValue(run.params);
      if (bytes < A_TURN) continue;
      bytes = 0;
      await turn();
    }
    for await (const whole of this.#pages.wholeOf([...open.values()])) {
      const run = open.get(whole.id);
      if (run && words.fits(whole)) chosen.add(run);
      await turn();
    }
    return runs.filter((run) => chosen.has(run));
  }

  #planOf(query: Query): Plan {
    return planOf(query, () => this.#memory.tally.byGroup().keys());
  }

  #knownOf(query: Query): Map<number, Known> {
    const { states, jobs, key, words, without, params, retrying, hidden, since } = query;
    const filter = { states, jobs, key, words, without, params, retrying, hidden, since };
    const name = JSON.stringify(filter);
    const known = this.#known.get(name)?.pages ?? this.#inherited(query);
    this.#known.delete(name);
    this.#known.set(name, { filter, pages: known });
    const [oldest] = this.#known.keys();
    if (this.#known.size > FILTERS_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    this.#kept = 0;
    for (const { pages } of this.#known.values())
      for (const { runs } of pages.values()) this.#kept += runs?.length ?? 0;
    return known;
  }

  /** The use of a less narrow filter for this one: where nothing fitted that, nothing fits this. */
  #inherited(query: Query): Map<number, Known> {
    const known = new Map<number, Known>();
    for (const { filter, pages } of this.#known.values()) {
      if (!isWithin(filter, query)) continue;
      for (const [page, of] of pages) if (of.count === 0) known.set(page, of);
    }
    return known;
  }
}

const NOTHING_FILED: ReadonlyMap<number, Run> = new Map();

function agesOf(runs: readonly Run[], version: number): Ages {
  const created = runs.map(({ createdAt }) => createdAt);
  return { version, oldest: Math.min(...created), newest: Math.max(...created) };
}

const WAITING: readonly StateName[] = ['scheduled', 'waiting', 'queued'];
const ALL = { states: null, jobs: null };

// --------------------------------------------------------------------------------- a query as it is carried out

interface Plan {
  readonly states: readonly StateName[] | null;
  readonly jobs: ReadonlySet<string> | null;
  /** Jobs whose runs have all the words by their name alone; null where nothing can be told from that. */
  readonly sure: ReadonlySet<string> | null;
  /** The only run that can fit, where it is asked for by its id. */
  readonly only: number | null;
  /** Only unsettled runs: memory has all of them, and no page is read. */
  readonly live: boolean;
  /** The tally can count what fits. */
  readonly counted: boolean;
  readonly words: WordFilter | null;
  /** Tells of a run's line in a page whether it may have the words; null where no line can tell. */
  readonly mayFit: ((line: Buffer) => boolean) | null;
  /** All but the words. */
  readonly fitsBut: (run: Run) => boolean;
  /** For a run with all its values. */
  readonly fits: (run: Run) => boolean;
  readonly from: number;
  readonly until: number;
  readonly below: number;
  readonly around: number | null;
  readonly since: number | null;
  /** But for the time the tally could count. */
  readonly onlySince: boolean;
}

/** `names`: of all jobs that have runs. */
function planOf(query: Query, names: () => Iterable<string>): Plan {
  const { key, since, around = null, offset: from = 0, below } = query;
  const states = query.states?.length ? query.states : null;
  const wanted = new Set<string>(states ?? STATE_NAMES);
  const words = isSearched(query) ? new WordFilter(query) : null;
  const all = words && [...names()];
  const may = all?.filter((name) => !words?.excludesJob(name));
  const given = query.jobs && new Set(query.jobs);
  const jobs = may ? new Set(may.filter((name) => !given || given.has(name))) : (given ?? null);
  const sure = all && key === undefined && since === undefined;
  const fitsBut = (run: Run): boolean =>
    wanted.has(run.state.name) &&
    (!jobs || jobs.has(run.job)) &&
    (key === undefined || run.origin?.key === key) &&
    (since === undefined || run.createdAt >= since);
  return {
    states,
    jobs,
    sure: sure ? new Set(all.filter((name) => jobs?.has(name) && words?.fitsJob(name))) : null,
    only: words?.only ?? null,
    live: states?.every((name) => !isSettledName(name)) ?? false,
    counted: key === undefined && words === null && since === undefined,
    words,
    mayFit: words?.inLine ?? null,
    fitsBut,
    fits: (run) => fitsBut(run) && (words === null || words.fits(run) === true),
    from,
    until: from + query.limit,
    below: below ?? Number.POSITIVE_INFINITY,
    around,
    since: since ?? null,
    onlySince: key === undefined && words === null,
  };
}

/** True where every run that fits the second query fits the first one, and that for its words alone. */
function isWithin(wide: Omit<Query, 'limit'>, narrow: Omit<Query, 'limit'>): boolean {
  const { states, jobs, key, since } = wide;
  const isSame =
    JSON.stringify([states, jobs, key, since]) ===
    JSON.stringify([narrow.states, narrow.jobs, narrow.key, narrow.since]);
  return isSame && isNarrower(wide, narrow);
}
