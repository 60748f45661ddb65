// The lists: which runs each shows, which window of it is on the screen, and where its cursor is. The cursor belongs to
// a run, not to a row: rows come and go above it, and it stays with its run.

import { JOB_ORDERS } from '../commands/jobs.ts';
import { SCHEDULE_ORDERS } from '../commands/schedules.ts';
import type { Status } from '../commands/shared/replies.ts';
import { LIST_ORDERS, LISTS, type ListName, type RunOrder } from '../run/run-lists.ts';
import { capital } from '../support/text.ts';
import { type List, namesIn } from './replies.ts';

export type Tab = ListName | 'jobs' | 'schedules';
export type Order = RunOrder | (typeof JOB_ORDERS | typeof SCHEDULE_ORDERS)[number];

export interface TabInfo {
  readonly tab: Tab;
  readonly title: string;
  readonly short: string;
  /** The kind of its rows. */
  readonly of: List['of'];
  /** Which list of runs; null where its rows are no runs. */
  readonly list: ListName | null;
  /** How it can be ordered; at first as the first one says. */
  readonly orders: readonly Order[];
}

const runs = (tab: ListName, short: string): TabInfo => ({
  tab,
  title: capital(tab),
  short,
  of: 'run',
  list: tab,
  orders: LIST_ORDERS[tab],
});

export const TABS: readonly TabInfo[] = [
  runs('running', 'Run'),
  runs('scheduled', 'Sched'),
  runs('done', 'Done'),
  runs('errors', 'Err'),
  runs('all', 'All'),
  { tab: 'jobs', title: 'Jobs', short: 'Jobs', of: 'job', list: null, orders: JOB_ORDERS },
  {
    tab: 'schedules',
    title: 'Schedules',
    short: 'Cron',
    of: 'schedule',
    list: null,
    orders: SCHEDULE_ORDERS,
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
export function countOf({ of, list }: TabInfo, { counts, overview }: Status): number {
  if (list) return LISTS[list].reduce((sum, name) => sum + counts[name], 0);
  return (of === 'job' ? overview?.jobs : overview?.schedules) ?? 0;
}

export const FILTER_HELP =
  'words of job, key, error, params; -word #id state:failed group:x key:x since:2h';

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

/**
 * The place after a new window has come: with its run, wherever that is now; else on the same row. Rows that come in
 * above the first page are seen coming; farther down the screen stands still.
 */
export function follow(place: Place, list: List, height: number): Place {
  const ids = namesIn(list);
  const found = place.id === null ? -1 : ids.indexOf(place.id);
  const index = found >= 0 ? list.offset + found : place.id === null ? null : list.at;
  const moved =
    index === null
      ? { ...place, id: null }
      : { ...place, index, top: place.top === 0 ? 0 : place.top + index - place.index };
  const seen = inSight(moved, list.total, height);
  return { ...seen, id: ids[seen.index - list.offset] ?? null };
}

/** The rows to ask for: the screen, and as much above and below it, so that most moves need no request. */
export function windowFor(place: Place, height: number): { offset: number; limit: number } {
  const offset = Math.max(0, place.top - height);
  return { offset, limit: place.top - offset + 2 * height };
}

/** True where every row on the screen, and as many as `more` above and below it, are in the window. */
export function covers(list: List, place: Place, height: number, more = 0): boolean {
  const first = Math.max(0, place.top - more);
  const last = Math.min(place.top + height + more, list.total);
  return first >= list.offset && last <= list.offset + namesIn(list).length;
}
