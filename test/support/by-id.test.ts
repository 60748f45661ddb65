// What is kept by id, held against a Map through thousands of changes near each other and far apart.
import { expect, test } from 'vitest';
import { ById } from '../../src/support/by-id.ts';
import { randomFrom } from '../helpers/random.ts';

test('says what a Map says, whatever comes and goes', () => {
  const random = randomFrom(7);
  const table = new ById<{ at: number } | null>();
  const map = new Map<number, { at: number } | null>();
  for (let at = 0; at < 20_000; at++) {
    const id = random.whole(0, 300) + (random.chance(0.1) ? 5e9 : 0);
    if (random.chance(0.5)) {
      table.delete(id);
      map.delete(id);
    } else {
      const value = random.chance(0.1) ? null : { at };
      table.set(id, value);
      map.set(id, value);
    }
    expect(table.get(id)).toBe(map.get(id));
    expect(table.has(id)).toBe(map.has(id));
    expect(table.size).toBe(map.size);
  }
  expect(new Set(table.values())).toEqual(new Set(map.values()));
  for (const id of map.keys()) table.delete(id);
  expect([...table.values()]).toEqual([]);
});

test('what stays is met once while others come and go, and what comes in a new block is met too', () => {
  const table = new ById<number>();
  for (let id = 0; id < 1000; id++) table.set(id, id);
  const met: number[] = [];
  for (const id of table.values()) {
    met.push(id);
    if (id < 500) table.delete(999 - id);
    if (id === 100) table.set(5000, 5000);
    if (id % 2 === 0 && id < 500) table.set(id, id);
  }
  expect(met).toEqual([...Array.from({ length: 500 }, (_, id) => id), 5000]);
});
