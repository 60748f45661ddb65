// The number of tries of a run, and the wait before each: as its job or the request allows. Attempts that do not stand
// against that limit are counted in `renewedAfter`. Chance comes in as an argument, so that a test can say what it was.
import { DEFAULT_RETRIES, type Policy, type RetryPolicy } from './policy.ts';
import type { Draft, Run } from './run.ts';

type Tried = Pick<Run, 'origin' | 'life'>;

/** Most attempts that the run may have, counting those before its last `retry`; null for no end. */
export function maxAttempts(run: Tried, policy: Policy): number | null {
  const retries = retriesOf(run, policy);
  const life = run.life;
  const more = retries === null ? (life?.losses ?? 0) : retries.limit;
  return Number.isFinite(more) ? (life?.renewedAfter ?? 0) + 1 + more : null;
}

/** Null where neither the job nor the request says anything: then a failure is final, and a loss is made good. */
export function retriesOf(run: Tried, policy: Policy): RetryPolicy | null {
  const own = run.origin?.retries;
  const limit = own === undefined ? policy.retries?.limit : (own ?? Number.POSITIVE_INFINITY);
  return limit === undefined ? null : { ...(policy.retries ?? DEFAULT_RETRIES), limit };
}

/** A draft that says how often it may be tried, where that is not once: it is told before the first attempt. */
export function withLimit(draft: Draft, policy: Policy): Draft {
  const limit = maxAttempts({ origin: draft.origin, life: null }, policy);
  return limit === 1 ? draft : { ...draft, origin: { ...draft.origin, maxAttempts: limit } };
}

/**
 * Milliseconds until the attempt after the `failures`-th failure (from 1): `fixed` always waits `delay`, `linear`
 * `delay` times the count of failures, `exponential` `delay` times `factor` to the power of failures before this
 * one. The cap holds before the jitter, which spreads by its share to both sides and never passes the cap.
 *
 * @param chance a number from 0 to 1, as of `Math.random`
 */
export function backoffMs(policy: RetryPolicy, failures: number, chance: number): number {
  // Finite: after a thousand failures the power is infinite, and no delay times infinity is not a number.
  const times = Math.min(multiplier(policy, failures), Number.MAX_VALUE);
  const wanted = Math.min(policy.delayMs * times, policy.maxDelayMs);
  const spread = 1 + policy.jitter * (2 * chance - 1);
  return Math.round(Math.min(wanted * spread, policy.maxDelayMs));
}

function multiplier(policy: RetryPolicy, failures: number): number {
  switch (policy.backoff) {
    case 'fixed':
      return 1;
    case 'linear':
      return failures;
    case 'exponential':
      return policy.factor ** (failures - 1);
  }
}
