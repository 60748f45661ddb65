// The simulation finds what it is there to find: jobrun with one protection taken out does not live long.
import { expect, test } from 'vitest';
import { STEPS, simulate } from './simulation.ts';
import { WEAKENINGS } from './weakenings.ts';

const MOST_SEEDS = 40;

test.each(WEAKENINGS)(
  'the simulation finds a jobrun that $name',
  async (weakening) => {
    for (let seed = 1; seed <= MOST_SEEDS; seed++) {
      const { broken } = await simulate({ seed, steps: STEPS, weakening });
      if (broken.length > 0) return;
    }
    expect.fail(`${MOST_SEEDS} seeds did not show it`);
  },
  150_000,
);
