// Reads unknown input: what a file, a job's author or another process gave. A schema of valibot says what is right, and
// the kinds of values here say in words what is wrong. A message has up to three lines: the fault, to be read behind
// the name of the value (` must be a text, not 5`); what was probably meant; and the code of the error if it has its
// own.
//
// Objects are made by `object` and `strict` alone, because valibot takes a list for an object without fields.
import * as v from 'valibot';
import { isInstant } from './clock.ts';
import { durationHint, durationOf } from './durations.ts';
import { type ErrorCode, JobrunError, type Problem } from './errors.ts';
import { isSentence, meantBy, type Place } from './foreign-words.ts';
import { httpAddressOf } from './http-address.ts';
import { LAST_INSTANT, MAX_JSON_DEPTH } from './limits.ts';
import { didYouMean, firstOf, plainLine } from './text.ts';
import { zoneNamed } from './zone-names.ts';

export type Schema<T = unknown> = v.GenericSchema<unknown, T>;
export type Entries = Readonly<Record<string, Schema>>;
export type Fields = Readonly<Record<string, unknown>>;
export type Read<S extends Schema> = v.InferOutput<S>;

/** Returns the value with every default filled in. Throws what `refuse` makes of the first fault. */
export function read<S extends Schema>(
  schema: S,
  value: unknown,
  refuse: (problem: Problem) => JobrunError,
): Read<S> {
  // A mere check gives the value as it is: most of what a batch has.
  if (schema.type === 'custom' && !('pipe' in schema) && fits(schema, value)) return value;
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw refuse(problemOf(result.issues));
}

/** The fault in a value, with its name in front; null if there is none. */
export function faultOf(schema: Schema, value: unknown): string | null {
  if (fits(schema, value)) return null;
  const { issues } = v.safeParse(schema, value);
  if (!issues) return null;
  const { place, says } = problemOf(issues);
  return `${place}${says}`.trimStart();
}

type Issue = v.BaseIssue<unknown>;

function problemOf(issues: readonly [Issue, ...Issue[]]): Problem {
  const isUnknown = ({ expected }: Issue): boolean => expected === NO_SUCH_FIELD;
  // A misspelt field before the one that is missing for it.
  const issue = issues.find(isUnknown) ?? issues[0];
  const steps: readonly { readonly key: unknown }[] = issue.path ?? [];
  const [says = '', hint = '', code = ''] = issue.message.split('\n');
  const place = isUnknown(issue) ? steps.slice(0, -1) : steps;
  return {
    path: pathOf(steps),
    place: pathOf(place),
    says,
    hint,
    code: (code || null) as ErrorCode | null,
  };
}

/** Valibot's expectation if an object has a field that it should not have. */
const NO_SUCH_FIELD = 'never';

const pathOf = (path: readonly { readonly key: unknown }[]): string =>
  path
    .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${plainLine(String(key))}`))
    .join('')
    .replace(/^\./, '');

type Message = (issue: { readonly input: unknown }) => string;

/** The message of a value that should be `wanted`. */
export const must =
  (
    wanted: string,
    code: ErrorCode | '' = '',
    hint: (input: unknown) => string = () => '',
  ): Message =>
  ({ input }) =>
    input === undefined
      ? ` is missing: it must be ${wanted}\n\n${code}`
      : ` must be ${wanted}, not ${shown(input)}\n${hint(input)}\n${code}`;

/** The message of a word that is none of those which there are. */
export const noSuch = (word: string, choices: readonly string[], of = ''): string =>
  `${of}: there is no "${plainLine(word)}"\n${hintOf(word, choices, 'choices') ?? didYouMean(word, choices)}\nbad-option`;

const MOST_SHOWN = 80;

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'string') return firstOf(JSON.stringify(value), MOST_SHOWN);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

export const be = <T>(wanted: string | Message, fits: Fits): Schema<T> =>
  v.custom<T>(fits, typeof wanted === 'string' ? must(wanted) : wanted);

export const isFields = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

export const anything: Schema = v.unknown();
export const text = v.string(must('a text'));
export const flag: Schema<boolean> = v.boolean(must('true or false'));
export const number = be<number>('a number', Number.isFinite);
export const instant = be<number>('a time', isInstant);
export const json = be<unknown>(`JSON of at most ${MAX_JSON_DEPTH} levels`, isJson);
export const fields = be<Fields>('an object', isFields);

export const textUpTo = (most: number): Schema<string> =>
  be(
    `a text of 1 to ${most} characters`,
    (value) => typeof value === 'string' && value !== '' && value.length <= most,
  );

/** The texts that the system takes as a path or an argument. */
export const systemText = be<string>(
  ({ input }) => must(input === '' ? 'a text that is not empty' : 'a text')({ input }),
  (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
);

export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Schema<number> {
  const from = least === Number.MIN_SAFE_INTEGER ? '' : ` from ${least}`;
  const to = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`;
  return be(
    `a whole number${from}${to}`,
    (value) =>
      Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  );
}

/** The same from a file or a variable, where it may stand as text. */
export const wholeOrText = (least: number, most: number): Schema<number> =>
  v.pipe(
    v.unknown(),
    v.transform((value) =>
      typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value,
    ),
    whole(least, most),
  );

export const numberBetween = (least: number, most: number): Schema<number> =>
  be(
    `a number from ${least} to ${most}`,
    (value) => typeof value === 'number' && value >= least && value <= most,
  );

/** Milliseconds of a job or a run: they end before dates do. */
export const milliseconds = numberBetween(0, LAST_INSTANT);

export const oneOf = <const Choice extends string>(choices: readonly Choice[]): Schema<Choice> => {
  const wrong = must(choices.map((choice) => `'${choice}'`).join(' or '));
  return v.picklist(choices, (issue) =>
    typeof issue.input === 'string' ? noSuch(issue.input, choices) : wrong(issue),
  );
};

/** The result of `convert` for a value: null if it is not what is `wanted`. */
export const made = <T>(
  wanted: string | Message,
  convert: (value: unknown) => T | null,
): Schema<T> =>
  v.pipe(
    be(wanted, (value) => convert(value) !== null),
    v.transform((value) => convert(value) as T),
  );

/** Milliseconds. */
export const duration = made(
  must(
    "a duration: milliseconds or a text such as '500ms', '90s', '20m', '1h30m', '2d', '1w', 'PT20M'",
    'bad-time',
    durationHint,
  ),
  durationOf,
);

export const someTime: Schema<number> = v.pipe(
  duration,
  v.check((ms) => ms > 0, must('longer than zero')),
);

const SIZE = /^(\d+(?:\.\d+)?)\s*([KMG])i?B?$/i;
const BYTES: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes of `512MB`, `1.5GB`: a bare number could be bytes or megabytes. */
export const size = (wanted: string, least: number): Schema<number> =>
  made(wanted, (value) => {
    const [, amount, unit = ''] = (typeof value === 'string' && SIZE.exec(value.trim())) || [];
    const bytes = Math.round(Number(amount) * (BYTES[unit.toUpperCase()] ?? 0));
    return bytes >= least && Number.isSafeInteger(bytes) ? bytes : null;
  });

/** The result of `reader` for a text, and the fault that it reports. */
const readBy = (reader: (text: string) => string, wanted = 'a text'): Schema<string> =>
  v.pipe(
    v.string(must(wanted)),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return reader(dataset.value);
      } catch (error) {
        if (!(error instanceof JobrunError)) throw error;
        addIssue({ message: `${error.message}\n${error.hint}\n${error.code}` });
        return NEVER;
      }
    }),
  );

/** The name of a time zone, as `zoneNamed` writes it. */
export const zone = readBy((name) => zoneNamed(name, ''), "a time zone such as 'Europe/Berlin'");

/** An address to serve on, as it was written. */
export const httpAddress = readBy((address) => {
  httpAddressOf(address, '');
  return address;
}, "an address such as '127.0.0.1:9464'");

/** `wanted` says what the list is of. */
export const list = <T>(item: Schema<T>, wanted = 'a list'): Schema<T[]> =>
  v.array(item, must(wanted));

/** A list that begins with these. */
export const tuple = (...items: readonly Schema[]): Schema => v.looseTuple(items, must('a list'));

/**
 * An object that has such a value under each name, whatever that is: the record of valibot leaves out `constructor`.
 */
export const mapOf = <T>(
  item: Schema<T>,
  wanted = 'an object',
): Schema<Readonly<Record<string, T>>> =>
  v.pipe(
    be<Readonly<Record<string, T>>>(wanted, isFields),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const input = dataset.value;
      for (const [key, value] of Object.entries(input)) {
        const issue = v.safeParse(item, value, { abortEarly: true }).issues?.[0];
        const step = { type: 'object', origin: 'value', input, key, value } as const;
        if (!issue) continue;
        addIssue({ message: issue.message, path: [step, ...(issue.path ?? [])] });
        return;
      }
    }),
  );

/** An object with these fields, and any others. */
export const object = <const E extends v.ObjectEntries>(
  entries: E,
): Schema<v.InferOutput<v.ObjectSchema<E, undefined>>> =>
  v.pipe(fields, v.looseObject(entries, missingOf(entries)));

interface Strict {
  readonly noun?: string;
  readonly wanted?: string;
  /** Names that other programs give to what stands in such a place are answered with the one here. */
  readonly place?: Place;
  /** The hint where no field is near; else all of them. */
  readonly otherwise?: (known: readonly string[]) => string;
}

/** An object with these fields and no others: a misspelt one would silently do nothing. */
export function strict<const E extends v.ObjectEntries>(
  entries: E,
  { noun = 'field', wanted, place, otherwise }: Strict = {},
): Schema<v.InferOutput<v.ObjectSchema<E, undefined>>> {
  const missing = missingOf(entries);
  const known = Object.keys(entries);
  return v.pipe(
    be<Fields>(wanted ?? `an object with ${known.join(', ')}`, isFields),
    v.strictObject(entries, (issue) => {
      if (issue.expected !== NO_SUCH_FIELD) return missing(issue);
      const key = String(issue.input);
      const hint =
        (place && hintOf(key, known, place)) ?? didYouMean(key, known, otherwise?.(known));
      return ` has no ${noun} "${plainLine(key)}"\n${hint}`;
    }),
  );
}

/** Returns the hint for a name of other programs; null if it means nothing here. */
export function hintOf(word: string, known: readonly string[], place: Place): string | null {
  const to = meantBy(word, place, known);
  return to === null || isSentence(to) ? to : `Did you mean "${to}"?`;
}

/**
 * Exactly the fields of a type, each with its schema: one which is added there does not compile before it is added
 * here.
 */
export const exactly = <T>(entries: { readonly [K in keyof T]-?: Schema }): Schema =>
  strict(entries);

/** An object that is one of several kinds, told apart by the text in one field. */
export const variant = <Kind extends string>(
  field: string,
  kinds: Readonly<Record<Kind, Schema>>,
): Schema =>
  v.pipe(
    object({ [field]: oneOf(Object.keys(kinds)) }) as Schema,
    v.lazy((value) => kinds[(value as Fields)[field] as Kind]),
  );

/** valibot does not ask the schema of a field that is not there. */
const missingOf =
  (entries: v.ObjectEntries) =>
  ({ path }: v.BaseIssue<unknown>): string => {
    const entry = entries[String(path?.at(-1)?.key)];
    return (entry && v.safeParse(entry, undefined).issues?.[0].message) ?? ' is missing';
  };

/** Large values that were found to be JSON: a run is read again with each change of it, and its values are the same. */
const largeJson = new WeakSet<object>();
const MANY_VALUES = 100;

function isJson(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return value !== undefined;
  if (largeJson.has(value)) return true;
  const count = valuesIn(value, MAX_JSON_DEPTH);
  if (count > MANY_VALUES) largeJson.add(value);
  return count > 0;
}

/** How many values there are; NaN where one is none of JSON or too deep. */
function valuesIn(value: unknown, levels: number): number {
  if (value === null || typeof value !== 'object') return value === undefined ? Number.NaN : 1;
  if (levels === 0) return Number.NaN;
  let count = 1;
  for (const name in value) count += valuesIn((value as Fields)[name], levels - 1);
  return count;
}

type Fits = (value: unknown) => boolean;

/**
 * Returns whether a schema takes a value, by a plain function that is made of it once. A start reads a million runs,
 * and valibot, which makes an object for each value in them, takes four times as long. Kinds that are not known here
 * are left to it.
 */
export const fits = <S extends Schema>(schema: S, value: unknown): value is Read<S> =>
  plain(schema as Schema & Parts)(value);

/** The parts of a schema that `fits` reads. */
interface Parts {
  readonly kind: string;
  readonly type: string;
  readonly pipe?: readonly Parts[];
  readonly check?: Fits;
  readonly options?: readonly unknown[];
  readonly wrapped?: Parts;
  readonly item?: Parts;
  readonly items?: readonly Parts[];
  readonly entries?: Readonly<Record<string, Parts>>;
  readonly getter?: (value: unknown) => Parts;
}

const plains = new WeakMap<Parts, Fits>();

function plain(schema: Parts): Fits {
  const known = plains.get(schema);
  if (known) return known;
  const made = schema.pipe ? pipe(schema, schema.pipe) : single(schema);
  plains.set(schema, made);
  return made;
}

function single(schema: Parts): Fits {
  const { type, check, options = [], wrapped, item, items, entries, getter } = schema;
  if (type === 'custom' && check) return check;
  if (type === 'unknown') return () => true;
  if (type === 'string' || type === 'boolean') return (value) => typeof value === type;
  if (type === 'picklist') return (value) => options.includes(value);
  if ((type === 'loose_object' || type === 'strict_object') && entries)
    return fieldsFit(entries, type === 'strict_object');
  if (type === 'lazy' && getter) return (value) => plain(getter(value))(value);
  if (type === 'loose_tuple' && items) return itemsFit(items.map(plain));
  const inner = wrapped ?? item;
  const isRight = inner ? plain(inner) : null;
  if (isRight && type === 'nullable') return (value) => value === null || isRight(value);
  if (isRight && type === 'optional') return (value) => value === undefined || isRight(value);
  if (isRight && type === 'array')
    return (value) => Array.isArray(value) && value.every((one) => isRight(one));
  return (value) => v.is(schema as Parts & Schema, value);
}

function pipe(schema: Parts, parts: readonly Parts[]): Fits {
  if (parts.some(({ kind }) => kind !== 'schema'))
    return (value) => v.is(schema as Parts & Schema, value);
  const checks = parts.map(plain);
  const [first = () => true, second = () => true] = checks;
  if (checks.length === 2) return (value) => first(value) && second(value);
  return (value) => checks.every((check) => check(value));
}

const itemsFit =
  (checks: readonly Fits[]): Fits =>
  (value) =>
    Array.isArray(value) && checks.every((check, i) => check(value[i]));

function fieldsFit(entries: Readonly<Record<string, Parts>>, isStrict: boolean): Fits {
  const names = Object.keys(entries);
  const checks = Object.values(entries).map(plain);
  const mays = Object.values(entries).map(({ type }) => type === 'optional');
  // By their numbers: of all loops this is the one that takes half a microsecond for a run.
  return (value) => {
    let present = 0;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const field = (value as Fields)[name];
      if (field !== undefined || name in (value as Fields)) present++;
      else if (mays[i]) continue;
      else return false;
      if (!(checks[i] as Fits)(field)) return false;
    }
    return !isStrict || Object.keys(value as Fields).length === present;
  };
}
