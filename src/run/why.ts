// Why a run does not run, as it is told to people: one text for each reason, whatever keeps the runs.
import { lowestOf } from '../support/text.ts';
import type { Standing } from './pick.ts';
import type { Run } from './run.ts';

export const NO_WORKER = 'no worker has asked for it';

/** Null where a queued run only waits for a free worker. */
export function whyQueued(
  { job, origin }: Run,
  { limits, running, starts, holder }: Standing,
  now: number,
): string | null {
  const { blocked, concurrency, rateLimit, isAsked } = limits;
  if (blocked !== null) return blocked;
  if (concurrency !== null && running.size >= concurrency)
    return `concurrency ${concurrency} of ${job} reached by ${lowestOf(running)}`;
  if (holder !== undefined) return `lock "${origin?.lock}" is held by ${holder}`;
  if (rateLimit === null || starts.hasPlace(rateLimit, now))
    return isAsked?.() === false ? NO_WORKER : null;
  const seconds = (((starts.nextPlaceAt(rateLimit) ?? now) - now) / 1000).toFixed(1);
  return `rate ${rateLimit.limit} per ${rateLimit.perMs / 1000}s, next place in ${seconds}s`;
}

const OUTSIDE = 'waits for an outside result';

/** True of the reason of a run that `complete` and `fail` settle. */
export const isForResult = (reason: string | null): boolean =>
  reason?.startsWith(`${OUTSIDE}:`) ?? false;

/** The reason of a waiting run; `pending` are the runs that it still waits for. */
export const whyWaiting = ({ id, state }: Run, pending: readonly number[]): string =>
  state.name === 'waiting' && state.for === 'result'
    ? `${OUTSIDE}: jobrun complete ${id}`
    : `waits for ${pending.join(', ')}`;
