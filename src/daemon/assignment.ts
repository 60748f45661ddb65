// The data between the daemon and a run in its worker: the assignment that goes in, the parts of a save that are kept,
// the values that are masked before they are shown, reported or written down, and the log lines that the daemon adds.
import type { Program } from '../catalog/catalog.ts';
import { begunAttempts } from '../run/attempts.ts';
import { latestAttempt, type Run } from '../run/run.ts';
import { type Mask, maskOf } from '../run/secrets.ts';
import { attemptTrace, type TraceRules } from '../run/trace.ts';
import type { Saved } from '../run/transitions.ts';
import type { LogLine } from '../run/view.ts';
import { isoOf } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import type { Assignment, FromRun } from '../workers/messages.ts';

export function assignmentOf(
  run: Run,
  program: Program,
  rules: TraceRules,
  reportStart = false,
): Assignment {
  const { life, origin } = run;
  return {
    run: run.id,
    job: run.job,
    program,
    attempt: latestAttempt(run),
    fence: begunAttempts(run),
    params: run.params,
    dueAt: run.state.dueAt,
    schedule: origin?.schedule ?? null,
    initialized: life?.initialized ?? false,
    ...(life?.checkpoint !== undefined && { checkpoint: life.checkpoint }),
    rows: life?.rows ?? 0,
    rowBytes: life?.rowBytes ?? 0,
    steps: life?.steps?.toJSON() ?? {},
    reportStart,
    trace: attemptTrace(run, rules),
  };
}

/** The parts of a worker's `save` that are kept with the run: nothing but what can be saved. */
export function savedOf({ checkpoint, rows, rowBytes, initialized, step }: Saved): Saved {
  return {
    ...(checkpoint !== undefined && { checkpoint }),
    ...(rows !== undefined && { rows }),
    ...(rowBytes !== undefined && { rowBytes }),
    ...(initialized && { initialized }),
    ...(step && { step: { name: step.name, value: step.value } }),
  };
}

/** Returns what masks the secrets of a run in its messages. */
export function hiderOf(params: Json, redact: readonly string[]): (message: FromRun) => FromRun {
  const mask = maskOf(params, redact);
  return mask === null ? asItIs : (message) => hidden(message, mask);
}

const asItIs = (message: FromRun): FromRun => message;

/** Log, progress and error: a job's own values, what it saves and returns, are not ours to change. */
function hidden(message: FromRun, mask: Mask): FromRun {
  switch (message.type) {
    case 'log': {
      const { text, fields } = message.line;
      return { ...message, line: { ...message.line, text: mask(text), fields: mask(fields) } };
    }
    case 'progress':
      return { ...message, text: mask(message.text) };
    case 'outcome': {
      const { outcome } = message;
      if (!('error' in outcome) || outcome.error === undefined) return message;
      const { name, message: text, stack } = outcome.error;
      const error = { name: mask(name), message: mask(text), stack: mask(stack) };
      return { ...message, outcome: { ...outcome, error } };
    }
    default:
      return message;
  }
}

/** A line that the daemon itself adds to the log of a run. */
export const ownLine = (
  now: number,
  attempt: number,
  level: LogLine['level'],
  text: string,
): LogLine => ({ at: isoOf(now), level, stream: 'log', attempt, text, fields: null });
