// Job files that change while the daemon runs: workers that have loaded older code get no further run, and definitions
// are read anew.

import type { Logger } from 'pino';
import { type Watcher, watchJobs } from '../catalog/watcher.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import type { WorkerPool } from '../workers/pool.ts';
import type { Jobs } from './jobs.ts';

export function followFiles(
  config: Config,
  { catalog, caller, asker }: Jobs,
  pool: WorkerPool,
  logger: Logger,
  clock: Clock,
): Watcher {
  return watchJobs({
    folder: config.jobs,
    clock,
    onChange: ({ code, paths }) => {
      if (code) for (const workers of [pool, caller, asker]) workers.renew();
      const work = code ? catalog.reload(paths) : catalog.rescan();
      work.catch((error) => logger.error({ err: error }, 'the jobs could not be read'));
    },
    onError: (error) => logger.error({ err: error }, 'changes of jobs may go unseen'),
  });
}
