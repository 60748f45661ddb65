// The newest settled runs of each job, which are kept whatever their age: found once a round, when they are asked for.
import type { Engine } from '../engine/engine.ts';
import { type Run, SETTLED } from '../run/run.ts';
import { NEWEST_KEPT } from '../support/limits.ts';
import type { Keeping } from './keeping.ts';

export class Newest {
  readonly #engine: Engine;
  readonly #keeping: Keeping;
  readonly #byJob = new Map<string, Promise<ReadonlySet<number>>>();

  constructor(engine: Engine, keeping: Keeping) {
    this.#engine = engine;
    this.#keeping = keeping;
  }

  async has(run: Run): Promise<boolean> {
    const most = this.#keeping.isKeptAtAll(run)
      ? NEWEST_KEPT
      : this.#keeping.needsLast(run)
        ? 1
        : 0;
    if (most === 0) return false;
    const newest = this.#byJob.get(run.job) ?? this.#find(run.job);
    this.#byJob.set(run.job, newest);
    return [...(await newest)].slice(0, most).includes(run.id);
  }

  async #find(job: string): Promise<ReadonlySet<number>> {
    const query = { jobs: [job], states: SETTLED, limit: NEWEST_KEPT };
    const { runs } = await this.#engine.list(query);
    return new Set(runs.map(({ id }) => id));
  }
}
