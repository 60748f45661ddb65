// The name in a request: of a run, or of a job. It is found, or refused with what was probably meant.
import { unfitOf } from '../../catalog/unfit.ts';
import { unknownRun } from '../../run/refusal.ts';
import type { Run } from '../../run/run.ts';
import { JobrunError } from '../../support/errors.ts';
import { didYouMean, newEffort } from '../../support/text.ts';
import type { Context } from './command.ts';
import { jobsAnywhere } from './hosts.ts';

/** A job that is gone can still be let go, and one that is only asked for can be held. */
export async function refuseUnknownJob(job: string, context: Context): Promise<void> {
  const { catalog, engine } = context;
  if (catalog.find(job) || (await engine.countsByJob()).has(job)) return;
  if ((await engine.pauses()).jobs.has(job)) return;
  const names = await jobsAnywhere(context);
  if (names.has(job)) return;
  throw unknownJob(job, [...names], context.config.jobs);
}

/** A run by its id. Throws `unknown-run`. */
export async function getRun(id: number, { engine }: Pick<Context, 'engine'>): Promise<Run> {
  const run = await engine.find(id);
  if (run) return run;
  throw unknownRun(id);
}

/**
 * The refusal of a job that is not there. A file of its name that is no job says more than a name that is near.
 *
 * @param folder the jobs folder; null: it is not looked at
 * @param effort what looking for a name that was meant may take, for all that one request names
 */
export function unknownJob(
  job: string,
  names: readonly string[],
  folder: string | null,
  effort = newEffort(),
): JobrunError {
  const message = `there is no job named "${job}"`;
  const path = job.replace(/^jobs\//, '');
  const unfit = folder === null || names.includes(path) ? null : unfitOf(folder, path);
  if (unfit) return new JobrunError('unknown-job', message, `${unfit.file} ${unfit.lacks}`);
  const typed = path.replace(/\.\w+$/, '');
  const meant = names.includes(typed) ? typed : job;
  const hint = didYouMean(meant, names, 'See which there are: jobrun jobs', effort);
  return new JobrunError('unknown-job', message, hint);
}
