// `jobrun pause` and `jobrun resume`: of everything, of one job, of one schedule. Nothing new starts; what is asked for
// is kept, and the pause outlives the daemon.
import { withPause } from '../run/schedule.ts';
import { JobrunError } from '../support/errors.ts';
import type { Command, Context } from './shared/command.ts';
import { job, schedule } from './shared/kinds.ts';
import { changeKnown } from './shared/made-schedules.ts';
import { refuseUnknownJob } from './shared/named.ts';
import { argument, type Checked, option } from './shared/options.ts';

const options = {
  job: argument('[job]', job, 'one job; default: all jobs'),
  schedule: option('--schedule <name>', schedule, 'one schedule'),
};

export interface PauseReply {
  readonly paused: boolean;
  readonly job: string | null;
  readonly schedule: string | null;
}

/** `pause` and `resume`: the same but for what they say and which way they go. */
export const pausing = (
  name: string,
  paused: boolean,
  about: string,
  done: string,
): Command<typeof options, PauseReply> => ({
  name,
  once: true,
  about,
  examples: [name, `${name} import-products`, `${name} --schedule nightly`],
  options,

  ask(request) {
    if (request.job === undefined || request.schedule === undefined) return request;
    throw new JobrunError('bad-option', 'a job and a schedule were given', 'Give one of them.');
  },

  handle: (request, context) => setPaused(request, paused, context),

  show(reply, out) {
    if (!out.done(reply, [])) out.line`${done} ${pausedWhat(reply)}`;
    return undefined;
  },
});

async function setPaused(
  { job, schedule }: Checked<typeof options>,
  paused: boolean,
  context: Context,
): Promise<PauseReply> {
  if (schedule !== undefined) {
    const now = context.clock.now();
    await changeKnown(schedule, context, (present) => withPause(present, paused, now));
  } else if (job !== undefined) {
    await refuseUnknownJob(job, context);
    await context.engine.pause({ job }, paused);
  } else await context.engine.pause({ all: true }, paused);
  return { paused, job: job ?? null, schedule: schedule ?? null };
}

const pausedWhat = ({ job, schedule }: PauseReply): string =>
  schedule !== null ? `schedule ${schedule}` : job !== null ? `job ${job}` : 'all jobs';

const does = 'Start no new runs until `jobrun resume`. Requests are still accepted and kept.';

export const pause = pausing('pause', true, does, 'Paused');
