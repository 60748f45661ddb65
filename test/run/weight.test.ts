// What a run weighs: near enough to bound memory by, and told quickly however large it is.
import { expect, test } from 'vitest';
import type { Run } from '../../src/run/run.ts';
import { weightOf } from '../../src/run/weight.ts';
import type { Json } from '../../src/support/json.ts';

const MB = 1024 * 1024;

function runWith(params: Json, output: Json = null, steps: Record<string, Json> = {}): Run {
  return {
    id: 1,
    job: 'mail',
    params,
    priority: 1,
    createdAt: 1,
    state: { name: 'done', dueAt: 1, settledAt: 2, output },
    origin: null,
    life: { attempt: 1, maxAttempts: 1, startedAt: 1, attempts: [], checkpoint: null, steps },
  };
}

test('a small run weighs little', () => {
  expect(weightOf(runWith({ to: 'ada', n: 3 }))).toBeLessThan(1000);
});

test.each<[string, Run]>([
  ['params', runWith({ text: 'x'.repeat(MB) })],
  ['output', runWith(null, ['x'.repeat(MB)])],
  ['rows', runWith(Array.from({ length: 30_000 }, (_, n) => ({ n, name: `number ${n}` })))],
  ['steps', runWith(null, null, { a: 'x'.repeat(MB / 2), b: 'y'.repeat(MB / 2) })],
])('a megabyte of %s weighs about as much', (_, run) => {
  expect(weightOf(run)).toBeGreaterThan(MB / 2);
  expect(weightOf(run)).toBeLessThan(4 * MB);
});

test('what nests too widely to be looked at all weighs what a value may weigh', () => {
  let tree: Json = 1;
  for (let depth = 0; depth < 12; depth++) tree = [tree, tree, tree];
  expect(weightOf(runWith(tree))).toBeGreaterThan(MB / 2);
});
