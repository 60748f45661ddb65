// Values of a job on their way out of its process: what is not JSON is refused here, in the process of the job, with
// the place named. `toJSON` is honoured, fields that are undefined are left out, as JSON.stringify does.
import { JobrunError } from '../support/errors.ts';
import { checkJson, type Json } from '../support/json.ts';
import { MAX_JSON_DEPTH } from '../support/limits.ts';

type Stand = (value: object) => object | undefined;

/**
 * The JSON of a value; undefined is null. Throws a JobrunError that says what is wrong and where.
 *
 * @param stand gives another object to stand in for one, or undefined to take it as it is
 */
export function toJson(value: unknown, what: string, stand?: Stand): Json {
  const json = copy(value, { what, stand }, '', []) ?? null;
  if (json !== null && typeof json === 'object') checkJson(json, `the values of ${what}`);
  else if (typeof json === 'string') checkJson(json, `the characters of ${what}`);
  return json;
}

interface Target {
  readonly what: string;
  readonly stand: Stand | undefined;
}

function copy(value: unknown, to: Target, key: string, above: readonly object[]): Json | undefined {
  switch (typeof value) {
    case 'undefined':
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'object':
      return value === null ? null : copyObject(value, to, key, above);
    case 'bigint':
      throw notJson(to.what, key, 'a BigInt');
    case 'function':
      throw notJson(to.what, key, 'a function');
    case 'symbol':
      throw notJson(to.what, key, 'a symbol');
  }
}

function copyObject(
  value: object,
  to: Target,
  key: string,
  above: readonly object[],
): Json | undefined {
  const other = to.stand?.(value);
  if (other !== undefined) return copyObject(other, to, key, above);
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return copy(value.toJSON(key), to, key, above);
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return value.valueOf() as Json;
  }
  if (above.includes(value)) throw notJson(to.what, key, 'a circle (it contains itself)');
  if (above.length > MAX_JSON_DEPTH) {
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
    else made[name] = json;
  }
  return made;
}

function notJson(what: string, key: string, kind: string): JobrunError {
  const place = key === '' ? what : `${what} at "${key}"`;
  const hint = 'Give plain values: null, true, false, numbers, texts, lists and objects of these.';
  return new JobrunError('bad-request', `${place} is ${kind}, which JSON cannot hold`, hint);
}
