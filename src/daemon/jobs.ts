// The jobs of a project, ready to be asked: their catalog, read in worker processes, and the worker that checks
// params, names next times and is told of endings. The daemon and the commands without one make it the same way.
import type { JobEntry } from '../catalog/catalog.ts';
import { checkDefaults, defaultsOf } from '../catalog/definition.ts';
import { JobCatalog } from '../catalog/job-catalog.ts';
import type { Clock } from '../support/clock.ts';
import { type Config, mistakeOf } from '../support/config.ts';
import { JobCaller } from '../workers/caller.ts';
import { inspectJobs } from '../workers/inspector.ts';
import { newMark } from '../workers/mark.ts';
import type { Answer, FromRun } from '../workers/messages.ts';
import type { Stray } from '../workers/runner.ts';

export interface Jobs {
  readonly catalog: JobCatalog;
  readonly caller: JobCaller;
  /** Asks `nextRun`, in a worker of its own: one that blocks keeps nobody waiting whose params are to be checked. */
  readonly asker: JobCaller;
  close(): Promise<void>;
}

export interface JobsParts {
  readonly config: Config;
  readonly clock: Clock;
  /** What a hook says: log lines, emits. */
  readonly onMessage: (message: FromRun, reply: (answer: Answer) => void) => void;
  readonly stray: Stray;
}

/**
 * What is set for job processes: the daemon's own environment, the config's over it, and where this project lies, so
 * that `connect()` and `jobrun` in a job reach the daemon that runs it.
 */
export function jobEnvironment(config: Config): Record<string, string> {
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const here = { JOBRUN_DIR: config.dir, JOBRUN_JOBS: config.jobs, JOBRUN_STATE: config.state };
  return { ...Object.fromEntries(own), ...config.env, ...here };
}

/** The jobs as their files say now, read once, for who asks them nothing more. */
export async function readJobs(config: Config, clock: Clock): Promise<readonly JobEntry[]> {
  const ignore = (): void => undefined;
  const jobs = openJobs({ config, clock, onMessage: ignore, stray: ignore });
  try {
    await jobs.catalog.ready();
    return jobs.catalog.all();
  } finally {
    await jobs.close();
  }
}

/** That is said once, and not of each job that it would break. */
function refuseWrongDefaults(config: Config): void {
  try {
    checkDefaults(config);
  } catch (error) {
    throw mistakeOf(config.dir, error);
  }
}

/** Throws `bad-config` for a mistake in `defaults` or `keep`. */
export function openJobs({ config, clock, onMessage, stray }: JobsParts): Jobs {
  const common = {
    dir: config.dir,
    env: jobEnvironment(config),
    clock,
    stray,
    newMark: () => newMark(config.state),
  };
  refuseWrongDefaults(config);
  const defaults = defaultsOf(config);
  const closing = new AbortController();
  const caller = new JobCaller({ ...common, onMessage });
  const asker = new JobCaller({ ...common, onMessage });
  const catalog = new JobCatalog({
    folder: config.jobs,
    defaults,
    clock,
    inspect: async (files, known, outdated) => {
      const signal = AbortSignal.any([closing.signal, outdated]);
      // The copy reads the zone here, where a wrong TZ rejects this call. In `send` it would be an uncaught error.
      return inspectJobs(files, { ...common, defaults: { ...defaults }, signal }, known);
    },
    check: (file, params) => caller.check(file, params),
  });
  return {
    catalog,
    caller,
    asker,
    async close() {
      closing.abort();
      await Promise.all([caller.close(), asker.close()]);
    },
  };
}
