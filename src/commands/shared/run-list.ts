// A list of runs as it is asked for: which runs fit, and the part of them that is shown, at once or as it is found.
import type { Query } from '../../engine/engine.ts';
import { type Counts, isSettledName, STATE_NAMES, type StateName } from '../../run/run.ts';
import { LIST_NAMES, LIST_ORDERS, LISTS, RUN_ORDERS } from '../../run/run-lists.ts';
import type { RunView } from '../../run/view.ts';
import { isSearched } from '../../run/words.ts';
import type { ErrorShape } from '../../support/errors.ts';
import { LONG_LIST_ROWS, SECOND } from '../../support/limits.ts';
import { longTurn } from '../../support/turn-taking.ts';
import type { Context } from './command.ts';
import { FILTER, type Filter, filterOf, fitsTexts, statesIn } from './filter.ts';
import { choice, count, job, run, since, states, text } from './kinds.ts';
import { type Checked, field, flag, option, optionOr, yesOrNo } from './options.ts';
import { type ShortRun, shortOf, viewsOf } from './views.ts';

/** A longer list is asked for in parts: it would hold up everybody else's requests. */
const MAX_LIMIT = 10_000;
const DEFAULT_LIMIT = 50;

export const LIST_OPTIONS = {
  states: option('--state <states>', states(), `one or more of ${LISTS.all.join(', ')}`),
  job: option('--job <job>', job, 'of this job'),
  group: option('--group <group>', text(1000), 'runs of the jobs of this group'),
  key: option('--key <text>', text(1000), 'runs with this key'),
  since: option(
    '--since <time>',
    since,
    'accepted since then: 2h, 22:00, yesterday, monday, 2026-11-01',
  ),
  limit: optionOr('--limit <n>', count(0, MAX_LIMIT), 'at most so many', DEFAULT_LIMIT),
  offset: optionOr('--offset <n>', count(0), 'leave out the first ones', 0),
  watch: flag('--watch', 'print the list again at each change'),
  list: field(choice(LIST_NAMES), 'only what this list of the dashboard shows'),
  q: {
    ...option('--filter <words>', FILTER.kind, 'runs that match these words, as in the dashboard'),
    name: 'q',
  },
  order: field(
    choice(RUN_ORDERS),
    'due: of the runs that wait, the next due first; settled: of the settled ones, the last settled first',
  ),
  around: field(run(), 'a run whose place in the list is asked for'),
  short: field(yesOrNo, 'without params, checkpoint, output and stack; other texts cut'),
  parts: field(yesOrNo, 'of a stream: what is found so far, until all of it is found'),
};

export type ListRequest = Checked<typeof LIST_OPTIONS>;

export interface Listed<Row extends ShortRun = RunView> {
  readonly total: number;
  readonly runs: readonly Row[];
  /** How many stand before the run that was asked for in `around`; null where it is not in the list. */
  readonly at?: number | null;
  /** In parts: false while the search goes on. There may be more then, and `total` counts what was found. */
  readonly complete?: boolean;
  /** How many runs were looked through, and of how many; only while the search goes on. */
  readonly searched?: number;
  readonly toSearch?: number;
  /** The runs that could not be read; left out if all could. */
  readonly damage?: readonly ErrorShape[];
}

/** How many runs a request for a list that is not checked yet may be answered with. */
export function rowsAsked(request: unknown): number {
  const { limit } = (request ?? {}) as { readonly limit?: unknown };
  return typeof limit === 'number' && limit > 0 ? Math.min(limit, MAX_LIMIT) : DEFAULT_LIMIT;
}

/** How a list is ordered where nothing is said of it. */
export const orderOf = (states: readonly StateName[]): 'newest' | 'settled' =>
  states.length > 0 && states.every(isSettledName) ? 'settled' : 'newest';

export async function listed(request: ListRequest, context: Context): Promise<Listed<ShortRun>> {
  const query = await queryOf(request, context);
  if (request.limit > LONG_LIST_ROWS) await longTurn();
  return shownOf(await context.engine.list(query), request, context);
}

type Found = Awaited<ReturnType<Context['engine']['list']>>;

async function shownOf(
  { total, runs, at, damage = [] }: Found,
  { short, around }: ListRequest,
  context: Context,
): Promise<Listed<ShortRun>> {
  const views = await viewsOf(runs, context);
  return {
    total,
    runs: short ? views.map(shortOf) : views,
    ...(around !== undefined && { at }),
    ...(damage.length > 0 && { damage: damage.map((error) => error.toJSON()) }),
  };
}

const AT_MOST_EVERY_MS = 200;
const PACE = 9;
/** A search that is over by then shows nothing halfway. */
const FIRST_PART_MS = 30;
/** Also where nothing was found meanwhile: who asked knows that the search goes on. */
const PART_MS = SECOND;

/** The list with as much of it as is found so far; the last one with all of it. */
export async function* listedInParts(
  request: ListRequest,
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<Listed<ShortRun>> {
  const { clock } = context;
  let next = clock.monotonic() + FIRST_PART_MS;
  let told = { what: '', at: clock.monotonic() };
  let last: Found | null = null;
  const query = await queryOf(request, context);
  for await (const found of context.engine.search(query)) {
    if (signal.aborted) return;
    last = found;
    const now = clock.monotonic();
    if (now < next || found.complete) continue;
    const what = `${found.total} ${found.runs.length}`;
    next = now + AT_MOST_EVERY_MS;
    if (what === told.what && now - told.at < PART_MS) continue;
    told = { what, at: now };
    if (found.runs.length > LONG_LIST_ROWS) await longTurn();
    const { searched } = found;
    const far = searched !== undefined && { searched, toSearch: await sumOf(query, context) };
    yield { ...(await shownOf(found, request, context)), complete: false, ...far };
    // A long list takes long to show: the search goes on in between.
    next = Math.max(next, clock.monotonic() + PACE * (clock.monotonic() - now));
  }
  if (last && last.runs.length > LONG_LIST_ROWS) await longTurn();
  if (last) yield { ...(await shownOf(last, request, context)), complete: true };
}

/** How many runs are in the states and of the jobs that a query names. */
async function sumOf({ states, jobs }: Query, { engine }: Context): Promise<number> {
  const byJob = jobs && (await engine.countsByJob());
  const all = byJob ? jobs.map((job) => byJob.get(job)) : [await engine.counts()];
  const sum = (counts: Counts | undefined): number =>
    counts ? (states ?? STATE_NAMES).reduce((n, state) => n + counts[state], 0) : 0;
  return all.reduce((n, counts) => n + sum(counts), 0);
}

/** Returns the query that a request puts to the engine. */
export async function queryOf(request: ListRequest, context: Context): Promise<Query> {
  const { order, around, offset, limit, short } = request;
  const filter = filterOf(request.q, context.clock.now());
  const states = statesOf(request, filter);
  const keys = new Set([request.key, filter.key].filter((key) => typeof key === 'string'));
  const since = Math.max(request.since ?? 0, filter.since ?? 0);
  // Nothing is in no state, and no run has two keys.
  const isNothing = states?.length === 0 || keys.size > 1;
  const jobs = isNothing ? [] : await jobsOf(request, filter, context);
  const [key] = keys;
  const { words, without, params, retrying } = filter;
  const searched = { words, without, params, retrying, hidden: context.config.redact };
  return {
    ...(states && { states, order: request.list ? LIST_ORDERS[request.list][0] : orderOf(states) }),
    ...(order !== undefined && { order }),
    ...(jobs && { jobs }),
    ...(key !== undefined && { key }),
    ...(since > 0 && { since }),
    ...(isSearched(searched) && searched),
    ...(around !== undefined && { around }),
    ...{ offset, limit, light: short === true },
  };
}

function statesOf({ states, list = 'all' }: ListRequest, filter: Filter): Query['states'] | null {
  if (!states && !filter.states && !filter.retrying && list === 'all') return null;
  return statesIn(list, filter).filter((name) => !states || states.includes(name));
}

/** Names are matched here and not run by run: the counts by job then tell which pages need not be read. */
async function jobsOf(
  { job, group }: ListRequest,
  filter: Filter,
  { engine, catalog }: Context,
): Promise<readonly string[] | null> {
  const groups = [group, filter.group].filter((one) => typeof one === 'string');
  if (job === undefined && groups.length === 0 && filter.job.length === 0) return null;
  if (groups.length > 0) await catalog.ready();
  const names = job === undefined ? [...(await engine.countsByJob()).keys()] : [job];
  const groupOf = (name: string): string | null => {
    const entry = catalog.find(name);
    return entry?.state === 'ok' ? entry.data.group : null;
  };
  return names.filter(
    (name) =>
      fitsTexts([name], { words: filter.job }) && groups.every((one) => groupOf(name) === one),
  );
}
