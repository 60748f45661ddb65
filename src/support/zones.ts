// Time zones on top of Intl: what the local clock shows at an instant, and which instant a local time is. A local time
// is written as the instant that it would be in UTC. Two rules hold for every zone and year. A local time that the
// clock shows twice is its first showing. A skipped one is the first instant after the gap.
import { JobrunError } from './errors.ts';
import { DAY, HOUR, LAST_INSTANT, MINUTE, SECOND } from './limits.ts';

/** The zone's clock at `at`. */
export const localTime = (zone: string, at: number): number =>
  // Past the last instant a Date would be invalid.
  Math.min(at + offsetMs(zone, at), LAST_INSTANT);

/** The latest time that the zone's clock has shown until `at`: ahead of `localTime` while an hour repeats itself. */
export function latestLocalTime(zone: string, at: number): number {
  const now = localTime(zone, at);
  const change = findChange(zone, at - LONGEST_REPEAT, at);
  return change === null ? now : Math.max(now, localTime(zone, change - 1));
}

export interface Resolved {
  readonly at: number;
  /** `twice`: the clock shows it again later. `never`: the clock skips it, and `at` is the end of the gap. */
  readonly shown: 'once' | 'twice' | 'never';
}

/** The instant at which the zone's clock first shows `local`, or first shows a later time. */
export function resolveLocal(zone: string, local: number): Resolved {
  const change = findChange(zone, local - FARTHEST, local + FARTHEST);
  const late = local - offsetMs(zone, local + FARTHEST);
  if (change === null) return { at: late, shown: 'once' };
  const early = local - offsetMs(zone, local - FARTHEST);
  if (early < change) return { at: early, shown: late >= change ? 'twice' : 'once' };
  return late >= change ? { at: late, shown: 'once' } : { at: change, shown: 'never' };
}

/** Returns the instant at which the zone's clock shows `local` for the second time. */
export const secondShowing = (zone: string, local: number): number =>
  local - offsetMs(zone, local + FARTHEST);

// The clock has never been set back by more than a day (Kwajalein 1969: 23 hours), and no zone is farther than 16
// hours from UTC. No zone has changed its offset twice within such a span since clocks are set by law.
const LONGEST_REPEAT = DAY;
const FARTHEST = LONGEST_REPEAT + 16 * HOUR;

/** The first instant after `from`, up to `to`, with another offset than `from`; null where both have the same. */
export function findChange(zone: string, from: number, to: number): number | null {
  if (isSteady(zone, from, to)) return null;
  const before = offsetMs(zone, from);
  if (offsetMs(zone, to) === before) {
    isNowSteady(zone, { from, to, offset: before });
    return null;
  }
  let [same, other] = [Math.floor(from / SECOND), Math.ceil(to / SECOND)];
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (offsetMs(zone, middle * SECOND) === before) same = middle;
    else other = middle;
  }
  return other * SECOND;
}

/** More zones than any project uses. */
const MAX_KNOWN = 1000;

const formats = new Map<string, Intl.DateTimeFormat>();
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** How far the zone's clock is ahead of UTC at `at`. */
export function offsetMs(zone: string, at: number): number {
  return isSteady(zone, at, at) ? (steady.get(zone)?.offset ?? 0) : shownOffset(zone, at);
}

/** A span of time in which the clock of a zone is not changed. */
interface Steady {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
}

/**
 * By zone, the span that was found last. To ask Intl takes 3 µs, and a schedule that a full disk has held up for hours
 * asks some thousand times each second.
 */
const steady = new Map<string, Steady>();

function isSteady(zone: string, from: number, to: number): boolean {
  const known = steady.get(zone);
  return known !== undefined && known.from <= from && to <= known.to;
}

function isNowSteady(zone: string, found: Steady): void {
  const known = steady.get(zone);
  const meets = known && known.from <= found.to && found.from <= known.to;
  if (!known && steady.size >= MAX_KNOWN) steady.clear();
  steady.set(
    zone,
    meets
      ? { ...found, from: Math.min(known.from, found.from), to: Math.max(known.to, found.to) }
      : found,
  );
}

function shownOffset(zone: string, at: number): number {
  // Intl throws beyond.
  const text = formatOf(zone).format(Math.min(Math.max(at, -LAST_INSTANT), LAST_INSTANT));
  const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(text) ?? [];
  const ms = Number(hours) * HOUR + Number(minutes) * MINUTE + Number(seconds) * SECOND;
  return sign === '-' ? -ms : ms;
}

/** Making a format costs a thousand times as much as using it. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  if (formats.size >= MAX_KNOWN) formats.clear();
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
    formats.set(timeZone, format);
    return format;
  } catch (error) {
    const message = `there is no time zone "${timeZone}"`;
    throw new JobrunError('bad-time', message, 'Write it as Europe/Berlin.', error);
  }
}
