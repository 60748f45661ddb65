// How a daemon is started: what the command line, the library and tests choose of it.
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import type { DaemonLog } from './watching/log.ts';
import type { SystemdVariables } from './watching/supervisor.ts';
import type { OpenDoor } from './watching/watching.ts';

export interface DaemonOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly chance: () => number;
  /** Places: attempts in worker processes of their own at once. */
  readonly workers: number | null;
  readonly watch: boolean;
  /** Ends by itself when nothing is due or running. */
  readonly untilIdle: boolean;
  /** If given: no schedules, no upkeep, and only the run that it names is started. */
  readonly only?: () => number;
  /** How long a stop waits for attempts before it ends them. */
  readonly drainMs: number;
  /** The variables that systemd has set for us, if this is a program of its own; they are removed from there. */
  readonly supervisor?: SystemdVariables;
  /** Set if the config asks for HTTP. */
  readonly openDoor?: OpenDoor | null;
}
