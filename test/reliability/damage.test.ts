// Each file of the state damaged in each way, at a few places: see damage.ts. The full size has thousands of places.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import damage from './damage.ts';

test(
  'a damaged file is noticed, kept, named and repaired, and costs no run that is not named',
  () => expectNothingLost(damage),
  480_000,
);
