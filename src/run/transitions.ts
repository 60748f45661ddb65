// The transitions of a run. Each function takes a run and the present time and gives the run as it is then, or throws
// why it may not happen. None of them touches the world; the engine makes the result durable.
//
//   scheduled -> queued -> running -> done | failed | aborted
//                  ^          |-> scheduled   (retry, call-back, RetryAt)
//                  |          |-> queued      (lost, stale, stopped: again at once)
//   waiting -------'          `-> waiting     (pending: for an outside result)
//
// scheduled, waiting and queued can be updated and aborted at once. done, failed and aborted are settled: only
// `retry` leads out of failed and aborted, and nothing out of done.
//
// The number of an attempt: `life.attempt` counts attempts begun, except those that ended by call-back, pending,
// RetryAt or a stop of the daemon: they give their number back. Against the limit of retries stand the attempts since
// the last `retry`. A lost or stale attempt is made good whatever the limit, at most MAX_LOSSES times, unless the job
// sets retries, were it to 0: then it counts like any failure. An attempt that was lost with the way to the store does
// not count among these times, for it says nothing of the run. An attempt that ended with a shared process is made good
// without counting, a timeout too. The run goes on in a process of its own, where none but itself can block or end it.
import type { Json } from '../support/json.ts';
import { MAX_LOSSES } from '../support/limits.ts';
import { endAttempt, lifeOf, withAttempt } from './attempts.ts';
import { isHeldOutside, takenBy } from './external.ts';
import type { Decision, Outcome } from './outcome.ts';
import type { Policy } from './policy.ts';
import { fixedCommand, refuseUnless, refuseUnlessPending } from './refusal.ts';
import { backoffMs, maxAttempts, retriesOf } from './retries.ts';
import {
  type Due,
  type Life,
  queuedSince,
  type Run,
  type RunError,
  runsAlone,
  stateForTime,
} from './run.ts';
import { Steps } from './steps.ts';
import { lengthOf, waitOf } from './waits.ts';

/** A run whose time has come, or whose others are done. */
export const promote = (run: Run): Run => ({
  ...run,
  state: queuedSince(run.state.dueAt, lengthOf(run) ?? undefined),
});

/** The runs it waited for are done. */
export const release = (run: Run, now: number): Run => ({
  ...run,
  state: stateForTime(run.state, now),
});

/** A worker process, or the worker `outside`, takes the run: its next attempt begins. */
export function claim(
  run: Run,
  policy: Policy,
  pid: number,
  now: number,
  host?: string,
  outside?: string,
): Run {
  const life = run.life;
  const number = (life?.attempt ?? 0) + 1;
  const begun = { number, startedAt: now, pid, ...(outside !== undefined && { worker: outside }) };
  const kept = withAttempt(life?.attempts ?? [], host === undefined ? begun : { ...begun, host });
  const lockTimeMs = policy.lockTimeMs ?? 0;
  return {
    ...run,
    state: { name: 'running', dueAt: run.state.dueAt },
    life: {
      ...life,
      attempt: number,
      maxAttempts: maxAttempts(run, policy),
      startedAt: now,
      attempts: kept.attempts,
      ...(kept.dropped > 0 && { dropped: (life?.dropped ?? 0) + kept.dropped }),
      ...(outside !== undefined && {
        taken: takenBy(life, number, { worker: outside, lockTimeMs }, now),
      }),
    },
  };
}

/**
 * Decides what the end of an attempt makes of its run: done, again later, waiting, failed or aborted. An abort that
 * was asked for wins over whatever the attempt came to; `chance` (0 to 1) spreads the wait before a retry. `tookMs` is
 * how long the attempt took by the monotonic clock.
 */
export function settle(
  run: Run,
  outcome: Outcome,
  policy: Policy,
  now: number,
  chance: number,
  tookMs?: number,
): Run {
  const life = endAttempt(run, outcome, now, tookMs);
  const dueAt = run.state.dueAt;
  if (life.abort !== undefined && outcome.kind !== 'aborted')
    return aborted(run, life, life.abort, now);
  if (isAnybodys(run, outcome)) return afterNeighbour(run, life);
  switch (outcome.kind) {
    case 'returned':
      return {
        ...run,
        life,
        state: { name: 'done', dueAt, settledAt: now, output: outcome.output },
      };
    case 'aborted':
      return aborted(run, life, outcome.reason, now);
    case 'pending':
      return { ...run, life, state: { name: 'waiting', dueAt, for: 'result' } };
    case 'callback':
      return { ...run, life, state: stateForTime(dueFrom(outcome, now), now) };
    case 'stopped':
      return { ...run, life, state: queuedSince(dueAt) };
    case 'lost':
    case 'stale':
      return afterLoss(run, life, outcome, policy, now, chance);
    case 'threw':
    case 'timeout':
      return afterFailure(run, life, outcome, policy, now, chance);
  }
}

type Failure = Extract<Outcome, { error: RunError; decision?: Decision }>;
type Loss = Extract<Outcome, { kind: 'lost' | 'stale' }>;

/** The author's `onError` decides first, then the error itself, then the policy. */
function afterFailure(
  run: Run,
  life: Life,
  outcome: Failure,
  policy: Policy,
  now: number,
  chance: number,
): Run {
  const { decision, error } = outcome;
  if (decision === 'dismiss') return failed(run, life, error, now);
  if (decision) {
    const due = dueFrom({ ...decision, dueAt: decision.retryAt }, now);
    return { ...run, life, state: stateForTime(due, now) };
  }
  const retries = retriesOf(run, policy);
  const fatal = outcome.kind === 'threw' && outcome.fatal;
  if (fatal || retries === null) return failed(run, life, error, now);
  const failures = life.attempt - (life.renewedAfter ?? 0);
  if (failures > retries.limit) return failed(run, life, error, now);
  const wait = waitOf(now, backoffMs(retries, failures, chance));
  return { ...run, life, state: stateForTime(wait, now) };
}

/** A duration counts from now, by the clock that wrote down everything else. */
const dueFrom = (due: Due, now: number): Due =>
  due.waitMs === undefined ? due : waitOf(now, due.waitMs);

/** A lost or stale attempt is no fault of the run: again at once, as long as its own limit or ours allows. */
function afterLoss(
  run: Run,
  before: Life,
  outcome: Loss,
  policy: Policy,
  now: number,
  chance: number,
): Run {
  const isCounted = outcome.kind === 'stale' || !outcome.handedOn;
  const life = isCounted ? { ...before, losses: (before.losses ?? 0) + 1 } : before;
  if (outcome.kind === 'stale' && outcome.decision)
    return afterFailure(run, life, outcome, policy, now, chance);
  const retries = retriesOf(run, policy);
  const stands = retries === null ? (life.losses ?? 0) : life.attempt - (life.renewedAfter ?? 0);
  if (stands > (retries?.limit ?? MAX_LOSSES))
    return failed(run, life, lossError(outcome, stands), now);
  return { ...run, life, state: queuedSince(run.state.dueAt) };
}

/** True if the attempt ended with a process that others shared: which of them caused that is unknown. */
function isAnybodys(run: Run, outcome: Outcome): boolean {
  if (!('exitCode' in outcome || 'signal' in outcome) || outcome.kind === 'threw') return false;
  return outcome.kind === 'lost' || (!runsAlone(run) && !outcome.decision);
}

/** None of them is charged with it. */
function afterNeighbour(run: Run, life: Life): Run {
  const uncharged = { ...life, renewedAfter: (life.renewedAfter ?? 0) + 1 };
  return { ...run, life: uncharged, state: queuedSince(run.state.dueAt) };
}

function lossError(outcome: Loss, times: number): RunError {
  if (outcome.kind === 'stale') return outcome.error;
  const often = times === 1 ? 'lost:' : `lost ${times} times: each time`;
  const message = `${often} its process or the daemon ended under it`;
  return { name: 'LostError', message, stack: '' };
}

function failed(run: Run, life: Life, error: RunError, now: number): Run {
  return { ...run, life, state: { name: 'failed', dueAt: run.state.dueAt, settledAt: now, error } };
}

function aborted(run: Run, life: Life | null, reason: string, now: number): Run {
  const { abort: _, abortGraceMs: _g, ...rest } = life ?? {};
  const kept = life === null ? null : (rest as Life);
  return {
    ...run,
    life: kept,
    state: { name: 'aborted', dueAt: run.state.dueAt, settledAt: now, reason },
  };
}

export interface Changes extends Partial<Due> {
  readonly params?: Json;
  readonly priority?: number;
  readonly lock?: string | null;
}

/** Changes a run that has not started, or that waits for its next attempt. */
export function update(run: Run, changes: Changes, now: number): Run {
  refuseUnless(run, ['scheduled', 'queued', 'waiting'], 'be updated');
  if (run.origin?.command && changes.params !== undefined) throw fixedCommand(run.id);
  const { state: before } = run;
  const { dueAt, waitMs } = changes;
  const due = dueAt !== undefined && { dueAt, ...(waitMs !== undefined && { waitMs }) };
  const state =
    due === false
      ? before
      : before.name === 'waiting'
        ? { name: before.name, for: before.for, ...due }
        : stateForTime(due, now);
  const { lock: _, ...origin } = run.origin ?? {};
  const relocked = { ...origin, ...(changes.lock !== null && { lock: changes.lock }) };
  return {
    ...run,
    state,
    params: changes.params === undefined ? run.params : changes.params,
    priority: changes.priority ?? run.priority,
    origin: changes.lock === undefined ? run.origin : relocked,
  };
}

/** Ends a run that no process of ours holds: a program outside learns of it with its next message. */
export function abortIdle(run: Run, reason: string, now: number): Run {
  if (isHeldOutside(run))
    return aborted(run, endAttempt(run, { kind: 'aborted', reason }, now), reason, now);
  refuseUnless(run, ['scheduled', 'queued', 'waiting'], 'be aborted');
  return aborted(run, run.life, reason, now);
}

/**
 * Notes on a running run that it is to end, so that not even a crash of the daemon brings it back, and so that its
 * holder learns of it. The first reason stands; a shorter grace than was asked for before does too.
 */
export function requestAbort(run: Run, reason: string, graceMs: number | null = null): Run {
  refuseUnless(run, ['running'], 'be aborted');
  const life = lifeOf(run);
  const grace = Math.min(graceMs ?? Infinity, life.abortGraceMs ?? Infinity);
  if (life.abort !== undefined && grace === (life.abortGraceMs ?? Infinity)) return run;
  const asked = { ...life, abort: life.abort ?? reason };
  return { ...run, life: grace === Infinity ? asked : { ...asked, abortGraceMs: grace } };
}

/** A failed or aborted run goes on: same checkpoint (unless `fresh`), its attempts renewed. */
export function retry(run: Run, policy: Policy, now: number, fresh: boolean): Run {
  refuseUnless(run, ['failed', 'aborted'], 'be retried');
  const life = run.life;
  if (life === null) return { ...run, state: queuedSince(now) };
  const { losses: _l, output: _o, abort: _a, abortGraceMs: _g, progress: _p, ...kept } = life;
  const { checkpoint: _c, rows: _r, rowBytes: _b, steps: _s, initialized: _i, ...bare } = kept;
  const renewed = { ...run, life: { ...(fresh ? bare : kept), renewedAfter: life.attempt } };
  const limit = maxAttempts(renewed, policy);
  return {
    ...renewed,
    life: { ...renewed.life, maxAttempts: limit },
    state: queuedSince(now),
  };
}

/** The result that a program outside reports: an output, or why the run failed. */
export type Result = { readonly output: Json } | { readonly message: string };

/** The outside result that a run waited for. */
export const complete = (run: Run, output: Json, now: number): Run =>
  settlePending(run, { output }, now);

export const failPending = (run: Run, message: string, now: number): Run =>
  settlePending(run, { message }, now);

export function settlePending(run: Run, result: Result, now: number): Run {
  refuseUnlessPending(run, 'output' in result ? 'be completed' : 'be failed');
  return withResult(run, result, now);
}

/** The result of an external run that no worker has: it may come from elsewhere before one takes it. */
export function settleIdle(run: Run, result: Result, now: number): Run {
  refuseUnless(run, ['scheduled', 'queued', 'waiting'], 'be settled');
  return withResult(run, result, now);
}

function withResult(run: Run, result: Result, now: number): Run {
  const { dueAt } = run.state;
  if ('output' in result)
    return { ...run, state: { name: 'done', dueAt, settledAt: now, output: result.output } };
  const error = { name: 'Error', message: result.message, stack: '' };
  return { ...run, state: { name: 'failed', dueAt, settledAt: now, error } };
}

/** The values that an attempt saved: durable before the job goes on. */
export interface Saved {
  readonly checkpoint?: Json;
  readonly rows?: number;
  readonly rowBytes?: number;
  readonly initialized?: true;
  readonly step?: { readonly name: string; readonly value: Json };
}

export function save(run: Run, saved: Saved): Run {
  const life = lifeOf(run);
  const { step, ...fields } = saved;
  const steps = step && new Steps(life.steps ?? null, step.name, step.value);
  return { ...run, life: { ...life, ...fields, ...(steps && { steps }) } };
}
