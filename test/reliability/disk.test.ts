// Full, failing, slow and vanished disks under a real daemon, each once or twice: see disk.ts.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import disk from './disk.ts';

test(
  'a disk that is full, fails or goes loses nothing that was answered, and is said to be so',
  () => expectNothingLost(disk),
  480_000,
);
