// The lease of an outside worker: a user's program that takes runs of an external job over HTTP.
//
// A run that it takes is running, as any other is, and its lease is named `<run>.<attempt>`. A call-back, an outside
// result or a stop gives the number of an attempt back, so from its second take on `.<n>` follows: no two takes of a
// run ever have the same lease. `taken` keeps the last one in the run, so a lease outlives the daemon and is the same
// for each that shares a store. A message counts only where its lease is that of the run as it is now.
//
// The worker may be silent for `lockTime` after its last message, and a margin beyond that, because heartbeats are late
// on busy machines. `until` is noted without the margin, and less often than messages come. The daemon that got the
// last message knows better than the record, and no other daemon ends the lease before that could be wrong.
import { SECOND } from '../support/limits.ts';
import type { Life, Run, Taken } from './run.ts';

/** A share of the time that a worker may be silent. */
const MARGIN_SHARE = 0.25;
const LEAST_MARGIN_MS = SECOND;
const MOST_MARGIN_MS = 60 * SECOND;

export const marginMs = (lockTimeMs: number): number =>
  Math.min(MOST_MARGIN_MS, Math.max(LEAST_MARGIN_MS, lockTimeMs * MARGIN_SHARE));

/** A message is written down by itself where the last that is noted is older than this. */
export const noteEveryMs = (lockTimeMs: number): number => marginMs(lockTimeMs) / 2;

/** The next take of an attempt with this number. */
export function takenBy(
  life: Life | null,
  attempt: number,
  { worker, lockTimeMs }: { readonly worker: string; readonly lockTimeMs: number },
  now: number,
): Taken {
  const before = life?.taken?.attempt === attempt ? life.taken.take : 0;
  return { attempt, take: before + 1, worker, heardAt: now, until: now + lockTimeMs };
}

/** True where a program outside works on the run. */
export const isHeldOutside = ({ state, life }: Run): boolean =>
  state.name === 'running' && life?.attempts.at(-1)?.worker !== undefined;

/** The last lease of the run; null where none was ever given. */
export function leaseOf({ id, life }: Run): string | null {
  const taken = life?.taken;
  if (!taken) return null;
  const first = `${id}.${taken.attempt}`;
  return taken.take === 1 ? first : `${first}.${taken.take}`;
}

/** True where messages under this lease still count. */
export const isHeldUnder = (run: Run, lease: string): boolean =>
  isHeldOutside(run) && leaseOf(run) === lease;

/** Notes that the worker was heard. */
export function heard(run: Run, now: number, silentMs: number): Run {
  const { life } = run;
  if (!life?.taken) return run;
  return {
    ...run,
    life: { ...life, taken: { ...life.taken, heardAt: now, until: now + silentMs } },
  };
}

/**
 * The time for which a worker may still be silent, margin left out, as a daemon finds it that has just begun. While no
 * daemon ran, no worker could be heard, so each has at least half of its time to be heard again.
 */
export function leftAtStart({ heardAt, until }: Taken, now: number): number {
  const whole = until - heardAt;
  return Math.min(whole, Math.max(until - now, whole / 2));
}

export const LEASE = /^([1-9]\d{0,14})\.\d{1,15}(?:\.\d{1,15})?$/;

/** The run that a lease is of; null for what is no lease. */
export function readLease(text: string): number | null {
  const [, run] = LEASE.exec(text) ?? [];
  return run === undefined ? null : Number(run);
}
