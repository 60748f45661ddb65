// The places for attempts: how many there are, and that each worker is known to the engine before its first claim, so
// that one which outlives this daemon is found by the next.
import { availableParallelism } from 'node:os';
import type { Engine } from '../engine/engine.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { FEWEST_WORKERS } from '../support/limits.ts';
import { newMark } from '../workers/mark.ts';
import { WorkerPool } from '../workers/pool.ts';
import type { Stray } from '../workers/runner.ts';
import { jobEnvironment } from './jobs.ts';

export interface PlacesParts {
  readonly engine: Engine;
  readonly config: Config;
  readonly clock: Clock;
  /** Null: the config's, else the larger of 4 and the cores. */
  readonly workers: number | null;
  readonly stray: Stray;
}

export function openPlaces({ engine, config, clock, workers, stray }: PlacesParts): WorkerPool {
  return new WorkerPool({
    places: workers ?? config.workers ?? Math.max(FEWEST_WORKERS, availableParallelism()),
    dir: config.dir,
    env: jobEnvironment(config),
    clock,
    newMark: () => newMark(config.state),
    stray,
    onStart: (worker) => engine.putWorker(worker),
    onEnd: (worker) => engine.removeWorker(worker.mark),
  });
}
