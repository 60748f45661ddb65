// Hundreds of clients that behave badly: see clients.ts.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import clients from './clients.ts';

test(
  'whatever some clients do, the others are answered and the memory stays bounded',
  () => expectNothingLost(clients),
  480_000,
);
