// A dozen real kills, at random moments and at file operations: see kills.ts. The full size has 200 and more.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import kills from './kills.ts';

test(
  'a daemon under load that is killed again and again loses, repeats and doubles nothing',
  () => expectNothingLost(kills),
  480_000,
);
