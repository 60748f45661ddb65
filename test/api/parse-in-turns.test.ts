// Large texts parsed in pieces: the same values and the same refusals as at once, in more turns.
import { expect, test } from 'vitest';
import { parseInTurns } from '../../src/api/parse-in-turns.ts';
import type { Json } from '../../src/support/json.ts';

async function parsed(text: string): Promise<{ value: Json; pieces: number; longest: number }> {
  let [pieces, longest] = [0, 0];
  const value = await parseInTurns(Buffer.from(text), {
    parse: (bytes) => {
      pieces++;
      longest = Math.max(longest, bytes.length);
      return JSON.parse(bytes.toString());
    },
    pause: async () => undefined,
  });
  return { value, pieces, longest };
}

const many = (value: Json, count = 40_000): Json => Array(count).fill(value);
const named = (count: number): Json =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`"${i}",\\{`, [i, `}${i}]`]]));

test.each<[string, Json]>([
  ['many objects', many({})],
  ['many lists, each with more', many([1, [2, 'ü,"\\]']])],
  ['many fields', named(20_000)],
  [
    'a batch of large params',
    { v: 1, lines: [{ run: { job: 'a', params: many({}) } }, { run: 7 }] },
  ],
  [
    'large fields among small ones',
    { a: 1, b: many(0), c: [], d: many('x'), e: null, f: named(9000) },
  ],
  ['large values among small ones', [1, many({ a: 1 }), [], many(null), 'end']],
])('%s are what they are at once, and no piece is large', async (_, content) => {
  for (const text of [JSON.stringify(content), ` ${JSON.stringify(content, null, 1)}\n`]) {
    const { value, pieces, longest } = await parsed(text);
    expect(JSON.stringify(value)).toBe(JSON.stringify(content));
    expect(pieces).toBeGreaterThan(1);
    expect(longest).toBeLessThan(70_000);
  }
});

test('a repeated field has its last value, and __proto__ is a field like others', async () => {
  const text = `{"a":1,"b":${JSON.stringify(many(0))},"__proto__":${JSON.stringify(many(1))},"a":2}`;
  const { value } = await parsed(text);
  expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
});

const list = JSON.stringify(many(0, 40_000));
test.each([
  `[${list},]`,
  `[,${list}]`,
  `[1,,${list}]`,
  `[${list},,1]`,
  `[${list} ${list}]`,
  `[1],[${list}]`,
  `[1]${list}[1]`,
  `{"a":${list},}`,
  `{,"a":${list}}`,
  `{a:${list}}`,
  `{"a" ${list}}`,
  `{"a":}${list}`,
  `[${list}}`,
  `{"a":[${list}}]`,
  `[${list},"open]`,
  `[${list.replace('0,', '0 ')}]`,
  `[${list.slice(0, -1)},]]`,
  `[${list.slice(0, -2)}]]`,
  `{"a":1,${list}}`,
])('what is no JSON is refused as it is at once: %#', async (text) => {
  expect(() => JSON.parse(text)).toThrow(SyntaxError);
  await expect(parsed(text)).rejects.toThrow(SyntaxError);
});
