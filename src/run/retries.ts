// How often a run may be tried: what its job's author, or whoever asked for it, allows. Attempts that do not stand
// against that limit are counted in `renewedAfter`.
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
