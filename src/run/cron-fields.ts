// The fields of a cron expression: five or six, or a known `@name`, and nothing else. The cron-parser package reads
// them, but it takes `''` and `* *` for every minute, and `H` for a value that it makes up at each reading; so each
// field is looked at first, and what is wrong is told by the name of its field.
import { createRequire } from 'node:module';
import { JobrunError } from '../support/errors.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/limits.ts';
import { nearest } from '../support/text.ts';

type Parser = typeof import('cron-parser');

/** What an expression matches, as sorted numbers. */
export interface Times {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** The hour field is `*`. */
  readonly rhythm: boolean;
  /** The day is given as its start in UTC. */
  readonly onDay: (day: Date) => boolean;
}

/** The rarest date there is: 29 February on a given weekday, across a century that has no leap year. */
const MAX_DAYS = 40 * 366;

/** The first matching local time at or after `local`. */
export function nextLocal(times: Times, local: number): number | null {
  const today = Math.floor(local / DAY);
  for (let day = today; day <= today + MAX_DAYS; day++) {
    if (!times.onDay(new Date(day * DAY))) continue;
    const time = timeOfDay(times, day === today ? local - day * DAY : 0);
    if (time !== null) return day * DAY + time;
  }
  return null;
}

function timeOfDay(times: Times, from: number): number | null {
  for (const hour of times.hours) {
    if ((hour + 1) * HOUR <= from) continue;
    for (const minute of times.minutes) {
      const start = hour * HOUR + minute * MINUTE;
      if (start + MINUTE <= from) continue;
      const second = times.seconds.find((value) => start + value * SECOND >= from);
      if (second !== undefined) return start + second * SECOND;
    }
  }
  return null;
}

const compiled = new Map<string, Times>();
const MAX_COMPILED = 1000;

/** Throws `bad-time`, naming the field, where the expression cannot be used. */
export function compile(cron: string): Times {
  const known = compiled.get(cron);
  if (known) return known;
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  const times = timesOf(cron);
  compiled.set(cron, times);
  return times;
}

const NAMED: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const FIELDS = [
  { name: 'second', from: 0, to: 59 },
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of month', from: 1, to: 31, letters: /^L$/ },
  {
    name: 'month',
    from: 1,
    to: 12,
    letters: /JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC/g,
    words: 'jan-dec',
  },
  { name: 'weekday', from: 0, to: 7, letters: /SUN|MON|TUE|WED|THU|FRI|SAT|L/g, words: 'sun-sat' },
] as const;

type Field = (typeof FIELDS)[number];

function timesOf(cron: string): Times {
  const { CronExpressionParser } = parser();
  const texts = fieldsOf(cron);
  FIELDS.forEach((field, i) => {
    checkField(cron, field, texts[i] ?? '', i);
  });
  const [, , hour, dayOfMonth, , weekday] = texts;
  try {
    const { fields } = CronExpressionParser.parse(texts.join(' '));
    const times: Times = {
      seconds: fields.second.values,
      minutes: fields.minute.values,
      hours: fields.hour.values,
      rhythm: hour === '*',
      onDay: dayRule(fields, isAny(dayOfMonth), isAny(weekday)),
    };
    // cron-parser lets `31 4,6` pass where only one of several months could be meant.
    if (nextLocal(times, 0) !== null) return times;
    throw new Error('never');
  } catch (error) {
    const message = `cron "${cron}": its day of month never comes in its month`;
    throw new JobrunError('bad-time', message, 'Choose a day that the month has.', error);
  }
}

/** Five or six fields with the second in front, or the expression that a name stands for. */
function fieldsOf(cron: string): readonly string[] {
  const text = cron.trim();
  if (text.startsWith('@') && !Object.hasOwn(NAMED, text)) {
    const meant = nearest(text, Object.keys(NAMED));
    const hint = meant
      ? `Did you mean "${meant}"?`
      : `Known are: ${Object.keys(NAMED).join(', ')}.`;
    throw new JobrunError('bad-time', `cron: there is no "${text}"`, hint);
  }
  const fields = (NAMED[text] ?? text).split(/\s+/).filter((field) => field !== '');
  if (fields.length === 5) return ['0', ...fields];
  if (fields.length === 6) return fields;
  const hint =
    'Give minute, hour, day of month, month, weekday ("30 2 * * 1-5"), or six with the second in front.';
  throw new JobrunError('bad-time', `cron "${cron}" has ${fields.length} fields, not 5 or 6`, hint);
}

/** Each field is read alone first: the parser's own message does not say which one is wrong. */
function checkField(cron: string, field: Field, text: string, i: number): void {
  const fields = ['*', '*', '*', '*', '*', '*'].with(i, text);
  try {
    const letters = 'letters' in field ? text.toUpperCase().replace(field.letters, '') : text;
    // `H` is a value that the parser makes up; `?` means something in the day fields alone.
    const allowed = 'letters' in field && field.name !== 'month' ? /^[^a-z]*$/i : /^[^a-z?]*$/i;
    if (!allowed.test(letters)) throw new Error('letters');
    parser().CronExpressionParser.parse(fields.join(' '));
  } catch (error) {
    const message = `cron "${cron}": the ${field.name} "${text}" is wrong`;
    const { from, to } = field;
    const words = 'words' in field ? ` or ${field.words}` : '';
    const hint = `It takes ${from}-${to}${words}: a value, a list "${from},${to}", a range, a step "*/5", or "*".`;
    throw new JobrunError('bad-time', message, hint, error);
  }
}

const isAny = (text: string | undefined): boolean => text === '*' || text === '?';

type Parsed = ReturnType<Parser['CronExpressionParser']['parse']>['fields'];

function dayRule(fields: Parsed, anyDate: boolean, anyWeekday: boolean): Times['onDay'] {
  const months = new Set<number>(fields.month.values);
  const dates = new Set<number | string>(fields.dayOfMonth.values);
  const weekdays = new Set<string>(
    fields.dayOfWeek.values.map((value) => String(value).replace('7', '0')),
  );
  const nth = fields.dayOfWeek.nthDay;
  const onDate = (day: Date): boolean =>
    dates.has(day.getUTCDate()) || (dates.has('L') && isInLast(1, day));
  const onWeekday = (day: Date): boolean => {
    const weekday = day.getUTCDay();
    if (weekdays.has(`${weekday}L`)) return isInLast(7, day);
    return weekdays.has(String(weekday)) && (nth === 0 || Math.ceil(day.getUTCDate() / 7) === nth);
  };
  const fits = (day: Date): boolean => {
    if (anyDate) return anyWeekday || onWeekday(day);
    return onDate(day) || (!anyWeekday && onWeekday(day));
  };
  return (day) => months.has(day.getUTCMonth() + 1) && fits(day);
}

const isInLast = (days: number, day: Date): boolean =>
  new Date(day.getTime() + days * DAY).getUTCMonth() !== day.getUTCMonth();

/** Loaded at first use: with its date library it is the costliest import of a command that needs no cron. */
function parser(): Parser {
  loaded ??= createRequire(import.meta.url)('cron-parser') as Parser;
  return loaded;
}

let loaded: Parser | undefined;
