// The experiment of docs/reliability.md, short enough for every change.
import { test } from 'vitest';
import { expectNothingLost } from '../helpers/nothing-lost.ts';
import experiment from './simulation.ts';

test(`${experiment.title}: nothing is lost`, () => expectNothingLost(experiment), 120_000);
