// `jobrun completion`: the script that a shell reads.
import type { Command } from '../commands/shared/command.ts';
import { choice } from '../commands/shared/kinds.ts';
import { argument } from '../commands/shared/options.ts';
import { SHELLS } from './shells.ts';

interface Reply {
  readonly script: string;
}

const NAMES = Object.keys(SHELLS);

const shell = choice(NAMES);

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
