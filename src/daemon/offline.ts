// The same context where no daemon runs: the engine opened on the files, under the lock, for the length of one command.
import { Feed } from '../api/feed.ts';
import type { Context } from '../commands/shared/command.ts';
import type { Change, Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/open.ts';
import { weightOf } from '../run/weight.ts';
import { type Clock, systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import type { JobrunError } from '../support/errors.ts';
import { refuseForeignJobs } from '../support/ownership.ts';
import { refuseFewFilesOffline } from '../support/system.ts';
import { refuseMissingFiles, untilInstalled } from '../workers/own-files.ts';
import { abortElsewhere } from './abort-elsewhere.ts';
import { openJobs } from './jobs.ts';
import { abortOrphan } from './rescue.ts';

export { storeCode } from '../engine/open.ts';

export interface OfflineContext extends Context {
  /** The damage of the state, which then can only be read. */
  readonly damage: readonly JobrunError[];
  /** Lets go of the state, which was only read and can be asked all the same. */
  release(): Promise<void>;
  /** Ends the workers that read the jobs, for a caller that has let go of the state. */
  closeJobs(): Promise<void>;
  close(): Promise<void>;
}

/** Begins with what comes after this moment. */
async function feedOf(engine: Engine): Promise<Feed<Change>> {
  const feed = new Feed<Change>(({ run }) => weightOf(run), await engine.changes());
  engine.onChange((change) => {
    if (change.n > feed.last) feed.publish(change);
  });
  return feed;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

export interface OfflineOptions {
  readonly readOnly?: boolean;
  /** Jobs that will be asked: they are read before the lock is taken, for a daemon and other commands wait for it. */
  readonly jobs?: readonly string[];
}

/** Throws `daemon-running` where a daemon holds the state, `state-unsafe` where it is not ours alone, `bad-config`. */
export async function openOffline(
  config: Config,
  { jobs: asked = [], ...options }: OfflineOptions = {},
  clock: Clock = systemClock,
): Promise<OfflineContext> {
  // A command that only looks needs no worker.
  if (!options.readOnly) {
    refuseFewFilesOffline();
    await untilInstalled(clock);
    refuseMissingFiles();
  }
  // None of its code is started where others may write it.
  if (asked.length > 0) refuseForeignJobs(config.jobs);
  const ignore = (): void => undefined;
  // Before the lock is taken: it refuses what the config has wrong.
  const jobs = openJobs({ config, clock, onMessage: ignore, stray: ignore });
  const opened = await Promise.all(asked.map((name) => jobs.catalog.known(name)))
    .then(() => openEngine(config, clock, { kind: 'command', ...options }))
    .catch(async (error) => {
      await jobs.close();
      throw error;
    });
  const { engine, members, logs, damage, clock: time } = opened;
  await engine.advance(time.now());
  return {
    engine,
    members,
    catalog: jobs.catalog,
    logs,
    config,
    clock: time,
    daemon: null,
    ...(config.store && { changes: once(() => feedOf(engine)) }),
    abortOrphan: (id, reason, graceMs) =>
      (config.store ? abortElsewhere : abortOrphan)(id, reason, graceMs, {
        engine,
        members,
        clock: time,
        state: config.state,
      }),
    damage,
    release: () => opened.close(),
    closeJobs: () => jobs.close(),
    async close() {
      await Promise.all([opened.close(), jobs.close()]);
    },
  };
}
