// JSON Schema, as far as params of jobs need it: holds a value against a schema and fills in defaults, or says what
// does not fit and where. A word that is not known here is refused when the schema is read, so that no part of one goes
// unchecked.
import type { Json } from './json.ts';
import { isFields } from './schema.ts';
import { firstOf, plainLine } from './text.ts';

interface Schema {
  readonly [word: string]: Json | undefined;
}

export interface Fitted {
  /** With defaults filled in. */
  readonly value: Json;
  readonly issues: readonly string[];
}

/** They say nothing about the value. */
const NOTES =
  '$schema $id $comment $anchor title description default examples deprecated readOnly writeOnly format';
const CHECKED =
  '$ref type enum const properties required additionalProperties propertyNames minProperties maxProperties items prefixItems minItems maxItems uniqueItems minLength maxLength pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf anyOf oneOf allOf not';
const DEFINITIONS = ['$defs', 'definitions'];
const WORDS = new Set([...`${NOTES} ${CHECKED}`.split(' '), ...DEFINITIONS]);

const ONE = ['additionalProperties', 'propertyNames', 'items', 'not'];
const LISTS = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
const MAPS = ['properties', ...DEFINITIONS];
const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'integer', 'string'];

/** The reason why a schema cannot be used, or null. */
export function schemaFault(root: unknown): string | null {
  return faultAt(root, root, 'params');
}

function faultAt(schema: unknown, root: unknown, at: string): string | null {
  if (typeof schema === 'boolean') return null;
  if (!isFields(schema)) return `${at} must be a schema: an object, true or false`;
  const unknown = Object.keys(schema).find((word) => !WORDS.has(word));
  if (unknown !== undefined) return `${at} has "${plainLine(unknown)}", which is not supported`;
  const { $ref, type, pattern, required } = schema;
  if ($ref !== undefined && targetOf($ref, root) === undefined)
    return `${at}: $ref leads nowhere in the schema`;
  const wrong = [type ?? []].flat().find((one) => !TYPES.includes(String(one)));
  if (wrong !== undefined) return `${at}: there is no type ${plainLine(String(wrong))}`;
  if (pattern !== undefined && regexOf(pattern) === null)
    return `${at}: pattern is no regular expression`;
  if (required !== undefined && !Array.isArray(required)) return `${at}: required must be a list`;
  return faultBelow(schema, root, at);
}

function faultBelow(schema: Readonly<Record<string, unknown>>, root: unknown, at: string) {
  const inner: [string, unknown][] = ONE.map((word) => [word, schema[word]]);
  for (const word of [...LISTS, ...MAPS]) {
    const many = schema[word];
    if (many === undefined) continue;
    if (LISTS.includes(word) ? !Array.isArray(many) : !isFields(many))
      return `${at}: ${word} must be ${LISTS.includes(word) ? 'a list' : 'an object'}`;
    for (const [name, one] of Object.entries(many as object)) inner.push([`${word}.${name}`, one]);
  }
  for (const [name, one] of inner) {
    const fault = one === undefined ? null : faultAt(one, root, `${at}.${name}`);
    if (fault !== null) return fault;
  }
  return null;
}

/** Holds a value against a schema that `schemaFault` found nothing wrong with. */
export function fitTo(schema: Json, value: Json): Fitted {
  const fit = new Fit(schema);
  const made = fit.value(schema, value, '', 0);
  return { value: made, issues: fit.issues };
}

/** A schema may refer to itself, and `$ref` alone could do so without end. */
const MAX_DEPTH = 200;

class Fit {
  readonly issues: string[] = [];
  readonly #root: Json;

  constructor(root: Json) {
    this.#root = root;
  }

  value(schema: Json, value: Json, at: string, depth: number): Json {
    if (schema === true || depth > MAX_DEPTH) return value;
    if (!isFields(schema)) return this.#wrong(at, 'is not allowed', value);
    const words = schema as Schema;
    const before = this.issues.length;
    this.#plain(words, value, at);
    if (this.issues.length > before) return value;
    let made = value;
    if (words.$ref !== undefined)
      made = this.value(targetOf(words.$ref, this.#root) as Json, made, at, depth + 1);
    for (const one of listOf(words.allOf)) made = this.value(one, made, at, depth + 1);
    made = this.#either(words, made, at, depth);
    if (words.not !== undefined && this.#try(words.not, made, depth).issues.length === 0)
      this.#wrong(at, 'is of a kind that is not allowed', made);
    if (Array.isArray(made)) return this.#items(words, made, at, depth);
    return isFields(made) ? this.#fields(words, made as Record<string, Json>, at, depth) : made;
  }

  #wrong<T extends Json>(at: string, says: string, value: T): T {
    this.issues.push(`${at === '' ? 'params' : at} ${says}`);
    return value;
  }

  #try(schema: Json, value: Json, depth: number): Fitted {
    const fit = new Fit(this.#root);
    return { value: fit.value(schema, value, '', depth + 1), issues: fit.issues };
  }

  #either({ anyOf, oneOf }: Schema, value: Json, at: string, depth: number): Json {
    for (const choices of [anyOf, oneOf]) {
      if (choices === undefined) continue;
      const fits = listOf(choices).flatMap((one) => {
        const fitted = this.#try(one, value, depth);
        return fitted.issues.length === 0 ? [fitted.value] : [];
      });
      if (fits.length === 0) return this.#wrong(at, 'fits none of what it may be', value);
      if (choices === oneOf && fits.length > 1)
        return this.#wrong(at, 'fits more than one of what it may be', value);
      return fits[0] as Json;
    }
    return value;
  }

  #plain(words: Schema, value: Json, at: string): void {
    const types = [words.type ?? []].flat() as string[];
    if (types.length > 0 && !types.some((type) => isOf(value, type)))
      this.#wrong(at, `must be ${types.join(' or ')}, not ${shown(value)}`, value);
    else if (words.const !== undefined && !isSame(words.const, value))
      this.#wrong(at, `must be ${shown(words.const)}`, value);
    else if (Array.isArray(words.enum) && !words.enum.some((one) => isSame(one, value)))
      this.#wrong(at, `must be one of ${words.enum.map(shown).join(', ')}`, value);
    else if (typeof value === 'number') this.#number(words, value, at);
    else if (typeof value === 'string') this.#text(words, value, at);
  }

  #number(words: Schema, value: number, at: string): void {
    const bounds: [Json | undefined, (bound: number) => boolean, string][] = [
      [words.minimum, (bound) => value >= bound, 'at least'],
      [words.maximum, (bound) => value <= bound, 'at most'],
      [words.exclusiveMinimum, (bound) => value > bound, 'more than'],
      [words.exclusiveMaximum, (bound) => value < bound, 'less than'],
      [words.multipleOf, (bound) => isMultiple(value, bound), 'a multiple of'],
    ];
    for (const [bound, fits, says] of bounds)
      if (typeof bound === 'number' && !fits(bound))
        this.#wrong(at, `must be ${says} ${bound}`, value);
  }

  #text({ minLength, maxLength, pattern }: Schema, value: string, at: string): void {
    const length = [...value].length;
    this.#within(length, minLength, maxLength, 'characters', at);
    if (pattern !== undefined && !regexOf(pattern)?.test(value))
      this.#wrong(at, `must match ${plainLine(String(pattern))}`, value);
  }

  #within(
    n: number,
    least: Json | undefined,
    most: Json | undefined,
    of: string,
    at: string,
  ): void {
    if (typeof least === 'number' && n < least)
      this.#wrong(at, `must have at least ${least} ${of}`, n);
    if (typeof most === 'number' && n > most) this.#wrong(at, `must have at most ${most} ${of}`, n);
  }

  #items(words: Schema, value: Json[], at: string, depth: number): Json {
    this.#within(value.length, words.minItems, words.maxItems, 'items', at);
    const isRepeated = (one: Json, i: number): boolean =>
      value.findIndex((other) => isSame(one, other)) < i;
    if (words.uniqueItems === true && value.some(isRepeated))
      this.#wrong(at, 'must not have an item twice', value);
    const first = listOf(words.prefixItems);
    return value.map((one, i) => {
      const schema = first[i] ?? words.items;
      return schema === undefined ? one : this.value(schema, one, `${at}[${i}]`, depth + 1);
    });
  }

  #fields(words: Schema, value: Record<string, Json>, at: string, depth: number): Json {
    const properties = (words.properties ?? {}) as Record<string, Json>;
    const made: Record<string, Json> = { ...value };
    for (const [name, schema] of Object.entries(properties)) {
      const fallback = isFields(schema) ? schema.default : undefined;
      if (!Object.hasOwn(made, name) && fallback !== undefined) made[name] = fallback as Json;
    }
    const place = (name: string): string =>
      at === '' ? plainLine(name) : `${at}.${plainLine(name)}`;
    for (const name of listOf(words.required))
      if (!Object.hasOwn(made, String(name))) this.#wrong(place(String(name)), 'is missing', null);
    const names = Object.keys(made);
    this.#within(names.length, words.minProperties, words.maxProperties, 'fields', at);
    for (const name of names) {
      if (words.propertyNames !== undefined)
        this.value(words.propertyNames, name, `the name ${place(name)}`, depth + 1);
      const schema = Object.hasOwn(properties, name)
        ? properties[name]
        : words.additionalProperties;
      if (schema === false) this.#wrong(place(name), 'is not a param of this job', null);
      else if (schema !== undefined)
        made[name] = this.value(schema, made[name] as Json, place(name), depth + 1);
    }
    return made;
  }
}

const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);

const shown = (value: Json): string => plainLine(firstOf(JSON.stringify(value), 80));

/** In a schema it stands for a place of the same schema: `#`, `#/$defs/address`. */
function targetOf(ref: unknown, root: unknown): unknown {
  if (ref === '#') return root;
  if (typeof ref !== 'string' || !ref.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const part of ref.slice(2).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    at = isFields(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return at;
}

const regexes = new Map<string, RegExp | null>();

function regexOf(pattern: unknown): RegExp | null {
  const text = String(pattern);
  const known = regexes.get(text);
  if (known !== undefined) return known;
  const made = madeRegex(text);
  regexes.set(text, made);
  return made;
}

function madeRegex(text: string): RegExp | null {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    // A pattern that is none here: no value is held against it.
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}

function isOf(value: Json, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isFields(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

/** With a hair of room: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, of: number): boolean {
  const times = value / of;
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
}

function isSame(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  const [one, other] = [a, b] as [Record<string, Json>, Record<string, Json>];
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key] as Json, other[key] as Json))
  );
}
