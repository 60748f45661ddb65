// `jobrun fail`: settles a run that waits for an outside result as failed.
import { failPending } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { MAX_LOG_TEXT } from '../support/limits.ts';
import type { Command } from './shared/command.ts';
import { run, text } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, option } from './shared/options.ts';
import { viewRun } from './shared/views.ts';

const options = {
  id: argument('<id>', run(['waiting']), 'a run that waits for an outside result'),
  message: option('--message <text>', text(MAX_LOG_TEXT), 'the reason'),
};

export const fail: Command<typeof options, RunView> = {
  name: 'fail',
  once: true,
  about: 'Mark a run that waits for an outside result as failed.',
  examples: ['fail 12', 'fail 12 --message "payment was refused"'],
  options,

  async handle({ id, message: why = 'failed from outside' }, context) {
    const run = await getRun(id, context);
    const now = context.clock.now();
    const failed = await context.engine.change(run.id, (present) => failPending(present, why, now));
    return viewRun(failed, context);
  },

  show(run, out) {
    if (!out.done(run, [run.id])) out.line`${run.job} ${run.id} has failed`;
    return undefined;
  },
};
