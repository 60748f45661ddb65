// `jobrun daemon` in the foreground: from its options to its exit code. The first SIGTERM or SIGINT drains, the second
// ends what runs, the third ends the daemon on the spot, as kill -9 would: nothing is lost by that either.
import { systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { random } from '../support/random.ts';
import { Daemon } from './daemon.ts';
import { openLog } from './watching/log.ts';
import { OwnLog } from './watching/own-log.ts';

export interface RunDaemonOptions {
  readonly workers?: number;
  readonly drainMs?: number;
  readonly untilIdle?: boolean;
  readonly watch?: boolean;
  readonly verbose?: boolean;
  /** A file for what else goes to stderr; SIGHUP opens it anew. */
  readonly log?: string;
}

/** Resolves with the exit code when the daemon has stopped. */
export async function runDaemon(config: Config, options: RunDaemonOptions = {}): Promise<number> {
  const clock = systemClock;
  const file = options.log === undefined ? null : new OwnLog(options.log);
  const log = openLog(file ?? process.stderr, clock, options.verbose ?? false);
  const reopen = (): void => {
    try {
      file?.reopen();
      log.logger.info('the log begins here: SIGHUP');
    } catch (error) {
      log.logger.error({ err: error }, 'the log goes on in the old file');
    }
  };
  let daemon: Daemon | null = null;
  let signals = 0;
  const stop = (): void => {
    signals++;
    if (signals > 2) process.kill(process.pid, 'SIGKILL');
    daemon?.stop(signals > 1);
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, stop);
  // Without a file of its own a hangup ends it, as it does any program of a terminal that was closed.
  if (file) process.on('SIGHUP', reopen);
  try {
    daemon = await Daemon.start({
      config,
      clock,
      log,
      chance: random,
      workers: options.workers ?? null,
      watch: options.watch ?? true,
      untilIdle: options.untilIdle ?? false,
      drainMs: options.drainMs ?? config.drainMs,
      supervisor: process.env,
    });
    if (process.stderr.isTTY && !options.untilIdle)
      log.logger.info('see what it does in another terminal: jobrun list; Ctrl-C stops it');
    // One that came while it was starting.
    if (signals > 0) daemon.stop(signals > 1);
    return await daemon.stopped;
  } finally {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.off(name, stop);
    process.off('SIGHUP', reopen);
  }
}
