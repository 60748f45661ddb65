// Reads one field of a cron expression. A field is a list, and it matches what any of its items matches. The
// cron-parser package expands one item at a time, because it refuses lists that overlap (`1-5,5`) and ranges that wrap
// (`fri-mon`). This file refuses steps that are too large (cron-parser reads `*/90` as `0`) and `H` (it invents a value
// for it).
import { createRequire } from 'node:module';
import { JobrunError } from '../support/errors.ts';
import { MONTHS, WEEKDAYS } from '../support/instants.ts';

type Parser = typeof import('cron-parser');
type Key = 'second' | 'minute' | 'hour' | 'dayOfMonth' | 'month' | 'dayOfWeek';

export interface Field {
  readonly name: string;
  readonly key: Key;
  readonly from: number;
  readonly to: number;
  /** The largest number accepted, if it is not `to`: 7 is a second number for Sunday. */
  readonly most?: number;
  /** Names of the values, beginning with the one for `from`. */
  readonly words?: readonly string[];
  /** True for a day field, which may also be `?`; it means `*`. */
  readonly isDay?: boolean;
  /** Unit in which `--every` expresses a step that is too large for the field. */
  readonly unit?: string;
}

/** The fields in the order of an expression. */
export const FIELDS: readonly Field[] = [
  { name: 'second', key: 'second', from: 0, to: 59, unit: 's' },
  { name: 'minute', key: 'minute', from: 0, to: 59, unit: 'm' },
  { name: 'hour', key: 'hour', from: 0, to: 23, unit: 'h' },
  { name: 'day of month', key: 'dayOfMonth', from: 1, to: 31, isDay: true, unit: 'd' },
  { name: 'month', key: 'month', from: 1, to: 12, words: MONTHS },
  { name: 'weekday', key: 'dayOfWeek', from: 0, to: 6, most: 7, words: WEEKDAYS, isDay: true },
];

/** The values and days that a field matches. */
export interface Matches {
  /** Sorted. */
  readonly values: readonly number[];
  /** Days without a fixed number: the last day of a month, the second Tuesday. */
  readonly days: readonly Day[];
  /** True if the field begins with `*`. The other day field must then match too. */
  readonly isAny: boolean;
}

/** The nth weekday of a month, or the last one if `nth` is null. Without a weekday: the last day of the month. */
export interface Day {
  readonly weekday: number | null;
  readonly nth: number | null;
}

/** Returns what the field matches. Throws `bad-time` that names the field and the expression. */
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

/** Reads `L` (last day of the month), `5L` or `friL` (last Friday), `2#2` or `tue#2` (second Tuesday). */
function dayOf(field: Field, item: string): Day | null {
  if (field.key === 'dayOfMonth') return item === 'l' ? { weekday: null, nth: null } : null;
  const [, name = '', nth] = /^(\w+?)(?:l|#([1-5]))$/.exec(item) ?? [];
  const weekday = field.key === 'dayOfWeek' ? numberOf(field, name) : null;
  return weekday === null ? null : { weekday: weekday % 7, nth: nth ? Number(nth) : null };
}

const ITEM = /^(?:([*?])|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/;

/** Returns the values of one item, or null if the field does not accept it. */
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

/** Splits a range that wraps around the end of the field. A step keeps counting across the end. */
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

/** Returns the number for digits or a name, or null if the field has no such value. */
function numberOf({ words = [], from, to, most = to }: Field, text: string): number | null {
  const at = words.indexOf(text);
  const number = /^\d+$/.test(text) ? Number(text) : at < 0 ? null : from + at;
  return number !== null && number >= from && number <= most ? number : null;
}

/** Expands items with cron-parser. Returns null if it refuses one. */
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
    // The package refuses with a plain Error, which nothing tells from any other.
    return null;
  }
}

/** Items that other cron readers accept, and what they mean there. */
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

/** Loads cron-parser at first use: with its date library it is a slow import, and most commands need no cron. */
function parser(): Parser {
  loaded ??= createRequire(import.meta.url)('cron-parser') as Parser;
  return loaded;
}

let loaded: Parser | undefined;
