// What may stand in a request. A request can come from any program of this user, so a handler looks at each field
// before it relies on it; what is wrong is told by name and changes nothing.
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { JOB_NAME_PART, MAX_JOB_NAME } from '../support/limits.ts';
import { didYouMean, firstOf, plainLine } from '../support/text.ts';

export type Fields = Readonly<Record<string, Json | undefined>>;

export function fieldsOf(raw: unknown): Fields {
  if (raw !== null && typeof raw === 'object' && !Array.isArray(raw)) return raw as Fields;
  throw wrong('the request', 'an object');
}

export function wrong(name: string, wanted: string): JobrunError {
  return new JobrunError('bad-request', `${name} is not ${wanted}`, `Give ${wanted}.`);
}

export function optionalText(fields: Fields, name: string, longest: number): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && value.length <= longest) return value;
  throw wrong(name, `a text of 1 to ${longest} characters`);
}

/** A whole number within bounds. */
export function optionalInteger(
  fields: Fields,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number;
  }
  throw wrong(name, `a whole number from ${least} to ${most}`);
}

export function optionalChoice<Choice extends string>(
  fields: Fields,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (choices.includes(value as Choice)) return value as Choice;
  throw notOneOf(name, written(value), choices);
}

export function notOneOf(what: string, given: string, choices: readonly string[]): JobrunError {
  const message = `${what}: there is no "${plainLine(given)}"`;
  return new JobrunError('bad-option', message, didYouMean(given, choices));
}

/** Throws `bad-option` for an option of a call that does not exist: it would silently do nothing. */
export function refuseUnknown(given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !known.includes(name)) throw notOneOf('the options', name, known);
  }
}

/** Whatever stands where a text should: an object may have a `toString` that is none. */
const written = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

const ID = /^[1-9]\d{0,14}$/;

/** The number of a run. Throws `bad-option` for what cannot be one. */
export function runId(text: unknown): number {
  if (typeof text === 'string' && ID.test(text)) return Number(text);
  const given = firstOf(plainLine(written(text)), MAX_JOB_NAME);
  const hint = 'A run has a whole number: see `jobrun list`.';
  throw new JobrunError('bad-option', `"${given}" is no id of a run`, hint);
}

export function runIds(raw: unknown): readonly number[] {
  if (!Array.isArray(raw)) throw wrong('ids', 'a list of ids');
  return [...new Set(raw.map(runId))];
}

/** A job's name, by its form alone. Throws `bad-option` before anything looks for it. */
export const jobName = (raw: unknown): string => nameOf(raw, 'a job', 'see `jobrun jobs`');

/** The same of a schedule: most have the name of their job. */
export const scheduleName = (raw: unknown): string =>
  nameOf(raw, 'a schedule', 'see `jobrun schedules`');

function nameOf(raw: unknown, what: string, see: string): string {
  const name = typeof raw === 'string' ? raw : '';
  const fits =
    name.length <= MAX_JOB_NAME && name.split('/').every((part) => JOB_NAME_PART.test(part));
  if (fits) return name;
  const shown = firstOf(plainLine(written(raw ?? '')), MAX_JOB_NAME);
  const hint = `Letters, digits, ".", "_", "-" and "/" between parts, at most ${MAX_JOB_NAME}: ${see}.`;
  throw new JobrunError('bad-option', `"${shown}" cannot be the name of ${what}`, hint);
}
