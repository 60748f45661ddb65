// Reads a cron expression (five fields, six, or a known `@name`) and finds the local times that it matches. Errors name
// the field that is wrong.
import { JobrunError } from '../support/errors.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/limits.ts';
import { count, didYouMean } from '../support/text.ts';
import { type Day, FIELDS, type Matches, readField } from './cron-items.ts';

/** The values that an expression matches, as sorted numbers. */
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

function timeOfDay({ hours, minutes, seconds }: Times, from: number): number | null {
  const first = Math.ceil(from / SECOND);
  const [firstHour, firstMinute] = [Math.floor(first / 3600), Math.floor(first / 60) % 60];
  for (const hour of hours) {
    if (hour < firstHour) continue;
    for (const minute of minutes) {
      if (hour === firstHour && minute < firstMinute) continue;
      const isFirst = hour === firstHour && minute === firstMinute;
      const second = isFirst ? seconds.find((value) => value >= first % 60) : seconds[0];
      if (second !== undefined) return hour * HOUR + minute * MINUTE + second * SECOND;
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

/** Every value of every field, listed one by one, takes half of this. */
const MAX_LENGTH = 1000;

function timesOf(cron: string): Times {
  const texts = fieldsOf(cron);
  const [seconds, minutes, hours, dates, months, weekdays] = FIELDS.map((field, i) =>
    readField(cron, field, texts[i] ?? ''),
  ) as [Matches, Matches, Matches, Matches, Matches, Matches];
  const times: Times = {
    seconds: seconds.values,
    minutes: minutes.values,
    hours: hours.values,
    rhythm: texts[2] === '*',
    onDay: dayRule(dates, months, weekdays),
  };
  if (nextLocal(times, 0) !== null) return times;
  const message = `cron "${cron}" never fires: no day fits its day of month, month and weekday`;
  throw new JobrunError('bad-time', message, 'Choose a day that comes in one of its months.');
}

/** Five or six fields with the second in front, or the expression that a name stands for. */
function fieldsOf(cron: string): readonly string[] {
  const text = cron.trim();
  if (text.length > MAX_LENGTH) {
    const hint = 'Write values that follow each other as a range: "0-29" and not "0,1,2…".';
    throw new JobrunError('bad-time', `cron: over ${MAX_LENGTH} characters`, hint);
  }
  if (text.startsWith('@') && !Object.hasOwn(NAMED, text)) {
    const hint = didYouMean(text, Object.keys(NAMED));
    throw new JobrunError('bad-time', `cron: there is no "${text}"`, hint);
  }
  const fields = (NAMED[text] ?? text).split(/\s+/).filter((field) => field !== '');
  if (fields.length === 5) return ['0', ...fields];
  if (fields.length === 6) return fields;
  const hint =
    'Give minute, hour, day of month, month, weekday ("30 2 * * 1-5"), or six with the second in front.';
  const many = count(fields.length, 'field');
  throw new JobrunError('bad-time', `cron "${cron}" has ${many}, not 5 or 6`, hint);
}

// If neither day field begins with `*`, either one is enough. If one does, both must match, so days `1-7` with weekdays
// `*/7` mean the first Sunday. Vixie cron and cronie have this rule.
function dayRule(dates: Matches, months: Matches, weekdays: Matches): Times['onDay'] {
  const either = !dates.isAny && !weekdays.isAny;
  return (day) => {
    if (!months.values.includes(day.getUTCMonth() + 1)) return false;
    const onDate = matches(dates, day.getUTCDate(), day);
    const onWeekday = matches(weekdays, day.getUTCDay(), day);
    return either ? onDate || onWeekday : onDate && onWeekday;
  };
}

const matches = ({ values, days }: Matches, value: number, day: Date): boolean =>
  values.includes(value) || days.some((one) => isDay(one, day));

function isDay({ weekday, nth }: Day, day: Date): boolean {
  if (weekday !== null && weekday !== day.getUTCDay()) return false;
  if (nth !== null) return Math.ceil(day.getUTCDate() / 7) === nth;
  const again = new Date(day.getTime() + (weekday === null ? 1 : 7) * DAY);
  return again.getUTCMonth() !== day.getUTCMonth();
}
