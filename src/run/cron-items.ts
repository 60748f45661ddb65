// One field of a cron expression, which is a list: what any of its items matches, it matches. Items are cut out, and
// ranges that wrap (`fri-mon`) are cut in two, before the cron-parser package reads them: it refuses lists whose items
// overlap (`1-5,5`), reads `*/90` as `0`, and makes up a value for `H` at each reading.
import { createRequire } from 'node:module';
import { JobrunError } from '../support/errors.ts';

type Parser = typeof import('cron-parser');
type Key = 'second' | 'minute' | 'hour' | 'dayOfMonth' | 'month' | 'dayOfWeek';

export interface Field {
  readonly name: string;
  readonly key: Key;
  readonly from: number;
  readonly to: number;
  /** The largest number that may be written, where it is not `to`: 7 is Sunday too. */
  readonly most?: number;
  /** The names of the values from `from` on. */
  readonly words?: readonly string[];
  /** Of a day: it may be `?`, which is `*`. */
  readonly isDay?: boolean;
  /** The unit of `--every` that a step too large for the field can be written in. */
  readonly unit?: string;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** In the order in which an expression has them. */
export const FIELDS: readonly Field[] = [
  { name: 'second', key: 'second', from: 0, to: 59, unit: 's' },
  { name: 'minute', key: 'minute', from: 0, to: 59, unit: 'm' },
  { name: 'hour', key: 'hour', from: 0, to: 23, unit: 'h' },
  { name: 'day of month', key: 'dayOfMonth', from: 1, to: 31, isDay: true, unit: 'd' },
  { name: 'month', key: 'month', from: 1, to: 12, words: MONTHS },
  { name: 'weekday', key: 'dayOfWeek', from: 0, to: 6, most: 7, words: WEEKDAYS, isDay: true },
];

/** What a field matches. */
export interface Matches {
  /** Sorted. */
  readonly values: readonly number[];
  /** The days that have no number: the last one of a month, the second Tuesday. */
  readonly days: readonly Day[];
  /** It begins with `*`: a day field that does is no restriction of its own. */
  readonly isAny: boolean;
}

/** The nth of a weekday in a month, the last one where `nth` is null; without a weekday the last day of all. */
export interface Day {
  readonly weekday: number | null;
  readonly nth: number | null;
}

/** Throws `bad-time`, naming the field of this expression, where it cannot be used. */
export function readField(cron: string, field: Field, text: string): Matches {
  const values = new Set<number>();
  const days: Day[] = [];
  for (const item of new Set(text.toLowerCase().split(','))) {
    const day = dayOf(field, item);
    if (day) days.push(day);
    else for (const value of valuesOf(field, item) ?? refuse(cron, field, text)) values.add(value);
  }
  return { values: [...values].sort((a, b) => a - b), days, isAny: /^[*?]/.test(text) };
}

/** `L`, the last day of the month; `5L` or `friL`, its last Friday; `2#2` or `tue#2`, its second Tuesday. */
function dayOf(field: Field, item: string): Day | null {
  if (field.key === 'dayOfMonth') return item === 'l' ? { weekday: null, nth: null } : null;
  const [, name = '', nth] = /^(\w+?)(?:l|#([1-5]))$/.exec(item) ?? [];
  const weekday = field.key === 'dayOfWeek' ? numberOf(field, name) : null;
  return weekday === null ? null : { weekday: weekday % 7, nth: nth ? Number(nth) : null };
}

const ITEM = /^(?:([*?])|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/;

/** Null where it is no item of this field. */
function valuesOf(field: Field, item: string): readonly number[] | null {
  const [, any, first, last, step] = ITEM.exec(item) ?? [];
  if (any === '?' && (!field.isDay || step)) return null;
  if (stepIn(item) > sizeOf(field)) return null;
  const tail = step === undefined ? '' : `/${step}`;
  if (any) return expanded(field, [`*${tail}`]);
  const from = first === undefined ? null : numberOf(field, first);
  const to = last === undefined ? undefined : numberOf(field, last);
  if (from === null || to === null) return null;
  if (to === undefined) return expanded(field, [`${from}${tail}`]);
  return expanded(field, from <= to ? [`${from}-${to}${tail}`] : wrapped(field, from, to, tail));
}

/** A range over the end of the field and on from its beginning, in which a step goes on counting. */
function wrapped(field: Field, from: number, to: number, tail: string): readonly string[] {
  const step = Math.max(1, stepIn(tail));
  const before = Math.max(0, Math.ceil((field.to + 1 - from) / step));
  const again = from + before * step - sizeOf(field);
  return [
    ...(before > 0 ? [`${from}-${field.to}${tail}`] : []),
    ...(again <= to ? [`${again}-${to}${tail}`] : []),
  ];
}

const sizeOf = ({ from, to }: Field): number => to - from + 1;

const stepIn = (item: string): number => Number(/\/(\d+)$/.exec(item)?.[1] ?? 0);

/** Of digits or a name; null where the field has none such. */
function numberOf({ words = [], from, to, most = to }: Field, text: string): number | null {
  const at = words.indexOf(text);
  const number = /^\d+$/.test(text) ? Number(text) : at < 0 ? null : from + at;
  return number !== null && number >= from && number <= most ? number : null;
}

/** Null where the parser refuses one. */
function expanded(field: Field, items: readonly string[]): readonly number[] | null {
  const { CronExpressionParser } = parser();
  const at = FIELDS.indexOf(field);
  try {
    return items.flatMap((item) => {
      const { fields } = CronExpressionParser.parse(
        FIELDS.map(() => '*')
          .with(at, item)
          .join(' '),
      );
      const values = fields[field.key].values.map(Number);
      return field.key === 'dayOfWeek' ? values.map((value) => value % 7) : values;
    });
  } catch {
    return null;
  }
}

/** Items of other crons, by what they are called there. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^(?:\d+|l)?w$/, 'the working day nearest to a date'],
  [/^l-\d+$/, 'a day counted from the end of the month'],
  [/^h(?:\W|$)/, 'a value that Jenkins chooses'],
];

function refuse(cron: string, field: Field, text: string): never {
  const message = `cron "${cron}": the ${field.name} "${text}" is wrong`;
  throw new JobrunError('bad-time', message, hintFor(field, text.toLowerCase().split(',')));
}

function hintFor(field: Field, items: readonly string[]): string {
  const { name, from, to, most = to, words, unit } = field;
  const size = sizeOf(field);
  const step = items.map(stepIn).find((one) => one > size);
  if (step !== undefined) {
    const every = `${step}${unit}`;
    const instead = unit
      ? ` An interval of ${every} is --every ${every}, and every: '${every}' in a job file.`
      : '';
    return `A step goes through one field, and the ${name} has ${size} values: */${size} is the largest.${instead}`;
  }
  for (const item of items) {
    const foreign = ELSEWHERE.find(([pattern]) => pattern.test(item));
    if (foreign) return `"${item.toUpperCase()}", ${foreign[1]}, is not known here. ${taken()}`;
  }
  if (items.includes('l')) return `The last Friday of a month is 5L or friL. ${taken()}`;
  return taken();

  function taken(): string {
    const names = words ? ` or ${words[0]}-${words.at(-1)}` : '';
    return `It takes ${from}-${most}${names}: a value, a list "${from},${to}", a range, a step "*/5", or "*".`;
  }
}

/** Loaded at first use: with its date library it is the costliest import of a command that needs no cron. */
function parser(): Parser {
  loaded ??= createRequire(import.meta.url)('cron-parser') as Parser;
  return loaded;
}

let loaded: Parser | undefined;
