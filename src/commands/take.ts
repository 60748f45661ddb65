// A worker outside asks for runs of external jobs: the answer waits for one. No command of its own: programs ask over
// HTTP, and docs/workers.md tells how.
import { isExternal, policyOf } from '../catalog/catalog.ts';
import { leaseOf } from '../run/external.ts';
import type { Run } from '../run/run.ts';
import { attemptTrace } from '../run/trace.ts';
import { isoOf } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { MAX_TAKE_WAIT_MS, MAX_TAKEN, SECOND } from '../support/limits.ts';
import { list } from '../support/schema.ts';
import type { Command, Context } from './shared/command.ts';
import { findJob } from './shared/job-lookup.ts';
import { count, duration, job, text } from './shared/kinds.ts';
import { field, take as fromSchema, type Kind, needed, wrong } from './shared/options.ts';
import { noDaemon } from './shared/waiting.ts';

export interface Lease {
  readonly lease: string;
  readonly id: string;
  readonly job: string;
  readonly attempt: number;
  readonly params: Json;
  readonly checkpoint: Json;
  readonly dueAt: string;
  /** How long the worker may be silent. */
  readonly lockTimeMs: number;
  readonly traceparent: string;
}

const MAX_NAME = 200;
const MOST_JOBS = 1000;

const jobs: Kind<readonly string[]> = {
  schema: list(job.schema),
  shape: { type: 'array', items: job.shape ?? {} },
};

const options = {
  jobs: needed(jobs, 'external jobs whose runs it takes'),
  worker: needed(text(MAX_NAME), 'its name, as it is shown'),
  count: field(count(1, MAX_TAKEN), 'most runs at once; default: 1'),
  wait: field(duration, 'how long to wait for a run, at most 30s; default: 30s'),
  domain: field(text(MAX_NAME), 'a folder of jobs: runs of <domain>/<job> instead of <job>'),
};

export const take: Command<typeof options, undefined, readonly Lease[]> = {
  name: 'take',
  about: 'Runs of external jobs, for a worker outside.',
  examples: [],
  options,

  async *stream({ domain, worker, count = 1, wait = 30 * SECOND, ...asked }, context, signal) {
    if (!context.daemon) throw noDaemon('taking a run');
    const jobs = asked.jobs.map((name) => inDomain(name, domain));
    if (jobs.length === 0 || jobs.length > MOST_JOBS)
      throw wrong('jobs', `a list of 1 to ${MOST_JOBS} names`);
    await refuseOthers(jobs, context);
    const asking = { jobs, worker, count, waitMs: Math.min(wait, MAX_TAKE_WAIT_MS) };
    const runs = await context.daemon.outside.take(asking, signal);
    yield runs.map((run) => leaseView(run, context));
  },

  show: () => undefined,
};

/** Other workers take the runs of each domain: it is a folder of jobs. */
export const inDomain = (name: string, domain: string | undefined): string =>
  domain === undefined ? name : fromSchema(job.schema, `${domain}/${name}`, 'domain');

/** An unknown job may still come. */
async function refuseOthers(jobs: readonly string[], { catalog }: Context): Promise<void> {
  const entries = await Promise.all(
    jobs.map(async (name) => catalog.find(name) ?? findJob(name, catalog)),
  );
  const other = entries.find((entry) => entry?.state === 'ok' && !isExternal(entry));
  if (!other) return;
  const hint = "Its runs are the daemon's own. See docs/workers.md for how a job is made external.";
  throw new JobrunError('bad-request', `the job ${other.name} is not external`, hint);
}

function leaseView(run: Run, { catalog, config }: Context): Lease {
  const { life, params, job } = run;
  const { heardAt = 0, until = 0 } = life?.taken ?? {};
  return {
    lease: leaseOf(run) ?? '',
    id: String(run.id),
    job,
    attempt: life?.attempt ?? 1,
    params,
    checkpoint: life?.checkpoint ?? null,
    dueAt: isoOf(run.state.dueAt),
    lockTimeMs: policyOf(catalog.find(job)).lockTimeMs ?? until - heardAt,
    traceparent: attemptTrace(run, config.trace).traceparent,
  };
}
