// The options of a command, declared once in a table: the flag or argument in a shell, its type, default and help, and
// the request field that carries it. The definition for commander, the request that is sent, the check of whatever
// the daemon receives, completion and docs/command-line.md all come from that table.
import type { StateName } from '../../run/run.ts';
import type { Config } from '../../support/config.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';
import type { Schema } from '../../support/schema.ts';
import * as schemas from '../../support/schema.ts';
import { didYouMean, plainLine } from '../../support/text.ts';

/** Everything that Tab can offer for a value. Runs are offered by their states. */
export type Offer =
  | { readonly values: readonly string[] }
  | { readonly list: readonly string[] }
  | { readonly runs: readonly StateName[] | null }
  | 'jobs'
  | 'schedules'
  | 'jobs and schedules'
  | 'zones'
  | 'files';

/** A piece of JSON Schema. */
export type Shape = { readonly [key: string]: Json };

/** How a value is written: as text in a shell, and as JSON in a request. */
export interface Kind<Value = unknown, Sent = Value> {
  /** Reads the text of a flag or argument. Left out where the `ask` of the command reads it. */
  readonly read?: (text: string, what: string, here: ParseContext) => Sent | Promise<Sent>;
  /** Checks a field of a request, which any program of this user can send. */
  readonly schema: Schema<Value>;
  /** The same as JSON Schema, for the description of the API. */
  readonly shape?: Shape;
  readonly offer?: Offer;
  /** Takes several texts; what is read of each is put together. */
  readonly many?: true;
  /** JSON null is a value of its own and does not stand for a field that is left out. */
  readonly nullable?: true;
}

/** The values that the reading of a text may depend on. */
export interface ParseContext {
  readonly now: number;
  readonly config: Config;
}

/** The presence of a field: always, filled in with the default, only if it was given, or never in a request. */
type Presence = 'needed' | 'filled' | 'given' | 'unsent';

export interface Entry<
  Value = unknown,
  Sent = unknown,
  Is extends Presence = Presence,
  Raw = unknown,
> {
  /** `-n, --lines <n>`, `<id>`; empty for a field that only programs send. */
  readonly words: string;
  readonly about: string;
  readonly is: Is;
  readonly kind: Kind<Value, Sent>;
  readonly fallback?: Value;
  /** The name that code has for it, where that is not the one of its flag. */
  readonly name?: string;
  /** The value that commander gives for it. Only a type. */
  readonly raw?: Raw;
}

export type Options = Readonly<Record<string, Entry>>;

type Of<T extends Options, Is extends Presence> = {
  [K in keyof T]: T[K] extends Entry<unknown, unknown, Is> ? K : never;
}[keyof T];
type ValueOf<E> = E extends Entry<infer Value, unknown> ? Value : never;
type SentOf<E> = E extends Entry<unknown, infer Sent> ? Sent : never;
type RawOf<E> = E extends Entry<unknown, unknown, Presence, infer Raw> ? Raw : never;
type Flat<T> = { readonly [K in keyof T]: T[K] };

/** A request as a handler gets it: checked, with defaults filled in. */
export type Checked<T extends Options> = Flat<
  { readonly [K in Of<T, 'needed' | 'filled'>]: ValueOf<T[K]> } & {
    readonly [K in Of<T, 'given'>]?: ValueOf<T[K]>;
  }
>;

/** A request as it is sent. */
export type Sent<T extends Options> = Flat<
  { readonly [K in Of<T, 'needed'>]: SentOf<T[K]> } & {
    readonly [K in Of<T, 'filled' | 'given'>]?: SentOf<T[K]>;
  }
>;

/** The texts as they were typed, by the names of their fields. */
export type Typed<T extends Options> = { readonly [K in keyof T]?: RawOf<T[K]> };

/** An option with a value. */
export const option = <Value, Given = Value>(
  words: `-${string}`,
  kind: Kind<Value, Given>,
  about: string,
): Entry<Value, Given, 'given', string> => ({ words, kind, about, is: 'given' });

/** An option that has a value even where it was not given. */
export const optionOr = <Value, Given = Value>(
  words: `-${string}`,
  kind: Kind<Value, Given>,
  about: string,
  fallback: NoInfer<Value>,
): Entry<Value, Given, 'filled', string> => ({ words, kind, about, fallback, is: 'filled' });

/** An option that can be given several times, or with several values. */
export const optionMany = <Value, Given = Value>(
  words: `-${string}`,
  kind: Kind<Value, Given> & { readonly many: true },
  about: string,
): Entry<Value, Given, 'given', readonly string[]> => ({ words, kind, about, is: 'given' });

export const yesOrNo: Kind<boolean> = { schema: schemas.flag, shape: { type: 'boolean' } };

/** An option without a value. */
export const flag = (
  words: `-${string}`,
  about: string,
): Entry<boolean, boolean, 'given', boolean> => ({
  words,
  kind: yesOrNo,
  about,
  is: 'given',
});

/** An argument: `<id>` is needed, `[id]` is not, and `...` takes several. */
export const argument = <Words extends string, Value, Given = Value>(
  words: Words,
  kind: Kind<Value, Given>,
  about: string,
): Entry<Value, Given, IsNeeded<Words>, string> => ({
  words,
  kind,
  about,
  is: (words.startsWith('<') ? 'needed' : 'given') as IsNeeded<Words>,
});

type IsNeeded<Words extends string> = Words extends `<${string}` ? 'needed' : 'given';

/** A field of the request that is not typed. */
export const field = <Value, Given = Value>(
  kind: Kind<Value, Given>,
  about = '',
): Entry<Value, Given, 'given', never> => ({ words: '', kind, about, is: 'given' });

/** The same, and every request has it. */
export const needed = <Value, Given = Value>(
  kind: Kind<Value, Given>,
  about = '',
): Entry<Value, Given, 'needed', never> => ({ words: '', kind, about, is: 'needed' });

/** A flag that says something to the command line alone: no request carries it. */
export const shellFlag = (
  words: `-${string}`,
  about: string,
): Entry<never, never, 'unsent', boolean> => ({ ...SHELL, words, about });

/** The same with a value. */
export const shellOption = (
  words: `-${string}`,
  about: string,
  offer: Offer,
): Entry<never, never, 'unsent', string> => ({
  words,
  about,
  is: 'unsent',
  kind: { ...SHELL.kind, offer },
});

const SHELL = {
  is: 'unsent' as const,
  kind: { schema: schemas.be<never>('left out of a request', () => false) },
};

export const isArgument = ({ words }: Entry): boolean => /^[<[]/.test(words);
export const isOption = ({ words }: Entry): boolean => words.startsWith('-');
export const isVariadic = ({ words }: Entry): boolean => words.includes('...');
export const takesValue = ({ words }: Entry): boolean => words.includes('<');

/** `-n` and `--lines` of `-n, --lines <n>`. */
export const flagsOf = ({ words }: Entry): readonly string[] =>
  words.replace(/ <.*/, '').split(', ');

/** An entry with the field that carries it, and the names that commander and code have for it. */
interface Item {
  readonly key: string;
  readonly attribute: string;
  readonly name: string;
  readonly entry: Entry;
}

const known = new WeakMap<Options, readonly Item[]>();

function itemsOf(table: Options): readonly Item[] {
  const present = known.get(table);
  if (present) return present;
  const items = Object.entries(table).map(([key, entry]) => {
    const attribute = isOption(entry) ? attributeOf(entry) : key;
    return { key, attribute, name: entry.name ?? attribute, entry };
  });
  known.set(table, items);
  return items;
}

/** `olderThan` of `--older-than <duration>`. */
function attributeOf(entry: Entry): string {
  const long = (flagsOf(entry).at(-1) ?? '').replace(/^--(?:no-)?/, '');
  return long.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A field that a request can carry, with the name that code has for it. */
export interface NamedField {
  readonly key: string;
  readonly name: string;
  readonly entry: Entry;
}

/** Returns the fields that a request can carry. */
export const fieldsIn = (table: Options): readonly NamedField[] =>
  itemsOf(table).filter(({ entry }) => entry.is !== 'unsent');

/** Returns the name that code has for a field. */
export const nameIn = (table: Options, key: string): string =>
  itemsOf(table).find((item) => item.key === key)?.name ?? key;

/** Returns the long flag of a field. */
export const flagIn = (table: Options, key: string): string =>
  (table[key] && flagsOf(table[key]).at(-1)) ?? key;

/** Returns the long flags, by the names that code has for their fields. */
export const flagsByName = (table: Options): Readonly<Record<string, string>> =>
  Object.fromEntries(
    itemsOf(table)
      .filter(({ entry }) => isOption(entry))
      .map(({ name, entry }) => [name, flagsOf(entry).at(-1) ?? name]),
  );

/** Returns the request that the words make, but for the options that the command's own `ask` reads. */
export async function readWords<T extends Options>(
  table: T,
  typed: Typed<T>,
  here: ParseContext,
): Promise<Sent<T>> {
  const request: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(table)) {
    const given = typed[key];
    if (given === undefined || entry.is === 'unsent') continue;
    const value = await readEntry(entry, given, here);
    if (value !== undefined) request[key] = value;
  }
  return request as Sent<T>;
}

async function readEntry(entry: Entry, given: unknown, here: ParseContext): Promise<unknown> {
  const { read, many } = entry.kind;
  if (typeof given === 'boolean') return given;
  if (!read) return undefined;
  const [first = ''] = flagsOf(entry);
  const what = isArgument(entry) ? first.replace(/[<>[\].]/g, '') : first;
  if (!many) return read(String(given), what, here);
  const parts: unknown[] = [];
  for (const text of given as readonly string[]) parts.push(await read(text, what, here));
  return parts.flat();
}

/** Returns what was typed by the names of the fields, from what commander gives. */
export function typedIn<T extends Options>(
  table: T,
  args: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Typed<T> {
  const typed: Record<string, unknown> = {};
  let position = 0;
  for (const { key, attribute, entry } of itemsOf(table)) {
    let value = given[attribute];
    if (isArgument(entry)) value = isVariadic(entry) ? args.slice(position) : args[position++];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) typed[key] = value;
  }
  return typed as Typed<T>;
}

/** Returns the request for options that code gives by their names. Throws `bad-option` for an unknown one. */
export function fromNames<T extends Options>(
  table: T,
  given: object,
  what = 'the options',
): Sent<T> {
  const sent = fieldsIn(table);
  const request: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const item = sent.find((one) => one.name === name);
    if (!item) {
      const names = sent.map((one) => one.name);
      throw notOneOf(what, name, names);
    }
    request[item.key] = value;
  }
  return request as Sent<T>;
}

/** Checks a request from anywhere: throws what is wrong with a field by its name. Other fields are left out. */
export function checked<T extends Options>(table: T, raw: unknown): Checked<T> {
  const fields = fieldsOf(raw);
  const request: Record<string, unknown> = {};
  for (const { key, name, entry } of itemsOf(table)) {
    const { kind, is, fallback } = entry;
    const value = fields[key] ?? undefined;
    if (is === 'unsent') continue;
    if (value !== undefined || is === 'needed') request[key] = take(kind.schema, value, name);
    else if (kind.nullable && fields[key] === null) request[key] = take(kind.schema, null, name);
    else if (is === 'filled') request[key] = fallback;
  }
  return request as Checked<T>;
}

export type Fields = Readonly<Record<string, Json | undefined>>;

export const fieldsOf = (raw: unknown): Fields =>
  take(schemas.fields, raw, 'the request') as Fields;

/** Reads a value that has this name in a request or in a shell. */
export const take = <T>(schema: Schema<T>, value: unknown, what: string): T =>
  schemas.read(schema, value, ({ place, says, hint, code }) => {
    const dot = place === '' || place.startsWith('[') ? '' : '.';
    const message = `${what}${dot}${place}${says}`.replace(/^: /, '');
    return new JobrunError(code ?? 'bad-request', message, hint || 'Correct it, then ask again.');
  });

export const wrong = (name: string, wanted: string): JobrunError =>
  new JobrunError('bad-request', `${name} must be ${wanted}`, `Give ${wanted}.`);

function notOneOf(what: string, given: string, choices: readonly string[]): JobrunError {
  const message = `${what}: there is no "${plainLine(given)}"`;
  const hint = schemas.hintOf(given, choices, 'options') ?? didYouMean(given, choices);
  return new JobrunError('bad-option', message, hint);
}
