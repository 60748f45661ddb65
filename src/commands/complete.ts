// `jobrun complete`: gives a run that waits for an outside result its output.
import { complete as completed } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { checkJson, type Json } from '../support/json.ts';
import type { Command } from './command.ts';
import { getRun } from './drafts.ts';
import { runId } from './fields.ts';
import { examples } from './help.ts';
import { jsonOf } from './params.ts';
import { viewRun } from './views.ts';

interface Request {
  readonly id: string;
  readonly output?: Json;
}

export const complete: Command<Request, RunView> = {
  name: 'complete',
  once: true,

  define(program) {
    program.argument('<id>', 'a run that waits for an outside result');
    program.description('Settle a run that waits for an outside result: it is done.');
    program.option('--output <json>', 'its output');
    examples(program, 'complete 12', `complete 12 --output '{"approved":true}'`);
  },

  ask({ args, options }) {
    const { output } = options;
    const given = output === undefined ? {} : { output: jsonOf(String(output), '--output') };
    return { id: args[0] ?? '', ...given };
  },

  async handle({ id, output = null }, tools) {
    checkJson(output, 'the output');
    const run = await getRun(runId(id), tools);
    const now = tools.clock.now();
    const done = await tools.engine.change(run.id, (present) => completed(present, output, now));
    tools.wake();
    return viewRun(done, tools);
  },

  show(run, out) {
    if (!out.done(run, [run.id])) out.line`${run.job} ${run.id} is done`;
    return undefined;
  },
};
