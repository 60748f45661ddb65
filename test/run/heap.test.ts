// The heap gives the first of many, whatever was pushed, popped and dropped before.
import { describe, expect, it } from 'vitest';
import { Heap } from '../../src/run/heap.ts';
import { randomFrom } from '../helpers/random.ts';

const numbers = (): Heap<number> => new Heap((a, b) => a < b);
const drained = (heap: Heap<number>): number[] => {
  const all: number[] = [];
  for (let next = heap.pop(); next !== undefined; next = heap.pop()) all.push(next);
  return all;
};

describe('a heap', () => {
  it('is empty at first, and again after its last item', () => {
    const heap = numbers();
    expect([heap.size, heap.peek(), heap.pop()]).toEqual([0, undefined, undefined]);
    heap.push(1);
    expect([heap.peek(), heap.pop(), heap.size, heap.peek()]).toEqual([1, 1, 0, undefined]);
  });

  it('agrees with a sorted list through any series of pushes, pops and drops', () => {
    const random = randomFrom(1);
    for (let round = 0; round < 200; round++) {
      const heap = numbers();
      let list: number[] = [];
      for (let step = 0; step < 100; step++) {
        const what = random.next();
        if (what < 0.6) {
          const value = random.whole(0, 20);
          heap.push(value);
          list = [...list, value].sort((a, b) => a - b);
        } else if (what < 0.95) {
          expect(heap.pop()).toBe(list.shift());
        } else {
          const keep = (value: number): boolean => value % 3 !== 0;
          heap.keep(keep);
          list = list.filter(keep);
        }
        expect([heap.size, heap.peek()]).toEqual([list.length, list[0]]);
      }
      expect(drained(heap)).toEqual(list);
    }
  });
});
