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
  /** Where given: no schedules, no upkeep, and nothing is started but the run that it names. */
  readonly only?: () => number;
  /** How long a stop waits for attempts before it ends them. */
  readonly drainMs: number;
  /** What systemd has set for us, where this is a program of its own; it is taken out of there. */
  readonly supervisor?: SystemdVariables;
  /** Set if the config asks for HTTP. */
  readonly openDoor?: OpenDoor | null;
}
