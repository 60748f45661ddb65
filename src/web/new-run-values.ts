// The texts of the form for a new run, as params: each text becomes what the schema of its param asks for. A text that
// does not fit stays a text, for the job's own schema says best what is wrong with it.
import { type ParamField, paramText } from '../commands/shared/param-fields.ts';
import type { Json } from '../support/json.ts';

/** By the name of the param; one that is not touched is not there, and gets its default from the job. */
export type Typed = Readonly<Record<string, string>>;

/** How the config's `redact` shows a value: sent back, it would become the value. */
const HIDDEN = '***';

/** The texts of the fields for a run with these params. */
export function typedFrom(params: Json, fields: readonly ParamField[]): Typed {
  const given = (params ?? {}) as { readonly [name: string]: Json };
  const [first] = fields;
  if (first?.kind === 'json') return { [first.name]: JSON.stringify(params, null, 2) };
  const known = fields.filter(({ name }) => Object.hasOwn(given, name) && given[name] !== HIDDEN);
  return Object.fromEntries(known.map(({ name }) => [name, paramText(given[name] ?? null)]));
}

/** Throws a SyntaxError where JSON is asked for, and this is none. */
export function paramsFrom(typed: Typed, fields: readonly ParamField[]): Json {
  const [first] = fields;
  if (first?.kind === 'json') return JSON.parse(typed[first.name] || '{}') as Json;
  return Object.fromEntries(
    fields.flatMap((field) => {
      const text = typed[field.name];
      return text === undefined || text === '' ? [] : [[field.name, valueIn(text, field)]];
    }),
  );
}

function valueIn(text: string, { type, schema }: ParamField): Json {
  if (Array.isArray(schema.enum)) return schema.enum.find((one) => paramText(one) === text) ?? text;
  if (type === 'string') return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** The words of the command line for the same params. */
export function paramWords(typed: Typed, fields: readonly ParamField[]): readonly string[] {
  const [first] = fields;
  if (first?.kind === 'json') {
    const text = typed[first.name] ?? '';
    return text === '' ? [] : ['--params', text];
  }
  return fields.flatMap((field) => {
    const text = typed[field.name];
    if (text === undefined || text === '') return [];
    const isText = typeof valueIn(text, field) === 'string';
    return ['-p', `${field.name}${isText ? '=' : ':='}${text}`];
  });
}

/** The first line of a refusal says of what it is, each other one begins with the param that does not fit. */
export function wrongIn(message: string, fields: readonly ParamField[]): Typed {
  const wrong: Record<string, string> = {};
  for (const line of message.split('\n').slice(1)) {
    const [, path = '', why = line] = /^([^:]+): (.*)$/.exec(line) ?? [];
    const field = fields.find(
      ({ name }) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`),
    );
    if (field) wrong[field.name] = why;
  }
  return wrong;
}
