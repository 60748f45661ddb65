// Daemons and commands that get in each other's way: see rivals.ts.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import rivals from './rivals.ts';

test(
  'of several daemons one wins, and none that was stopped or lost its lock does harm',
  () => expectNothingLost(rivals),
  480_000,
);
