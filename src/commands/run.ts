// `jobrun run`: schedules a run now, follows its log, and exits with its result. With `--local` no daemon is needed.
import type { RunView } from '../run/view.ts';
import type { Command } from './command.ts';
import { type Followed, type Following, followAgain, followRun, showFollowed } from './follow.ts';
import { examples, timeOptions } from './help.ts';
import { type AskedRun, askRun, runOptions } from './run-options.ts';
import { acceptRun, type NewRun } from './schedule.ts';
import { START_DAEMON } from './settled.ts';
import { tellTextNote } from './text-params.ts';

type Request = AskedRun & {
  readonly dryRun: boolean;
  readonly local: boolean;
  readonly following?: Following;
};

export const run: Command<Request, NewRun> = {
  name: 'run',
  needsDaemon: `${START_DAEMON}; or run it without one: --local`,

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

  // Nobody asks here whether there is a daemon: with --local this process is it.
  handle: (request, tools) =>
    acceptRun({ ...request, wait: false, follow: false }, tools, tools.clock.now()),

  isHere: ({ local }) => local,

  follows: (request) => !request.dryRun,

  stream: ({ following }, tools, signal, accepted) =>
    followRun(accepted as RunView, { log: true, following }, tools, signal),

  again: followAgain,

  showItem: (item, out, request) => showFollowed(item as unknown as Followed, out, request),

  show(noted, out) {
    const reply = tellTextNote(noted, out);
    if (!out.done(reply, [])) out.line`Would run ${reply.job} (nothing was accepted)`;
    return undefined;
  },
};
