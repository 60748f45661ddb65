// The lists: which runs each shows, what a filter means, which window of it is on the screen, and where its cursor is.
// The cursor belongs to a run, not to a row: rows come and go above it, and it stays with its run.
import type { Board } from '../commands/board.ts';
import type { BoardList, BoardRequest, Order } from '../commands/board-list.ts';
import type { StateName } from '../run/run.ts';

export type Tab = 'running' | 'scheduled' | 'done' | 'errors' | 'all' | 'jobs' | 'schedules';

export interface TabInfo {
  readonly tab: Tab;
  readonly title: string;
  readonly short: string;
  /** What its rows are. */
  readonly of: 'run' | 'job' | 'schedule';
  /** Null: all of them. */
  readonly states: readonly StateName[] | null;
  /** How it can be ordered; at first as the first one says. */
  readonly orders: readonly Order[];
}

const BY_ID: readonly Order[] = ['newest', 'oldest'];
const BY_DUE: readonly Order[] = ['due', ...BY_ID];
const BY_SETTLED: readonly Order[] = ['settled', ...BY_ID];
const OF_JOBS: readonly Order[] = ['name', 'waiting', 'errors', 'next'];
const OF_SCHEDULES: readonly Order[] = ['name', 'next'];

const WAITING: readonly StateName[] = ['scheduled', 'waiting', 'queued'];

const runs = (
  tab: Tab,
  title: string,
  short: string,
  states: TabInfo['states'],
  orders: readonly Order[],
): TabInfo => ({ tab, title, short, of: 'run', states, orders });

export const TABS: readonly TabInfo[] = [
  runs('running', 'Running', 'Run', ['running'], BY_ID),
  runs('scheduled', 'Scheduled', 'Sched', WAITING, BY_DUE),
  runs('done', 'Done', 'Done', ['done'], BY_SETTLED),
  runs('errors', 'Errors', 'Err', ['failed', 'aborted'], BY_SETTLED),
  runs('all', 'All', 'All', null, BY_ID),
  { tab: 'jobs', title: 'Jobs', short: 'Jobs', of: 'job', states: null, orders: OF_JOBS },
  {
    tab: 'schedules',
    title: 'Schedules',
    short: 'Cron',
    of: 'schedule',
    states: null,
    orders: OF_SCHEDULES,
  },
];

export const infoOf = (tab: Tab): TabInfo => TABS.find((info) => info.tab === tab) as TabInfo;

export function neighbour(tab: Tab, by: 1 | -1): Tab {
  const at = TABS.findIndex((info) => info.tab === tab);
  return (TABS[(at + by + TABS.length) % TABS.length] as TabInfo).tab;
}

type Ordered = { readonly tab: Tab; readonly orders: Readonly<Partial<Record<Tab, Order>>> };

export const orderOf = ({ tab, orders }: Ordered): Order =>
  orders[tab] ?? (infoOf(tab).orders[0] as Order);

/** The order after this one, past the last one the first. */
export function nextOrder(list: Ordered): Order {
  const all = infoOf(list.tab).orders;
  return all[(all.indexOf(orderOf(list)) + 1) % all.length] as Order;
}

/** How many there are in each list, whatever the filter. */
export function countOf(tab: Tab, { counts, jobs, schedules }: Board): number {
  if (tab === 'jobs') return jobs;
  if (tab === 'schedules') return schedules;
  const states = infoOf(tab).states ?? (Object.keys(counts) as StateName[]);
  return states.reduce((sum, name) => sum + counts[name], 0);
}

// ------------------------------------------------------------------------------------------------------------ filter

type Filter = Pick<BoardRequest, 'states' | 'words' | 'without' | 'group' | 'key' | 'since'>;

export const FILTER_HELP = 'words of the job, -word, an id, state:failed group:x key:x since:2h';

/** Reads a filter; what it cannot read is in `unknown`, and nothing is left out for it. */
export function readFilter(
  text: string,
  tab: Tab,
  now: number,
): { readonly filter: Filter; readonly unknown: string } {
  const words: string[] = [];
  const without: string[] = [];
  let { states } = infoOf(tab) as { states: readonly StateName[] | null };
  let rest: Filter = {};
  let unknown = '';
  for (const part of text.split(/\s+/).filter(Boolean)) {
    const [, name = '', value = ''] = /^(job|state|group|key|since):(.*)$/.exec(part) ?? [];
    if (part === '-') continue;
    if (name === '' && part.startsWith('-')) without.push(part.slice(1));
    else if (name === '') words.push(part);
    else if (value === '') continue;
    else if (name === 'job') words.push(value);
    else if (name === 'state') states = statesLike(value, states);
    else if (name === 'since') {
      const ms = ageOf(value);
      if (ms === null) unknown = part;
      // By the minute: a filter that moves with every look would never be the same twice.
      else rest = { ...rest, since: Math.floor((now - ms) / 60_000) * 60_000 };
    } else rest = { ...rest, [name]: value };
  }
  return {
    filter: {
      ...rest,
      ...(states && { states }),
      ...(words.length > 0 && { words }),
      ...(without.length > 0 && { without }),
    },
    unknown,
  };
}

const ALL_STATES = TABS.slice(0, 4).flatMap(({ states }) => states ?? []);

/** `state:fail` is enough, and several can be given with commas. */
function statesLike(text: string, within: readonly StateName[] | null): readonly StateName[] {
  const wanted = text.toLowerCase().split(',').filter(Boolean);
  const of = (name: StateName): boolean => wanted.some((one) => name.startsWith(one));
  return (within ?? ALL_STATES).filter(of);
}

const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 };

function ageOf(text: string): number | null {
  const [, n = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  return n === '' ? null : Number(n) * (UNITS[unit] ?? 0);
}

// ------------------------------------------------------------------------------------------------------------ places

export interface Place {
  /** The row under the cursor, counted from the first of the list. */
  readonly index: number;
  /** Its run, job or schedule; null until the row is known. */
  readonly id: string | null;
  /** The first row on the screen. */
  readonly top: number;
}

export const START: Place = { index: 0, id: null, top: 0 };

export type Move = 'up' | 'down' | 'pageup' | 'pagedown' | 'halfup' | 'halfdown' | 'first' | 'last';

export function move(place: Place, how: Move, total: number, height: number): Place {
  const page = Math.max(1, height - 1);
  const half = Math.max(1, Math.floor(height / 2));
  const targets: Readonly<Record<Move, number>> = {
    up: place.index - 1,
    down: place.index + 1,
    pageup: place.index - page,
    pagedown: place.index + page,
    halfup: place.index - half,
    halfdown: place.index + half,
    first: 0,
    last: total - 1,
  };
  return inSight({ ...place, index: targets[how] }, total, height);
}

/** The place with its cursor on a row that exists and is on the screen. */
export function inSight(place: Place, total: number, height: number): Place {
  const index = Math.max(0, Math.min(place.index, total - 1));
  const lastTop = Math.max(0, total - height);
  const top = Math.max(index - height + 1, Math.min(place.top, index, lastTop), 0);
  return { index, id: index === place.index ? place.id : null, top };
}

/** The names of the rows in a window. */
export const idsOf = ({ runs, jobs, schedules }: BoardList): readonly string[] =>
  runs.length > 0 ? runs.map(({ id }) => id) : [...jobs, ...schedules].map(({ name }) => name);

/**
 * The place after a new window has come: with its run, wherever that is now; else on the same row. Rows that come in
 * above the first page are seen coming; farther down the screen stands still.
 */
export function follow(place: Place, list: BoardList, height: number): Place {
  const ids = idsOf(list);
  const found = place.id === null ? -1 : ids.indexOf(place.id);
  const index = found >= 0 ? list.offset + found : place.id === null ? null : list.at;
  const moved =
    index === null
      ? { ...place, id: null }
      : { ...place, index, top: place.top === 0 ? 0 : place.top + index - place.index };
  const seen = inSight(moved, list.total, height);
  return { ...seen, id: ids[seen.index - list.offset] ?? null };
}

/** What to ask for: the screen, and as much above and below it, so that most moves need no asking. */
export function windowFor(place: Place, height: number): { offset: number; limit: number } {
  const offset = Math.max(0, place.top - height);
  return { offset, limit: place.top - offset + 2 * height };
}

/** True where every row on the screen, and as many as `more` above and below it, are in the window. */
export function covers(list: BoardList, place: Place, height: number, more = 0): boolean {
  const first = Math.max(0, place.top - more);
  const last = Math.min(place.top + height + more, list.total);
  return first >= list.offset && last <= list.offset + idsOf(list).length;
}
