// `jobrun retry`: failed or aborted runs go on, from their checkpoint, with their attempts renewed.
import { policyOf } from '../catalog/catalog.ts';
import type { Run, StateName } from '../run/run.ts';
import { retry as retried } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { JobrunError } from '../support/errors.ts';
import { BY_FILTER, eachMatching, isByFilter, type Matched } from './shared/by-filter.ts';
import type { Command, Context } from './shared/command.ts';
import { findJob } from './shared/job-lookup.ts';
import { job, runs } from './shared/kinds.ts';
import { getRun, refuseUnknownJob } from './shared/named.ts';
import { argument, type Checked, flag, option } from './shared/options.ts';
import type { Refused } from './shared/replies.ts';
import { each, eachGiven, idsOf, isRefused, showRefused } from './shared/several.ts';
import { viewRun } from './shared/views.ts';

type Reply = RunView | { readonly results: readonly (RunView | Refused)[] };

const options = {
  ids: argument('[id...]', runs(['failed', 'aborted']), 'failed or aborted runs'),
  failed: flag('--failed', 'all failed runs'),
  job: option('--job <job>', job, 'all failed and aborted runs of this job'),
  fresh: flag('--fresh', 'forget the checkpoint'),
  force: flag('--force', 'even if a run that it waited for has failed or was removed'),
  ...BY_FILTER,
};

const RETRIED = ['failed', 'aborted'] as const;

export const retry: Command<typeof options, Reply, Matched> = {
  name: 'retry',
  once: true,
  about: 'Retry failed or aborted runs from their checkpoint.',
  examples: ['retry 12', 'retry --failed --job import-products', 'retry 12 --fresh'],
  options,

  ask(request) {
    const many = request.failed === true || request.job !== undefined;
    if (many === (request.ids === undefined)) return request;
    const hint = 'For example: jobrun retry 12';
    throw new JobrunError('bad-option', 'give either ids, or --failed and --job', hint);
  },

  async handle(request, context) {
    const { ids } = request;
    // The stream does it.
    if (!ids && isByFilter(request)) return { results: [] };
    if (request.job !== undefined) await refuseUnknownJob(request.job, context);
    const chosen = ids ?? (await settledIds(request, context));
    const act = retrier(request, chosen, context);
    const results = await (ids ? eachGiven(ids, act) : each(chosen, act));
    const [only] = results;
    return ids?.length === 1 && only && !isRefused(only) ? only : { results };
  },

  follows: isByFilter,

  stream: (request, context, signal) =>
    eachMatching(request, RETRIED, (ids) => retrier(request, ids, context), context, signal),

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

/** Lets one of these runs go on. */
function retrier(
  { fresh = false, force = false }: Checked<typeof options>,
  chosen: readonly number[],
  context: Context,
): (id: number) => Promise<RunView> {
  const retried = new Set(chosen);
  return async (id) => {
    if (!force) await refuseLostParent(id, retried, context);
    return viewRun(await go(id, fresh, context), context);
  };
}

/**
 * A run that follows a failed run would go on without the result it waited for. The result of one that was removed is
 * not known; but a run that has begun before had all that it waited for.
 */
async function refuseLostParent(
  id: number,
  retried: ReadonlySet<number>,
  context: Context,
): Promise<void> {
  const run = await getRun(id, context);
  for (const parent of run.origin?.after ?? []) {
    if (retried.has(parent)) continue;
    const found = await context.engine.find(parent);
    const why = found ? LOST[found.state.name] : run.life === null ? REMOVED : undefined;
    if (why === undefined) continue;
    const both = found ? `Retry both: jobrun retry ${parent} ${id}. Or this one alone` : 'Anyway';
    const message = `run ${id} runs after run ${parent}, which ${why}`;
    throw new JobrunError('refused', message, `${both}: jobrun retry ${id} --force`);
  }
}

const LOST: Partial<Record<StateName, string>> = { failed: 'has failed', aborted: 'was aborted' };
const REMOVED = 'was removed, so its result is not known';

async function go(id: number, fresh: boolean, context: Context): Promise<Run> {
  const run = await getRun(id, context);
  const policy = policyOf(await findJob(run.job, context.catalog));
  return context.engine.change(id, (now) => retried(now, policy, context.clock.now(), fresh));
}

function settledIds(
  { failed, job }: Checked<typeof options>,
  context: Context,
): Promise<readonly number[]> {
  const states: readonly StateName[] = failed ? ['failed'] : RETRIED;
  return idsOf({ states, ...(job !== undefined && { jobs: [job] }) }, context);
}
