// `jobrun run`: schedules a run now, follows its log, and exits with its result. With `--local` no daemon is needed.
import type { RunView } from '../run/view.ts';
import { JobrunError } from '../support/errors.ts';
import type { Command } from './command.ts';
import { draftOf } from './drafts.ts';
import { type Followed, followRun, showFollowed } from './follow.ts';
import { examples, timeOptions } from './help.ts';
import { type AskedRun, askRun, runOptions } from './run-options.ts';
import { schedule } from './schedule.ts';
import { viewRun } from './views.ts';

type Request = AskedRun & { readonly dryRun: boolean; readonly local: boolean };

export const run: Command<Request, RunView> = {
  name: 'run',
  needsDaemon: true,

  define(program) {
    program.argument('<job>', 'the job to run');
    program.description('Run a job now: follow its log, and exit with its result.');
    timeOptions(program);
    runOptions(program);
    program.option('--local', 'run it here, without a daemon; Ctrl-C aborts it');
    examples(
      program,
      'run import-products -p file=spring.csv',
      'run backup --timeout 10m',
      'run hello --local',
    );
  },

  async ask(asked) {
    const { dryRun, local } = asked.options;
    return { ...(await askRun(asked)), dryRun: dryRun === true, local: local === true };
  },

  async handle(request, tools) {
    if (request.dryRun) {
      const whole = { ...request, kind: 'run' as const, wait: false, follow: false };
      const reply = await schedule.handle?.(whole, tools);
      if (reply && 'run' in reply) return reply.run as RunView;
    }
    const now = tools.clock.now();
    const draft = await draftOf(request.run, tools, now);
    const [accepted] = await tools.engine.accept([draft], now, tools.request);
    if (!accepted) throw new JobrunError('internal', 'a run was lost', 'Please report this.');
    tools.wake();
    return viewRun(accepted.run, tools);
  },

  isHere: ({ local }) => local,

  follows: (request) => !request.dryRun,

  stream: (_request, tools, signal, accepted) => followRun(accepted, true, tools, signal),

  showItem: (item, out) => showFollowed(item as unknown as Followed, out),

  show(reply, out) {
    if (!out.done(reply, [])) out.line`Would run ${reply.job} (nothing was accepted)`;
    return undefined;
  },
};
