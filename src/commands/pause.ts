// `jobrun pause`: nothing new starts; the queue keeps accepting.
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

export const pause: Command<PauseRequest, PauseReply> = {
  name: 'pause',
  once: true,

  define(program) {
    program.description('Start nothing new, until `jobrun resume`; what is asked for is kept.');
    pauseOptions(program);
    examples(program, 'pause', 'pause import-products', 'pause --schedule nightly');
  },

  ask: askPause,

  handle: (request, tools) => setPaused(request, true, tools),

  show(reply, out) {
    if (!out.done(reply, [])) out.line`Paused ${pausedWhat(reply)}`;
    return undefined;
  },
};
