// The weight of a run: near enough to bound memory by, whatever its values are.
import { expect, test } from 'vitest';
import type { Run } from '../../src/run/run.ts';
import { Steps, type StepValues } from '../../src/run/steps.ts';
import { weightOf } from '../../src/run/weight.ts';
import type { Json } from '../../src/support/json.ts';

const MB = 1024 * 1024;

function runWith(params: Json, output: Json = null, saved: StepValues = {}): Run {
  const steps = Steps.of(saved);
  return {
    id: 1,
    job: 'mail',
    params,
    priority: 1,
    createdAt: 1,
    state: { name: 'done', dueAt: 1, settledAt: 2, output },
    origin: null,
    life: {
      ...{ attempt: 1, maxAttempts: 1, startedAt: 1, attempts: [], checkpoint: null },
      ...(steps && { steps }),
    },
  };
}

test('a small run weighs little', () => {
  expect(weightOf(runWith({ to: 'ada', n: 3 }))).toBeLessThan(1000);
});

test('each run has its own weight, whichever was weighed before it', () => {
  const [light, heavy] = [runWith({ to: 'ada' }), runWith({ text: 'x'.repeat(MB) })];
  const [few, many] = [weightOf(light), weightOf(heavy)];
  expect(many - few).toBeGreaterThan(MB / 2);
  expect([heavy, light, light, heavy].map(weightOf)).toEqual([many, few, few, many]);
  expect(weightOf({ ...heavy, params: { to: 'ada' } })).toBe(few);
});

test.each<[string, Run]>([
  ['params', runWith({ text: 'x'.repeat(MB) })],
  ['output', runWith(null, ['x'.repeat(MB)])],
  ['rows', runWith(Array.from({ length: 30_000 }, (_, n) => ({ n, name: `number ${n}` })))],
  ['steps', runWith(null, null, { a: 'x'.repeat(MB / 2), b: 'y'.repeat(MB / 2) })],
])('a megabyte of %s weighs about as much', (_, run) => {
  expect(weightOf(run)).toBeGreaterThan(MB / 2);
  expect(weightOf(run)).toBeLessThan(8 * MB);
});

/** JSON texts, and the heap that V8 takes for one of them: measured with Node 20, by many copies of each. */
const HEAPS: readonly (readonly [string, string, number])[] = [
  ['Latin-1 text', `"${'x'.repeat(900_000)}"`, 900_000],
  ['other text', `"${'я'.repeat(450_000)}"`, 900_000],
  ['integers', listOf('1', 400_000), 3_200_000],
  ['null', listOf('null', 200_000), 1_600_000],
  ['empty lists', listOf('[]', 300_000), 12_000_000],
  ['lists of one', listOf('[1]', 200_000), 12_800_000],
  ['empty objects', listOf('{}', 300_000), 19_200_000],
  ['objects of one shape', listOf('{"a":{"b":1}}', 50_000), 3_600_000],
  ['objects of many shapes', listOf((n) => `{"k${n}":1}`, 60_000), 9_600_000],
  ['many fields', `{${listOf((n) => `"k${n}":1`, 60_000).slice(1, -1)}}`, 3_290_000],
];

test.each(HEAPS)('%s weigh about what they take', (_, json, heap) => {
  const weight = weightOf(runWith(JSON.parse(json) as Json));
  expect(weight / heap).toBeGreaterThan(0.65);
  expect(weight / heap).toBeLessThan(4);
});

test('a large field weighs what it does wherever it stands', () => {
  const fields = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`f${n}`, n]));
  const large = 'x'.repeat(MB);
  for (const params of [{ ...fields, large }, [...Object.values(fields), large]])
    expect(weightOf(runWith({ deep: [params] }))).toBeGreaterThan(MB);
});

function listOf(item: string | ((n: number) => string), count: number): string {
  const textOf = typeof item === 'string' ? () => item : item;
  return `[${Array.from({ length: count }, (_, n) => textOf(n)).join(',')}]`;
}
