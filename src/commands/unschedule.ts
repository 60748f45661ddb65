// `jobrun unschedule`: the end of a schedule. Runs that it made stay as they are.
import { JobrunError } from '../support/errors.ts';
import type { Command } from './shared/command.ts';
import { schedule } from './shared/kinds.ts';
import { changeKnown } from './shared/made-schedules.ts';
import { argument } from './shared/options.ts';

interface Reply {
  readonly name: string;
  readonly removed: true;
}

const options = { name: argument('<name>', schedule, 'the schedule') };

export const unschedule: Command<typeof options, Reply> = {
  name: 'unschedule',
  once: true,
  about: 'Remove a schedule. The runs that it made stay.',
  examples: ['unschedule nightly', 'unschedule nightly --json'],
  options,

  async handle({ name }, context) {
    const jobs = new Set(context.catalog.names());
    await changeKnown(name, context, ({ source, job }) => {
      if (source !== 'job' || !jobs.has(job)) return null;
      const message = `the schedule ${name} is written in the file of the job ${job}`;
      const hint = `Remove it there, or hold it: jobrun pause --schedule ${name}`;
      throw new JobrunError('refused', message, hint);
    });
    return { name, removed: true };
  },

  show(reply, out) {
    if (!out.done(reply, [reply.name])) out.line`Removed the schedule ${reply.name}`;
    return undefined;
  },
};
