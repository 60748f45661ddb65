// `jobrun complete`: gives a run that waits for an outside result its output.
import { complete as completed } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { checkJson } from '../support/json.ts';
import type { Command } from './shared/command.ts';
import { run, typedJson } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, option } from './shared/options.ts';
import { viewRun } from './shared/views.ts';

const options = {
  id: argument('<id>', run(['waiting']), 'a run that waits for an outside result'),
  output: option('--output <json>', typedJson, 'its output'),
};

export const complete: Command<typeof options, RunView> = {
  name: 'complete',
  once: true,
  about: 'Mark a run that waits for an outside result as done.',
  examples: ['complete 12', `complete 12 --output '{"approved":true}'`],
  options,

  async handle({ id, output = null }, context) {
    checkJson(output, 'the output');
    const run = await getRun(id, context);
    const now = context.clock.now();
    const done = await context.engine.change(run.id, (present) => completed(present, output, now));
    return viewRun(done, context);
  },

  show(run, out) {
    if (!out.done(run, [run.id])) out.line`${run.job} ${run.id} is done`;
    return undefined;
  },
};
