// Times as people read them. They are exact to the second if printed once. On a screen that stays, seconds appear only
// for the present minute: an idle dashboard is not drawn between two minutes.
import { isoOf } from '../../support/clock.ts';
import { showDuration } from '../../support/durations.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../support/limits.ts';
import type { TimeReference } from '../../support/typed-times.ts';
import { localTime } from '../../support/zones.ts';
import { instantOf } from './times.ts';

/** `Mon 23 Nov 2026 18:30 CET, in 23h 48m`. */
export async function showTime(iso: string, here: TimeReference): Promise<string> {
  const { showInstant } = await import('../../support/instants.ts');
  return showInstant(instantOf(iso), here.timezone, here.now);
}

/** `in 45s`, `2m 11s ago`. */
export function showRelative(iso: string, now: number): string {
  const ms = instantOf(iso) - now;
  if (Math.abs(ms) < SECOND) return 'now';
  return ms > 0 ? `in ${showDuration(ms)}` : `${showDuration(-ms)} ago`;
}

/** `under 1m`, `12m`, `3h 4m`, `3d 4h`. */
export function showSpan(ms: number): string {
  return ms < MINUTE ? 'under 1m' : showDuration(Math.floor(ms / MINUTE) * MINUTE);
}

/** `just now`, `4m ago`, `1h ago`, `3d ago`. */
export function showAge(ms: number): string {
  if (ms < MINUTE) return 'just now';
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m ago`;
  return ms < 2 * DAY ? `${Math.floor(ms / HOUR)}h ago` : `${Math.floor(ms / DAY)}d ago`;
}

/** `due now`, `in 45s`, `in 12m`, `in 8h 17m`. */
export function showUntil(ms: number): string {
  if (ms <= 0) return 'due now';
  if (ms < MINUTE) return `in ${Math.max(1, Math.floor(ms / SECOND))}s`;
  return `in ${showSpan(ms)}`;
}

/** `31s`, `2m 11s`, `3h 4m`; no parts of seconds, which change too fast to read. */
export const showRunning = (ms: number): string =>
  ms < SECOND ? '0s' : ms < 10 * SECOND ? `${Math.floor(ms / SECOND)}s` : showDuration(ms);

/** `18:42`, with the date where that was another day. */
export const showMinute = (at: number, here: TimeReference): string =>
  showClock(at, here, 5, 'month');

/** `18:42:07`, with the date where that was another day. */
export const showSecond = (at: number, here: TimeReference): string => showClock(at, here, 8);

/** `18:42:07.250`, with the date where that was another day: for the lines of a log. */
export const showMillisecond = (at: number, here: TimeReference): string => showClock(at, here, 12);

/** So many characters of what the clock shows. */
function showClock(
  at: number,
  { now, timezone }: TimeReference,
  length: number,
  date = 'year',
): string {
  const [day = '', time = ''] = isoOf(localTime(timezone, at)).split('T');
  const [today] = isoOf(localTime(timezone, now)).split('T');
  const shown = time.slice(0, length);
  if (day === today) return shown;
  return `${date === 'year' ? day : day.slice('2026-'.length)} ${shown}`;
}

/** `2026-11-22 18:42:07`, as it can be typed. */
export const showTyped = (at: number, { timezone }: TimeReference): string =>
  isoOf(localTime(timezone, at)).slice(0, 19).replace('T', ' ');

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sun 22 Nov 18:42`. */
export function showToday({ now, timezone }: TimeReference): string {
  const iso = isoOf(localTime(timezone, now));
  const weekday = WEEKDAYS[(Math.floor(Date.parse(iso) / DAY) + 4) % 7];
  return `${weekday} ${Number(iso.slice(8, 10))} ${MONTHS[Number(iso.slice(5, 7)) - 1]} ${iso.slice(11, 16)}`;
}
