// `jobrun rerun`: a new run with the params of another, which stays as it is.
import { policyOf } from '../catalog/catalog.ts';
import type { Policy } from '../run/policy.ts';
import { withLimit } from '../run/retries.ts';
import type { Draft, Run } from '../run/run.ts';
import type { RunView } from '../run/view.ts';
import type { Command } from './shared/command.ts';
import { acceptOne } from './shared/drafts.ts';
import { JobLookup } from './shared/job-lookup.ts';
import { run } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, flag } from './shared/options.ts';

const options = {
  id: argument('<id>', run(), 'the run to repeat'),
  force: flag('--force', 'even if the job is broken or gone'),
};

export const rerun: Command<typeof options, RunView> = {
  name: 'rerun',
  once: true,
  about: 'Start a new run with the same params.',
  examples: ['rerun 12', 'rerun 12 --json'],
  options,

  async handle({ id, force = false }, context) {
    const now = context.clock.now();
    const draft = async (): Promise<Draft> => {
      const run = await getRun(id, context);
      return draftLike(run, policyOf(await new JobLookup(context).entry(run.job, force)));
    };
    return acceptOne(draft, context, now);
  },

  show(run, out, { id }) {
    if (!out.done(run, [run.id]))
      out.line`Scheduled ${run.job} as ${run.id}, with the params of ${id}`;
    return undefined;
  },
};

/** Params that were accepted once are not checked again: what a schema made of them need not fit it. */
function draftLike(run: Run, policy: Policy): Draft {
  const { job, params, priority } = run;
  const { command, retries, timeoutMs, lock } = run.origin ?? {};
  const own = {
    ...(command && { command }),
    ...(retries !== undefined && { retries }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(lock !== undefined && { lock }),
  };
  const origin = Object.keys(own).length > 0 ? own : null;
  return withLimit({ job, params, priority, dueAt: null, origin }, policy);
}
