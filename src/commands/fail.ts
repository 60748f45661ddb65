// `jobrun fail`: settles a run that waits for an outside result as failed.
import { failPending } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { MAX_LOG_TEXT } from '../support/limits.ts';
import type { Command } from './command.ts';
import { getRun } from './drafts.ts';
import { fieldsOf, optionalText, runId } from './fields.ts';
import { examples } from './help.ts';
import { viewRun } from './views.ts';

interface Request {
  readonly id: string;
  readonly message?: string;
}

export const fail: Command<Request, RunView> = {
  name: 'fail',
  once: true,

  define(program) {
    program.argument('<id>', 'a run that waits for an outside result');
    program.description('Settle a run that waits for an outside result: it failed.');
    program.option('--message <text>', 'why');
    examples(program, 'fail 12', 'fail 12 --message "payment was refused"');
  },

  ask({ args, options }) {
    const { message } = options;
    return { id: args[0] ?? '', ...(message !== undefined && { message: String(message) }) };
  },

  async handle(request, tools) {
    const message = optionalText(fieldsOf(request), 'message', MAX_LOG_TEXT);
    const run = await getRun(runId(request.id), tools);
    const why = message ?? 'failed from outside';
    const now = tools.clock.now();
    const failed = await tools.engine.change(run.id, (present) => failPending(present, why, now));
    tools.wake();
    return viewRun(failed, tools);
  },

  show(run, out) {
    if (!out.done(run, [run.id])) out.line`${run.job} ${run.id} has failed`;
    return undefined;
  },
};
