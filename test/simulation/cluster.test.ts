// Lives of three daemons on one store, from seeds: those that once failed, and fresh ones, as many as the time for them
// allows. A seed that fails is printed, and plays the same faults again. Between two statements that hosts send at the
// same moment a real server decides, so a life is not the same to the last word.
import { beforeAll, expect, test } from 'vitest';
import { SECOND } from '../../src/support/limits.ts';
import { freshStore } from '../helpers/postgres.ts';
import { CLUSTER_STEPS, simulateCluster } from './cluster/simulation.ts';

/** `JOBRUN_CLUSTER_SEEDS=100:50` plays 50 seeds from 100 on. */
const [FIRST = 0, MANY = 0] = (process.env.JOBRUN_CLUSTER_SEEDS ?? '').split(':').map(Number);
const TIME_MS = 6 * SECOND;
const LEAST = 1;

beforeAll(async () => void (await freshStore()), 120_000);

async function play(seed: number): Promise<void> {
  const { broken, lines, faults, runs } = await simulateCluster(seed, await freshStore());
  if (broken.length > 0) console.error(`seed ${seed}:\n${lines.slice(-60).join('\n')}`);
  if (MANY > 0) console.log(seed, runs, JSON.stringify(faults));
  expect({ seed, broken }).toEqual({ seed, broken: [] });
}

test('fresh seeds: with cuts, freezes, kills and lost answers no run is lost, doubled or begun beside a live attempt', async () => {
  const first = MANY > 0 ? FIRST : Math.floor(Date.now() % 1_000_000_000);
  const until = performance.now() + TIME_MS;
  let played = 0;
  while (MANY > 0 ? played < MANY : played < LEAST || performance.now() < until)
    await play(first + played++);
  console.log(`${played} seeds of ${CLUSTER_STEPS} steps, ${first} to ${first + played - 1}`);
}, 600_000);
