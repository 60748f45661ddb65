// A whole daemon in the process of the test, with real workers and real files; it is stopped when the test is over.
import { Daemon } from '../../src/daemon/daemon.ts';
import type { DaemonOptions } from '../../src/daemon/options.ts';
import { openLog } from '../../src/daemon/watching/log.ts';
import { systemClock } from '../../src/support/clock.ts';
import { loadConfig } from '../../src/support/config.ts';
import type { Project } from './project.ts';
import { whenOver } from './shared.ts';

export async function daemonHere(
  { dir }: Project,
  options: Partial<DaemonOptions> = {},
): Promise<Daemon> {
  const daemon = await Daemon.start({
    config: loadConfig({ dir }, {}, dir),
    clock: systemClock,
    log: openLog({ write: () => true }, systemClock),
    chance: () => 0.5,
    workers: 2,
    watch: false,
    untilIdle: false,
    drainMs: 0,
    ...options,
  });
  whenOver(async () => {
    daemon.stop(true);
    await daemon.stopped;
  });
  return daemon;
}
