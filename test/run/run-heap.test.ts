// A heap of runs gives the first that is current, and does not keep large runs that have left from being freed.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Run } from '../../src/run/run.ts';
import { before, RunHeap } from '../../src/run/run-heap.ts';
import { queuedRun } from '../helpers/runs.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const largeRun = (id: number): Run =>
  queuedRun(id, { params: { rows: Array.from({ length: 10_000 }, (_, n) => n) } });

function heapOf(runs: Map<number, Run>): RunHeap {
  const heap = new RunHeap(before, (run) => runs.get(run.id) === run);
  for (const run of runs.values()) heap.add(run);
  return heap;
}

test('large runs that have left are freed before they come up', async () => {
  const runs = new Map([[1, queuedRun(1)]]);
  for (let id = 2; id <= 40; id++) runs.set(id, largeRun(id));
  const heap = heapOf(runs);
  const left = [...runs.values()].slice(1, 30).map((run) => new WeakRef(run));
  for (let id = 2; id <= 30; id++) {
    runs.delete(id);
    heap.left();
  }
  // A weak reference holds until the job that made it is over.
  await new Promise(setImmediate);
  collectGarbage();
  expect(left.filter((run) => run.deref())).toEqual([]);
  expect(heap.take()?.id).toBe(1);
  expect(heap.first()).toBe(runs.get(31));
});

test('a large run comes in its order, and only as it is now', async () => {
  const runs = new Map([1, 2, 3].map((id) => [id, largeRun(id)]));
  const heap = heapOf(runs);
  runs.set(1, { ...(runs.get(1) as Run), priority: 0 });
  expect(heap.add(runs.get(1) as Run)).toBe(false);
  await new Promise(setImmediate);
  collectGarbage();
  expect([heap.take(), heap.take(), heap.take(), heap.take()]).toEqual([
    ...[2, 3, 1].map((id) => runs.get(id)),
    undefined,
  ]);
});
