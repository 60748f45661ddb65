// What may cross a border as JSON: params, checkpoints, outputs, rows. One place decides what is refused, and why.
import { JobrunError } from './errors.ts';
import { MAX_JSON_DEPTH, MAX_VALUE_BYTES } from './limits.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Checks a value that has been parsed from JSON and returns its text: at most 1 MB, 100 levels, and no key
 * `__proto__` (it would reach the prototype of whatever copies it). `what` names it in the error.
 */
export function checkJson(value: Json, what: string): string {
  checkDepth(value, what);
  const text = JSON.stringify(value);
  if (text.length * 3 > MAX_VALUE_BYTES && Buffer.byteLength(text) > MAX_VALUE_BYTES) {
    const hint =
      'Keep the data in a file and hand over its path: at most 1 MB of JSON is kept with a run.';
    throw new JobrunError('too-large', `${what} are larger than 1 MB`, hint);
  }
  if (text.includes('"__proto__"') && hasProtoKey(value)) {
    throw new JobrunError(
      'bad-params',
      `${what} have a key "__proto__"`,
      'Use another name for it.',
    );
  }
  return text;
}

/** Alone where a value is to be written as text before it is checked: a deep one overflows the stack of the writer. */
export function checkDepth(value: Json, what: string): void {
  if (depthOf(value, MAX_JSON_DEPTH) <= MAX_JSON_DEPTH) return;
  const hint = `Give at most ${MAX_JSON_DEPTH} levels of lists and objects.`;
  throw new JobrunError('too-large', `${what} are nested too deeply`, hint);
}

/** Levels of nesting, looked at no deeper than `limit + 1`: a hostile value costs no more than an honest one. */
function depthOf(value: Json, limit: number): number {
  if (value === null || typeof value !== 'object') return 0;
  if (limit < 0) return 1;
  let deepest = 0;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner, limit - 1));
  return deepest + 1;
}

function hasProtoKey(value: Json): boolean {
  if (value === null || typeof value !== 'object') return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProtoKey);
}

/** Parses text that somebody else wrote; undefined where it is no JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
