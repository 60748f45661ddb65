// Finds the part of a params schema that no JSON value fits: a Set, a Map, a BigInt, a Date. Params are JSON when they
// arrive, so such a job could never be given that param. This is reported when the definition is read, not with the
// first run. A part that is made from JSON (`z.coerce.date()`, a transform, a codec) is looked at by what goes in.
//
// Reads the shapes of zod 3 and 4, valibot and arktype. Nothing is known about other libraries and about checks written
// in code (`z.custom`, `z.instanceof`): those refuse such params when a run is accepted.
import { isFields } from '../support/schema.ts';

export interface Misfit {
  /** The names of the fields that lead to it; 0 for the items of a list, `*` for the values of a record. */
  readonly path: readonly (string | number)[];
  /** `a Set`. */
  readonly kind: string;
  /** How JSON can stand for it. */
  readonly hint: string;
}

/** One schema, as far as this file cares. */
type Shape =
  /** Takes no JSON value. */
  | { readonly no: string }
  /** Takes JSON if one of these does. */
  | { readonly any: readonly unknown[] }
  /** Takes JSON if all of these do; each has the name that leads to it, or none. */
  | { readonly all: readonly Part[] }
  | null;

type Name = string | number;
type Part = readonly [name: Name | null, schema: unknown];

/** Returns the first part of the schema that takes no JSON value; null if every part may. */
export const misfitIn = (schema: unknown): Misfit | null => search(schema, [], new Set());

function search(schema: unknown, path: readonly Name[], seen: Set<unknown>): Misfit | null {
  // A schema may contain itself.
  if (seen.has(schema)) return null;
  seen.add(schema);
  const shape = shapeOf(schema);
  if (shape === null) return null;
  if ('no' in shape) return { path, kind: shape.no, hint: HINTS[shape.no] ?? ANY_HINT };
  if ('any' in shape) {
    const found = shape.any.map((one) => search(one, path, new Set(seen)));
    return found.every((one) => one !== null) ? (found[0] ?? null) : null;
  }
  for (const [name, part] of shape.all) {
    const found = search(part, name === null ? path : [...path, name], seen);
    if (found) return found;
  }
  return null;
}

const HINTS: Readonly<Record<string, string>> = {
  'a Set': 'Take a list, and make the Set of it with a transform.',
  'a Map': 'Take an object, and make the Map of it with a transform.',
  'a BigInt': 'Take a number or a text, and make the BigInt of it: z.coerce.bigint() in zod.',
  'a Date': 'Take a text, and make the Date of it: z.coerce.date() in zod.',
  NaN: 'Take null in its place.',
};
const ANY_HINT = 'Take null, true, false, numbers, texts, lists and objects of these.';

function shapeOf(schema: unknown): Shape {
  if (schema === null || (typeof schema !== 'object' && typeof schema !== 'function')) return null;
  const { _zod, _def, kind, json } = schema as Readonly<Record<string, unknown>>;
  if (isFields(_zod)) return isFields(_zod.def) ? ofZod(_zod.def) : null;
  if (isFields(_def) && typeof _def.typeName === 'string') return ofOldZod(_def);
  if (kind === 'schema') return ofValibot(schema as Fields);
  if (vendorOf(schema) === 'arktype') return ofArktype(json);
  return null;
}

type Fields = Readonly<Record<string, unknown>>;

const vendorOf = (schema: object): unknown =>
  (schema as { readonly '~standard'?: { readonly vendor?: unknown } })['~standard']?.vendor;

const madeBy = (getter: unknown): unknown => {
  try {
    return typeof getter === 'function' ? getter() : null;
  } catch {
    // Code of the job: it throws again, and says why, when params are checked.
    return null;
  }
};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const each = (...schemas: readonly unknown[]): Shape => ({
  all: schemas.map((schema) => [null, schema]),
});
const items = (...schemas: readonly unknown[]): Shape => ({
  all: schemas.map((schema) => [0, schema]),
});
const values = (schema: unknown): Shape => ({ all: [['*', schema]] });
const fieldsOf = (fields: unknown): Shape => ({ all: Object.entries(fields ?? {}) });

/** The names of zod 4 and valibot. `custom` and `instance` are code. */
const NO_JSON: Readonly<Record<string, string>> = {
  bigint: 'a BigInt',
  blob: 'a Blob',
  date: 'a Date',
  file: 'a File',
  function: 'a function',
  map: 'a Map',
  nan: 'NaN',
  set: 'a Set',
  symbol: 'a symbol',
};

function ofZod(def: Fields): Shape {
  const type = String(def.type);
  if (def.coerce === true) return null;
  if (Object.hasOwn(NO_JSON, type)) return { no: NO_JSON[type] ?? type };
  switch (type) {
    case 'object':
      return fieldsOf(def.shape);
    case 'array':
      return items(def.element);
    case 'tuple':
      return items(...listOf(def.items), def.rest);
    case 'record':
      return values(def.valueType);
    case 'union':
      return { any: listOf(def.options) };
    case 'intersection':
      return each(def.left, def.right);
    case 'pipe':
      return each(def.in);
    case 'lazy':
      return each(madeBy(def.getter));
    case 'literal':
      return ofLiterals(listOf(def.values));
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'readonly':
    case 'promise':
    case 'success':
      return each(def.innerType);
    // With a default the job can do without, and what `catch` takes is anything.
    default:
      return null;
  }
}

const ofLiterals = (literals: readonly unknown[]): Shape =>
  literals.length > 0 && literals.every((value) => typeof value === 'bigint')
    ? { no: 'a BigInt' }
    : null;

function ofOldZod(def: Fields): Shape {
  const type = String(def.typeName).replace(/^Zod/, '').toLowerCase();
  if (def.coerce === true) return null;
  if (Object.hasOwn(NO_JSON, type)) return { no: NO_JSON[type] ?? type };
  switch (type) {
    case 'object':
      return fieldsOf(madeBy(def.shape));
    case 'array':
      return items(def.type);
    case 'tuple':
      return items(...listOf(def.items), def.rest);
    case 'record':
      return values(def.valueType);
    case 'union':
    case 'discriminatedunion':
      return { any: listOf(def.options) };
    case 'intersection':
      return each(def.left, def.right);
    case 'pipeline':
      return each(def.in);
    case 'effects':
      // A function before the check may make anything.
      return (def.effect as Fields | null)?.type === 'preprocess' ? null : each(def.schema);
    case 'lazy':
      return each(madeBy(def.getter));
    case 'literal':
      return ofLiterals([def.value]);
    case 'optional':
    case 'nullable':
    case 'readonly':
      return each(def.innerType);
    case 'branded':
    case 'promise':
      return each(def.type);
    default:
      return null;
  }
}

/** The fields of a pipe are those of its first part. */
function ofValibot(schema: Fields): Shape {
  const type = String(schema.type);
  if ('fallback' in schema) return null;
  if (Object.hasOwn(NO_JSON, type)) return { no: NO_JSON[type] ?? type };
  switch (type) {
    case 'object':
    case 'loose_object':
    case 'strict_object':
    case 'object_with_rest':
      return fieldsOf(schema.entries);
    case 'array':
      return items(schema.item);
    case 'tuple':
    case 'loose_tuple':
    case 'strict_tuple':
    case 'tuple_with_rest':
      return items(...listOf(schema.items), schema.rest);
    case 'record':
      return values(schema.value);
    case 'union':
    case 'variant':
      return { any: listOf(schema.options) };
    case 'intersect':
      return each(...listOf(schema.options));
    case 'lazy':
      return each(madeBy(schema.getter));
    case 'literal':
      return ofLiterals([schema.literal]);
    case 'promise':
      return { no: 'a Promise' };
    case 'instance':
      return ofClass(schema.class);
    default:
      // `optional`, `nullable` and their kind; with a default the job can do without.
      return schema.default === undefined ? each(schema.wrapped) : null;
  }
}

const aOrAn = (name: string): string => `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;

/** Objects and lists are all that JSON has. */
function ofClass(of: unknown): Shape {
  const isJson = typeof of !== 'function' || of === Object || of === Array;
  return isJson ? null : { no: aOrAn(of.name || 'object of a class') };
}

/** Classes that JSON has values of. */
const OF_JSON = ['Array', 'Object'];

/**
 * arktype tells what a type is as JSON: `"string"` is a domain, `"Set"` a class, `"$ark.…"` something that has no other
 * name. A list of them is a choice.
 */
function ofArktype(node: unknown): Shape {
  if (Array.isArray(node)) return { any: node.map(arktypePart) };
  if (typeof node === 'string') return ofArktypeName(node);
  if (!isFields(node)) return null;
  if ('in' in node) return each(arktypePart(node.in));
  const { domain, proto } = node;
  const own = ofArktypeName(String(proto ?? domain));
  if (own) return own;
  const named = [...listOf(node.required), ...listOf(node.optional)].flatMap((one): Part[] =>
    isFields(one) && !('default' in one) ? [[String(one.key), arktypePart(one.value)]] : [],
  );
  const index = listOf(node.index).map((one): Part => ['*', arktypePart((one as Fields).value)]);
  return { all: [...named, ...index, ...inArktypeList(node.sequence)] };
}

function ofArktypeName(name: string): Shape {
  if (name === 'bigint' || name === 'symbol') return { no: NO_JSON[name] ?? name };
  return /^[A-Z]/.test(name) && !OF_JSON.includes(name) ? { no: aOrAn(name) } : null;
}

/** `"string"` for a list of texts, or what stands where. */
function inArktypeList(sequence: unknown): readonly Part[] {
  if (sequence === undefined) return [];
  const { prefix, optionals, variadic, postfix } = (isFields(sequence) ? sequence : {}) as Fields;
  const parts = [prefix, optionals, postfix].flatMap(listOf);
  const isWhole = parts.length === 0 && variadic === undefined;
  const all = isWhole ? [sequence] : [...parts, ...(variadic === undefined ? [] : [variadic])];
  return all.map((one) => [0, arktypePart(one)]);
}

const arktypePart = (json: unknown): object => ({ '~standard': { vendor: 'arktype' }, json });
