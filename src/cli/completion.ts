// `jobrun completion`: the script that a shell reads.
import type { Command } from '../commands/shared/command.ts';
import { choice } from '../commands/shared/kinds.ts';
import { argument, type Kind } from '../commands/shared/options.ts';
import { JobrunError } from '../support/errors.ts';
import { plainLine } from '../support/text.ts';
import { SHELLS } from './shells.ts';

interface Reply {
  readonly script: string;
}

const NAMES = Object.keys(SHELLS);

/** No suggestion for another: `csh` is a shell, and no misspelt `zsh`. */
const shell: Kind<string> = {
  ...choice(NAMES),
  read(typed) {
    // As $SHELL has it.
    const name = typed.replace(/^.*\//, '');
    if (NAMES.includes(name)) return name;
    const message = `there is no completion script for "${plainLine(typed)}"`;
    throw new JobrunError('bad-option', message, `There is one for each of ${NAMES.join(', ')}.`);
  },
};

const options = { shell: argument('<shell>', shell, NAMES.join(', ')) };

export const completion: Command<typeof options, Reply> = {
  name: 'completion',
  about: 'Print a script that makes Tab complete commands, options, jobs and runs.',
  examples: [
    'completion bash >> ~/.bashrc',
    'completion fish > ~/.config/fish/completions/jobrun.fish',
  ],
  options,

  local: ({ shell }) => ({ script: SHELLS[shell] ?? '' }),

  show(reply, out) {
    if (!out.done(reply, [reply.script])) out.block(reply.script, '');
    return undefined;
  },
};
