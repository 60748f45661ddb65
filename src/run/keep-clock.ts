// By which clock history is removed, told in prose:
//
// `keep` removes what is over for good, so it must not believe a clock that was just set forward by a year: the battery of
// a clock is empty, somebody mistyped, a machine was restored. A mark of the time is kept with the state. A clock that is
// more than a day ahead of it has leapt. Until the leap is confirmed, history is removed as of the clock before it, which
// goes on for a day at most. The clock confirms itself when it is still right a day later, over restarts too; a person
// does with `jobrun doctor --repair`. After a long time without a daemon that costs a day, and nothing else.
//
// A clock that is set back removes nothing too early. What has settled ahead of it is kept from the moment at which a
// daemon found it there.
import * as v from 'valibot';
import { DAY } from '../support/limits.ts';
import { fits, instant, object } from '../support/schema.ts';

export interface ClockMark {
  /** The latest time that is believed. */
  readonly trusted: number;
  /** Where the clock has leapt ahead of that: what it showed when it was seen first. */
  readonly leapAt: number | null;
}

const MARK = object({ trusted: instant, leapAt: v.nullable(instant) });

/** Returns the mark that was read from a file, or null if it makes no sense. */
export const readMark = (raw: unknown): ClockMark | null => (fits(MARK, raw) ? raw : null);

export const trusting = (now: number): ClockMark => ({ trusted: now, leapAt: null });

/** The mark after another look at the clock. */
export function seen(mark: ClockMark, now: number): ClockMark {
  const { trusted, leapAt } = mark;
  if (now - trusted <= DAY) return trusting(now);
  if (leapAt === null || now < leapAt) return { trusted, leapAt: now };
  const since = now - leapAt;
  if (since < DAY) return mark;
  // Another leap on top of one that has stood for a day: the first is believed, the second has to stand in its turn.
  return since <= 2 * DAY ? trusting(now) : { trusted: leapAt, leapAt: now };
}

/** The time by which history is removed. */
export const keepTime = ({ trusted, leapAt }: ClockMark, now: number): number =>
  leapAt === null ? now : trusted + Math.max(0, Math.min(now - leapAt, DAY));
