// From what was typed to the params of a run. `-p k=v` is text; where the job's JSON Schema asks for a number, a
// boolean or a list, the text becomes one. A text that does not fit stays text, so that the job's own schema says why.
// If no schema says that n is a number, `-p n=41` stays the text "41", and the command notes once how to pass JSON.
import { checksBySchema } from '../../catalog/catalog.ts';
import { JobrunError } from '../../support/errors.ts';
import { type Json, parseJson } from '../../support/json.ts';
import { isFields } from '../../support/schema.ts';
import { shellQuoted } from '../../support/text.ts';
import type { Context } from './command.ts';
import { jsonOf } from './kinds.ts';
import type { Output } from './output.ts';
import type { TextNote } from './replies.ts';

export type Texts = readonly (readonly [key: string, text: string])[];

export interface GivenParams {
  readonly params?: Json;
  readonly texts?: Texts;
}

interface TypedParams {
  readonly typed: { readonly params?: string; readonly texts?: readonly string[] };
  readonly readStdin: () => Promise<string>;
}

/** `--params json|@file|-`, `-p k=v` and `-p k:=json`. */
export async function readParams({ typed, readStdin }: TypedParams): Promise<GivenParams> {
  const { params: given, texts: pairs = [] } = typed;
  const base = given === undefined ? undefined : await readValue(given, readStdin);
  const texts: [string, string][] = [];
  const values: [string, Json][] = [];
  for (const pair of pairs) {
    const [, key = '', typed, text = ''] = /^([^=]*?)(:?)=([\s\S]*)$/.exec(pair) ?? [];
    if (key === '') throw badPair(pair);
    if (typed) values.push([key, jsonOf(text, `-p ${key}:=…`, valueHint(key))]);
    else texts.push([key, text]);
  }
  const keys = [...values.map(([key]) => key), ...new Set(texts.map(([key]) => key))];
  const again = keys.find((key, i) => keys.indexOf(key) < i);
  if (again !== undefined) throw givenAgain(again);
  const params = values.length > 0 ? withEntries(base ?? {}, values) : base;
  return { ...(params !== undefined && { params }), ...(texts.length > 0 && { texts }) };
}

function badPair(pair: string): JobrunError {
  const hint =
    'Write -p name=text, or -p name:=json for a number, a list, an object; all at once: --params JSON.';
  return new JobrunError('bad-option', `-p ${pair}: it must be a name and a value`, hint);
}

/** One value would be lost. */
function givenAgain(key: string): JobrunError {
  const hint = `Give it once. A list is -p ${key}:='["a","b"]'`;
  return new JobrunError('bad-option', `-p ${key} was given more than once`, hint);
}

const valueHint = (key: string): string =>
  `Write -p ${key}:=5 or -p ${key}:='["a","b"]'; a text goes without the colon: -p ${key}=text`;

async function readValue(given: string, readStdin: () => Promise<string>): Promise<Json> {
  if (given === '-') return jsonOf(await readStdin(), '--params on stdin');
  if (!given.startsWith('@')) return jsonOf(given, '--params');
  const path = given.slice(1);
  return jsonOf(await readText(path), path, 'Fix it there.');
}

export async function readText(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const message = `${path} cannot be read: ${(error as Error).message}`;
    throw new JobrunError('bad-option', message, 'Check the path and its permissions.', error);
  }
}

/** Adds texts to params, each turned into what the schema asks for: several of one name are a list, or refused. */
export function withTexts(params: Json, texts: Texts, schema: Json): Json {
  const keys = [...new Set(texts.map(([key]) => key))];
  const entries = keys.map((key): [string, Json] => {
    const given = texts.flatMap(([name, text]) => (name === key ? [text] : []));
    const value = typedValue(given, propertyOf(schema, key), schema);
    if (given.length > 1 && !Array.isArray(value)) throw givenAgain(key);
    return [key, value];
  });
  return withEntries(params, entries);
}

/** `__proto__` becomes a key like any other, for the check of all params to find and refuse. */
function withEntries(params: Json, entries: readonly (readonly [string, Json])[]): Json {
  if (isFields(params)) return { ...params, ...Object.fromEntries(entries) };
  const hint = 'Leave out -p, or give an object: --params \'{"name":"value"}\'.';
  throw new JobrunError('bad-params', '-p needs params that are an object', hint);
}

type Schema = Readonly<Record<string, Json | undefined>>;

const schemaOf = (value: Json | undefined): Schema | null => (isFields(value) ? value : null);

function propertyOf(schema: Json, key: string): Schema | null {
  for (const one of alternatives(schemaOf(schema), schema)) {
    const properties = schemaOf(one.properties);
    const found = properties && Object.hasOwn(properties, key) ? schemaOf(properties[key]) : null;
    if (found) return found;
  }
  return null;
}

/** The schema itself, what it refers to, and what it may be instead. */
function alternatives(schema: Schema | null, root: Json, depth = 0): readonly Schema[] {
  if (!schema || depth > 8) return [];
  const lists = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  const target = typeof schema.$ref === 'string' ? referred(schema.$ref, root) : null;
  const others = [...lists.map(schemaOf), target];
  return [schema, ...others.flatMap((other) => alternatives(other, root, depth + 1))];
}

function referred(ref: string, root: Json): Schema | null {
  if (!ref.startsWith('#/')) return null;
  let at: Json | undefined = root;
  for (const part of ref.slice(2).split('/')) at = schemaOf(at)?.[part];
  return schemaOf(at);
}

function typedValue(texts: readonly string[], schema: Schema | null, root: Json): Json {
  const all = alternatives(schema, root);
  const types = all.flatMap((one) => one.type).concat(all.flatMap(constantTypes));
  const last = texts.at(-1) ?? '';
  if (types.includes('array')) {
    const items = schemaOf(all.find((one) => one.items !== undefined)?.items);
    return listOf(texts, items, root);
  }
  if (types.includes('string')) return last;
  const typed = parseJson(last);
  if ((types.includes('number') || types.includes('integer')) && typeof typed === 'number') {
    return typed;
  }
  if (types.includes('boolean') && typeof typed === 'boolean') return typed;
  if (types.includes('object') && schemaOf(typed)) return typed as Json;
  if (types.includes('null') && last === 'null') return null;
  return last;
}

/** An `enum` or `const` need not say its type. */
const constantTypes = (schema: Schema): Json[] => {
  const values = Array.isArray(schema.enum) ? schema.enum : [schema.const ?? null];
  return values.flatMap((value) => (value === null ? [] : [typeof value]));
};

/** Given several times it is a list of these; given once, JSON or a text with commas. */
function listOf(texts: readonly string[], items: Schema | null, root: Json): Json {
  const [only = ''] = texts;
  const json = texts.length === 1 && only.trim().startsWith('[') ? parseJson(only) : undefined;
  if (Array.isArray(json)) return json;
  const parts = texts.length === 1 ? only.split(',').filter((part) => part !== '') : texts;
  return parts.map((part) => typedValue([part], items, root));
}

/** Empty where the job has a schema, or no text looks like anything else. */
export function textNoteOf(
  job: string,
  texts: Texts | undefined,
  { catalog, config }: Pick<Context, 'catalog' | 'config'>,
): TextNote {
  const entry = catalog.find(job);
  if (
    texts === undefined ||
    entry?.state !== 'ok' ||
    entry.data.has.has('params') ||
    checksBySchema(entry.data)
  )
    return {};
  const typed = texts.filter(([name, text]) => isTyped(text) && !config.redact.includes(name));
  if (typed.length === 0) return {};
  const names = [...new Set(typed.map(([name]) => name))];
  const are = names.length === 1 ? `${names[0]} is text` : `${names.join(', ')} are texts`;
  const better = typed.map(([name, text]) => `-p ${name}:=${quoted(text)}`).join(' ');
  return { textNote: `${are}: the job ${job} has no schema. To pass JSON: ${better}` };
}

/** A number, true, false, null, a list or an object. */
function isTyped(text: string): boolean {
  const value = parseJson(text);
  return value !== undefined && typeof value !== 'string';
}

const quoted = (text: string): string => (/^[\w.+-]+$/.test(text) ? text : shellQuoted(text));

/** Says it, and gives the reply back without it. */
export function tellTextNote<Reply extends TextNote>(
  reply: Reply,
  out: Output,
): Omit<Reply, 'textNote'> {
  const { textNote, ...rest } = reply;
  if (textNote !== undefined) out.note`note: ${textNote}`;
  return rest;
}
