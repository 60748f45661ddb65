// From a path, a query or a body to the request of a command. Values of a path and a query are texts, read as the
// command line reads them; those of a body are JSON, as the library sends them. Either way the command's own table
// checks them, and an option that the route does not have is refused by its name.
import { commandOf } from '../commands/dispatch.ts';
import {
  type Fields,
  fieldsIn,
  fieldsOf,
  fromNames,
  type NamedField,
  type Options,
  type ParseContext,
  yesOrNo,
} from '../commands/shared/options.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { jsonOf } from './body.ts';
import { OPERATION } from './operations.ts';
import { ROUTES, type Route } from './routes.ts';
import { WORKER_ROUTES } from './worker-routes.ts';

/** A route with what the table of its command says of it. */
export interface Prepared {
  readonly route: Route;
  readonly parts: readonly string[];
  /** The options that stand in its path, by the part. */
  readonly inPath: ReadonlyMap<string, NamedField>;
  /** The options that a query or body may have. */
  readonly given: Options;
  /** All of the command. */
  readonly table: Options;
}

/** All routes. Throws where one names an option that its command does not have. */
export const prepareRoutes = (): Promise<readonly Prepared[]> =>
  Promise.all([...ROUTES, ...WORKER_ROUTES].map(prepare));

async function prepare(route: Route): Promise<Prepared> {
  const { options: table } =
    route.command === null
      ? { options: route.how === 'operation' ? OPERATION : {} }
      : await commandOf(route.command);
  const fields = fieldsIn(table);
  const byName = (name: string): NamedField => {
    const field = fields.find((one) => one.name === name);
    if (field) return field;
    const hint = 'This is a defect of jobrun: please report it.';
    throw new JobrunError('internal', `${route.command} has no option "${name}"`, hint);
  };
  const parts = route.path.split('/');
  const names = parts.flatMap((part) => nameOf(part) ?? []);
  const inPath = new Map(names.map((name) => [name, byName(route.of?.[name] ?? name)]));
  const without = [...(route.without ?? []), ...Object.keys(route.fixed ?? {})].filter((name) =>
    fields.some((one) => one.name === name),
  );
  const taken = new Set([...without.map(byName), ...inPath.values()].map(({ key }) => key));
  const left = fields.filter(({ key }) => !taken.has(key));
  const given = Object.fromEntries(left.map(({ key, entry }) => [key, entry]));
  return { route, parts, inPath, given, table };
}

/** `id` of `{id}`. */
const nameOf = (part: string): string | null => /^\{(\w+)\}$/.exec(part)?.[1] ?? null;

/**
 * The parts of a path in braces, by their names; null where it is another path. A part as it is written comes first.
 */
export function matched(
  { parts }: Prepared,
  asked: readonly string[],
): Readonly<Record<string, string>> | null {
  if (parts.length !== asked.length) return null;
  const found: Record<string, string> = {};
  for (const [i, part] of parts.entries()) {
    const name = nameOf(part);
    const value = asked[i] ?? '';
    if (name === null && part !== value) return null;
    if (name !== null) found[name] = value;
  }
  return found;
}

/** The options of a path and a query as the command's request. */
export async function requestOfQuery(
  prepared: Prepared,
  path: Readonly<Record<string, string>>,
  query: URLSearchParams,
  here: ParseContext,
): Promise<object> {
  const given: [string, unknown][] = [];
  const fields = fieldsIn(prepared.given);
  for (const name of new Set(query.keys())) {
    const field = fields.find((one) => one.name === name);
    const texts = query.getAll(name);
    given.push([name, field ? await readTexts(field, texts, here) : texts]);
  }
  return requestOf(prepared, path, Object.fromEntries(given), 'the query');
}

/** The same of a body. */
export function requestOfBody(
  prepared: Prepared,
  path: Readonly<Record<string, string>>,
  body: string,
): object {
  const given = body === '' ? {} : fieldsOf(jsonOf(body, 'Send one JSON object.'));
  return requestOf(prepared, path, given, 'the body');
}

function requestOf(
  { route, inPath, given: table, table: all }: Prepared,
  path: Readonly<Record<string, string>>,
  options: object,
  what: string,
): object {
  const given = fromNames(table, options, what) as Fields;
  route.check?.(given, all);
  const { fixed = {} } = route;
  return {
    ...given,
    ...Object.fromEntries([...inPath].map(([name, field]) => inTable(field, path[name] ?? ''))),
    ...fromNames(all, fixed),
  };
}

/** A path names one of what may be several. */
const inTable = ({ key, entry }: NamedField, text: string): readonly [string, Json] => [
  key,
  entry.kind.many ? [text] : text,
];

async function readTexts(
  { name, entry }: NamedField,
  texts: readonly string[],
  here: ParseContext,
): Promise<unknown> {
  const { kind } = entry;
  if (texts.length > 1 && !kind.many) {
    throw new JobrunError('bad-option', `${name} was given more than once`, 'Give it once.');
  }
  const values: unknown[] = [];
  for (const text of texts) {
    if (kind.schema === yesOrNo.schema) values.push(flagOf(text));
    else values.push(kind.read ? await kind.read(text, name, here) : text);
  }
  return kind.many ? values.flat() : values[0];
}

/** `?short`, `?short=true`. The table refuses any other field. */
const flagOf = (text: string): unknown =>
  text === '' || text === 'true' ? true : text === 'false' ? false : text;
