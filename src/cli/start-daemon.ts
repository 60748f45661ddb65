// `startDaemon`: the daemon inside a program of the user's. Jobs still run in processes of their own, never in this
// one.

import { count, duration } from '../commands/shared/kinds.ts';
import { checked, field, fromNames, yesOrNo } from '../commands/shared/options.ts';
import { systemClock } from '../support/clock.ts';
import { loadConfig } from '../support/config.ts';
import type { Duration } from '../support/durations.ts';
import { FEWEST_WORKERS, MAX_WORKERS } from '../support/limits.ts';
import { random } from '../support/random.ts';
import { refuseFewFiles } from '../support/system.ts';
import { refuseNoProject } from './backend.ts';
import { WHERE } from './library.ts';
import { thrownFrom } from './thrown-to-code.ts';

export interface StartOptions {
  /** The project. Default as for the command line. */
  readonly dir?: string;
  /** Its state folder. Default as for the command line. */
  readonly stateDir?: string;
  /** Attempts at once. Default: the config's, else the larger of 4 and the cores. */
  readonly workers?: number;
  /** How long a stop waits for attempts. Default: the config's. */
  readonly drain?: Duration;
  /** True to watch the job files for changes. Default true. */
  readonly watch?: boolean;
  /** The target of the daemon's log, as JSON lines. Default: nowhere. */
  readonly log?: { write(line: string): unknown };
}

const OPTIONS = {
  ...WHERE,
  workers: field(count(1, MAX_WORKERS)),
  drain: field(duration),
  watch: field(yesOrNo),
};

export interface RunningDaemon {
  /** Resolves with the exit code that `jobrun daemon` would have. */
  readonly stopped: Promise<number>;
  /** Drains, or with `now` ends what runs; resolves when all is over. */
  stop(options?: { readonly now?: boolean }): Promise<number>;
}

/**
 * Runs a daemon in this process; it serves when this resolves. Rejects with `daemon-running` where one runs already,
 * with `bad-config` where there is no project.
 *
 * @example
 * const daemon = await startDaemon({ dir: '/srv/shop', workers: 8 });
 * process.once('SIGTERM', () => daemon.stop());
 */
export function startDaemon(options: StartOptions = {}): Promise<RunningDaemon> {
  return thrownFrom(startDaemon, () => startHere(options));
}

async function startHere(options: StartOptions): Promise<RunningDaemon> {
  const { log = nowhere, ...given } = options;
  const { workers, drain, watch = true, ...where } = checked(OPTIONS, fromNames(OPTIONS, given));
  const config = loadConfig(where, process.env, process.cwd());
  refuseNoProject(config);
  refuseFewFiles(workers ?? config.workers ?? FEWEST_WORKERS);
  const { Daemon } = await import('../daemon/daemon.ts');
  const { openLog } = await import('../daemon/watching/log.ts');
  const daemon = await Daemon.start({
    config,
    clock: systemClock,
    log: openLog(log, systemClock, { trace: config.trace }),
    chance: random,
    workers: workers ?? null,
    watch,
    untilIdle: false,
    drainMs: drain ?? config.drainMs,
    openDoor: config.http.listen === null ? null : (await import('../http/door.ts')).openDoor,
  });
  return {
    stopped: daemon.stopped,
    stop({ now = false } = {}) {
      daemon.stop(now);
      return daemon.stopped;
    },
  };
}

const nowhere = { write: () => true };
