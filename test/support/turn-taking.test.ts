// Turns of the loop for what takes long: who comes meanwhile is let in, read and answered.
import { describe, expect, test } from 'vitest';
import { arrived, longTurn } from '../../src/support/turn-taking.ts';

describe('long turns', () => {
  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await new Promise(setImmediate);
  };

  test('are one at a time, in their order, with rounds of the loop in between', async () => {
    const had: number[] = [];
    let round = 0;
    const at: number[] = [];
    for (let i = 0; i < 5; i++)
      void longTurn().then(() => {
        had.push(i);
        at.push(round);
      });
    for (; round < 40; round++) await rounds(1);
    expect(had).toEqual([0, 1, 2, 3, 4]);
    for (const [i, one] of at.slice(1).entries()) expect(one - (at[i] ?? 0)).toBeGreaterThan(1);
  });

  test('wait while the loop lets in clients, one a round, and no longer than its queue of them is', async () => {
    let had = 0;
    const all = [longTurn(), longTurn()].map((turn) => turn.then(() => had++));
    for (let i = 0; i < 300; i++) {
      arrived();
      await rounds(1);
    }
    expect(had).toBe(0);
    for (let i = 0; i < 300; i++) {
      arrived();
      await rounds(1);
    }
    expect(had).toBe(1);
    await Promise.all(all);
  });
});
