// Time zones on top of Intl: what the local clock shows at an instant, and which instant a local time is. A local time
// is written as the instant that it would be in UTC. Two rules hold for every zone and year: a local time that the
// clock shows twice is its first showing, one that it skips is the first instant after the gap.
import { JobrunError } from './errors.ts';
import { DAY, HOUR, LAST_INSTANT, MINUTE, SECOND } from './limits.ts';
import { nearest } from './text.ts';

/** Throws `bad-time` with a suggestion where Intl does not know the zone. */
export function checkTimezone(zone: string): void {
  if (isTimezone(zone)) return;
  throw new JobrunError('bad-time', `there is no time zone "${zone}"`, zoneHint(zone));
}

export function isTimezone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** What was probably meant by a zone that does not exist. */
export function zoneHint(zone: string): string {
  const zones = [...Intl.supportedValuesOf('timeZone'), 'UTC'];
  const city = `/${zone.trim().replaceAll(' ', '_').toLowerCase()}`;
  const meant = zones.find((known) => known.toLowerCase().endsWith(city)) ?? nearest(zone, zones);
  return meant ? `Did you mean "${meant}"?` : 'Write it as Europe/Berlin.';
}

/** What the zone's clock shows at `at`. */
export const localTime = (zone: string, at: number): number => at + offsetMs(zone, at);

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

// The clock has never been set back by more than a day (Kwajalein 1969: 23 hours), and no zone is farther than 16
// hours from UTC. No zone has changed its offset twice within such a span since clocks are set by law.
const LONGEST_REPEAT = DAY;
const FARTHEST = LONGEST_REPEAT + 16 * HOUR;

/** The first instant after `from`, up to `to`, with another offset than `from`; null where both have the same. */
export function findChange(zone: string, from: number, to: number): number | null {
  const before = offsetMs(zone, from);
  if (offsetMs(zone, to) === before) return null;
  let [same, other] = [Math.floor(from / SECOND), Math.ceil(to / SECOND)];
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (offsetMs(zone, middle * SECOND) === before) same = middle;
    else other = middle;
  }
  return other * SECOND;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const MAX_FORMATS = 1000;
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** How far the zone's clock is ahead of UTC at `at`. */
export function offsetMs(zone: string, at: number): number {
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
  if (formats.size >= MAX_FORMATS) formats.clear();
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
    formats.set(timeZone, format);
    return format;
  } catch (error) {
    checkTimezone(timeZone);
    throw error;
  }
}
