// Lists. The first runs of a window come from an index, however many there are: of one state, or of one job and state,
// at a time. How many fit is added up from `tally`; where the filter asks for more than that knows (key, time, id),
// they are counted, and the window is given before. Runs that have words are looked for one by one, a page at a time.
//
// The statements have no name: each is planned for what it asks.
import { isSettledName, type Run, SETTLED, STATE_NAMES, type StateName } from '../../run/run.ts';
import { keptRun, withoutValues } from '../../run/stored-run.ts';
import { isSearched, WordFilter } from '../../run/words.ts';
import type { Found, Query } from '../engine.ts';
import { refuseLongList } from '../list-bytes.ts';
import {
  type ListedRow,
  ListedRuns,
  listedColumns,
  mostListed,
  PART_BYTES,
} from './listed-runs.ts';
import { columnOf } from './run-row.ts';
import type { Sessions } from './session.ts';

type Order = NonNullable<Query['order']>;

const ORDERS: Readonly<Record<Order, string>> = {
  newest: 'r.id desc',
  oldest: 'r.id',
  due: 'r.due_at, r.id',
  settled: 'r.settled_at desc, r.id desc',
};

/** Stands before the run `$1`, which is due at `$2` and has settled at `$3`. */
const BEFORE: Readonly<Record<Order, string>> = {
  newest: 'r.id > $1',
  oldest: 'r.id < $1',
  due: '(r.due_at, r.id) < ($2::float8, $1)',
  settled: '(r.settled_at, r.id) > ($3::float8, $1)',
};

/** The same of one that stands after it. */
const AFTER: Readonly<Record<Order, string>> = {
  newest: BEFORE.oldest,
  oldest: BEFORE.newest,
  due: BEFORE.due.replace('<', '>'),
  settled: BEFORE.settled.replace('>', '<'),
};

/** Runs that are looked into at once; fewer of large ones. */
const PAGE = 2000;

/** The place of a run in any order: its id, and when it is due and has settled. */
type Place = readonly (number | null)[];

interface Page {
  /** Those that may have the words. */
  readonly runs: readonly Sized[];
  readonly looked: number;
  readonly isLast: boolean;
  /** The place where it ends. */
  readonly end: Place | null;
}

/** A run with the length of its JSON. */
interface Sized {
  readonly run: Run;
  readonly bytes: number;
}

/** A run that may have the words, or at the end the place where the page ends. */
interface PageRow {
  readonly doc: unknown;
  readonly bytes: number;
  readonly place: Place;
  readonly n: number | null;
  readonly last: boolean | null;
}

/**
 * It stands in JSON as it is, and in one piece: the name of an error and its message are looked through as one text.
 */
const isPlain = (word: string): boolean => /^[!$-.0-9;-[\]-~]+$/.test(word);

/** The database looks where letters have no case but that of ASCII. Elsewhere the run itself is looked at. */
const mayHave = (word: string): string =>
  `(position(${word} in lower(r.doc::text)) > 0 or length(r.doc::text) <> r.bytes)`;

const settledAt = ({ state }: Run): number => ('settledAt' in state ? state.settledAt : 0);
const SORTS: Readonly<Record<Order, (a: Run, b: Run) => number>> = {
  newest: (a, b) => b.id - a.id,
  oldest: (a, b) => a.id - b.id,
  due: (a, b) => a.state.dueAt - b.state.dueAt || a.id - b.id,
  settled: (a, b) => settledAt(b) - settledAt(a) || b.id - a.id,
};

const WAITING: readonly StateName[] = ['scheduled', 'waiting', 'queued'];

export class Search {
  readonly #sessions: Sessions;
  readonly #listed: ListedRuns;

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
    this.#listed = new ListedRuns(sessions);
  }

  async all(query: Query): Promise<Found> {
    let last: Found = NOTHING;
    for await (const found of this.parts(query)) last = found;
    return last;
  }

  async *parts(query: Query): AsyncGenerator<Found> {
    const plan = planOf(query);
    if (plan.states?.length === 0) return yield NOTHING;
    if (isSearched(query)) return yield* this.#withWords(plan, query);
    const window = await this.#window(plan);
    const { runs } = window;
    if (window.total !== null && query.around === undefined)
      return yield { total: window.total, runs, at: null, complete: true };
    yield { total: window.total ?? runs.length, runs, at: null, complete: false };
    const total = window.total ?? (await this.#count(plan, []));
    const at = query.around === undefined ? null : await this.#placeOf(plan, query.around);
    yield { total, runs, at, complete: true };
  }

  async #window(
    plan: Plan,
  ): Promise<{ readonly total: number | null; readonly runs: readonly Run[] }> {
    const values = new Values();
    const ids = plan.page(values);
    const total = plan.isCounted ? plan.tally(values) : 'null';
    const columns = listedColumns(`${values.add(mostListed(plan.isLight))}::integer`);
    const text = `with page as materialized (${ids})
      select null::float8 as id, null::float8 as changed, 0 as bytes, null::json as doc, ${total}::float8 as n
      union all select ${columns}, null from page p join run r on r.id = p.id`;
    const rows = await this.#sessions.read<ListedRow & { n: number | null }>({
      text,
      values: values.all,
    });
    const found = rows.filter(({ id }) => id !== null);
    const runs = await this.#listed.of(found, plan.isLight);
    return {
      total: rows.find(({ id }) => id === null)?.n ?? null,
      runs: runs.toSorted(SORTS[plan.order]),
    };
  }

  async *#withWords(plan: Plan, query: Query): AsyncGenerator<Found> {
    const { offset = 0, limit, around } = query;
    const filter = new WordFilter(query);
    const runs: Run[] = [];
    const lengths: number[] = [];
    let [total, searched] = [0, 0];
    let at: number | null = null;
    for (let after: Place | null = null, isOver = false; !isOver; ) {
      const page: Page = await this.#pageAfter(plan, after, filter.only, query.words ?? []);
      for (const { run, bytes } of page.runs) {
        if (!filter.fits(run)) continue;
        if (total >= offset && total < offset + limit) {
          runs.push(plan.isLight ? withoutValues(run) : run);
          lengths.push(bytes);
        }
        if (run.id === around) at = total;
        total++;
      }
      if (!plan.isLight) refuseLongList(lengths);
      searched += page.looked;
      after = page.end;
      isOver = page.isLast;
      yield { total, runs, at, complete: false, searched };
    }
    yield { total, runs, at, complete: true };
  }

  async #pageAfter(
    plan: Plan,
    after: Place | null,
    only: number | null,
    words: readonly string[],
  ): Promise<Page> {
    const values = new Values();
    const where = plan.conditions(values);
    if (only !== null) where.push(`r.id = ${values.add(only)}`);
    if (after) where.push(placed(AFTER[plan.order], values, after));
    const by = ORDERS[plan.order];
    const may = words.filter(isPlain).map((word) => mayHave(values.add(word.toLowerCase())));
    const text = `with page as materialized (
        select r.id, r.due_at, r.settled_at, r.bytes, r.doc, row_number() over way as n,
          sum(r.bytes) over way - r.bytes as before
        from run r where ${where.join(' and ') || 'true'}
        window way as (order by ${by} rows unbounded preceding) order by ${by} limit ${PAGE})
      (select r.doc, r.bytes, null::float8[] as place, null::float8 as n, null::boolean as last from page r
        where ${[`before < ${PART_BYTES}`, ...may].join(' and ')})
      union all (select null, 0, array[r.id, r.due_at, r.settled_at], n,
          n < ${PAGE} and n = (select max(n) from page) from page r
        where before < ${PART_BYTES} order by n desc limit 1)`;
    const rows = await this.#sessions.read<PageRow>({ text, values: values.all });
    const end = rows.find(({ n }) => n !== null);
    const runs = rows.flatMap(({ doc, bytes }) =>
      doc === null ? [] : { run: keptRun(doc), bytes },
    );
    runs.sort((a, b) => SORTS[plan.order](a.run, b.run));
    const isLast = end?.last ?? true;
    return { runs, end: end?.place ?? null, looked: end?.n ?? 0, isLast };
  }

  /** Null where the run is not in the list. */
  async #placeOf(plan: Plan, id: number): Promise<number | null> {
    const values = new Values();
    const is = [...plan.conditions(values), `r.id = ${values.add(id)}`];
    const text = `select r.due_at, r.settled_at from run r where ${is.join(' and ')}`;
    const [row] = await this.#sessions.read<{ due_at: number; settled_at: number | null }>({
      text,
      values: values.all,
    });
    return row ? this.#count(plan, [id, row.due_at, row.settled_at]) : null;
  }

  /** With `around`, those that stand before that run. */
  async #count(plan: Plan, around: Place): Promise<number> {
    const values = new Values();
    const where = plan.conditions(values);
    if (around.length > 0) where.push(placed(BEFORE[plan.order], values, around));
    const text = `select count(*)::float8 as n from run r where ${where.join(' and ') || 'true'}`;
    const [row] = await this.#sessions.read<{ n: number }>({ text, values: values.all });
    return row?.n ?? 0;
  }
}

/** `$1` to `$3` are these. */
const placed = (text: string, values: Values, place: Place): string =>
  text.replace(/\$(\d)/g, (_, n) => values.add(place[Number(n) - 1]));

const NOTHING: Found = { total: 0, runs: [], at: null, complete: true };

/** The values of a statement, as they come. */
class Values {
  readonly all: unknown[] = [];

  add(value: unknown): string {
    this.all.push(value);
    return `$${this.all.length}`;
  }
}

interface Plan {
  readonly order: Order;
  /** Null: any. */
  readonly states: readonly StateName[] | null;
  readonly isCounted: boolean;
  readonly isLight: boolean;
  readonly conditions: (values: Values) => string[];
  /** The ids of the window. */
  readonly page: (values: Values) => string;
  readonly tally: (values: Values) => string;
}

function planOf(query: Query): Plan {
  const { order = 'newest', key, since, offset = 0, limit } = query;
  const below = Number.isFinite(query.below) ? query.below : undefined;
  const states = statesOf(query);
  const jobs = query.jobs?.map((job) => columnOf(job)) ?? null;
  const more = (values: Values): string[] => [
    ...(key === undefined ? [] : [`r.key = ${values.add(columnOf(key))}`]),
    ...(since === undefined ? [] : [`r.created_at >= ${values.add(since)}`]),
    ...(below === undefined ? [] : [`r.id < ${values.add(below)}`]),
  ];
  const conditions = (values: Values): string[] => [
    ...(states ? [`r.state in (${states.map((name) => `'${name}'`).join(', ')})`] : []),
    ...(jobs ? [`r.job = any(${values.add(jobs)}::text[])`] : []),
    ...more(values),
  ];
  const cells = (values: Values): string => {
    const of = [
      ...(states ? [`t.state = any(${values.add(states)}::text[])`] : []),
      ...(jobs ? [`t.job = any(${values.add(jobs)}::text[])`] : []),
    ];
    return `tally t where ${['t.n > 0', ...of].join(' and ')}`;
  };
  const isById = order === 'newest' || order === 'oldest';
  const page = (values: Values): string => {
    const by = `order by ${ORDERS[order]}`;
    const cut = `offset ${values.add(offset)} limit ${values.add(limit)}`;
    if (!isById || key !== undefined || (!states && !jobs))
      return `select r.id from run r where ${conditions(values).join(' and ') || 'true'} ${by} ${cut}`;
    const which = jobs ? 'r.job = t.job and r.state = t.state' : 'r.state = t.state';
    const from = jobs ? cells(values) : `unnest(${values.add(states)}::text[]) as t (state)`;
    const where = [which, ...more(values)].join(' and ');
    const most = values.add(offset + limit);
    const first = `select r.id from run r where ${where} ${by} limit ${most}`;
    return `select r.id from (select t.* from ${from}) t, lateral (${first}) r ${by} ${cut}`;
  };
  const tally = (values: Values): string => `(select coalesce(sum(t.n), 0) from ${cells(values)})`;
  const isCounted = [key, since, below].every((one) => one === undefined);
  const isLight = query.light === true;
  return { order, states, isCounted, isLight, conditions, page, tally };
}

/** Null where any will do; none where no run of the order fits. */
function statesOf({ states, order }: Query): readonly StateName[] | null {
  const wanted = states?.length ? states : null;
  if (order === 'due') return (wanted ?? STATE_NAMES).filter((name) => WAITING.includes(name));
  if (order === 'settled') return wanted?.filter(isSettledName) ?? SETTLED;
  return wanted;
}
