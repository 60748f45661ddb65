// `jobrun export`: the whole state as one stream of JSON lines, for another machine, another version, or a backup. It
// reads the state as it is at one moment and needs nothing of a daemon that may be at work on it.
import { exportState } from '../engine/open.ts';
import { systemClock } from '../support/clock.ts';
import type { Command } from './shared/command.ts';
import { version } from './version.ts';

type Reply = { readonly lines: AsyncIterable<string> };

const options = {};

export const exportAll: Command<typeof options, Reply> = {
  name: 'export',
  about:
    'Write the whole state to stdout as JSON lines: runs with their attempts, checkpoints, results and logs, schedules, pauses. The last line has counts and a checksum. Works beside a running daemon.',
  examples: ['export > backup.jsonl', 'export | gzip > backup.jsonl.gz'],
  options,

  local: (_request, { config }) => ({ lines: exportState(config, systemClock, version()) }),

  async show({ lines }, out) {
    for await (const line of lines) await out.raw(line);
    return undefined;
  },
};
