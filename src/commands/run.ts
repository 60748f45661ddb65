// `jobrun run`: schedules a run now, follows its log, and exits with its result. With `--local` no daemon is needed.
import type { RunView } from '../run/view.ts';
import { acceptRun, type NewRun } from './schedule.ts';
import type { Command } from './shared/command.ts';
import {
  type Followed,
  followAgain,
  following,
  followRun,
  leftRun,
  showFollowed,
} from './shared/follow.ts';
import { job } from './shared/kinds.ts';
import { argument, flag } from './shared/options.ts';
import { tellTextNote } from './shared/params.ts';
import { askRun, DRY_RUN, FORCE, NOTE, PARAMS, SETTINGS, TIMES } from './shared/run-options.ts';
import { START_DAEMON } from './shared/waiting.ts';

const options = {
  job: argument('<job>', job, 'the job to run'),
  ...TIMES,
  ...PARAMS,
  ...SETTINGS,
  force: FORCE,
  dryRun: DRY_RUN,
  local: flag('--local', 'run it here, without a daemon; Ctrl-C aborts it'),
  note: NOTE,
  following,
};

export const run: Command<typeof options, NewRun, Followed> = {
  name: 'run',
  anyDaemon: true,
  needsDaemon: `${START_DAEMON}; or run it without one: --local`,
  about: 'Run a job now: follow its log, and exit with its result.',
  examples: [
    'run import-products -p file=spring.csv',
    'run backup --timeout 10m',
    'run hello --local',
  ],
  options,

  ask: async (request, asked) => ({ ...request, ...(await askRun(request, asked)) }),

  // Nobody asks here whether there is a daemon: with --local this process is it.
  async handle(request, context) {
    const follow = !request.dryRun;
    return acceptRun({ ...request, follow }, context, context.clock.now());
  },

  runsLocally: ({ local }) => local === true,

  follows: (request) => !request.dryRun,

  stream: ({ following }, context, signal, accepted) =>
    followRun(accepted as RunView, { log: true, following }, context, signal),

  again: followAgain,
  leaves: leftRun,

  showItem: showFollowed,

  show(noted, out) {
    const reply = tellTextNote(noted, out);
    if (out.done(reply, [])) return undefined;
    out.line`Would run ${reply.job} (nothing was accepted)`;
    out.line`  params ${JSON.stringify(reply.params)}`;
    return undefined;
  },
};
