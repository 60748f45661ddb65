// An experiment on reliability as a test: in its quick size, with nothing lost.
import { expect } from 'vitest';
import type { Experiment } from './experiment.ts';

/** Everything was done at least once, and nothing was lost. */
export async function expectNothingLost(experiment: Experiment): Promise<void> {
  const said: string[] = [];
  const rows = await experiment.run('quick', (text) => said.push(text));
  expect(rows.length).toBeGreaterThan(0);
  const wrong = rows.filter(({ times, lost }) => times === 0 || (lost ?? 0) > 0);
  expect(wrong, said.join('\n')).toEqual([]);
}
