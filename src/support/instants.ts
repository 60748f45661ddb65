// Shows instants to people, on the wall clock of a zone.
import { showDuration } from './durations.ts';
import { MINUTE, SECOND } from './limits.ts';
import { localTime, offsetMs } from './zones.ts';

export const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
export const WEEKDAYS = 'sun mon tue wed thu fri sat'.split(' ');

/** Returns `2026-11-23` for a local time, and `+023929-01-01` beyond the years of four digits. */
export const wallDate = (local: number): string => new Date(local).toISOString().slice(0, -14);

/** `18:30`; the seconds only where there are any. */
export function wallTime(local: number): string {
  const time = new Date(local).toISOString().slice(-13, -5);
  return time.endsWith(':00') ? time.slice(0, 5) : time;
}

/** `Mon 23 Nov 2026 18:30 CET, in 23h 48m`; `2m ago` where it is past. */
export function showInstant(at: number, timezone: string, now: number): string {
  const away = Math.abs(at - now);
  const distance =
    away < SECOND ? 'now' : at > now ? `in ${showDuration(away)}` : `${showDuration(away)} ago`;
  return `${showLocal(at, timezone)}, ${distance}`;
}

/** `Mon 23 Nov 2026 18:30 CET`; the seconds only where there are any. */
function showLocal(at: number, timezone: string): string {
  const local = localTime(timezone, at);
  const date = new Date(local);
  const [weekday, day, month, year] = date.toUTCString().split(/,? /);
  return `${weekday} ${Number(day)} ${month} ${Number(year)} ${wallTime(local)} ${zoneName(at, timezone)}`;
}

/** `CET` where the zone has a name, else its offset: `UTC+05:30`. */
function zoneName(at: number, timezone: string): string {
  const offset = offsetMs(timezone, at);
  // Each English-speaking country's data names its own zones only.
  for (const locale of ['en-US', 'en-GB', 'en-AU']) {
    const format = new Intl.DateTimeFormat(locale, { timeZone: timezone, timeZoneName: 'short' });
    const name = format.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? '';
    if (/^[A-Z]{2,5}$/.test(name) && (name !== 'GMT' || offset === 0)) return name;
  }
  const minutes = Math.round(offset / MINUTE);
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const text = `${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
  return `UTC${minutes < 0 ? '-' : '+'}${text}`;
}
