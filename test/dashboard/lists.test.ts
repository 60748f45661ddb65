// The lists of the dashboard: filters, windows, and a cursor that stays with its run.
import { describe, expect, it } from 'vitest';
import {
  countOf,
  covers,
  follow,
  inSight,
  move,
  neighbour,
  nextOrder,
  orderOf,
  type Place,
  START,
  TABS,
  windowFor,
} from '../../src/dashboard/lists.ts';
import { listWith, rowOf, statusWith } from '../helpers/models.ts';

const listOf = (ids: readonly number[], offset = 0, total = ids.length, at: number | null = null) =>
  listWith(
    ids.map((id) => rowOf(id)),
    { total, offset, at },
  );

describe('tabs', () => {
  it('go round in both directions', () => {
    expect(neighbour('schedules', 1)).toBe('running');
    expect(neighbour('running', -1)).toBe('schedules');
  });

  it('count what they show: queued in Scheduled, aborted in Errors', () => {
    expect(TABS.map((info) => countOf(info, statusWith()))).toEqual([3, 3, 1180, 9, 1195, 6, 2]);
  });
});

describe('an order', () => {
  it('is by when runs settled where a list shows settled runs alone, and can be by id', () => {
    for (const tab of ['done', 'errors'] as const) {
      expect(orderOf({ tab, orders: {} }), tab).toBe('settled');
      expect(nextOrder({ tab, orders: {} }), tab).toBe('newest');
      expect(nextOrder({ tab, orders: { [tab]: 'oldest' } }), tab).toBe('settled');
    }
    expect(orderOf({ tab: 'all', orders: {} })).toBe('newest');
    expect(orderOf({ tab: 'running', orders: {} })).toBe('newest');
    expect(orderOf({ tab: 'scheduled', orders: {} })).toBe('due');
  });
});

describe('moves', () => {
  it('keep the cursor in the list and on the screen', () => {
    let place: Place = START;
    for (let i = 0; i < 30; i++) place = move(place, 'down', 20, 8);
    expect(place).toEqual({ index: 19, id: null, top: 12 });
    expect(move(place, 'first', 20, 8)).toEqual({ index: 0, id: null, top: 0 });
    expect(move(place, 'pageup', 20, 8)).toMatchObject({ index: 12, top: 12 });
    expect(move(START, 'last', 1_000_000, 8)).toMatchObject({ index: 999_999, top: 999_992 });
  });

  it('find a place in a list that has become empty', () => {
    expect(inSight({ index: 5, id: '9', top: 3 }, 0, 8)).toEqual({ index: 0, id: null, top: 0 });
  });
});

describe('a cursor', () => {
  it('stays with its run when rows come in above', () => {
    const place = { index: 1, id: '8', top: 0 };
    expect(follow(place, listOf([12, 11, 10, 9, 8, 7]), 10)).toEqual({ index: 4, id: '8', top: 0 });
  });

  it('lets the screen stand still farther down', () => {
    const place = { index: 20, id: '80', top: 15 };
    const list = listOf(
      Array.from({ length: 30 }, (_, i) => 90 - i),
      13,
      200,
    );
    expect(follow(place, list, 10)).toEqual({ index: 23, id: '80', top: 18 });
  });

  it('goes where the daemon says its run is, when that is out of the window', () => {
    const place = { index: 5, id: '5', top: 0 };
    expect(follow(place, listOf([300, 299], 0, 300, 295), 10)).toMatchObject({ index: 295 });
  });

  it('stays on its row when its run has left the list', () => {
    expect(follow({ index: 1, id: '8', top: 0 }, listOf([9, 7, 6]), 10)).toEqual({
      index: 1,
      id: '7',
      top: 0,
    });
    expect(follow({ index: 2, id: '6', top: 0 }, listOf([9, 7]), 10)).toEqual({
      index: 1,
      id: '7',
      top: 0,
    });
  });
});

describe('a window', () => {
  it('has a screen above and a screen below', () => {
    expect(windowFor({ index: 505, id: null, top: 500 }, 10)).toEqual({ offset: 490, limit: 30 });
    expect(windowFor(START, 10)).toEqual({ offset: 0, limit: 20 });
  });

  it('is enough only if it has every row on the screen', () => {
    const list = listOf([9, 8, 7, 6], 2, 100);
    expect(covers(list, { index: 2, id: null, top: 2 }, 4)).toBe(true);
    expect(covers(list, { index: 3, id: null, top: 3 }, 4)).toBe(false);
    expect(covers(listOf([]), START, 4)).toBe(true);
  });
});
