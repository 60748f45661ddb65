// Whole lives of the daemon, from seeds: those that once failed, and fresh ones at every test, as many as the time for
// them allows. A seed that fails is printed with the command that plays it again, exactly.
import { expect, test } from 'vitest';
import { SECOND } from '../../src/support/limits.ts';
import { SEEDS } from './seeds.ts';
import { replayOf, STEPS, simulate } from './simulation.ts';

const FRESH = 250;
/** On a machine that does other things too fewer are played in this time, but never fewer than these. */
const TIME_MS = 15 * SECOND;
const LEAST = 15;

async function play(seed: number, steps: number): Promise<void> {
  const result = await simulate({ seed, steps });
  if (result.broken.length > 0) console.error(`plays it again: ${replayOf(result)}`);
  expect({ play: replayOf(result), broken: result.broken }).toEqual({
    play: replayOf(result),
    broken: [],
  });
}

test.each(SEEDS)('seed %i, %i steps, once failed: %s', play, 60_000);

test('fresh seeds: every promise is kept after every step, and all that was accepted comes to its end', async () => {
  const first = Math.floor(Date.now() % 1_000_000_000);
  const until = performance.now() + TIME_MS;
  let played = 0;
  while (played < LEAST || (played < FRESH && performance.now() < until))
    await play(first + played++, STEPS);
  console.log(`${played} of ${FRESH} fresh seeds, ${first} to ${first + played - 1}`);
}, 480_000);

test('the same seed is the same life, to the last word; another one is another', async () => {
  const [one, same, other] = [
    await simulate({ seed: 11, steps: 40 }),
    await simulate({ seed: 11, steps: 40 }),
    await simulate({ seed: 12, steps: 40 }),
  ];
  expect(same).toEqual(one);
  expect(other.hash).not.toBe(one.hash);
}, 60_000);
