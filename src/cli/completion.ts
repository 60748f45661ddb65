// `jobrun completion`: the script that a shell reads.
import type { Command } from '../commands/command.ts';
import { examples } from '../commands/help.ts';
import { JobrunError } from '../support/errors.ts';
import { SHELLS } from './shells.ts';

interface Request {
  readonly shell: string;
}

interface Reply {
  readonly script: string;
}

const NAMES = Object.keys(SHELLS);

export const completion: Command<Request, Reply> = {
  name: 'completion',

  define(program) {
    program.argument('<shell>', NAMES.join(', '));
    program.description('Print what makes Tab complete commands, options, jobs and runs.');
    examples(
      program,
      'completion bash >> ~/.bashrc',
      'completion fish > ~/.config/fish/completions/jobrun.fish',
    );
  },

  ask({ args: [shell = ''] }) {
    if (NAMES.includes(shell)) return { shell };
    const message = `there is no completion for "${shell}"`;
    throw new JobrunError('bad-option', message, `There is one for ${NAMES.join(', ')}.`);
  },

  local: ({ shell }) => ({ script: SHELLS[shell] ?? '' }),

  show(reply, out) {
    if (!out.done(reply, [reply.script])) out.block(reply.script, '');
    return undefined;
  },
};
