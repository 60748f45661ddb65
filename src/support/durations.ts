// Lengths of time as people write them: `500ms`, `90s`, `1h30m`, `2d`, `1w`, `PT20M`. In code a plain number is
// milliseconds. On the command line a number needs its unit, because 20 seconds and 20 minutes look the same without
// it.
import { JobrunError } from './errors.ts';
import { DAY, HOUR, LONGEST_MS, MINUTE, SECOND } from './limits.ts';

/** Milliseconds, or a text such as `90s`, `1h30m`, `2d`, `PT20M`. */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  w: 7 * DAY,
};
const PARTS = /(\d+(?:\.\d+)?)(ms|[smhdw])/g;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;
const ISO = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Whole milliseconds of a duration given in code, where a number is milliseconds. Throws `bad-time` naming `what`. */
export function durationMs(value: unknown, what: string): number {
  const ms = durationOf(value);
  if (ms !== null) return ms;
  const given = typeof value === 'string' ? value : JSON.stringify(value);
  throw refused(given ?? String(value), what);
}

/** Milliseconds of a duration given as text, where the unit is required. Throws `bad-time` naming `what`. */
export const parseDuration = (text: string, what: string): number => durationMs(text, what);

/** The same as `durationMs`; null for what is no duration. */
export function durationOf(value: unknown): number | null {
  if (typeof value === 'number')
    return value >= 0 && value <= LONGEST_MS ? Math.round(value) : null;
  if (typeof value !== 'string') return null;
  const ms = WHOLE.test(value) ? sumOfParts(value) : isoMs(value);
  return ms !== null && ms <= LONGEST_MS ? ms : null;
}

/** Returns the milliseconds of a duration as people type it (`5 minutes`, `1 hour 30 min`, `20m`), or null. */
export function spelledDuration(text: string): number | null {
  const short = shortOf(numbered(text));
  const ms = WHOLE.test(short) ? sumOfParts(short) : isoMs(text.toUpperCase());
  return ms !== null && ms <= LONGEST_MS ? ms : null;
}

/** `an hour` is `1 hour`, and half of one is `30 minutes`. */
const numbered = (text: string): string =>
  text
    .replace(/^half an hour$/i, '30 minutes')
    .replace(/^an? (?=(?:second|minute|hour|day|week)$)/i, '1 ');

const shortOf = (text: string): string =>
  text.toLowerCase().replace(SPELLED, (_, amount, word) => {
    const unit = Object.keys(SPELLINGS).find((one) => SPELLINGS[one]?.test(word));
    return `${amount}${unit ?? word}`;
  });

/** The hint for a text that is no duration: the form in which it is one, or an empty text. */
export function durationHint(value: unknown): string {
  if (typeof value !== 'string') return '';
  const short = shortOf(value.trim());
  if (/^\d+$/.test(short)) return `Give its unit: "${short}s", "${short}m" or "${short}h".`;
  return durationOf(short) === null ? '' : `Write it as "${short}".`;
}

const SPELLED = /(\d+(?:\.\d+)?) ?([a-z]+) ?/g;
const SPELLINGS: Readonly<Record<string, RegExp>> = {
  ms: /^m(?:illi)?s(?:ec(?:ond)?s?)?$/,
  s: /^s(?:ec(?:ond)?s?)?$/,
  m: /^m(?:in(?:ute)?s?)?$/,
  h: /^h(?:(?:ou)?rs?)?$/,
  d: /^d(?:ays?)?$/,
  w: /^w(?:eeks?)?$/,
};

function sumOfParts(text: string): number {
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(PARTS))
    sum += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return Math.round(sum);
}

function isoMs(text: string): number | null {
  const match = ISO.exec(text);
  if (!match || !/\d/.test(text)) return null;
  const [w = 0, d = 0, h = 0, m = 0, s = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return w * 7 * DAY + d * DAY + h * HOUR + m * MINUTE + Math.round(s * SECOND);
}

function refused(text: string, what: string): JobrunError {
  const hint = durationHint(text) || 'Write it as 500ms, 90s, 20m, 1h30m, 2d, 1w or PT20M.';
  return new JobrunError('bad-time', `${what}: "${text}" is not a duration`, hint);
}

/** The shortest fitting text for people: `480ms`, `4.2s`, `2m 11s`, `3d 4h`. */
export function showDuration(ms: number): string {
  if (ms < SECOND) return `${Math.floor(ms)}ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < HOUR) return pair(ms, MINUTE, 'm', SECOND, 's');
  if (ms < DAY) return pair(ms, HOUR, 'h', MINUTE, 'm');
  return pair(ms, DAY, 'd', HOUR, 'h');
}

function pair(ms: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)}${bigName}${rest > 0 ? ` ${rest}${smallName}` : ''}`;
}
