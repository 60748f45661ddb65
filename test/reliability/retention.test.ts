// Twenty thousand of them: see retention.ts. The full size has a million and takes some minutes.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import retention from './retention.ts';

test(
  'settled runs whose time is over go without holding up the daemon, the others stay',
  () => expectNothingLost(retention),
  120_000,
);
