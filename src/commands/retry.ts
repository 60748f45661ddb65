// `jobrun retry`: failed or aborted runs go on, from their checkpoint, with their attempts renewed.
import { policyOf } from '../catalog/catalog.ts';
import type { Run, StateName } from '../run/run.ts';
import { retry as retried } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { JobrunError } from '../support/errors.ts';
import type { Command, Tools } from './command.ts';
import { findJob, getRun } from './drafts.ts';
import { jobName, runIds } from './fields.ts';
import { examples } from './help.ts';
import { refuseUnknownJob } from './pausing.ts';
import { each, eachGiven, idsOf, isRefused, type Refused, showRefused } from './several.ts';
import { viewRun } from './views.ts';

interface Request {
  readonly ids?: readonly string[];
  readonly failed?: boolean;
  readonly job?: string;
  readonly fresh?: boolean;
  readonly force?: boolean;
}

type Reply = RunView | { readonly results: readonly (RunView | Refused)[] };

export const retry: Command<Request, Reply> = {
  name: 'retry',
  once: true,

  define(program) {
    program.argument('[id...]', 'failed or aborted runs');
    program.description('Let failed or aborted runs go on, from their checkpoint.');
    program
      .option('--failed', 'all failed runs')
      .option('--job <job>', 'all failed and aborted runs of this job')
      .option('--fresh', 'forget the checkpoint')
      .option('--force', 'also where a run that it waited for has failed');
    examples(program, 'retry 12', 'retry --failed --job import-products', 'retry 12 --fresh');
  },

  ask({ args, options }) {
    const { failed, job, fresh, force } = options;
    const many = failed === true || job !== undefined;
    if (many === args.length > 0) {
      const hint = 'For example: jobrun retry 12';
      throw new JobrunError('bad-option', 'give either ids, or --failed and --job', hint);
    }
    return {
      ...(args.length > 0 && { ids: args }),
      ...(failed === true && { failed }),
      ...(job !== undefined && { job: jobName(job) }),
      ...(fresh === true && { fresh }),
      ...(force === true && { force }),
    };
  },

  async handle(request, tools) {
    const { ids, fresh = false, force = false } = request;
    if (request.job !== undefined) await refuseUnknownJob(jobName(request.job), tools);
    const chosen = ids === undefined ? await settledIds(request, tools) : runIds(ids);
    const retried = new Set(chosen);
    const act = async (id: number): Promise<RunView> => {
      if (!force) await refuseLostParent(id, retried, tools);
      return viewRun(await go(id, fresh, tools), tools);
    };
    const results = await (ids === undefined ? each(chosen, act) : eachGiven(chosen, act));
    const [only] = results;
    return ids?.length === 1 && only && !isRefused(only) ? only : { results };
  },

  show(reply, out) {
    const results = 'results' in reply ? reply.results : [reply];
    const runs = results.filter((result): result is RunView => !isRefused(result));
    const ids = runs.map(({ id }) => id);
    if (!out.done(reply, ids)) {
      for (const { id, job } of runs) out.line`${job} ${id} goes on`;
      if (results.length === 0) out.note`nothing to retry`;
    }
    return showRefused(results, out);
  },
};

/** What runs after a run that has failed would go on without what it waited for. */
async function refuseLostParent(
  id: number,
  retried: ReadonlySet<number>,
  tools: Tools,
): Promise<void> {
  const run = await getRun(id, tools);
  for (const parent of run.origin?.after ?? []) {
    const state = retried.has(parent) ? null : (await tools.engine.find(parent))?.state.name;
    if (state !== 'failed' && state !== 'aborted') continue;
    const why = state === 'failed' ? 'has failed' : 'was aborted';
    const message = `run ${id} runs after run ${parent}, which ${why}`;
    const hint = `Retry both: jobrun retry ${parent} ${id}. Or this one alone: --force`;
    throw new JobrunError('refused', message, hint);
  }
}

async function go(id: number, fresh: boolean, tools: Tools): Promise<Run> {
  const run = await getRun(id, tools);
  const policy = policyOf(await findJob(run.job, tools.catalog));
  // Before its commit begins: where it can start at once, that goes into the same one.
  tools.wake();
  return tools.engine.change(id, (now) => retried(now, policy, tools.clock.now(), fresh));
}

function settledIds({ failed, job }: Request, tools: Tools): Promise<readonly number[]> {
  const states: readonly StateName[] = failed ? ['failed'] : ['failed', 'aborted'];
  return idsOf({ states, ...(job !== undefined && { jobs: [job] }) }, tools);
}
