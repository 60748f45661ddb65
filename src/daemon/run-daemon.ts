// `jobrun daemon` in the foreground: from its options to its exit code.
import type { ColorChoice } from '../commands/shared/output.ts';
import { systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { random } from '../support/random.ts';
import { Daemon } from './daemon.ts';
import { listenToSignals } from './signals.ts';
import { openLog } from './watching/log.ts';
import { LogOutput } from './watching/log-output.ts';
import type { OpenDoor } from './watching/watching.ts';

export interface RunDaemonOptions {
  readonly workers?: number;
  readonly drainMs?: number;
  readonly untilIdle?: boolean;
  readonly watch?: boolean;
  readonly verbose?: boolean;
  readonly color?: ColorChoice;
  /** A file for what else goes to stderr; SIGHUP opens it anew. */
  readonly log?: string;
  readonly openDoor?: OpenDoor | null;
  /** The line to type to see the daemon's work. */
  readonly look?: string;
}

/** Resolves with the exit code when the daemon has stopped. */
export async function runDaemon(config: Config, options: RunDaemonOptions = {}): Promise<number> {
  const clock = systemClock;
  const output = new LogOutput(options.log ?? null, clock);
  const log = openLog(output, clock, { ...options, trace: config.trace });
  const reopen = (): void => {
    try {
      const reopened = output.reopen();
      log.logger.info(
        reopened ? 'the log begins here: SIGHUP' : 'SIGHUP changes nothing: the log goes to stderr',
      );
    } catch (error) {
      log.logger.error({ err: error }, 'the log goes on in the old file');
    }
  };
  const signals = listenToSignals(clock, output.isTTY ? null : reopen);
  try {
    const daemon = await Daemon.start({
      config,
      clock,
      log,
      chance: random,
      workers: options.workers ?? null,
      watch: options.watch ?? true,
      untilIdle: options.untilIdle ?? false,
      drainMs: options.drainMs ?? config.drainMs,
      supervisor: process.env,
      openDoor: options.openDoor ?? null,
    });
    if (output.isTTY && !options.untilIdle)
      log.logger.info(
        `see what it does in another terminal: ${options.look ?? 'jobrun list'}; Ctrl-C stops it`,
      );
    signals.stop((now) => daemon.stop(now));
    return await daemon.stopped;
  } finally {
    signals.close();
  }
}
