// Points in time as people write them after `--at`, and as they are shown to them. A grammar of our own: what can be
// read in two ways is refused with the form that was probably meant, never guessed. Everything without a zone is read
// on the wall clock of the zone that is handed in.
import { showDuration } from './durations.ts';
import { JobrunError } from './errors.ts';
import { DAY, HOUR, MINUTE, SECOND } from './limits.ts';
import { localTime, offsetMs, type Resolved, resolveLocal } from './zones.ts';

export interface Instant {
  readonly at: number;
  /** Something that its writer may not have thought of: it is past, or the clock shows it twice. */
  readonly note: string | null;
}

export interface Here {
  readonly now: number;
  readonly timezone: string;
}

type Form = (match: RegExpExecArray, here: Here, text: string) => Instant;

const TIME = String.raw`(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?\s*(am|pm)?`;
const DATE = String.raw`(\d{4})-(\d{2})-(\d{2})`;
const ZONE = String.raw`(z|[+-]\d{2}:?\d{2})`;
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const WEEKDAY = '(sun|mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|satur|sat)(?:day)?';

/** Tried in this order; each regards the whole text, in lower case. */
const FORMS: readonly (readonly [RegExp, Form])[] = [
  [/^now$/, (_, { now }) => ({ at: now, note: null })],
  [/^@(-?\d{1,12})$/, ([, seconds], { now }) => noted(Number(seconds) * SECOND, now)],
  [
    new RegExp(`^${DATE}[t ](\\d{2}):(\\d{2})(?::(\\d{2})(?:[.,](\\d{1,9}))?)?\\s*${ZONE}$`),
    withZone,
  ],
  [new RegExp(`^${DATE}$`), (match, here, text) => onDate(match, here, text)],
  [
    new RegExp(`^${DATE}(?:t|\\s+(?:at\\s+)?)${TIME}$`),
    (match, here, text) => onDate(match, here, text),
  ],
  [new RegExp(`^(?:at\\s+)?${TIME}$`), nextSuchTime],
  [new RegExp(`^(today|tomorrow)\\s+(?:at\\s+)?${TIME}$`), nearDay],
  [new RegExp(`^next\\s+${WEEKDAY}\\s+(?:at\\s+)?${TIME}$`), nextWeekday],
];

/** The instant that the text means, or `bad-time` with the nearest accepted form. */
export function parseInstant(text: string, here: Here): Instant {
  const plain = text.trim().toLowerCase().replace(/\s+/g, ' ');
  for (const [pattern, form] of FORMS) {
    const match = pattern.exec(plain);
    if (match) return form(match, here, text);
  }
  throw refused(text, 'is not a time that can be read in one way', hintFor(plain, here));
}

const noted = (at: number, now: number): Instant => ({
  at,
  note: at < now ? `that is ${showDuration(now - at)} ago: it runs at once` : null,
});

function withZone(match: RegExpExecArray, { now }: Here, text: string): Instant {
  const [hour, minute, second, fraction = '', zone = 'z'] = match.slice(4);
  const clock =
    timeOfDay([hour, minute, second], text) + Math.floor(Number(`0.${fraction}0`) * SECOND);
  const [, sign, hours, minutes] = /([+-])(\d\d):?(\d\d)/.exec(zone) ?? [];
  const ahead = Number(hours ?? 0) * HOUR + Number(minutes ?? 0) * MINUTE;
  if (ahead > 14 * HOUR || Number(minutes ?? 0) > 59)
    throw refused(text, 'has no such offset', UTC_FORM);
  return noted(dateOf(match, text) + clock - (sign === '-' ? -ahead : ahead), now);
}

const UTC_FORM = 'Write it as 2026-12-01T18:30:00Z or 2026-12-01T18:30:00+01:00.';

function onDate(match: RegExpExecArray, { now, timezone }: Here, text: string): Instant {
  const local = dateOf(match, text) + timeOfDay(match.slice(4), text);
  const found = existing(resolveLocal(timezone, local), timezone, text);
  const past = noted(found.at, now).note;
  return { at: found.at, note: past ?? doubled(found, timezone, now) };
}

/** Midnight of the date, as if in UTC. */
function dateOf(match: RegExpExecArray, text: string): number {
  const [year = 0, month = 0, day = 0] = match.slice(1, 4).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() === month - 1 && date.getUTCDate() === day) return date.getTime();
  const lastDay = new Date(Date.UTC(year, month, 0));
  const hint =
    month >= 1 && month <= 12 && day > 0
      ? `The last day of that month is ${lastDay.toISOString().slice(0, 10)}.`
      : 'Write the date as year-month-day: 2026-12-01.';
  throw refused(text, 'names a date that does not exist', hint);
}

/** Milliseconds since midnight of `[hour, minute, second, am or pm]`. */
function timeOfDay(parts: readonly (string | undefined)[], text: string): number {
  const [hour, minute, second] = parts.slice(0, 3).map((part) => Number(part ?? 0));
  const half = parts[3];
  if (half === undefined && parts[0] !== undefined && parts[1] === undefined) {
    const hint = `Write ${parts[0]}:00, ${parts[0]}am or ${parts[0]}pm; a duration goes with --in: --in ${parts[0]}m.`;
    throw refused(text, 'has a bare number for a time', hint);
  }
  const [h = 0, m = 0, s = 0] = [hour, minute, second];
  const fits = half === undefined ? h <= 23 : h >= 1 && h <= 12;
  if (!fits || m > 59 || s > 59) {
    throw refused(
      text,
      'names a time that no clock shows',
      'Write it as 18:30, 18:30:15 or 6:30pm.',
    );
  }
  const ofDay = half === undefined ? h : (h % 12) + (half === 'pm' ? 12 : 0);
  return ofDay * HOUR + m * MINUTE + s * SECOND;
}

/** The next time that the clock shows this; what it skips today is taken tomorrow. */
function nextSuchTime(match: RegExpExecArray, { now, timezone }: Here, text: string): Instant {
  const time = timeOfDay(match.slice(1), text);
  const today = midnight(localTime(timezone, now));
  for (const day of [today, today + DAY, today + 2 * DAY]) {
    const found = resolveLocal(timezone, day + time);
    if (found.shown !== 'never' && found.at > now) {
      return { at: found.at, note: doubled(found, timezone, now) };
    }
  }
  throw refused(text, 'does not come within two days', 'Give the date as well: 2026-12-01 18:30.');
}

function nearDay(match: RegExpExecArray, here: Here, text: string): Instant {
  const away = match[1] === 'tomorrow' ? DAY : 0;
  return onDay(away, timeOfDay(match.slice(2), text), here, text);
}

function nextWeekday(match: RegExpExecArray, here: Here, text: string): Instant {
  const wanted = WEEKDAYS.findIndex((name) => name.startsWith((match[1] ?? '').slice(0, 3)));
  const today = new Date(localTime(here.timezone, here.now)).getUTCDay();
  const away = (wanted - today + 6) % 7;
  return onDay((away + 1) * DAY, timeOfDay(match.slice(2), text), here, text);
}

function onDay(away: number, time: number, { now, timezone }: Here, text: string): Instant {
  const local = midnight(localTime(timezone, now)) + away + time;
  const found = existing(resolveLocal(timezone, local), timezone, text);
  if (found.at <= now) {
    const hint = `Write "tomorrow ${wallTime(local)}", or "now".`;
    throw refused(text, 'is past', hint);
  }
  return { at: found.at, note: doubled(found, timezone, now) };
}

const midnight = (local: number): number => Math.floor(local / DAY) * DAY;

function existing(found: Resolved, timezone: string, text: string): Resolved {
  if (found.shown !== 'never') return found;
  const local = localTime(timezone, found.at);
  const hint = `The clock in ${timezone} skips it: the next time there is ${wallDate(local)} ${wallTime(local)}.`;
  throw refused(text, 'does not exist', hint);
}

const doubled = (found: Resolved, timezone: string, now: number): string | null =>
  found.shown === 'twice'
    ? `the clock in ${timezone} shows that twice: this is the first, ${showInstant(found.at, timezone, now)}`
    : null;

const wallDate = (local: number): string => new Date(local).toISOString().slice(0, 10);
const wallTime = (local: number): string => {
  const time = new Date(local).toISOString().slice(11, 19);
  return time.endsWith(':00') ? time.slice(0, 5) : time;
};

function refused(text: string, why: string, hint: string): JobrunError {
  return new JobrunError('bad-time', `"${text}" ${why}`, hint);
}

const ACCEPTED =
  'Write it as 18:30, 6pm, "tomorrow 9:00", "next friday 17:00", 2026-12-01, "2026-12-01 18:30", ' +
  '2026-12-01T18:30:00Z or @1764000000.';

/** The accepted form that comes nearest to what was written. */
function hintFor(text: string, { now, timezone }: Here): string {
  const today = wallDate(localTime(timezone, now));
  const [, a = '', b = '', year = ''] =
    /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})\b/.exec(text) ?? [];
  if (year !== '') {
    const full = year.length === 2 ? `20${year}` : year;
    const [x, y] = [a.padStart(2, '0'), b.padStart(2, '0')];
    return `Write the year first: ${full}-${y}-${x} or ${full}-${x}-${y}.`;
  }
  if (/^\d{8}$/.test(text)) {
    return `Write it with hyphens: ${text.replace(/^(....)(..)(..)$/, '$1-$2-$3')}.`;
  }
  if (/^\d{9,}$/.test(text)) return `For seconds since 1970 write @${text}.`;
  if (/^\d{4}[/.]\d/.test(text)) return `Write it with hyphens: ${text.replace(/[/.]/g, '-')}.`;
  if (/^(today|tomorrow)$/.test(text)) return `Add the time: "${text} 9:00".`;
  const weekday = new RegExp(`^(?:on |next )?${WEEKDAY}(.*)$`).exec(text);
  if (weekday) return `Write it as "next ${text.replace(/^(on|next) /, '').split(' ')[0]} 9:00".`;
  if (/^(in |\+)|^\d+ ?(ms|s|m|h|d|w|min|hours?|days?|minutes?)$/.test(text)) {
    return 'A time from now goes with --in: --in 20m.';
  }
  return `${ACCEPTED} Today is ${today} in ${timezone}.`;
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
