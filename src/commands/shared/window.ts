// A part of a list of jobs or schedules, in an order, with the place of the one that a client has under its cursor.
// With these fields a list of any length costs what a screen of it costs.

import { FILTER } from './filter.ts';
import { count, text } from './kinds.ts';
import { field, yesOrNo } from './options.ts';

/** Rows of a window that a terminal or a page shows at once, many times over. */
const MAX_WINDOW = 1000;

export const WINDOW = {
  q: FILTER,
  offset: field(count(0), 'leave out the first ones'),
  limit: field(count(0, MAX_WINDOW), 'at most so many; the reply then tells the total'),
  around: field(text(200), 'one whose place in the list is asked for'),
  short: field(yesOrNo, 'without params, and whatever else a row does not show'),
};

export interface WindowRequest {
  readonly offset?: number;
  readonly limit?: number;
  readonly around?: string;
}

/** The fields of a reply about its window. */
export interface Windowed {
  /** How many fit. */
  readonly total?: number;
  /** How many stand before the one that was asked for; null where it is not in the list. */
  readonly at?: number | null;
}

/** The window of a list that is all at hand. */
export function windowOf<Row extends { readonly name: string }>(
  all: readonly Row[],
  { offset = 0, limit, around }: WindowRequest,
): { readonly rows: readonly Row[]; readonly windowed: Windowed } {
  const at = all.findIndex(({ name }) => name === around);
  return {
    rows: limit === undefined ? all.slice(offset) : all.slice(offset, offset + limit),
    windowed: {
      ...(limit !== undefined && { total: all.length }),
      ...(around !== undefined && { at: at < 0 ? null : at }),
    },
  };
}

/** A comparison by a number, the lowest first; equal ones keep their order. */
export const byRank =
  <Row>(rank: (row: Row) => number) =>
  (a: Row, b: Row): number => {
    const [first, second] = [rank(a), rank(b)];
    return first < second ? -1 : first > second ? 1 : 0;
  };

/** The last ones of a list, all of them where no number is given. */
export const lastOf = <One>(all: readonly One[], most = Number.POSITIVE_INFINITY): readonly One[] =>
  all.slice(Math.max(0, all.length - most));
