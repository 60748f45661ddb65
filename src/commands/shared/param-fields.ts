// The fields of a form for a new run, made from the JSON Schema of a job's params. There is one for each param, or one
// for all of them if the schema does not tell them apart. The dashboard and the web page draw them, each in its way.
import type { Json } from '../../support/json.ts';

export interface ParamField {
  readonly name: string;
  /** `json`: all params, as one JSON. */
  readonly kind: 'param' | 'json';
  /** The type by the schema; empty if it names none, or several. */
  readonly type: string;
  readonly choices: readonly string[];
  readonly required: boolean;
  readonly schema: Schema;
}

type Schema = Readonly<Record<string, Json | undefined>>;

export function paramFields(schema: Json): ParamField[] {
  const properties = objectOf(objectOf(schema)?.properties);
  if (!properties) return [ALL];
  const required = objectOf(schema)?.required;
  return Object.entries(properties).map(([name, property]): ParamField => {
    const own = objectOf(property) ?? {};
    return {
      ...{ name, kind: 'param', choices: choicesOf(own), schema: own },
      type: typeof own.type === 'string' ? own.type : '',
      required: Array.isArray(required) && required.includes(name) && own.default === undefined,
    };
  });
}

const ALL: ParamField = {
  ...{ name: 'params', kind: 'json', type: '' },
  ...{ choices: [], required: false, schema: {} },
};

const objectOf = (value: Json | undefined): Schema | null =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Schema) : null;

function choicesOf(schema: Schema): readonly string[] {
  if (Array.isArray(schema.enum)) return schema.enum.map(paramText);
  return schema.type === 'boolean' ? ['true', 'false'] : [];
}

/** The values that a field takes: `number`, `one of a, b`. */
export function paramHint({ kind, schema, choices }: ParamField): string {
  if (kind === 'json') return 'JSON: {"name": "value"}';
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : schema.type;
  const parts = [
    choices.length > 0 ? `one of ${choices.join(', ')}` : paramText(type ?? ''),
    schema.default === undefined ? '' : `default ${paramText(schema.default)}`,
    paramText(schema.description ?? ''),
  ];
  return parts.filter(Boolean).join(' · ');
}

/** A value as it is typed: a text as it is, anything else as JSON. */
export const paramText = (value: Json): string =>
  typeof value === 'string' ? value : JSON.stringify(value);
