// What is remembered of the latest, and what is forgotten.
import { describe, expect, it } from 'vitest';
import { Recent } from '../../src/support/recent.ts';

describe('what came lately', () => {
  it('is known by its name, the latest half of the most at least', () => {
    const recent = new Recent<number>(10, 1000);
    for (let i = 0; i < 100; i++) recent.set(`n${i}`, i, i);
    for (let i = 95; i < 100; i++) expect(recent.get(`n${i}`)).toBe(i);
    expect(recent.values().length).toBeLessThanOrEqual(10);
    expect(recent.get('n50')).toBeUndefined();
  });

  it('is kept for its age, and not for twice as long', () => {
    const recent = new Recent<number>(1000, 100);
    recent.set('first', 1, 0);
    recent.set('second', 2, 99);
    expect(recent.get('first')).toBe(1);
    recent.set('third', 3, 150);
    expect(recent.get('second'), 'younger than its age').toBe(2);
    recent.set('fourth', 4, 260);
    expect(recent.get('second')).toBeUndefined();
    expect(recent.get('third')).toBe(3);
  });

  it('can be taken back, whichever generation it is in', () => {
    const recent = new Recent<number>(4, 1000);
    for (const [i, name] of ['a', 'b', 'c'].entries()) recent.set(name, i, i);
    recent.delete('a');
    recent.delete('c');
    expect(recent.values()).toEqual([1]);
  });
});
