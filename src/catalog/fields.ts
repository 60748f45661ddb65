// Readers of the single fields of a definition. Each takes what the author wrote and gives the value that the rules
// use, or an error that names the field, what is accepted and what was there instead.
import { durationMs } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { firstOf, nearest } from '../support/text.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function wrongField(field: string, wanted: string, value: unknown): JobrunError {
  const message = `${field} must be ${wanted}, not ${shown(value)}`;
  const hint = `Give ${wanted}, or leave ${field} out.`;
  return new JobrunError('broken-job', message, hint, { field });
}

/** The field that an error of these readers is about (`retries.delay`), or null: its line in the file can be looked for. */
export function fieldOf(error: unknown): string | null {
  const cause = (error as { cause?: { field?: unknown } | null } | null)?.cause;
  return typeof cause?.field === 'string' ? cause.field : null;
}

/** The same error, about this field. */
export function inField<T>(field: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    throw new JobrunError(error.code, error.message, error.hint, { field });
  }
}

function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' ? JSON.stringify(firstOf(value, 80)) : String(value);
  }
  return Array.isArray(value) ? 'a list' : 'an object';
}

/** The fields of an object, and no others. */
export function fieldsOf(value: unknown, field: string, known: readonly string[]): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw wrongField(field, `an object with ${known.join(', ')}`, value);
  }
  for (const key of Object.keys(value))
    if (!known.includes(key)) throw unknownField(field, key, known);
  return value as Fields;
}

function unknownField(where: string, key: string, known: readonly string[]): JobrunError {
  const meant = nearest(key, known);
  const hint = meant ? `did you mean "${meant}"?` : `known are: ${known.join(', ')}`;
  return new JobrunError(
    'broken-job',
    `${where} has no field "${key}": ${hint}`,
    'Mend it in the job file.',
    { field: /^[a-z]\w*$/i.test(where) ? `${where}.${key}` : key },
  );
}

export function text(value: unknown, field: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  throw wrongField(field, 'a text', value);
}

export function flag(value: unknown, field: string): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw wrongField(field, 'true or false', value);
}

export function oneOf<Choice extends string>(
  value: unknown,
  field: string,
  choices: readonly Choice[],
  fallback: Choice,
): Choice {
  if (value === undefined) return fallback;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw wrongField(field, choices.map((choice) => `'${choice}'`).join(' or '), value);
}

export function wholeNumber(value: unknown, field: string, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw wrongField(
    field,
    least > Number.MIN_SAFE_INTEGER ? `a whole number from ${least}` : 'a whole number',
    value,
  );
}

/** The same, where Infinity, null or nothing stands for no limit. */
export function limit(value: unknown, field: string): number | null {
  if (value === undefined || value === null || value === Number.POSITIVE_INFINITY) return null;
  return wholeNumber(value, field, 1);
}

export function numberBetween(value: unknown, field: string, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw wrongField(field, `a number from ${least} to ${most}`, value);
}

/** Milliseconds. */
export function duration(value: unknown, field: string): number {
  if (typeof value !== 'number' && typeof value !== 'string')
    throw wrongField(field, DURATION, value);
  try {
    return durationMs(value, field);
  } catch (error) {
    if (error instanceof JobrunError) throw wrongField(field, DURATION, value);
    throw error;
  }
}

/** Milliseconds above zero, or null where nothing is given. */
export function someTime(value: unknown, field: string): number | null {
  if (value === undefined || value === null) return null;
  const ms = duration(value, field);
  if (ms > 0) return ms;
  throw wrongField(field, 'longer than zero', value);
}

const DURATION =
  "a duration: milliseconds or a text such as '500ms', '90s', '20m', '1h30m', '2d', '1w', 'PT20M'";

const SIZE = /^(\d+(?:\.\d+)?)\s*([KMG])i?B?$/i;
const MEGABYTES: Readonly<Record<string, number>> = { K: 1 / 1024, M: 1, G: 1024 };
/** Below it Node itself does not start. */
const LEAST_MEMORY_MB = 16;

/** Megabytes of `512MB`, `1.5GB`; null where nothing is given. A bare number could be bytes or megabytes. */
export function memoryMb(value: unknown, field: string): number | null {
  if (value === undefined || value === null) return null;
  const match = typeof value === 'string' ? SIZE.exec(value.trim()) : null;
  const mb = Math.round(Number(match?.[1]) * (MEGABYTES[match?.[2]?.toUpperCase() ?? ''] ?? 0));
  if (match && mb >= LEAST_MEMORY_MB && mb <= 2 ** 24) return mb;
  throw wrongField(field, `a size from ${LEAST_MEMORY_MB}MB such as '512MB' or '2GB'`, value);
}
