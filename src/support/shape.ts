// Shapes of values that were read from a file: each check says in words what is wrong with one, or null. What a check
// was not told of passes, so that a record may gain fields.
//
// The words follow the name of what was looked at: ` must be a time, not null`, `.state.dueAt must be …`.
import { isInstant } from './clock.ts';
import { MAX_JSON_DEPTH } from './limits.ts';
import { firstOf } from './text.ts';

export type Check = (value: unknown) => string | null;
export type Fields = Readonly<Record<string, unknown>>;

const MOST_SHOWN = 60;

const wrong = (wanted: string, value: unknown): string => ` must be ${wanted}, not ${shown(value)}`;

export const be =
  (wanted: string, fits: (value: unknown) => boolean): Check =>
  (value) =>
    fits(value) ? null : wrong(wanted, value);

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return firstOf(JSON.stringify(value), MOST_SHOWN);
}

export const isFields = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

// Spelt out, for these are most of what a run has, and a start may look at a million runs.
export const text: Check = (value) => (typeof value === 'string' ? null : wrong('a text', value));
export const instant: Check = (value) => (isInstant(value) ? null : wrong('a time', value));
export const number: Check = (value) => (Number.isFinite(value) ? null : wrong('a number', value));
export const json: Check = (value) =>
  isJson(value) ? null : wrong(`JSON of at most ${MAX_JSON_DEPTH} levels`, value);
export const flag = be('true or false', (value) => typeof value === 'boolean');

export const wholeBetween = (least: number, most: number): Check => {
  const isOpen = most === Number.MAX_SAFE_INTEGER;
  const wanted = `a whole number from ${least}${isOpen ? '' : ` to ${most}`}`;
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : wrong(wanted, value);
};

export const whole = (least: number): Check => wholeBetween(least, Number.MAX_SAFE_INTEGER);

export const numberBetween = (least: number, most: number): Check =>
  be(
    `a number from ${least} to ${most}`,
    (value) => typeof value === 'number' && value >= least && value <= most,
  );

export const textUpTo = (most: number): Check =>
  be(
    `a text of 1 to ${most} characters`,
    (value) => typeof value === 'string' && value !== '' && value.length <= most,
  );

export const oneOf = (choices: readonly string[]): Check =>
  be(`one of ${choices.join(', ')}`, (value) => choices.includes(value as string));

export const nullOr =
  (check: Check): Check =>
  (value) =>
    value === null ? null : check(value);

export const listOf =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return wrong('a list', value);
    for (let i = 0; i < value.length; i++) {
      const problem = check(value[i]);
      if (problem !== null) return `[${i}]${problem}`;
    }
    return null;
  };

/** An object with these fields, and of the optional ones those that are right. */
export function object(
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  const [musts, mays] = [Object.keys(required), Object.keys(optional)];
  const checks = Object.values({ ...required, ...optional });
  const names = [...musts, ...mays];
  // By their numbers: of all loops this is the one that takes half a microsecond for a run.
  return (value) => {
    if (!isFields(value)) return wrong('an object', value);
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const field = value[name];
      if (field === undefined && i >= musts.length) continue;
      if (field === undefined) return `.${name} is missing`;
      const problem = (checks[i] as Check)(field);
      if (problem !== null) return `.${name}${problem}`;
    }
    return null;
  };
}

/** What is wrong, told of a record without a name of its own. */
export const withoutDot = (problem: string): string => problem.replace(/^[. ]/, '');

function isJson(value: unknown, levels = MAX_JSON_DEPTH): boolean {
  if (value === null || typeof value !== 'object') return value !== undefined;
  if (levels === 0) return false;
  for (const name in value) if (!isJson((value as Fields)[name], levels - 1)) return false;
  return true;
}
