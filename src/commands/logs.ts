// `jobrun logs`: what a run said, and with `-f` what it says until it ends.

import type { NumberedLine } from '../engine/run-log.ts';
import { latestAttempt } from '../run/run.ts';
import type { LogLine } from '../run/view.ts';
import type { Json } from '../support/json.ts';
import { count } from '../support/text.ts';
import type { Command } from './command.ts';
import { getRun } from './drafts.ts';
import { fieldsOf, optionalInteger, runId } from './fields.ts';
import { logOf, showLine } from './follow.ts';
import { examples } from './help.ts';
import type { Output } from './output.ts';
import { readInteger } from './times.ts';

interface Request {
  readonly id: string;
  readonly last?: number;
  readonly attempt?: number;
  /** The number of the last line that was shown already. */
  readonly after?: number;
  readonly follow?: boolean;
}

interface Reply {
  readonly lines: readonly LogLine[];
  /** Attempts begun, where one that has not was asked for. */
  readonly attempts?: number;
}

const MOST = Number.MAX_SAFE_INTEGER;

export const logs: Command<Request, Reply> = {
  name: 'logs',
  reads: true,

  define(program) {
    program.argument('<id>', 'the run').description('Show what a run said.');
    program
      .option('-f, --follow', 'go on until the run ends')
      .option('-n, --lines <n>', 'only the last so many')
      .option('--attempt <n>', 'only of this attempt');
    examples(program, 'logs 12 -n 20', 'logs -f 12', 'logs 12 --attempt 2 --json');
  },

  ask({ args, options }) {
    const { follow, lines, attempt } = options;
    return {
      id: args[0] ?? '',
      ...(lines !== undefined && { last: readInteger(lines, '-n', 0, MOST) }),
      ...(attempt !== undefined && { attempt: readInteger(attempt, '--attempt', 1, MOST) }),
      ...(follow === true && { follow }),
    };
  },

  async handle(request, tools) {
    const run = await getRun(runId(request.id), tools);
    const which = whichOf(request);
    const lines = request.follow ? [] : await tools.logs.lines(run.id, which);
    const begun = latestAttempt(run);
    return { lines, ...((which.attempt ?? 0) > begun && { attempts: begun }) };
  },

  follows: (request) => request.follow === true,

  async *stream(request, tools, signal) {
    const after = optionalInteger(fieldsOf(request), 'after', 0, MOST) ?? 0;
    const lines = logOf(runId(request.id), { ...whichOf(request), after }, tools, signal);
    for await (const line of lines) yield line as unknown as Json;
  },

  again(request, item) {
    if (item === null) return request;
    const { last: _, ...rest } = request;
    return { ...rest, after: (item as unknown as NumberedLine).n };
  },

  showItem: (item, out) => showOne((item as unknown as NumberedLine).line, out),

  show({ lines, attempts }, out) {
    for (const line of lines) showOne(line, out);
    if (attempts !== undefined) out.note`it has begun ${count(attempts, 'attempt')} so far`;
    return undefined;
  },
};

function whichOf(request: Request): { readonly last?: number; readonly attempt?: number } {
  const fields = fieldsOf(request);
  const last = optionalInteger(fields, 'last', 0, MOST);
  const attempt = optionalInteger(fields, 'attempt', 1, MOST);
  return { ...(last !== undefined && { last }), ...(attempt !== undefined && { attempt }) };
}

function showOne(line: LogLine, out: Output): undefined {
  if (out.json) out.document(line);
  else showLine(line, out);
}
