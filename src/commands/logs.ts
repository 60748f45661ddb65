// `jobrun logs`: prints a run's log, and with `-f` follows it until the run ends. Stdout has the log alone: stderr
// tells why the run waits and how it ended.

import type { NumberedLine } from '../engine/logs.ts';
import { isSettled, latestAttempt, type Run } from '../run/run.ts';
import type { LogLine, RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import { SECOND } from '../support/limits.ts';
import { count as counted } from '../support/text.ts';
import type { Command, Context } from './shared/command.ts';
import {
  type FollowedLine,
  type FollowedStep,
  logOf,
  logWithSteps,
  showEnd,
  showLine,
} from './shared/follow.ts';
import { count, run } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, field, flag, option, yesOrNo } from './shared/options.ts';
import { type Output, paint } from './shared/output.ts';
import { showStep } from './shared/steps.ts';
import { viewRun } from './shared/views.ts';
import { isAwaited } from './shared/waiting.ts';

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

/** The run after its last line. The lines and attempts that were shown belong to it as to a step. */
interface FollowedEnd {
  readonly run: RunView;
  readonly n: number;
  readonly told: number;
}

type Item = NumberedLine | FollowedLine | FollowedStep | FollowedEnd;

export const logs: Command<typeof options, Reply, Item> = {
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
    else yield* withEnd(id, { ...which, told }, context, signal);
  },

  leaves: ({ id, follow }) => (follow ? String(id) : null),

  again(request, item) {
    if (item === null) return request;
    const { last: _, ...rest } = request;
    return { ...rest, after: item.n, ...('told' in item && { told: item.told }) };
  },

  showItem(item, out) {
    if ('line' in item) showOne(item.line, out);
    else if ('run' in item) {
      out.progress(null);
      showEnd(item.run, out, 'note');
    } else showStep(item, out);
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

/** The log with the steps of the run, from the reason why it waits to its end. */
async function* withEnd(
  id: number,
  { told, ...which }: Parameters<typeof logOf>[1] & { readonly told: number | undefined },
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<FollowedLine | FollowedStep | FollowedEnd> {
  const run = await getRun(id, context);
  let cursor = { n: which.after ?? 0, told: told ?? Math.max(0, latestAttempt(run) - 1) };
  // A client that goes on after another daemon has read this already.
  const reason = told === undefined ? await dueIn(run, context) : null;
  if (reason !== null) yield { step: 'waits', reason, ...cursor };
  for await (const item of logWithSteps(id, { ...which, told: cursor.told }, context, signal)) {
    cursor = { n: item.n, told: item.told };
    yield item;
  }
  const ended = await context.engine.find(id);
  if (ended && isSettled(ended)) yield { run: await viewRun(ended, context), ...cursor };
}

/** Null where the run has another reason to wait, or its latest attempt tells when the next one begins. */
async function dueIn(run: Run, context: Context): Promise<string | null> {
  const inMs = run.state.dueAt - context.clock.now();
  if (run.state.name !== 'scheduled' || latestAttempt(run) > 0 || inMs < SECOND / 2) return null;
  if ((await viewRun(run, context)).reason !== null || !(await isAwaited(context))) return null;
  return `due in ${showDuration(inMs)}`;
}

function showOne(line: LogLine, out: Output): undefined {
  if (out.json) out.document(line);
  else showLine(line, out);
}
