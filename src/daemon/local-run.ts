// `jobrun run --local`: a daemon for the length of one run, in the process of the command. It holds the lock and answers
// as any daemon does, so that other commands see and abort the run; but schedules do not fire, and other runs wait.

import type { Tools } from '../commands/shared/command.ts';
import { systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import { random } from '../support/random.ts';
import { Daemon } from './daemon.ts';
import { type DaemonLog, openLog } from './watching/log.ts';

export interface LocalRuns {
  readonly tools: Tools;
  /** This run may start, and no other. */
  start(id: number): void;
  close(): Promise<void>;
}

/** No run has it. */
const NONE = 0;

/** Throws `daemon-running` where a daemon holds the state. */
export async function openLocalRuns(config: Config, verbose: boolean): Promise<LocalRuns> {
  let only = NONE;
  const daemon = await Daemon.start({
    config: { ...config, http: null },
    clock: systemClock,
    log: logOf(verbose),
    chance: random,
    workers: 1,
    watch: false,
    untilIdle: false,
    only: () => only,
    drainMs: config.drainMs,
  }).catch(refused);
  return {
    tools: daemon.tools,
    start(id) {
      only = id;
      daemon.wake();
    },
    // The run is over; what its job is told after the fact may end first.
    async close() {
      daemon.stop(false);
      await daemon.stopped;
    },
  };
}

/** The log of the run is what is shown; of the rest only what is wrong. */
function logOf(verbose: boolean): DaemonLog {
  const log = openLog(process.stderr, systemClock, verbose);
  if (verbose) return log;
  log.logger.level = 'warn';
  return {
    ...log,
    run: () => undefined,
    progress: () => undefined,
    stray: () => undefined,
    job: () => undefined,
  };
}

function refused(error: unknown): never {
  if (!(error instanceof JobrunError) || error.code !== 'daemon-running') throw error;
  const hint = 'Leave out --local: the daemon runs it. Or stop that first: jobrun stop';
  throw new JobrunError('daemon-running', error.message, hint, error);
}
