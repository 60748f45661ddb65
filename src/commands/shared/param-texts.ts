// Params as the texts of a form's fields: those of a run that is run again, and the refusals that are about one of
// them. The dashboard and the web page share them.
import type { Json } from '../../support/json.ts';
import { type ParamField, paramText } from './param-fields.ts';

/** By the name of the param; one that is not touched is not there, and gets its default from the job. */
export type Typed = Readonly<Record<string, string>>;

/** How the config's `redact` shows a value: sent back, it would become the value. */
export const HIDDEN = '***';

/** The params without those that have something hidden in them. */
export function withoutHidden(params: Json): Json {
  const isHidden = (value: unknown): boolean => JSON.stringify(value).includes(HIDDEN);
  if (!isHidden(params)) return params;
  return Object.fromEntries(Object.entries(params ?? {}).filter(([, value]) => !isHidden(value)));
}

/** The texts of the fields for a run with these params. */
export function typedFrom(params: Json, fields: readonly ParamField[]): Typed {
  const given = (withoutHidden(params) ?? {}) as { readonly [name: string]: Json };
  const [first] = fields;
  if (first?.kind === 'json') return { [first.name]: JSON.stringify(given, null, 2) };
  const known = fields.filter(({ name }) => Object.hasOwn(given, name));
  return Object.fromEntries(known.map(({ name }) => [name, paramText(given[name] ?? null)]));
}

/** The first line of a refusal says of what it is, each other one begins with the param that does not fit. */
export function wrongIn(message: string, fields: readonly { readonly name: string }[]): Typed {
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
