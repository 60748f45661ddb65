// The texts of the form for a new run, as params: each text becomes what the schema of its param asks for. A text that
// does not fit stays a text, for the job's own schema says best what is wrong with it.
import { type ParamField, paramText } from '../commands/shared/param-fields.ts';
import type { Typed } from '../commands/shared/param-texts.ts';
import type { Json } from '../support/json.ts';

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
    // No JSON: it goes as the text that it is, and the check of the params says what it should be.
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
