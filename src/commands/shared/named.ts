// The name in a request: of a run, or of a job. It is found, or refused with what was probably meant.
import { unknownRun } from '../../run/refusal.ts';
import type { Run } from '../../run/run.ts';
import { JobrunError } from '../../support/errors.ts';
import { didYouMean, newEffort } from '../../support/text.ts';
import type { Context } from './command.ts';
import { isElsewhere } from './hosts.ts';

/** A job that is gone can still be let go, and one that is only asked for can be held. */
export async function refuseUnknownJob(job: string, context: Context): Promise<void> {
  const { catalog, engine } = context;
  if (catalog.find(job) || (await engine.countsByJob()).has(job)) return;
  if ((await engine.pauses()).jobs.has(job)) return;
  const names = catalog.names();
  if (names.includes(job) || (await isElsewhere(job, context))) return;
  throw unknownJob(job, names);
}

/** A run by its id. Throws `unknown-run`. */
export async function getRun(id: number, { engine }: Pick<Context, 'engine'>): Promise<Run> {
  const run = await engine.find(id);
  if (run) return run;
  throw unknownRun(id);
}

/** `effort`: what looking for a name that was meant may take, for all that one request names. */
export function unknownJob(
  job: string,
  names: readonly string[],
  effort = newEffort(),
): JobrunError {
  const typed = job.replace(/^jobs\//, '').replace(/\.\w+$/, '');
  const meant = names.includes(typed) ? typed : job;
  const hint = didYouMean(meant, names, 'See which there are: jobrun jobs', effort);
  return new JobrunError('unknown-job', `there is no job named "${job}"`, hint);
}
