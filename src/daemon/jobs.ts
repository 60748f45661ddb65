// The jobs of a project, ready to be asked and run: their catalog, the pool of worker processes, and the calls of job
// code that check params, name next times and hear of endings. The daemon and the commands without one make it alike.
import { availableParallelism } from 'node:os';
import type { JobEntry } from '../catalog/catalog.ts';
import { checkDefaults, defaultsOf } from '../catalog/definition.ts';
import { JobCatalog } from '../catalog/job-catalog.ts';
import type { Members } from '../engine/members.ts';
import type { Clock } from '../support/clock.ts';
import { type Config, mistakeOf } from '../support/config.ts';
import { FEWEST_WORKERS, SECOND } from '../support/limits.ts';
import { JobCaller } from '../workers/caller.ts';
import { inspectJobs } from '../workers/inspector.ts';
import type { Answer, FromRun } from '../workers/messages.ts';
import { WorkerPool } from '../workers/pool.ts';
import { newMark } from '../workers/processes.ts';
import type { OnStart, Stray } from '../workers/runner.ts';

export interface Jobs {
  readonly catalog: JobCatalog;
  readonly pool: WorkerPool;
  readonly caller: JobCaller;
  close(): Promise<void>;
}

export interface JobsParts {
  readonly config: Config;
  readonly clock: Clock;
  /** The messages of a hook: log lines, emits. */
  readonly onMessage: (message: FromRun, reply: (answer: Answer) => void) => void;
  readonly stray: Stray;
  readonly onProcess?: OnStart;
  /**
   * The folder where each worker for attempts is known before its first claim, so that one which outlives this daemon
   * is found.
   */
  readonly members?: Pick<Members, 'putWorker' | 'removeWorker'>;
  /** Attempts at once; null: the config's, else the larger of 4 and the cores. */
  readonly workers?: number | null;
}

/** The trace of the process that started the daemon: all runs, for weeks, would be parts of it. */
const OF_TRACES = new Set(['TRACEPARENT', 'TRACESTATE', 'BAGGAGE']);

/**
 * The environment of job processes: the daemon's own, the config's over it, and the place of this project, so that
 * `connect()` and `jobrun` in a job reach the daemon that runs it.
 */
export function jobEnvironment(config: Config): Record<string, string> {
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !OF_TRACES.has(entry[0]),
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

/** Throws `bad-config`: that is said once, and not of each job that it would break. */
export function refuseWrongDefaults(config: Config): void {
  try {
    checkDefaults(config);
  } catch (error) {
    throw mistakeOf(config.dir, error);
  }
}

/** The reaper is late by one of them at most: far less than what is between its time and that of the others. */
const TICKS_PER_LEASE = 20;

/** Throws `bad-config` for a mistake in `defaults` or `keep`. */
export function openJobs(parts: JobsParts): Jobs {
  const { config, clock, onMessage, stray, onProcess, members, workers } = parts;
  const { dir } = config;
  refuseWrongDefaults(config);
  const defaults = defaultsOf(config);
  const closing = new AbortController();
  const pool = new WorkerPool({
    capacity: workers ?? config.workers ?? Math.max(FEWEST_WORKERS, availableParallelism()),
    dir,
    env: jobEnvironment(config),
    clock,
    newMark: () => newMark(config.state),
    stray,
    onProcess,
    onStart: (worker) => members?.putWorker(worker),
    onEnd: (worker) => members?.removeWorker(worker.mark),
    ...(config.store && { beatTickMs: Math.min(SECOND, config.leaseMs / TICKS_PER_LEASE) }),
  });
  const caller = new JobCaller({ pool, clock, onMessage });
  const catalog = new JobCatalog({
    folder: config.jobs,
    defaults,
    // On a store any host could take the run.
    builtIn: config.store === null,
    clock,
    inspect: async (files, known, outdated) => {
      const signal = AbortSignal.any([closing.signal, outdated]);
      // The copy reads the zone here, where a wrong TZ rejects this call. In `send` it would be an uncaught error.
      return inspectJobs(files, { pool, dir, clock, defaults: { ...defaults }, signal }, known);
    },
    check: (file, params) => caller.check(file, params),
  });
  return {
    catalog,
    pool,
    caller,
    async close() {
      closing.abort();
      caller.close();
      await pool.close();
    },
  };
}
