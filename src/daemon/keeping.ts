// How long settled runs are kept: what their jobs say, and the bounds over all that the config may set. A job whose
// file is broken, or was there a moment ago, is not judged by a guess: its runs stay until it can be read.
import type { Catalog, JobEntry } from '../catalog/catalog.ts';
import type { Engine, SettledRun } from '../engine/engine.ts';
import type { Logs } from '../engine/logs.ts';
import { DEFAULT_POLICY } from '../run/policy.ts';
import { SETTLED } from '../run/run.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { HOUR, NEWEST_KEPT } from '../support/limits.ts';

/** Runs over a bound: how many, or how many bytes of them, still have to go. */
export interface Excess {
  remains(): boolean;
  take(run: SettledRun): Promise<void>;
}

export interface KeepingParts {
  readonly config: Config;
  readonly catalog: Catalog;
  readonly engine: Engine;
  readonly logs: Pick<Logs, 'size'>;
  readonly clock: Clock;
}

/** The facts that decide how long it is kept. */
export type Kept = Pick<SettledRun, 'job' | 'state' | 'settledAt' | 'aside'>;

export class Keeping {
  readonly #catalog: Catalog;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #logs: Pick<Logs, 'size'>;
  readonly #most: Config['keep'];
  #behindSince: number | null = null;
  readonly #missingSince = new Map<string, number>();

  constructor({ config, catalog, engine, logs, clock }: KeepingParts) {
    this.#catalog = catalog;
    this.#engine = engine;
    this.#clock = clock;
    this.#logs = logs;
    this.#most = config.keep;
  }

  /** When its time is over; null for not as long as its job cannot be read, or it is set aside. */
  overAt(run: Kept): number | null {
    // A run that was set aside waits until a person has looked.
    if (run.aside) return null;
    const entry = this.#catalog.find(run.job);
    const settledAt = this.#onThisClock(run.settledAt);
    if (entry === null) return this.#afterMissing(run.job, settledAt + keepOf(run, null));
    this.#missingSince.delete(run.job);
    return entry.state === 'ok' ? settledAt + keepOf(run, entry) : null;
  }

  /** False where the job says 0: then not even the newest are kept. */
  isKeptAtAll(run: SettledRun): boolean {
    return keepOf(run, this.#catalog.find(run.job)) > 0;
  }

  /** The one run of an `autostart` job says that it has been done. */
  needsLast(run: SettledRun): boolean {
    const entry = this.#catalog.find(run.job);
    return entry?.state === 'ok' && entry.data.autostart;
  }

  /** Null where no bound is set, or none is passed. */
  async excess(): Promise<Excess | null> {
    const { runs, bytes } = this.#most;
    const { done, failed, aborted } = await this.#engine.counts();
    let runsLeft = runs === undefined ? 0 : done + failed + aborted - runs;
    let bytesLeft = bytes === undefined ? 0 : (await this.#engine.size()) - bytes;
    if (runsLeft <= 0 && bytesLeft <= 0) return null;
    return {
      remains: () => runsLeft > 0 || bytesLeft > 0,
      take: async ({ id, bytes }) => {
        runsLeft--;
        if (bytesLeft > 0) bytesLeft -= bytes + (await this.#logs.size(id));
      },
    };
  }

  /**
   * A run that settled ahead of the clock counts from when it was found there: one moment for all, which moves back
   * only.
   */
  #onThisClock(settledAt: number): number {
    const now = this.#clock.now();
    if (settledAt <= now) return settledAt;
    this.#behindSince = Math.min(this.#behindSince ?? now, now);
    return this.#behindSince;
  }

  #afterMissing(job: string, overAt: number): number {
    const since = this.#missingSince.get(job) ?? this.#clock.now();
    this.#missingSince.set(job, since);
    return Math.max(overAt, since + HOUR);
  }
}

function keepOf(run: Kept, entry: JobEntry | null): number {
  const policy = entry?.state === 'ok' ? entry.data.policy : DEFAULT_POLICY;
  return run.state === 'done' ? policy.keepDoneMs : policy.keepFailedMs;
}

/**
 * The newest settled runs of each job, which are kept whatever their age: found once a round, when they are asked for.
 */
export class Newest {
  readonly #engine: Engine;
  readonly #keeping: Keeping;
  readonly #byJob = new Map<string, Promise<ReadonlySet<number>>>();

  constructor(engine: Engine, keeping: Keeping) {
    this.#engine = engine;
    this.#keeping = keeping;
  }

  async has(run: SettledRun): Promise<boolean> {
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
    const query = { jobs: [job], states: SETTLED, limit: NEWEST_KEPT, light: true };
    const { runs } = await this.#engine.list(query);
    return new Set(runs.map(({ id }) => id));
  }
}
