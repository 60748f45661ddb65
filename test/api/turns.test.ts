// Whose request begins when: many cheap ones together, dear ones one after the other with the loop in between.
import { describe, expect, test } from 'vitest';
import { Turns } from '../../src/api/turns.ts';
import type { Clock } from '../../src/support/clock.ts';
import { arrived } from '../../src/support/turn-taking.ts';

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
    const begin = (): void => {
      begun++;
      void Promise.resolve().then(() => work(0.03));
    };
    made.take(me, { cost: 1, begin });
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
  for (let i = 0; i < 20; i++) made.take(flood, { cost: 1, begin: () => void dear() });
  await turnOfLoop();
  const before = begun.length;
  made.take({ unread: 0 }, { cost: 1, begin: () => begun.push('mine') });
  for (let i = 0; i < 3; i++) await turnOfLoop();
  expect(before).toBeLessThanOrEqual(2);
  expect(begun.indexOf('mine')).toBeGreaterThan(-1);
  expect(begun.indexOf('mine')).toBeLessThanOrEqual(before + 1);
  for (let i = 0; i < 60; i++) await turnOfLoop();
  expect(begun.filter((what) => what === 'dear')).toHaveLength(20);
});

test('after a long turn the loop goes round before the next dear one: who comes meanwhile is let in, read and answered', async () => {
  const { turns: made, work } = turns();
  const dear: number[] = [];
  let round = 0;
  for (let i = 0; i < 5; i++)
    made.take(
      { unread: 0 },
      {
        cost: 64,
        begin: () => {
          dear.push(round);
          work(50);
        },
      },
    );
  for (; round < 30; round++) await turnOfLoop();
  expect(dear).toHaveLength(5);
  for (const [i, at] of dear.slice(1).entries())
    expect(at - (dear[i] ?? 0)).toBeGreaterThanOrEqual(2);
});

test('who does not read its replies waits until it does', async () => {
  const { turns: made } = turns();
  const me = { unread: 2 ** 30 };
  let begun = 0;
  for (let i = 0; i < 3; i++) made.take(me, { cost: 1, begin: () => begun++ });
  await turnOfLoop();
  await turnOfLoop();
  expect(begun).toBe(0);
  me.unread = 0;
  made.wake();
  await turnOfLoop();
  await turnOfLoop();
  expect(begun).toBe(3);
});

test('who asks for little, again and again, goes before many that ask for much', async () => {
  const { turns: made, work } = turns();
  let much = 0;
  for (let i = 0; i < 100; i++) {
    const begin = (): void => {
      much++;
      work(50);
    };
    made.take({ unread: 0 }, { cost: 64, begin });
  }
  const me = { unread: 0 };
  for (let i = 0; i < 20; i++) {
    await turnOfLoop();
    const before = much;
    const mine = new Promise<void>((resolve) => made.take(me, { cost: 1, begin: () => resolve() }));
    await mine;
    expect(much - before).toBeLessThanOrEqual(1);
  }
});

test('who asks for much has its turn, however many ask for little without end', async () => {
  const { turns: made, work } = turns();
  let ended = false;
  const little = (me: { unread: number }): void =>
    made.take(me, {
      cost: 1,
      begin: () => {
        work(0.5);
        if (!ended) setImmediate(() => little(me));
      },
    });
  for (let i = 0; i < 50; i++) little({ unread: 0 });
  await turnOfLoop();
  let turnsOfLoop = 0;
  const much = new Promise<void>((resolve) =>
    made.take({ unread: 0 }, { cost: 64, begin: () => resolve() }),
  );
  const isHere = much.then(() => true);
  while (!(await Promise.race([isHere, turnOfLoop()])) && turnsOfLoop < 100_000) turnsOfLoop++;
  ended = true;
  expect(turnsOfLoop).toBeLessThan(50_000);
});

describe('long replies', () => {
  /** Begins long requests of many clients; their replies are made when the test says so. */
  function crowd(made: Turns, count: number, unread = 0): (() => void)[] {
    const begun: (() => void)[] = [];
    for (let i = 0; i < count; i++)
      made.take({ unread }, { cost: 41, isLong: true, begin: (end) => begun.push(end) });
    return begun;
  }

  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await turnOfLoop();
  };

  test('are made two at a time, however short the time until each begins to be made', async () => {
    const { turns: made } = turns();
    const begun = crowd(made, 10);
    await rounds(20);
    expect(begun).toHaveLength(2);
    begun[0]?.();
    await rounds(20);
    expect(begun).toHaveLength(3);
  });

  test('keep no small request waiting', async () => {
    const { turns: made } = turns();
    crowd(made, 10);
    await rounds(3);
    let isHere = false;
    made.take({ unread: 0 }, { cost: 1, begin: () => (isHere = true) });
    await rounds(2);
    expect(isHere).toBe(true);
  });

  test('wait until all who stand at the door are let in, one in each round of the loop', async () => {
    const { turns: made } = turns();
    const begun = crowd(made, 3);
    await rounds(3);
    begun[0]?.();
    for (let i = 0; i < 100; i++) {
      arrived();
      await turnOfLoop();
    }
    expect(begun).toHaveLength(2);
    await rounds(10);
    expect(begun).toHaveLength(3);
  });

  test('are not kept waiting for ever by clients that come without end', async () => {
    const { turns: made } = turns();
    const begun = crowd(made, 3);
    await rounds(3);
    begun[0]?.();
    for (let i = 0; i < 600; i++) {
      arrived();
      await turnOfLoop();
    }
    expect(begun).toHaveLength(3);
  });

  test('do not begin while clients leave much unread, and small ones do', async () => {
    const { turns: made } = turns();
    const others = { unread: 100 * 2 ** 20 };
    made.take(others, { cost: 1, begin: () => undefined });
    const begun = crowd(made, 2);
    let isHere = false;
    made.take({ unread: 0 }, { cost: 1, begin: () => (isHere = true) });
    await rounds(5);
    expect([begun.length, isHere]).toEqual([0, true]);
    others.unread = 0;
    made.wake();
    await rounds(5);
    expect(begun).toHaveLength(2);
  });
});
