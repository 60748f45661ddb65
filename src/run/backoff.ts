// The wait before the next attempt. Chance comes in as an argument, so that a test can say what it was.
import type { RetryPolicy } from './policy.ts';

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
