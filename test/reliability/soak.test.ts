// A short soak with a kill: see soak.ts. The full size takes ten minutes.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import soak from './soak.ts';

test(
  'at full rate memory, descriptors, processes and files stay flat',
  () => expectNothingLost(soak),
  480_000,
);
