// Values of job code, and of programs that use the library, on their way out of their process. Refuses values that JSON
// would lose, and names the place, so that the caller can fix it: values that are not JSON, objects that JSON would
// make `{}` of, and numbers and dates that it would make null of. `toJSON` is honoured, fields that are undefined are
// left out, as JSON.stringify does.
import { types } from 'node:util';
import { isInstant } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { checkJson, type Json } from '../support/json.ts';
import { MAX_JSON_DEPTH } from '../support/limits.ts';

type Stand = (value: unknown) => unknown;

/**
 * The JSON of a value; undefined is null. Throws a JobrunError that says what is wrong and where.
 *
 * @param stand gives another value to stand in for one, or undefined to take it as it is
 */
export function toJson(value: unknown, what: string, stand?: Stand): Json {
  const to = { what, stand, levels: MAX_JSON_DEPTH };
  return checked(copy(value, to, '', []) ?? null, what);
}

function checked(json: Json, what: string): Json {
  if (json !== null && typeof json === 'object') checkJson(json, `the values of ${what}`);
  else if (typeof json === 'string') checkJson(json, `the characters of ${what}`);
  return json;
}

/** Their names say enough: `retries is NaN`. */
const OPTIONS = 'the options';
/** Around the params of a request. */
const REQUEST_LEVELS = 10;

/**
 * The JSON of options that code gives with a call. A value that JSON would turn into null stands for something else
 * there: NaN retries would be endless ones. So it is refused by name; only endless retries may be written as Infinity.
 */
export function optionsJson(options: unknown): Json {
  const { retries } = (options ?? {}) as { readonly retries?: unknown };
  const given = retries === Infinity ? { ...(options as object), retries: null } : options;
  const levels = MAX_JSON_DEPTH + REQUEST_LEVELS;
  return copy(given, { what: OPTIONS, stand: undefined, levels }, '', []) ?? null;
}

const A_TIME = 'Give a Date, an ISO text such as 2026-12-01T09:00:00Z, or milliseconds.';

/** The instant that job code gave: a Date, an ISO text, or milliseconds. */
export function instantOf(value: unknown): number {
  const instant =
    value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : value;
  if (isInstant(instant)) return instant;
  throw new JobrunError('bad-time', `${String(value)} is not a time`, A_TIME);
}

interface Target {
  readonly what: string;
  readonly stand: Stand | undefined;
  readonly levels: number;
}

function copy(value: unknown, to: Target, key: string, above: readonly object[]): Json | undefined {
  const other = to.stand?.(value);
  if (other !== undefined) return copy(other, to, key, above);
  switch (typeof value) {
    case 'undefined':
    case 'boolean':
      return value;
    case 'string':
      return value.toWellFormed();
    case 'number':
      if (Number.isFinite(value)) return value;
      throw notJson(to, key, String(value), NUMBER_HINT);
    case 'object':
      return value === null ? null : copyObject(value, to, key, above);
    case 'bigint':
      throw notJson(to, key, 'a BigInt');
    case 'function':
      throw notJson(to, key, 'a function');
    case 'symbol':
      throw notJson(to, key, 'a symbol');
  }
}

function copyObject(
  value: object,
  to: Target,
  key: string,
  above: readonly object[],
): Json | undefined {
  if (value instanceof Date && !isInstant(value.getTime()))
    throw notJson(to, key, 'an invalid Date');
  // A Buffer has a `toJSON`, which writes a number for each byte.
  if (isBinary(value)) throw notJson(to, key, `binary data (${nameOf(value)})`, BINARY_HINT);
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return copy(value.toJSON(key), to, key, above);
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return copy(value.valueOf(), to, key, above);
  }
  if (above.includes(value)) throw notJson(to, key, 'a circle (it contains itself)');
  const lost = lossOf(value);
  if (lost !== null) throw notJson(to, key, lost.kind, lost.hint);
  if (above.length > to.levels) {
    const message = `${to.what} is nested too deeply: at most ${MAX_JSON_DEPTH} levels`;
    throw new JobrunError('too-large', message, 'Give fewer levels of lists and objects.');
  }
  const inner = [...above, value];
  const at = (name: string | number): string =>
    typeof name === 'number' ? `${key}[${name}]` : key === '' ? name : `${key}.${name}`;
  if (Array.isArray(value)) {
    return Array.from(value, (item, i) => copy(item, to, at(i), inner) ?? null);
  }
  const made: Record<string, Json> = {};
  for (const [name, item] of Object.entries(value)) {
    const json = copy(item, to, at(name), inner);
    if (json === undefined) continue;
    // Assigned, it would be no field: what comes next would find nothing to refuse.
    if (name === '__proto__') Object.defineProperty(made, name, { value: json, enumerable: true });
    else made[name.toWellFormed()] = json;
  }
  return made;
}

interface Loss {
  /** `a Map`. */
  readonly kind: string;
  readonly hint?: string;
}

const NUMBER_HINT = 'Give null, or a text.';
const BINARY_HINT = 'Write it to a file and give its path.';

const isBinary = (value: object): boolean =>
  types.isArrayBufferView(value) || types.isAnyArrayBuffer(value);

/** The kind of value that JSON would make nothing of; null for a value that it keeps. */
function lossOf(value: object): Loss | null {
  if (Array.isArray(value)) return null;
  if (types.isMap(value)) return { kind: 'a Map', hint: 'Give Object.fromEntries(map).' };
  if (types.isSet(value)) return { kind: 'a Set', hint: 'Give [...set].' };
  if (types.isNativeError(value)) {
    return { kind: 'an Error', hint: 'Throw it, or give error.message.' };
  }
  if (types.isPromise(value)) return { kind: 'a Promise', hint: 'Await it.' };
  if (isPlain(value) || Object.keys(value).length > 0) return null;
  if (types.isGeneratorObject(value)) {
    return { kind: 'a generator', hint: 'Nothing takes its values one by one: give a list.' };
  }
  const name = nameOf(value);
  return { kind: `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}` };
}

/** Also an object of another realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function nameOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'object of a class';
}

/** True where the value comes back from JSON as it was, but for fields that are undefined. */
export function survivesJson(value: unknown, above: readonly object[] = []): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return ['undefined', 'string', 'boolean'].includes(typeof value);
  if (value === null) return true;
  if (above.includes(value) || above.length > MAX_JSON_DEPTH) return false;
  const inner = [...above, value];
  if (Array.isArray(value)) return value.every((item) => survivesJson(item, inner));
  const isKept = isPlain(value) && !('toJSON' in value);
  return isKept && Object.values(value).every((item) => survivesJson(item, inner));
}

function notJson({ what }: Target, key: string, kind: string, how?: string): JobrunError {
  const named = what === OPTIONS ? key : `${what} at "${key}"`;
  const place = key === '' ? what : named;
  const hint =
    how ?? 'Give plain values: null, true, false, numbers, texts, lists and objects of these.';
  return new JobrunError('bad-request', `${place} is ${kind}, which JSON cannot hold`, hint);
}
