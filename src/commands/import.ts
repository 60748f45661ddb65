// `jobrun import`: takes the stream of `jobrun export` into an empty state, all of it or nothing.
import { createReadStream, existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { importInto } from '../engine/open.ts';
import { systemClock } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { count, withoutMark } from '../support/text.ts';
import type { Command } from './shared/command.ts';
import { text } from './shared/kinds.ts';
import { argument } from './shared/options.ts';

interface Reply {
  readonly imported: number;
  /** The records that made no sense, line by line. */
  readonly setAside: readonly string[];
  readonly state: string;
  /**
   * The value that `engine` must have in the config for the runs to be kept there from now on; null if it has that
   * already.
   */
  readonly engine: string | null;
}

const options = {
  file: argument('[file]', text(4096, 'files'), 'the output of jobrun export; default: stdin'),
};

export const importAll: Command<typeof options, Reply> = {
  name: 'import',
  about:
    'Read the stream of jobrun export into an empty state or store: all of it, or nothing. No daemon may run on it.',
  examples: [
    'import backup.jsonl',
    'import --state-dir /srv/new/state backup.jsonl',
    'export | JOBRUN_ENGINE=postgres://jobs@db.example/shop jobrun import',
  ],
  options,

  ask(request) {
    const { file = '-' } = request;
    if (file === '-' || existsSync(file)) return request;
    const hint = 'Check the name; without one the stream is read from stdin.';
    throw new JobrunError('bad-option', `there is no file ${file}`, hint);
  },

  async local({ file = '-' }, { config }) {
    const input = file === '-' ? process.stdin : createReadStream(file);
    const { runs, oddities } = await importInto(config, systemClock, linesOf(input));
    const { store, state, engineIsReplaced } = config;
    const engine = store?.shown ?? (engineIsReplaced ? 'json' : null);
    return { imported: runs, setAside: oddities, state: store?.shown ?? state, engine };
  },

  show(reply, out) {
    if (!out.json) for (const what of reply.setAside) out.note`note: ${what}`;
    if (out.done(reply, [])) return undefined;
    out.line`Imported ${count(reply.imported, 'run')} into ${reply.state}`;
    if (reply.engine === null) return undefined;
    out.line`To keep runs there from now on, put this line into jobrun.config.json:`;
    out.line`  ${`"engine": ${JSON.stringify(reply.engine)}`}`;
    return undefined;
  },
};

/** Read only as fast as lines are taken, and not before. A last line without its end counts as one. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let rest: string | null = null;
  for await (const chunk of input.setEncoding('utf8')) {
    const lines: string[] = (rest === null ? withoutMark(chunk) : rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest) yield rest;
}
