// `jobrun unschedule`: the end of a schedule. Runs that it made stay as they are.
import { JobrunError } from '../support/errors.ts';
import type { Command } from './command.ts';
import { scheduleName } from './fields.ts';
import { examples } from './help.ts';
import { changeKnown } from './made-schedules.ts';

interface Request {
  readonly name: string;
}

interface Reply {
  readonly name: string;
  readonly removed: true;
}

export const unschedule: Command<Request, Reply> = {
  name: 'unschedule',
  once: true,

  define(program) {
    program.argument('<name>', 'the schedule');
    program.description('Remove a schedule; the runs that it made stay.');
    examples(program, 'unschedule nightly', 'unschedule nightly --json');
  },

  ask: ({ args }) => ({ name: scheduleName(args[0]) }),

  async handle({ name }, tools) {
    const jobs = new Set(tools.catalog.names());
    await changeKnown(scheduleName(name), tools, ({ source, job }) => {
      if (source !== 'job' || !jobs.has(job)) return null;
      const message = `the schedule ${name} is written in the file of the job ${job}`;
      const hint = `Remove it there, or hold it: jobrun pause --schedule ${name}`;
      throw new JobrunError('refused', message, hint);
    });
    tools.wake();
    return { name, removed: true };
  },

  show(reply, out) {
    if (!out.done(reply, [reply.name])) out.line`Removed the schedule ${reply.name}`;
    return undefined;
  },
};
