// The values that may cross a border as JSON: params, checkpoints, outputs, rows. One place decides what is refused,
// and why.
import { JobrunError } from './errors.ts';
import { MAX_JSON_DEPTH, MAX_VALUE_BYTES } from './limits.ts';
import { withoutMark } from './text.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Checks a value that has been parsed from JSON: at most 1 MB, 100 levels, and no key `__proto__` (it would reach the
 * prototype of whatever copies it). `what` names it in the error.
 */
export function checkJson(value: Json, what: string): void {
  // Nearly every value is small beyond doubt, and not measured.
  if (mostBytes(value, MAX_JSON_DEPTH, MAX_VALUE_BYTES) <= MAX_VALUE_BYTES) return;
  const bytes = bytesOf(value, MAX_JSON_DEPTH, what);
  if (bytes > MAX_VALUE_BYTES) throw tooLarge(what);
}

export function tooLarge(what: string): JobrunError {
  const hint =
    'Keep the data in a file and hand over its path: at most 1 MB of JSON is kept with a run.';
  return new JobrunError('too-large', `${what} are larger than 1 MB`, hint);
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
 * looked at no deeper: a hostile value costs no more than an honest one. A text that has a key `__proto__` is over 1 MB
 * here. It stops soon after `enough` bytes.
 */
export function mostBytes(value: unknown, levels = MAX_JSON_DEPTH, enough = Infinity): number {
  if (typeof value === 'string') return value.length * CHARACTER_BYTES + 2;
  if (value === null || typeof value !== 'object') return NUMBER_BYTES;
  if (levels === 0) return Infinity;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      bytes += mostBytes(item, levels - 1, enough) + 1;
      if (bytes > enough) return bytes;
    }
    return bytes;
  }
  // In a value of JSON each field is its own, and a list of the names of many takes longer than to look at them.
  for (const key in value) {
    if (key === '__proto__') bytes += MAX_VALUE_BYTES;
    const item = value[key as keyof typeof value];
    bytes += key.length * CHARACTER_BYTES + mostBytes(item, levels - 1, enough) + 4;
    if (bytes > enough) return bytes;
  }
  return bytes;
}

/** Written as it is, whatever its length. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Bytes of the JSON of this; more than 1 MB where it has more than that, which are not all counted. Throws where it is
 * too deep, or has a key `__proto__`.
 */
function bytesOf(value: Json, levels: number, what: string): number {
  if (typeof value === 'string') return bytesOfText(value);
  if (typeof value === 'number' && value >= 0 && value < 10 && (value | 0) === value) return 1;
  if (value === null || typeof value !== 'object') return String(value).length;
  if (levels === 0) throw tooDeep(what);
  let bytes = 1;
  if (Array.isArray(value)) {
    for (const item of value) {
      bytes += bytesOf(item, levels - 1, what) + 1;
      if (bytes > MAX_VALUE_BYTES) break;
    }
  } else {
    for (const key in value) {
      if (key === '__proto__') throw protoKey(what);
      bytes += bytesOfText(key) + bytesOf(value[key] as Json, levels - 1, what) + 2;
      if (bytes > MAX_VALUE_BYTES) break;
    }
  }
  return Math.max(2, bytes);
}

const bytesOfText = (text: string): number =>
  PLAIN.test(text) ? text.length + 2 : Buffer.byteLength(JSON.stringify(text));

function protoKey(what: string): JobrunError {
  return new JobrunError(
    'bad-params',
    `${what} have a key "__proto__"`,
    'Use another name for it.',
  );
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
function withWholePairs(json: string): string {
  // Few texts have such an escape at all, and one search shows that.
  if (!json.includes('\\u')) return json;
  if (!json.includes('\\ud') && !json.includes('\\uD')) return json;
  return json.replace(ESCAPES, (whole, half) => (half === undefined ? whole : '\\ufffd'));
}
