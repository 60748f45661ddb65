// Daemons that share a store and are killed: see cluster.ts.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import cluster from './cluster.ts';

test(
  'daemons on one store that are killed lose nothing and do nothing twice, and the others take over in time',
  () => expectNothingLost(cluster),
  480_000,
);
