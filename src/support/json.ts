// What may cross a border as JSON: params, checkpoints, outputs, rows. One place decides what is refused, and why.
import { JobrunError } from './errors.ts';
import { MAX_JSON_DEPTH, MAX_VALUE_BYTES } from './limits.ts';
import { withoutMark } from './text.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Checks a value that has been parsed from JSON: at most 1 MB, 100 levels, and no key `__proto__` (it would reach the
 * prototype of whatever copies it). `what` names it in the error.
 */
export function checkJson(value: Json, what: string): void {
  const most = mostBytes(value);
  // Nearly every value is small beyond doubt: its text is written where it is needed, and not to be measured.
  if (most <= MAX_VALUE_BYTES) return;
  if (most === Infinity) throw tooDeep(what);
  if (Buffer.byteLength(JSON.stringify(value)) > MAX_VALUE_BYTES) {
    const hint =
      'Keep the data in a file and hand over its path: at most 1 MB of JSON is kept with a run.';
    throw new JobrunError('too-large', `${what} are larger than 1 MB`, hint);
  }
  if (hasProtoKey(value)) {
    throw new JobrunError(
      'bad-params',
      `${what} have a key "__proto__"`,
      'Use another name for it.',
    );
  }
}

/** Alone where a value is to be written as text before it is checked: a deep one overflows the stack of the writer. */
export function checkDepth(value: Json, what: string): void {
  if (mostBytes(value) === Infinity) throw tooDeep(what);
}

function tooDeep(what: string): JobrunError {
  const hint = `Give at most ${MAX_JSON_DEPTH} levels of lists and objects.`;
  return new JobrunError('too-large', `${what} are nested too deeply`, hint);
}

/** No character takes more in a text of JSON, and no number. */
const CHARACTER_BYTES = 6;
const NUMBER_BYTES = 25;

/**
 * More bytes than the JSON of this can have; Infinity where it has more than the levels that are allowed, which are
 * looked at no deeper: a hostile value costs no more than an honest one. What has a key `__proto__` is over 1 MB here.
 */
export function mostBytes(value: unknown, levels = MAX_JSON_DEPTH): number {
  if (typeof value === 'string') return value.length * CHARACTER_BYTES + 2;
  if (value === null || typeof value !== 'object') return NUMBER_BYTES;
  if (levels === 0) return Infinity;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const item of value) bytes += mostBytes(item, levels - 1) + 1;
    return bytes;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') bytes += MAX_VALUE_BYTES;
    bytes +=
      key.length * CHARACTER_BYTES + mostBytes(value[key as keyof typeof value], levels - 1) + 4;
  }
  return bytes;
}

function hasProtoKey(value: Json): boolean {
  if (value === null || typeof value !== 'object') return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProtoKey);
}

/**
 * Parses JSON that a person or another program wrote. A byte order mark before it is no part of it, and half surrogate
 * pairs become U+FFFD. Throws a SyntaxError.
 */
export const fromJson = (text: string): Json =>
  JSON.parse(withWholePairs(withoutMark(text))) as Json;

/** The same; undefined where it is none. */
export function parseJson(text: string): Json | undefined {
  try {
    return fromJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Every escape of a JSON text is met, so that the end of `\\\\` does not pass for the begin of another. */
const ESCAPES =
  /\\u[Dd][89ABab][\dA-Fa-f]{2}\\u[Dd][C-Fc-f][\dA-Fa-f]{2}|(\\u[Dd][89A-Fa-f][\dA-Fa-f]{2})|\\./g;

/**
 * The same JSON with U+FFFD for each half of a surrogate pair. JSON of JavaScript may hold one, and no other reader
 * takes a list that has it: `'xxxxxxxxx😀'.slice(0, 10)` in one run would hide all others from jq.
 */
export function withWholePairs(json: string): string {
  if (!json.includes('\\ud') && !json.includes('\\uD')) return json;
  return json.replace(ESCAPES, (whole, half) => (half === undefined ? whole : '\\ufffd'));
}
