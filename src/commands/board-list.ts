// The window of one list that the dashboard shows: which runs, jobs or schedules fit, which part of them was asked for, and where
// the one under the cursor is. Names are matched against the jobs there are, never run by run, so that the counts by job
// tell which pages have to be read at all.
import * as v from 'valibot';
import type { Found, Query } from '../engine/engine.ts';
import { text as aText, list } from '../support/schema.ts';
import {
  type BoardJob,
  type BoardRun,
  type BoardSchedule,
  boardJobs,
  boardRun,
  boardSchedules,
  fitsWords,
  JOB_ORDERS,
  type Words,
} from './board-rows.ts';
import type { Tools } from './shared/command.ts';
import { choice, count, instant, states, text } from './shared/kinds.ts';
import { field, type Kind, type Sent, yesOrNo } from './shared/options.ts';
import { boardViews } from './shared/views.ts';

export const RUN_ORDERS = ['newest', 'oldest', 'due', 'settled'] as const;
export type Order = (typeof RUN_ORDERS)[number] | (typeof JOB_ORDERS)[number];

const MAX_WINDOW = 1000;
const DEFAULT_WINDOW = 50;
const MAX_WORDS = 20;

const words: Kind<readonly string[]> = {
  schema: v.pipe(
    list(aText),
    v.maxLength(MAX_WORDS, ` must be a list of at most ${MAX_WORDS} texts`),
  ),
};

export const BOARD = {
  /** `none`: all that stands around the lists, and the detail. */
  list: field(choice(['runs', 'jobs', 'schedules', 'none'])),
  states: field(states()),
  /** Parts of a job's name; a number also finds the run with that id. */
  words: field(words),
  /** Parts that the name does not have. */
  without: field(words),
  group: field(text(1000)),
  key: field(text(1000)),
  since: field(instant),
  order: field(choice([...RUN_ORDERS, ...JOB_ORDERS])),
  offset: field(count(0)),
  limit: field(count(0, MAX_WINDOW)),
  /** The run, job or schedule under the cursor: the reply says where it is now. */
  around: field(text(200)),
  /** The run, job or schedule to tell all of, `rows` with the result table of the run. */
  detail: field(text(200)),
  detailOf: field(choice(['run', 'job', 'schedule'])),
  rows: field(yesOrNo),
  /** To be told that something has changed. */
  watch: field(yesOrNo),
  /** A look as a stream, with what is found so far. */
  parts: field(yesOrNo),
};
export type BoardRequest = Sent<typeof BOARD>;

export interface BoardList {
  readonly total: number;
  readonly offset: number;
  readonly order: Order;
  /** Where `around` is; null where it is not in the list. */
  readonly at: number | null;
  /** False while runs are looked at one by one: there may be more, and `total` counts those found. */
  readonly complete: boolean;
  readonly runs: readonly BoardRun[];
  readonly jobs: readonly BoardJob[];
  readonly schedules: readonly BoardSchedule[];
}

/** The window, again and again while it is being found; the last one is complete. Null where none is asked for. */
export async function* listsOf(
  request: BoardRequest,
  tools: Tools,
): AsyncGenerator<() => Promise<BoardList | null>> {
  const { list: kind = 'runs', offset = 0, limit = DEFAULT_WINDOW, around = '' } = request;
  if (kind === 'none') return yield async () => null;
  if (kind === 'jobs') {
    if (!tools.daemon) await tools.catalog.ready();
    const order = JOB_ORDERS.find((one) => one === request.order) ?? 'name';
    const { rows, ...list } = windowOf(await boardJobs(tools, request, order), request);
    return yield async () => ({ ...list, order, jobs: rows });
  }
  if (kind === 'schedules') {
    const order = request.order === 'next' ? 'next' : 'name';
    const { rows, ...list } = windowOf(await boardSchedules(tools, request, order), request);
    return yield async () => ({ ...list, order, schedules: rows });
  }
  const order = RUN_ORDERS.find((one) => one === request.order) ?? 'newest';
  const id = idIn([around]);
  const query = {
    ...(await queryOf(request, tools)),
    ...{ order, offset, limit, ...(id !== null && { around: id }) },
  };
  for await (const { total, runs, at, complete } of searched(query, request, tools)) {
    const rows = async (): Promise<readonly BoardRun[]> =>
      (await boardViews(runs, tools)).map(boardRun);
    const list = { ...NO_ROWS, total, offset, order, at, complete };
    yield async () => ({ ...list, runs: await rows() });
  }
}

const NO_ROWS = { runs: [], jobs: [], schedules: [] };

/** The window of a list that is all at hand. */
function windowOf<Row extends { readonly name: string }>(
  all: readonly Row[],
  { offset = 0, limit = DEFAULT_WINDOW, around }: BoardRequest,
) {
  const at = all.findIndex(({ name }) => name === around);
  const rows = all.slice(offset, offset + limit);
  return { ...NO_ROWS, total: all.length, offset, at: at < 0 ? null : at, complete: true, rows };
}

/** A number that is in no job's name is an id. */
async function* searched(
  query: Query,
  { words = [] }: BoardRequest,
  { engine }: Tools,
): AsyncGenerator<Found> {
  const id = query.jobs?.length === 0 ? idIn(words) : null;
  if (id === null) return yield* engine.search(query);
  const run = await engine.find(id);
  const fits = run && (!query.states || query.states.includes(run.state.name));
  yield { total: fits ? 1 : 0, runs: fits ? [run] : [], at: fits ? 0 : null, complete: true };
}

async function queryOf(request: BoardRequest, tools: Tools): Promise<Omit<Query, 'limit'>> {
  const { states, key, since, group } = request;
  const jobs = states?.length === 0 ? [] : await jobsOf(request, group, tools);
  return {
    ...(states && { states }),
    ...(jobs && { jobs }),
    ...(key !== undefined && { key }),
    ...(since !== undefined && { since }),
  };
}

/** Names are matched here and not in the list: the counts by job then tell which pages need not be read. */
async function jobsOf(
  { words = [], without = [] }: Words,
  group: string | undefined,
  { engine, catalog }: Tools,
): Promise<readonly string[] | null> {
  if (words.length === 0 && without.length === 0 && group === undefined) return null;
  const ofGroup = (name: string): boolean => {
    const entry = group === undefined ? null : catalog.find(name);
    return group === undefined || (entry?.state === 'ok' && entry.data.group === group);
  };
  return [...(await engine.countsByJob()).keys()].filter(
    (name) => fitsWords(name, { words, without }) && ofGroup(name),
  );
}

function idIn(words: readonly string[]): number | null {
  const [only = ''] = words.length === 1 ? words : [];
  return /^#?[1-9]\d{0,14}$/.test(only) ? Number(only.replace('#', '')) : null;
}
