// The attempts of a run: one begins, one ends. Hundreds of thousands of such lists wait for a fold. So they are made as
// long as they are, and their objects field by field: grown and spread they would take twice the memory.
import { CLOCK_JUMP_MS, MAX_ATTEMPTS_KEPT, MAX_PAST_ERROR } from '../support/limits.ts';
import { cutTo } from '../support/text.ts';
import type { Outcome } from './outcome.ts';
import type { Attempt, Life, Run } from './run.ts';

/**
 * The first attempt tells how it began, the latest how it goes; a million between them tell nothing more. They are
 * written down with each start and end, so that of a long error no more than its begin is kept once the next attempt
 * begins.
 */
export function withAttempt(
  before: readonly Attempt[],
  begun: Attempt,
): { readonly attempts: readonly Attempt[]; readonly dropped: number } {
  const last = before.at(-1);
  const short = last && shortened(last);
  const attempts = short === last || !short ? before : before.with(-1, short);
  const dropped = attempts.length - MAX_ATTEMPTS_KEPT + 1;
  if (dropped <= 0) return { attempts: attempts.concat(begun), dropped: 0 };
  return { attempts: attempts.slice(0, 1).concat(attempts.slice(1 + dropped), begun), dropped };
}

function shortened(attempt: Attempt): Attempt {
  const { error } = attempt;
  if (!error || Math.max(error.message.length, error.stack.length) <= MAX_PAST_ERROR)
    return attempt;
  const { name, message, stack } = error;
  return { ...attempt, error: { name, message: cut(message), stack: cut(stack) } };
}

const cut = (text: string): string => cutTo(MAX_PAST_ERROR, text);

const UNCOUNTED = new Set<Outcome['kind']>(['callback', 'pending', 'stopped']);

/**
 * The latest attempt has ended. How long it took by the monotonic clock says when it began, where the wall clock was
 * set.
 */
export function endAttempt(run: Run, outcome: Outcome, now: number, tookMs?: number): Life {
  const life = lifeOf(tookMs === undefined ? run : withStart(run, now, tookMs));
  const last = life.attempts.at(-1);
  const ended = endedAttempt(last ?? { ...life, number: life.attempt, pid: 0 }, outcome, now);
  const output = outcome.kind === 'callback' ? outcome.output : undefined;
  return {
    ...life,
    ...(output !== undefined && { output }),
    attempt: UNCOUNTED.has(outcome.kind) ? life.attempt - 1 : life.attempt,
    attempts: last ? life.attempts.with(-1, ended) : [ended],
  };
}

/** How many attempts have begun: unlike the number of one, which may be given back, it grows with each. */
export const begunAttempts = ({ life }: Run): number =>
  life === null ? 0 : life.attempts.length + (life.dropped ?? 0);

type Begun = Pick<Attempt, 'number' | 'startedAt' | 'pid' | 'host' | 'worker'>;

function endedAttempt(
  { number, startedAt, pid, host, worker }: Begun,
  outcome: Outcome,
  now: number,
): Attempt {
  const endedAt = ('aliveAt' in outcome ? outcome.aliveAt : undefined) ?? now;
  const own = { number, startedAt, pid, endedAt, outcome: outcome.kind };
  const bare = worker === undefined ? own : { ...own, worker };
  const ended = host === undefined ? bare : { ...bare, host };
  const error = 'error' in outcome ? outcome.error : undefined;
  const exitCode = 'exitCode' in outcome ? outcome.exitCode : undefined;
  const signal = 'signal' in outcome ? outcome.signal : undefined;
  if (error === undefined && exitCode === undefined && signal === undefined) return ended;
  return {
    ...ended,
    ...(error && { error }),
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
  };
}

/** When an attempt under a daemon that was cut off was last known to be alive: at the last heartbeat of that daemon. */
export const lastAliveAt = (run: Run, beat: number | null, now: number): number =>
  Math.min(now, Math.max(lifeOf(run).startedAt, beat ?? 0));

/**
 * The latest attempt began so long ago, and the wall clock was set since: its beginning is written down by that clock.
 */
export function withStart(run: Run, now: number, ageMs: number): Run {
  const { life } = run;
  const last = life?.attempts.at(-1);
  if (!life || !last) return run;
  const startedAt = Math.round(now - ageMs);
  if (Math.abs(startedAt - last.startedAt) <= CLOCK_JUMP_MS) return run;
  const attempts = life.attempts.with(-1, { ...last, startedAt });
  return { ...run, life: { ...life, startedAt, attempts } };
}

/** An attempt that never began is treated as if it had. */
export function lifeOf(run: Run): Life {
  return run.life ?? { attempt: 0, maxAttempts: 1, startedAt: run.createdAt, attempts: [] };
}
