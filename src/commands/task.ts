// A run as another system's protocol names it: by attempt, and settled from outside whether or not a worker has taken
// it. No commands of their own: http/conductor asks for them, and its results go the way of every other message under a
// lease.
import { isExternal } from '../catalog/catalog.ts';
import { isHeldOutside, leaseOf } from '../run/external.ts';
import { isSettled, latestAttempt, type Run } from '../run/run.ts';
import { type Result, settleIdle, settlePending } from '../run/transitions.ts';
import { type AttemptView, attemptView, type RunView } from '../run/view.ts';
import { checkJson } from '../support/json.ts';
import { MAX_LOG_TEXT } from '../support/limits.ts';
import type { Command } from './shared/command.ts';
import { json, run, text } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, field } from './shared/options.ts';
import { viewRun } from './shared/views.ts';

export interface Task {
  readonly run: RunView;
  readonly attempts: readonly AttemptView[];
  /** The number of the attempt that is under way, comes next, or was the last. */
  readonly attempt: number;
  /** The lease in force; null where no worker outside has the run. */
  readonly lease: string | null;
}

const ID = argument('<id>', run(), 'the run');
const base = { examples: [], about: '', show: () => undefined };

const options = { id: ID };

export const task: Command<typeof options, Task> = {
  ...base,
  name: 'task',
  reads: true,
  options,
  async handle({ id }, context) {
    const run = await getRun(id, context);
    return {
      run: await viewRun(run, context),
      attempts: (run.life?.attempts ?? []).map((one) => attemptView(one, context.config.host)),
      attempt: numberOf(run),
      lease: isHeldOutside(run) ? leaseOf(run) : null,
    };
  },
};

function numberOf(run: Run): number {
  const isOpen = run.state.name === 'running' || isSettled(run);
  return isOpen ? Math.max(1, latestAttempt(run)) : (run.life?.attempt ?? 0) + 1;
}

const result = {
  id: ID,
  output: field(json, 'the output of the run'),
  message: field(text(MAX_LOG_TEXT), 'why it failed, in place of an output'),
};

export const taskSettle: Command<typeof result, RunView> = {
  ...base,
  name: 'task-settle',
  options: result,
  async handle({ id, output = null, message }, context) {
    checkJson(output, 'the values of the output');
    const result: Result = message === undefined ? { output } : { message };
    const { job } = await getRun(id, context);
    // A run of the daemon's own jobs is only settled from outside where it waits for that.
    const settle = isExternal(context.catalog.find(job)) ? settleIdle : settlePending;
    const now = context.clock.now();
    return viewRun(await context.engine.change(id, (run) => settle(run, result, now)), context);
  },
};
