// The window of one list that the dashboard shows: which runs or jobs fit, which part of them was asked for, and where
// the one under the cursor is. Names are matched against the jobs there are, never run by run, so that the counts by job
// tell which pages have to be read at all.
import type { Query } from '../engine/engine.ts';
import { type Run, STATE_NAMES, type StateName } from '../run/run.ts';
import { type BoardJob, type BoardRun, boardJobs, boardRun } from './board-rows.ts';
import type { Tools } from './command.ts';
import {
  type Fields,
  fieldsOf,
  optionalChoice,
  optionalInteger,
  optionalText,
  wrong,
} from './fields.ts';
import { viewer } from './views.ts';

export interface BoardRequest {
  readonly list?: 'runs' | 'jobs';
  readonly states?: readonly StateName[];
  /** Parts of a job's name; a number also finds the run with that id. */
  readonly words?: readonly string[];
  readonly group?: string;
  readonly key?: string;
  readonly since?: number;
  readonly offset?: number;
  readonly limit?: number;
  /** The run or job under the cursor: the reply says where it is now. */
  readonly around?: string;
  /** The run or job to tell all of, `rows` with its result table. */
  readonly detail?: string;
  readonly rows?: boolean;
  readonly watch?: boolean;
}

export interface BoardList {
  readonly total: number;
  readonly offset: number;
  readonly order: 'newest' | 'due' | 'name';
  /** Where `around` is; null where it is not in the list. */
  readonly at: number | null;
  readonly runs: readonly BoardRun[];
  readonly jobs: readonly BoardJob[];
}

const MAX_WINDOW = 1000;
const DEFAULT_WINDOW = 50;
const MAX_WORDS = 20;
/** So few are shown in the order in which they become due; more of them newest first, as they are kept. */
const MAX_SORTED = 1000;

export const kindOf = (fields: Fields): 'runs' | 'jobs' =>
  optionalChoice(fields, 'list', ['runs', 'jobs'] as const) ?? 'runs';

export async function listOf(request: BoardRequest, tools: Tools): Promise<BoardList> {
  const fields = fieldsOf(request);
  const offset = optionalInteger(fields, 'offset', 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const limit = optionalInteger(fields, 'limit', 0, MAX_WINDOW) ?? DEFAULT_WINDOW;
  const around = optionalText(fields, 'around', 200) ?? null;
  if (kindOf(fields) === 'jobs') {
    if (!tools.daemon) await tools.catalog.ready();
    const all = boardJobs(tools, wordsOf(request));
    const at = all.findIndex(({ name }) => name === around);
    const jobs = all.slice(offset, offset + limit);
    return { total: all.length, offset, order: 'name', at: at < 0 ? null : at, runs: [], jobs };
  }
  const query = queryOf(request, tools);
  const listed = await runsOf(query, offset, limit, request, tools);
  const view = viewer(tools, true);
  return {
    ...listed,
    at: await indexOf(around, listed, query, tools),
    runs: listed.runs.map((run) => boardRun(view(run))),
    jobs: [],
  };
}

interface Window {
  readonly total: number;
  readonly offset: number;
  readonly order: BoardList['order'];
  readonly runs: readonly Run[];
  /** All of the list, where it was short enough to be sorted. */
  readonly all?: readonly Run[];
}

async function runsOf(
  query: Omit<Query, 'limit'>,
  offset: number,
  limit: number,
  request: BoardRequest,
  tools: Tools,
): Promise<Window> {
  const { engine } = tools;
  const id = numberIn(wordsOf(request));
  if (id !== null && query.jobs?.length === 0) {
    const run = await engine.find(id);
    const runs = run && (!query.states || query.states.includes(run.state.name)) ? [run] : [];
    return { total: runs.length, offset: 0, order: 'newest', runs };
  }
  if (isUpcoming(query.states)) {
    const { total } = await engine.list({ ...query, limit: 0 });
    if (total <= MAX_SORTED) {
      const few = await engine.list({ ...query, limit: MAX_SORTED });
      const all = few.runs.toSorted((a, b) => a.state.dueAt - b.state.dueAt || a.id - b.id);
      const runs = all.slice(offset, offset + limit);
      return { total: few.total, offset, order: 'due', runs, all };
    }
  }
  return { ...(await engine.list({ ...query, offset, limit })), offset, order: 'newest' };
}

const isUpcoming = (states: readonly StateName[] | undefined): boolean =>
  states?.every((name) => name === 'scheduled' || name === 'waiting' || name === 'queued') ?? false;

function queryOf(request: BoardRequest, tools: Tools): Omit<Query, 'limit'> {
  const fields = fieldsOf(request);
  const { states } = request;
  if (states !== undefined && !(Array.isArray(states) && states.every(isState))) {
    throw wrong('states', 'a list of states');
  }
  const key = optionalText(fields, 'key', 1000);
  const since = optionalInteger(fields, 'since', -8.64e15, 8.64e15);
  const group = optionalText(fields, 'group', 1000);
  const jobs = jobsOf(wordsOf(request), group, tools);
  return {
    ...(states && { states }),
    ...(jobs && { jobs }),
    ...(key !== undefined && { key }),
    ...(since !== undefined && { since }),
  };
}

const isState = (name: unknown): boolean => STATE_NAMES.includes(name as StateName);

function wordsOf({ words }: BoardRequest): readonly string[] {
  if (words === undefined) return [];
  if (Array.isArray(words) && words.length <= MAX_WORDS) return words.map(String);
  throw wrong('words', `a list of at most ${MAX_WORDS} texts`);
}

/** Names are matched here and not in the list: the counts by job then tell which pages need not be read. */
function jobsOf(
  words: readonly string[],
  group: string | undefined,
  { engine, catalog }: Tools,
): readonly string[] | null {
  if (words.length === 0 && group === undefined) return null;
  const ofGroup = (name: string): boolean => {
    const entry = group === undefined ? null : catalog.find(name);
    return group === undefined || (entry?.state === 'ok' && entry.data.group === group);
  };
  return [...engine.countsByJob().keys()].filter((name) => {
    const text = name.toLowerCase();
    return words.every((word) => text.includes(word.toLowerCase())) && ofGroup(name);
  });
}

function numberIn(words: readonly string[]): number | null {
  const [only = ''] = words.length === 1 ? words : [];
  return /^#?[1-9]\d{0,14}$/.test(only) ? Number(only.replace('#', '')) : null;
}

/** Where a run is in the list. Ids fall from page to page, so a run out of sight is found by halving. */
async function indexOf(
  around: string | null,
  window: Window,
  query: Omit<Query, 'limit'>,
  { engine }: Tools,
): Promise<number | null> {
  const id = numberIn([around ?? '']);
  if (id === null) return null;
  const { runs, all, offset, total } = window;
  const near = (all ?? runs).findIndex((run) => run.id === id);
  if (near >= 0) return all ? near : offset + near;
  // A list that has to look at every run would do so twenty times.
  if (all || query.key !== undefined || query.since !== undefined) return null;
  const run = await engine.find(id);
  if (!run || (query.states && !query.states.includes(run.state.name))) return null;
  if (query.jobs && !query.jobs.includes(run.job)) return null;
  let [low, high] = [0, total - 1];
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const [there] = (await engine.list({ ...query, offset: middle, limit: 1 })).runs;
    if (there?.id === id) return middle;
    if (there && there.id > id) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}
