// The order of those that wait, made a part at a time while runs come, move and go: always that of all of them sorted.
import { expect, test } from 'vitest';
import { DueOrder } from '../../src/engine/files/due-order.ts';
import type { Run } from '../../src/run/run.ts';
import { ById } from '../../src/support/by-id.ts';
import { NOW, queuedRun } from '../helpers/runs.ts';

const MANY = 3000;

const runAt = (id: number, dueAt: number): Run => ({
  ...queuedRun(id),
  state: { name: 'scheduled', dueAt },
});

const sorted = (live: ById<Run>): number[] =>
  [...live.values()]
    .sort((a, b) => a.state.dueAt - b.state.dueAt || a.id - b.id)
    .map(({ id }) => id);

const DUE: Readonly<Record<string, (id: number) => number>> = {
  'in the order of their ids': (id) => NOW + id,
  'against it': (id) => NOW - id,
  'all at once': () => NOW,
  'in no order': (id) => NOW + ((id * 7919) % 1009),
};

test.each(Object.entries(DUE))('runs that fall due %s are in order', (_name, dueAt) => {
  const live = new ById<Run>();
  const put = (id: number, next: Run | null): void => {
    order.put(live.get(id) ?? null, next);
    if (next) live.set(id, next);
    else live.delete(id);
  };
  for (let id = 1; id <= MANY; id++) live.set(id, runAt(id, dueAt(id)));
  const order = new DueOrder(live);
  for (let id = MANY + 1; !order.fill(); id++) {
    put(id, runAt(id, dueAt(id)));
    put(id - MANY, null);
    put(id - MANY / 2, runAt(id - MANY / 2, NOW + 500));
  }
  const ids = sorted(live);
  expect(order.slice(0, MANY * 2).map(({ id }) => id)).toEqual(ids);
  expect(order.slice(700, 705).map(({ id }) => id)).toEqual(ids.slice(700, 705));
  const [run] = order.slice(2000, 2001);
  expect(order.rank(run as Run)).toBe(2000);
});
