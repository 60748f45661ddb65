// A run as the world sees it: the JSON of `list`, `show`, events and the library. Its fields are a contract and are
// never removed or renamed.
import { isoOf } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import type { Json } from '../support/json.ts';
import {
  type Attempt,
  type AttemptOutcome,
  asideOf,
  latestAttempt,
  type Run,
  type RunError,
  type StateName,
  type Trace,
} from './run.ts';
import { hideParams, maskOf } from './secrets.ts';

export interface RunView {
  readonly id: string;
  readonly job: string;
  readonly state: StateName;
  readonly params: Json;
  readonly priority: number;
  readonly key: string | null;
  readonly createdAt: string;
  readonly dueAt: string;
  readonly startedAt: string | null;
  readonly settledAt: string | null;
  readonly attempt: number;
  readonly maxAttempts: number | null;
  readonly progress: { readonly percent: number; readonly text: string | null };
  readonly checkpoint: Json;
  readonly output: Json;
  readonly error: RunError | null;
  /** Why it waits, or why it was aborted. */
  readonly reason: string | null;
  readonly schedule: string | null;
  readonly parent: string | null;
  readonly after: readonly string[];
  readonly worker: WorkerView | null;
  /** The trace of the caller. */
  readonly trace: Trace | null;
}

/** A process of a daemon, or a program outside, which was heard at that time. */
export type WorkerView =
  | { readonly pid: number; readonly host: string }
  | { readonly name: string; readonly pid: null; readonly at: string };

export interface AttemptView {
  readonly number: number;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: AttemptOutcome | null;
  readonly error: RunError | null;
  readonly pid: number | null;
  readonly host: string;
  /** The program outside that had it; missing for a process of ours. */
  readonly worker?: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** One line of a run's log. */
export interface LogLine {
  readonly at: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: 'log' | 'stdout' | 'stderr';
  readonly attempt: number;
  readonly text: string;
  readonly fields: Json;
}

/**
 * `reason` is why a run that has not settled waits; a settled one knows its own. `redact` names params to hide, `host`
 * is where attempts ran that do not say so.
 */
export function viewOf(
  run: Run,
  reason: string | null,
  { redact, host }: Pick<Config, 'redact' | 'host'> = { redact: [], host: '' },
): RunView {
  const { state, origin, life } = run;
  return {
    id: String(run.id),
    job: run.job,
    state: state.name,
    params: redact.length > 0 ? hideParams(run.params, redact) : run.params,
    priority: run.priority,
    key: origin?.key ?? null,
    createdAt: isoOf(run.createdAt),
    dueAt: isoOf(state.dueAt),
    startedAt: life && life.attempts.length > 0 ? isoOf(life.startedAt) : null,
    settledAt: 'settledAt' in state ? isoOf(state.settledAt) : null,
    attempt: latestAttempt(run),
    maxAttempts: limitOf(run),
    progress: progressOf(run),
    checkpoint: life?.checkpoint ?? null,
    output: state.name === 'done' ? state.output : (life?.output ?? null),
    error: errorOf(run),
    reason: reasonOf(run) ?? hidden(reason, run, redact),
    schedule: origin?.schedule ?? null,
    parent: origin?.parent === undefined ? null : String(origin.parent),
    after: (origin?.after ?? []).map(String),
    worker: state.name === 'running' ? workerOf(run, host) : null,
    trace: origin?.trace ?? null,
  };
}

function workerOf({ life }: Run, host: string): WorkerView {
  const last = life?.attempts.at(-1);
  if (last?.worker === undefined) return { pid: last?.pid ?? 0, host: last?.host ?? host };
  return { name: last.worker, pid: null, at: isoOf(life?.taken?.heardAt ?? last.startedAt) };
}

/** Why it was aborted, or set aside; null where that is not how it ended. */
function reasonOf(run: Run): string | null {
  const aside = asideOf(run);
  if (aside !== null) return `set aside: ${aside}`;
  return run.state.name === 'aborted' ? run.state.reason : null;
}

/** A run that waits for a lock says which: that may be made of what is hidden. */
const hidden = (
  reason: string | null,
  { params }: Run,
  redact: readonly string[],
): string | null => (reason === null ? null : (maskOf(params, redact)?.(reason) ?? reason));

function limitOf(run: Run): number | null {
  if (run.life) return run.life.maxAttempts;
  return run.origin?.maxAttempts === undefined ? 1 : run.origin.maxAttempts;
}

function progressOf(run: Run): RunView['progress'] {
  const last = run.life?.progress ?? { percent: 0, text: null };
  return run.state.name === 'done' ? { percent: 100, text: last.text } : last;
}

/** A failed run's error, or the last attempt's while the run goes on; a run that is done has none. */
export function errorOf(run: Run): RunError | null {
  if (run.state.name === 'failed') return run.state.error;
  if (run.state.name === 'done') return null;
  const ended = run.life?.attempts.findLast((attempt) => attempt.outcome !== undefined);
  return ended?.error ?? null;
}

/** True where a run waits for its next attempt after one that failed. */
export const isRetrying = (run: Run): boolean =>
  RETRYING_STATES.includes(run.state.name) && errorOf(run) !== null;

export const RETRYING_STATES: readonly StateName[] = ['scheduled', 'queued'];

export function attemptView(attempt: Attempt, host = ''): AttemptView {
  return {
    number: attempt.number,
    startedAt: isoOf(attempt.startedAt),
    endedAt: attempt.endedAt === undefined ? null : isoOf(attempt.endedAt),
    outcome: attempt.outcome ?? null,
    error: attempt.error ?? null,
    pid: attempt.pid || null,
    host: attempt.host ?? host,
    ...(attempt.worker !== undefined && { worker: attempt.worker }),
    exitCode: attempt.exitCode ?? null,
    signal: attempt.signal ?? null,
  };
}
