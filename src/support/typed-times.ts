// Reads times that people type: `--at` looks ahead, `--since` looks back, and both accept the same words. A text that
// can be read in two ways is refused with a hint, never guessed. Times without a zone are on the wall clock of the
// given zone.
import { showDuration, spelledDuration } from './durations.ts';
import { JobrunError } from './errors.ts';
import { MONTHS, showInstant, WEEKDAYS, wallDate, wallTime } from './instants.ts';
import { DAY, FIRST_TYPED, HOUR, LAST_TYPED, MINUTE, SECOND } from './limits.ts';
import { localTime, type Resolved, resolveLocal, secondShowing } from './zones.ts';

export interface Instant {
  readonly at: number;
  /** The duration from now, if one was typed: `in 20m`. */
  readonly inMs?: number;
  /** A warning for the person who typed it: the time is past, or the clock shows it twice. */
  readonly note: string | null;
}

export interface TimeReference {
  readonly now: number;
  readonly timezone: string;
}

/** The text to read, and its direction in time. */
interface Asked extends TimeReference {
  readonly text: string;
  readonly back: boolean;
}

/** Returns the next instant that the text means. Throws `bad-time` with the nearest accepted form. */
export function parseInstant(text: string, here: TimeReference): Instant {
  const asked = { ...here, text, back: false };
  const found = read(plainOf(text), asked);
  if (!found) throw refused(asked, 'is not a time that can be read in one way', hintFor(asked));
  return inRange(found, asked);
}

/** Returns the latest instant until now that the text means: `22:00`, `today`, `monday`, `2 hours`. */
export function parseSince(text: string, here: TimeReference): number {
  const asked = { ...here, text, back: true };
  const found = read(plainOf(text), asked);
  if (found) return inRange(found, asked).at;
  const hint = 'Write it as 2h, 22:00, today, yesterday, monday, 2026-11-01 or "2026-11-01 18:30".';
  throw refused(asked, 'is not a time to look back to', hint);
}

const plainOf = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/\bnoon\b/, '12:00')
    .replace(/\b(\d{1,2})h(\d{2})$/, '$1:$2');

function inRange(found: Instant, asked: Asked): Instant {
  if (found.at >= FIRST_TYPED && found.at <= LAST_TYPED) return found;
  const which = found.at > LAST_TYPED ? 'after the year 9999' : 'before the year 0';
  throw refused(asked, `is ${which}`, 'Give a year of four digits: 2026-12-01.');
}

function read(plain: string, asked: Asked): Instant | null {
  const { now, back } = asked;
  if (plain === 'now') return { at: now, note: null };
  const [, seconds] = /^@(-?\d{1,12})$/.exec(plain) ?? [];
  if (seconds !== undefined) return noted(Number(seconds) * SECOND, asked);
  const zoned = WITH_ZONE.exec(plain);
  if (zoned) return withZone(zoned, asked);
  const [, span = ''] = (back ? AGO : FROM_NOW).exec(plain) ?? [];
  const ms = spelledDuration(span);
  if (ms !== null)
    return back ? { at: now - ms, note: null } : { at: now + ms, inMs: ms, note: null };
  return onDay(plain, asked);
}

const FROM_NOW = /^(?:in |\+ ?)?(.+)$/;
const AGO = /^(?:last )?(.+?)(?: ago)?$/;

const DATE = String.raw`(\d{4})-(\d{2})-(\d{2})`;
const WITH_ZONE = new RegExp(
  String.raw`^${DATE}[t ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(z|[+-]\d{2}:?\d{2})$`,
);

const noted = (at: number, { now }: TimeReference): Instant => ({
  at,
  note: at < now ? `that is ${showDuration(now - at)} ago: it runs at once` : null,
});

function withZone(match: RegExpExecArray, asked: Asked): Instant {
  const [year, month, day, hour, minute, second, fraction = '', zone = 'z'] = match.slice(1);
  const ms = Math.floor(Number(`0.${fraction}0`) * SECOND);
  const clock = timeOfDay([hour, minute, second], asked) + ms;
  const [, sign, hours, minutes] = /([+-])(\d\d):?(\d\d)/.exec(zone) ?? [];
  const ahead = Number(hours ?? 0) * HOUR + Number(minutes ?? 0) * MINUTE;
  if (ahead > 14 * HOUR || Number(minutes ?? 0) > 59)
    throw refused(asked, 'has no such offset', UTC_FORM);
  const date = dateOf(Number(year), Number(month), Number(day), asked);
  return noted(date + clock - (sign === '-' ? -ahead : ahead), asked);
}

const UTC_FORM = 'Write it as 2026-12-01T18:30:00Z or 2026-12-01T18:30:00+01:00.';

/** Returns midnight of the date, as if in UTC. Throws if the month has no such day. */
function dateOf(year: number, month: number, day: number, asked: Asked): number {
  if (isThere(year, month, day)) return utcDate(year, month, day);
  const hint =
    month >= 1 && month <= 12 && day > 0
      ? `The last day of that month is ${wallDate(utcDate(year, month + 1, 0))}.`
      : 'Write the date as year-month-day: 2026-12-01.';
  throw refused(asked, 'names a date that does not exist', hint);
}

/** Returns midnight UTC. `Date.UTC` would read the year 26 as 1926. Day 0 is the last day of the month before. */
const utcDate = (year: number, month: number, day: number): number =>
  new Date(0).setUTCFullYear(year, month - 1, day);

function isThere(year: number, month: number, day: number): boolean {
  const date = new Date(utcDate(year, month, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

// ---- a day, a time of it, or both

const TIME = String.raw`(\d{1,2})(?:[:.](\d{2})(?::(\d{2}))?)?\s*(am|pm)?`;
const TIME_LAST = new RegExp(String.raw`^(?:(.+?)(?:\s+|(?<=\d)t))?(?:at\s+)?${TIME}$`);
const TIME_FIRST = new RegExp(String.raw`^(?:at\s+)?${TIME}\s+(?:on\s+)?(.+)$`);

function onDay(plain: string, asked: Asked): Instant | null {
  const [, before = '', ...timeLast] = TIME_LAST.exec(plain) ?? [];
  const lastDays = timeLast.length > 0 ? daysOf(before, asked) : null;
  if (lastDays) return chosen(lastDays, timeOfDay(timeLast, asked), asked);
  const timeFirst = TIME_FIRST.exec(plain)?.slice(1) ?? [];
  const firstDays = timeFirst.length > 0 ? daysOf(timeFirst.at(-1) ?? '', asked) : null;
  if (firstDays) return chosen(firstDays, timeOfDay(timeFirst, asked), asked);
  const isMidnight = plain === 'midnight';
  const day = isMidnight ? (asked.back ? 'today' : 'tomorrow') : plain;
  const days = day === '' ? null : daysOf(day, asked);
  // `--at friday` without a time is probably a mistake: midnight is rarely meant.
  if (!days || (days.needsTime && !asked.back && !isMidnight)) return null;
  return chosen(days, null, asked);
}

/** Returns the milliseconds since midnight of `[hour, minute, second, am or pm]`. */
function timeOfDay(parts: readonly (string | undefined)[], asked: Asked): number {
  const [h = 0, m = 0, s = 0] = parts.slice(0, 3).map((part) => Number(part ?? 0));
  const half = parts[3];
  if (half === undefined && parts[1] === undefined) {
    const hint = `Write ${h}:00, ${h}am or ${h}pm; a length of time needs its unit: ${h}m.`;
    throw refused(asked, 'has a bare number for a time', hint);
  }
  if (/^\d{1,2}\.(?:0[1-9]|1[0-2])$/.test(asked.text.trim())) {
    const hint = `For a time write ${h}:${parts[1]}; a date has its year: 2026-12-01.`;
    throw refused(asked, 'could be a time or a date', hint);
  }
  const fits = half === undefined ? h <= 23 : h >= 1 && h <= 12;
  if (!fits || m > 59 || s > 59) {
    const hint = 'Write it as 18:30, 18:30:15 or 6:30pm.';
    throw refused(asked, 'is a time that no clock shows', hint);
  }
  const ofDay = half === undefined ? h : (h % 12) + (half === 'pm' ? 12 : 0);
  return ofDay * HOUR + m * MINUTE + s * SECOND;
}

/** The days that a text can mean, as local midnights, in the order to try them. */
interface Days {
  readonly list: readonly number[];
  /** True for a date with a year, which may be past. */
  readonly isDate?: boolean;
  readonly needsTime?: boolean;
  /** True for a time alone. If the clock skips it on one day, the next day is tried. */
  readonly isAny?: boolean;
}

const WEEKDAY = '(sun|mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|satur|sat)(?:day)?';
const MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)';
const WEEKDAY_TEXT = new RegExp(`^(?:on |(next|last) )?${WEEKDAY}$`);
const DAY_MONTH = new RegExp(String.raw`^(\d{1,2}) ${MONTH}(?: (\d{4}))?$`);
const MONTH_DAY = new RegExp(String.raw`^${MONTH} (\d{1,2})(?: (\d{4}))?$`);
const DATE_TEXT = new RegExp(`^${DATE}$`);
const NEAR: Readonly<Record<string, number>> = { yesterday: -1, today: 0, tomorrow: 1 };

function daysOf(text: string, asked: Asked): Days | null {
  const today = Math.floor(localTime(asked.timezone, asked.now) / DAY) * DAY;
  const step = asked.back ? -DAY : DAY;
  if (text === '') return { list: [today, today + step, today + 2 * step], isAny: true };
  const near = Object.hasOwn(NEAR, text) ? NEAR[text] : undefined;
  if (near !== undefined) return { list: [today + near * DAY], needsTime: true };
  const date = DATE_TEXT.exec(text);
  if (date) {
    const [year = 0, month = 0, day = 0] = date.slice(1).map(Number);
    return { list: [dateOf(year, month, day, asked)], isDate: true };
  }
  const weekday = WEEKDAY_TEXT.exec(text);
  if (weekday) return { list: weekdays(weekday, today, asked.back), needsTime: true };
  const [, day = '', month = '', year] = DAY_MONTH.exec(text) ?? swapped(MONTH_DAY.exec(text));
  return month === '' ? null : monthDays(Number(day), month, year, today, asked);
}

const swapped = (match: RegExpExecArray | null): readonly (string | undefined)[] =>
  match ? [match[0], match[2], match[1], match[3]] : [];

/** Returns the nearest such weekday, which may be today, and the one beyond it. `next` and `last` are never today. */
function weekdays(match: RegExpExecArray, today: number, back: boolean): readonly number[] {
  const [, which, name = ''] = match;
  const wanted = WEEKDAYS.indexOf(name.slice(0, 3));
  const away = (wanted - new Date(today).getUTCDay() + 7) % 7;
  if (which === 'next') return [today + (away || 7) * DAY];
  if (which === 'last') return [today + (away - 7) * DAY];
  if (!back) return [today + away * DAY, today + (away + 7) * DAY];
  const latest = away === 0 ? today : today + (away - 7) * DAY;
  return [latest, latest - 7 * DAY];
}

/** Returns that day of this year and of the eight years beyond it, because 29 February may take eight years to come. */
function monthDays(
  day: number,
  name: string,
  year: string | undefined,
  today: number,
  asked: Asked,
): Days {
  const month = MONTHS.indexOf(name.slice(0, 3)) + 1;
  if (year !== undefined) return { list: [dateOf(Number(year), month, day, asked)], isDate: true };
  const thisYear = new Date(today).getUTCFullYear();
  const years = Array.from({ length: 9 }, (_, i) => thisYear + (asked.back ? -i : i));
  const list = years
    .filter((one) => isThere(one, month, day))
    .map((one) => utcDate(one, month, day));
  if (list.length > 0) return { list };
  // No year has this day: `dateOf` throws and names the last day of that month which is still to come.
  const isOver = !asked.back && utcDate(thisYear, month + 1, 0) < today;
  return { list: [dateOf(isOver ? thisYear + 1 : thisYear, month, day, asked)] };
}

/** Returns the time on the first day that fits. A null time is the beginning of the day. */
function chosen(days: Days, time: number | null, asked: Asked): Instant {
  const { back, timezone, now } = asked;
  for (const day of days.list) {
    const local = day + (time ?? 0);
    const found = resolveLocal(timezone, local);
    if (found.shown === 'never' && !isMeant(found, day, time, asked)) {
      if (days.isAny) continue;
      throw skipped(found, asked);
    }
    if (back) {
      if (found.at <= now || days.isDate) return { at: found.at, note: null };
      continue;
    }
    const second = found.shown === 'twice' ? secondShowing(timezone, local) : found.at;
    const at = found.at > now ? found.at : second;
    if (at > now) return { at, note: time === null ? null : doubled(found, second, at, asked) };
    if (days.isDate) return noted(found.at, asked);
  }
  throw outside(days, time, asked);
}

/**
 * True if the end of the gap stands in for a skipped time: for `--since`, and for a day that begins without midnight.
 */
function isMeant({ at }: Resolved, day: number, time: number | null, asked: Asked): boolean {
  const isSameDay = localTime(asked.timezone, at) < day + DAY;
  return time === null ? isSameDay : asked.back;
}

function skipped({ at }: Resolved, asked: Asked): JobrunError {
  const local = localTime(asked.timezone, at);
  const next = `the next time there is ${wallDate(local)} ${wallTime(local)}`;
  return refused(asked, 'does not exist', `The clock in ${asked.timezone} skips it: ${next}.`);
}

function outside(days: Days, time: number | null, asked: Asked): JobrunError {
  if (asked.back)
    return refused(asked, 'is still to come', 'Give a time to look back to: yesterday.');
  if (days.isAny) {
    const hint = 'Give the date as well: 2026-12-01 18:30.';
    return refused(asked, 'does not come within two days', hint);
  }
  return refused(asked, 'is past', `Write "tomorrow ${wallTime(time ?? 0)}", or "now".`);
}

function doubled(found: Resolved, second: number, at: number, asked: Asked): string | null {
  if (found.shown !== 'twice') return null;
  const { timezone, now } = asked;
  const twice = `the clock in ${timezone} shows that twice`;
  if (at !== found.at) return `${twice}: this is the second, ${showInstant(at, timezone, now)}`;
  const other = new Date(second).toISOString().replace('.000', '');
  return `${twice}: this is the first, ${showInstant(at, timezone, now)}; the second is ${other}`;
}

function refused({ text }: Asked, why: string, hint: string): JobrunError {
  return new JobrunError('bad-time', `"${text}" ${why}`, hint);
}

/** Returns a time of that day that is still to come. Throws if the day is past. */
function timeFor(day: string, asked: Asked): string {
  const still = ['9:00', '18:00', '23:59'].find((time) => isTime(`${day} ${time}`, asked));
  if (still === undefined) read(`${day} 9:00`, asked);
  return still ?? '9:00';
}

function isTime(text: string, asked: Asked): boolean {
  try {
    return read(plainOf(text), asked) !== null;
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    return false;
  }
}

const shown = (time: string): string => (time.includes(' ') ? `"${time}"` : time);

const ACCEPTED =
  'Write it as 18:30, 6pm, "tomorrow 9:00", "friday 17:00", 2026-12-01, "2026-12-01 18:30", "in 20m", ' +
  '2026-12-01T18:30:00Z or @1764000000.';

/** Returns a hint with the accepted form nearest to the text. */
function hintFor(asked: Asked): string {
  const text = plainOf(asked.text);
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
  if (text.includes('midnight'))
    return 'Midnight ends one day and begins another: "tomorrow 0:00".';
  if (text !== '' && daysOf(text, asked)) return `Add the time: "${text} ${timeFor(text, asked)}".`;
  const [, time = '', zone = ''] = /^(.*\S) (utc|gmt|[a-z_]+\/[a-z_/+-]+)$/i.exec(asked.text) ?? [];
  if (isTime(time, asked)) return `Give the time zone by itself: --at ${shown(time)} --tz ${zone}.`;
  const today = wallDate(localTime(asked.timezone, asked.now));
  return `${ACCEPTED} Today is ${today} in ${asked.timezone}.`;
}
