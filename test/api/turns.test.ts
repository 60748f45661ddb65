// Whose request begins when: many cheap ones together, dear ones one after the other with the loop in between.
import { expect, test } from 'vitest';
import { Turns } from '../../src/api/turns.ts';
import type { Clock } from '../../src/support/clock.ts';

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turns on a clock that only the work moves. */
function turns(): { readonly turns: Turns; readonly work: (ms: number) => void } {
  let now = 0;
  const clock: Clock = { now: () => now, monotonic: () => now, after: () => () => undefined };
  return {
    turns: new Turns(clock),
    work: (ms) => {
      now += ms;
    },
  };
}

test('cheap requests that come together begin in one turn of the loop', async () => {
  const { turns: made, work } = turns();
  const me = { unread: 0 };
  let begun = 0;
  const seen: number[] = [];
  setImmediate(() => seen.push(begun));
  for (let i = 0; i < 30; i++) {
    made.take(me, () => {
      begun++;
      void Promise.resolve().then(() => work(0.03));
    });
  }
  await turnOfLoop();
  expect(seen).toEqual([30]);
});

test('of dear ones each turn begins one, and whoever asks meanwhile goes before the rest of them', async () => {
  const { turns: made, work } = turns();
  const begun: string[] = [];
  const dear = async (): Promise<void> => {
    begun.push('dear');
    // What it costs shows only after a few microtasks.
    for (let i = 0; i < 10; i++) await null;
    work(50);
  };
  const flood = { unread: 0 };
  for (let i = 0; i < 20; i++) made.take(flood, () => void dear());
  await turnOfLoop();
  const before = begun.length;
  made.take({ unread: 0 }, () => begun.push('mine'));
  for (let i = 0; i < 3; i++) await turnOfLoop();
  expect(before).toBeLessThanOrEqual(2);
  expect(begun.indexOf('mine')).toBeGreaterThan(-1);
  expect(begun.indexOf('mine')).toBeLessThanOrEqual(before + 1);
  for (let i = 0; i < 60; i++) await turnOfLoop();
  expect(begun.filter((what) => what === 'dear')).toHaveLength(20);
});

test('who does not read its replies waits until it does', async () => {
  const { turns: made } = turns();
  const me = { unread: 2 ** 30 };
  let begun = 0;
  for (let i = 0; i < 3; i++) made.take(me, () => begun++);
  await turnOfLoop();
  await turnOfLoop();
  expect(begun).toBe(0);
  me.unread = 0;
  made.wake();
  await turnOfLoop();
  await turnOfLoop();
  expect(begun).toBe(3);
});
