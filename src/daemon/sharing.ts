// This daemon among those that share its store: ties its membership to what it carries out, says and shows. With runs
// in files it is alone, and everything here is as if the store were there at all times.
import type { Catalog } from '../catalog/catalog.ts';
import { version } from '../commands/version.ts';
import type { OtherMember } from '../engine/cluster.ts';
import type { Engine } from '../engine/engine.ts';
import type { Members, SeenWorker } from '../engine/members.ts';
import type { Opened } from '../engine/open.ts';
import type { Progress, Run } from '../run/run.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { isStoreAway, toJobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import { count } from '../support/text.ts';
import type { WorkerPool } from '../workers/pool.ts';
import type { Attempts } from './attempts.ts';
import { Membership } from './membership.ts';
import { OthersProgress } from './others-progress.ts';
import type { DaemonLog } from './watching/log.ts';

export interface SharingParts {
  readonly opened: Pick<Opened, 'cluster'>;
  readonly engine: Pick<Engine, 'find'>;
  readonly members: Pick<Members, 'progressed'>;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly pool: Pick<WorkerPool, 'beat' | 'busy' | 'capacity'>;
  readonly attempts: Pick<Attempts, 'fence' | 'said'>;
  readonly outside: { seen(): readonly SeenWorker[] };
  readonly catalog: Catalog;
  /** Takes back all runs without a holder; resolves with how many they were. */
  readonly rescue: () => Promise<number>;
  /** Something may be able to start. */
  readonly wake: () => void;
  /** A client is told of changes as they come. */
  readonly isWatched: () => boolean;
  /** An attempt of another host has said how far it is. */
  readonly onProgress: (run: Run, progress: Progress) => void;
  readonly onError: (error: unknown) => void;
}

/** Progress is told to other hosts at most this often. */
const TELL_AFTER_MS = SECOND / 4;

export class Sharing {
  readonly #p: SharingParts;
  readonly #membership: Membership | null;
  readonly #others: OthersProgress | null;
  #telling = false;
  #onFenced: () => void = () => undefined;

  constructor(parts: SharingParts) {
    this.#p = parts;
    const { cluster } = parts.opened;
    this.#membership = cluster && this.#join(cluster);
    this.#others = cluster && new OthersProgress({ ...parts, told: parts.onProgress });
  }

  start(): void {
    this.#membership?.start();
    this.#others?.start();
  }

  async stop(): Promise<void> {
    await this.#others?.stop();
    await this.#membership?.stop();
  }

  /** The jobs are others than before. */
  changed(): void {
    this.#membership?.tell();
  }

  /** An attempt on this host has new progress: soon writes it for the other hosts. */
  progressed(): void {
    const membership = this.#membership;
    if (!membership || this.#telling) return;
    this.#telling = true;
    const tell = (): void => {
      this.#telling = false;
      if (membership.isThere) membership.tell();
    };
    this.#p.clock.after(TELL_AFTER_MS, tell, { idle: true });
  }

  get mayBegin(): boolean {
    return this.#membership?.mayBegin ?? true;
  }

  get isFenced(): boolean {
    return this.#membership?.isFenced ?? false;
  }

  /** The fault of the store, in one word; null if it is there. */
  get trouble(): string | null {
    return (this.#membership?.isThere ?? true) ? null : 'the store cannot be reached';
  }

  /** Resolves when nothing waits any more for what this daemon still has to write. */
  fenced(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFenced = resolve;
    });
  }

  /** True for what a store that is away explains: that was said, and passes by itself. */
  explains(error: unknown): boolean {
    return this.#membership !== null && isStoreAway(error);
  }

  #join(cluster: NonNullable<Opened['cluster']>): Membership {
    const { clock, config, log, pool, attempts, outside, catalog, wake, onError } = this.#p;
    const code = 'store-unreachable';
    return new Membership(
      {
        cluster,
        clock,
        leaseMs: config.leaseMs,
        info: () => ({
          version: version(),
          workers: { busy: pool.busy, total: pool.capacity },
          jobs: catalog.all().flatMap(({ name, state }) => (state === 'ok' ? [name] : [])),
          progress: attempts.said(),
          outside: outside.seen(),
        }),
        endAttempts: () => attempts.fence(),
        beat: (leftMs) => pool.beat(leftMs),
        takeOver: (gone) => this.#takeOver(gone),
        onAway: (error) => {
          const { message } = toJobrunError(error);
          log.logger.error({ code }, `${message}: nothing starts until it is back`);
        },
        onBack: () => {
          log.logger.info({ code }, 'the store is back');
          wake();
        },
        onFenced: () => {
          log.logger.warn({ code }, 'cut off from the store for too long: attempts are ended');
          this.#onFenced();
        },
        onError,
      },
      cluster.joinedAt,
    );
  }

  async #takeOver(gone: readonly OtherMember[]): Promise<void> {
    const { log, rescue, wake } = this.#p;
    for (const { host, pid } of gone)
      log.logger.warn(`${host} (pid ${pid}) has not been heard of for its whole lease: given up`);
    const runs = await rescue();
    if (runs > 0) log.logger.warn(`${count(runs, 'run')} of daemons that are gone: taken over`);
    wake();
  }
}
