// By which clock history is removed, told in prose:
//
// `keep` removes settled runs for good, so it must not believe a clock that was just set forward by a year: a clock's
// battery is empty, a date was mistyped, a machine was restored. A second clock is kept, which goes on by the time that
// has really passed. A clock that is more than a day ahead of it has leapt, in one jump or in many. History is removed
// by the second clock until the leap is confirmed. The clock confirms itself when it has stood for a day, where it
// jumped again meanwhile the first jump before the others; a person does with `jobrun doctor --repair`.
//
// A mark of the second clock is kept with the state. A daemon that begins in the same life of the machine goes on from
// it by the time that the machine has been up since. After a restart of the machine the wall clock alone tells how long
// no daemon was there: up to a day is believed, and what stood before has stood meanwhile. After a longer time without
// a daemon that costs a day, and nothing else.
//
// A clock that is set back removes nothing too early. A run that has settled ahead of it is kept from the moment at
// which a daemon found it there.
import * as v from 'valibot';
import { DAY } from '../support/limits.ts';
import { fits, instant, number, object, text } from '../support/schema.ts';

export interface ClockMark {
  /** The latest time that is believed: where the clock has leapt, from just before. */
  readonly trusted: number;
  /** If the clock has leapt ahead of that: the time that it would have shown then. */
  readonly leapAt: number | null;
  /**
   * The clock itself at a moment of this life of the machine; missing where the system does not tell which one it is.
   */
  readonly since?: (KeepClock & Boot) | undefined;
}

/** A moment that no set clock moves. */
export interface Boot {
  /** Which life of which machine. */
  readonly boot: string;
  readonly upMs: number;
}

/** The daemon's knowledge of the clock while it lives. */
export interface KeepClock {
  /** The second clock. */
  readonly believed: number;
  /** The wall clock where it is ahead, as it was first: it is believed when it has stood for a day. */
  readonly ahead: { readonly clock: number; readonly stoodMs: number } | null;
}

const SINCE = object({
  believed: number,
  ahead: v.nullable(object({ clock: number, stoodMs: number })),
  boot: text,
  upMs: number,
});
const MARK = object({
  trusted: instant,
  leapAt: v.nullable(instant),
  since: v.optional(SINCE),
});

/** Returns the mark that was read from a file, or null if it makes no sense. */
export const readMark = (raw: unknown): ClockMark | null => (fits(MARK, raw) ? raw : null);

export const trusting = (now: number): ClockMark => ({ trusted: now, leapAt: null });

/** The mark after a look at the clock where only the clock says how much time has passed. */
export function seen(mark: ClockMark, now: number): ClockMark {
  const { trusted, leapAt } = mark;
  if (now - trusted <= DAY) return trusting(now);
  if (leapAt === null || now < leapAt) return { trusted, leapAt: now };
  const since = now - leapAt;
  if (since < DAY) return mark;
  // Another leap on top of one that has stood for a day: the first is believed, the second has to stand in its turn.
  return since <= 2 * DAY ? trusting(now) : { trusted: leapAt, leapAt: now };
}

/** The clock as a mark of it says. */
export function clockOf({ trusted, leapAt }: ClockMark, now: number): KeepClock {
  if (leapAt === null) return { believed: trusted, ahead: null };
  const stoodMs = Math.max(0, Math.min(now - leapAt, DAY));
  return { believed: trusted + stoodMs, ahead: { clock: now, stoodMs } };
}

/** The clock as the next daemon finds it. */
export function resumed(mark: ClockMark, now: number, here: Boot | null): KeepClock {
  const { since } = mark;
  const isSame = since !== undefined && since.boot === here?.boot && since.upMs <= here.upMs;
  if (isSame) return afterwards(since, now, here.upMs - since.upMs);
  return clockOf(seen(mark, now), now);
}

/** The clock after another look at it, `ms` after the one before. */
export function afterwards({ believed, ahead }: KeepClock, now: number, ms: number): KeepClock {
  const without = believed + ms;
  if (now <= without) return { believed: now, ahead: null };
  const begins = { clock: now, stoodMs: 0 };
  // Further jumps do not take from what stands: a machine that is stopped each night without being told has one a day.
  if (ahead === null || now < ahead.clock) return { believed: without, ahead: begins };
  const clock = Math.min(now, ahead.clock + ms);
  const stoodMs = ahead.stoodMs + ms;
  if (stoodMs < DAY) return { believed: without, ahead: { clock, stoodMs } };
  return { believed: clock, ahead: clock < now ? begins : null };
}

export const hasLeapt = ({ believed }: KeepClock, now: number): boolean => now - believed > DAY;

/** The mark by which the next daemon goes on. */
export function markOf(clock: KeepClock, now: number, here: Boot | null = null): ClockMark {
  const { believed, ahead } = clock;
  const since = here && { since: { believed, ahead, ...here } };
  if (ahead === null || !hasLeapt(clock, now))
    return { trusted: Math.round(believed), leapAt: null, ...since };
  const stoodMs = Math.round(ahead.stoodMs);
  return { trusted: Math.round(believed) - stoodMs, leapAt: now - stoodMs, ...since };
}

/** The time by which history is removed. */
export const keepTime = (clock: KeepClock, now: number): number =>
  hasLeapt(clock, now) ? clock.believed : now;
