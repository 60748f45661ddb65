// `jobrun run`: schedules a run now, follows its log, and exits with its result. With `--local` no daemon is needed.
import { isExternal } from '../catalog/catalog.ts';
import type { RunView } from '../run/view.ts';
import { JobrunError } from '../support/errors.ts';
import { acceptRun, type NewRun } from './schedule.ts';
import type { Command, Context } from './shared/command.ts';
import {
  type Followed,
  followAgain,
  following,
  followRun,
  leftRun,
  showFollowed,
} from './shared/follow.ts';
import { findJob } from './shared/job-lookup.ts';
import { job } from './shared/kinds.ts';
import { argument, flag, flagIn } from './shared/options.ts';
import { tellTextNote } from './shared/params.ts';
import {
  askRun,
  DRY_RUN,
  FORCE,
  missingJob,
  NOTE,
  PARAMS,
  SETTINGS,
  TIMES,
  TRACE,
} from './shared/run-options.ts';
import { COMMAND, typedCommand, withCommand } from './shared/typed-command.ts';
import { START_DAEMON } from './shared/waiting.ts';

const options = {
  job: argument('[job]', job, 'the job to run; or -- and a command'),
  command: COMMAND,
  ...TIMES,
  ...PARAMS,
  ...SETTINGS,
  ...TRACE,
  force: FORCE,
  dryRun: DRY_RUN,
  local: flag('--local', 'run it in this process, without a daemon; Ctrl-C aborts it'),
  note: NOTE,
  following,
};

export const run: Command<typeof options, NewRun, Followed> = {
  name: 'run',
  anyDaemon: true,
  needsDaemon: `${START_DAEMON}; or run it without one: --local`,
  about: 'Run a job now, print its log, and exit with its result.',
  examples: [
    'run import-products -p file=spring.csv',
    'run backup --timeout 10m',
    'run hello --local',
    'run -- make test',
  ],
  options,

  async ask(request, asked) {
    const command = typedCommand(asked.typed, (key) => flagIn(options, key));
    if (request.job === undefined && !command.command) throw missingJob();
    return { ...request, ...command, ...(await askRun(request, asked)) };
  },

  // No daemon is looked for here: with --local this process is it.
  async handle(request, context) {
    const { job, ...typed } = withCommand(request, context);
    if (job === undefined) throw missingJob();
    if (request.local) await refuseExternal(job, context);
    const follow = !request.dryRun;
    return acceptRun({ ...typed, job, follow }, context, context.clock.now());
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

/** It would wait for ever: no worker reaches a daemon that serves no HTTP. */
async function refuseExternal(job: string, { catalog }: Context): Promise<void> {
  if (!isExternal(await findJob(job, catalog))) return;
  const hint = 'Leave out --local, and run a daemon: jobrun daemon --http 127.0.0.1:9464';
  throw new JobrunError(
    'bad-option',
    `the job ${job} is external: its workers need a daemon`,
    hint,
  );
}
