// `jobrun resume`: the end of a pause.
import type { Command } from './command.ts';
import { examples } from './help.ts';
import {
  askPause,
  type PauseReply,
  type PauseRequest,
  pausedWhat,
  pauseOptions,
  setPaused,
} from './pausing.ts';

export const resume: Command<PauseRequest, PauseReply> = {
  name: 'resume',
  once: true,

  define(program) {
    program.description('End a pause.');
    pauseOptions(program);
    examples(program, 'resume', 'resume import-products', 'resume --schedule nightly');
  },

  ask: askPause,

  handle: (request, tools) => setPaused(request, false, tools),

  show(reply, out) {
    if (!out.done(reply, [])) out.line`Resumed ${pausedWhat(reply)}`;
    return undefined;
  },
};
