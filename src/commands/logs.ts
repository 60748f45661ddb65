// `jobrun logs`: what a run said, and with `-f` what it says until it ends.

import type { NumberedLine } from '../engine/logs.ts';
import { latestAttempt } from '../run/run.ts';
import type { LogLine } from '../run/view.ts';
import { count as counted } from '../support/text.ts';
import type { Command } from './shared/command.ts';
import {
  type FollowedLine,
  type FollowedStep,
  logOf,
  logWithSteps,
  showLine,
} from './shared/follow.ts';
import { count, run } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, field, flag, option, yesOrNo } from './shared/options.ts';
import { type Output, paint } from './shared/output.ts';
import { showStep } from './shared/steps.ts';

interface Reply {
  readonly lines: readonly LogLine[];
  /** Attempts begun, where one that has not was asked for. */
  readonly attempts?: number;
}

const options = {
  id: argument('<id>', run(), 'the run'),
  follow: flag('-f, --follow', 'print new lines until the run ends'),
  last: option('-n, --lines <n>', count(0), 'only the last n lines'),
  attempt: option('--attempt <n>', count(1), 'only of this attempt'),
  /** The number of the last line that was shown already. */
  after: field(count(0)),
  /** Also what the run does between its lines. */
  steps: field(yesOrNo),
  /** The last attempt whose end was shown already. */
  told: field(count(0)),
};

export const logs: Command<typeof options, Reply, NumberedLine | FollowedLine | FollowedStep> = {
  name: 'logs',
  reads: true,
  about: "Print a run's log.",
  examples: ['logs 12 -n 20', 'logs -f 12', 'logs 12 --attempt 2 --json'],
  options,

  ask: (request) => ({ ...request, ...(request.follow && { steps: true }) }),

  async handle({ id, follow, last, attempt }, context) {
    const run = await getRun(id, context);
    const lines = follow ? [] : await context.logs.lines(id, { last, attempt });
    const begun = latestAttempt(run);
    return { lines, ...((attempt ?? 0) > begun && { attempts: begun }) };
  },

  follows: (request) => request.follow === true,

  async *stream({ id, last, attempt, after = 0, steps, told }, context, signal) {
    const which = { last, attempt, after };
    if (!steps) yield* logOf(id, which, context, signal);
    else {
      const known = told ?? Math.max(0, latestAttempt(await getRun(id, context)) - 1);
      yield* logWithSteps(id, { ...which, told: known }, context, signal);
    }
  },

  leaves: ({ id, follow }) => (follow ? String(id) : null),

  again(request, item) {
    if (item === null) return request;
    const { last: _, ...rest } = request;
    return { ...rest, after: item.n, ...('told' in item && { told: item.told }) };
  },

  showItem(item, out) {
    if ('line' in item) showOne(item.line, out);
    else showStep(item, out);
    return undefined;
  },

  show({ lines, attempts }, out) {
    let shown = new Set(lines.map((line) => line.attempt)).size > 1 ? 0 : null;
    for (const line of lines) {
      if (shown !== null && shown !== line.attempt && !out.json) {
        shown = line.attempt;
        out.line`${paint('dim', `-- attempt ${line.attempt} --`)}`;
      }
      showOne(line, out);
    }
    if (attempts !== undefined) out.note`it has begun ${counted(attempts, 'attempt')} so far`;
    return undefined;
  },
};

function showOne(line: LogLine, out: Output): undefined {
  if (out.json) out.document(line);
  else showLine(line, out);
}
