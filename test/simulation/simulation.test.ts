// Whole lives of the daemon, from seeds: those that once failed, the same ones at every test, and fresh ones, as many
// as a minute allows. A seed that fails is printed with the command that plays it again, exactly.
import { expect, test } from 'vitest';
import { MINUTE } from '../../src/support/limits.ts';
import { SEEDS } from './seeds.ts';
import { replayOf, type Simulated, STEPS, simulate } from './simulation.ts';

const FRESH = 200;
const AT_MOST_MS = MINUTE / 2;

const verdictOf = (result: Simulated) => ({ play: replayOf(result), broken: result.broken });

test.each(SEEDS)(
  'seed %i, %i steps: no longer %s',
  async (seed, steps) => {
    const result = await simulate({ seed, steps });
    expect(verdictOf(result)).toEqual({ play: replayOf(result), broken: [] });
  },
  60_000,
);

test('fresh seeds: every promise is kept after every step, and all that was accepted comes to its end', async () => {
  const first = Math.floor(Date.now() % 1_000_000_000);
  const until = performance.now() + AT_MOST_MS;
  let played = 0;
  for (; played < FRESH && performance.now() < until; played++) {
    const result = await simulate({ seed: first + played, steps: STEPS });
    expect(verdictOf(result)).toEqual({ play: replayOf(result), broken: [] });
  }
  console.log(`seeds ${first} to ${first + played - 1}`);
  expect(played).toBeGreaterThan(0);
}, 90_000);

test('the same seed is the same life, to the last word; another one is another', async () => {
  const [one, same, other] = [
    await simulate({ seed: 11, steps: 60 }),
    await simulate({ seed: 11, steps: 60 }),
    await simulate({ seed: 12, steps: 60 }),
  ];
  expect(same).toEqual(one);
  expect(other.hash).not.toBe(one.hash);
}, 60_000);
