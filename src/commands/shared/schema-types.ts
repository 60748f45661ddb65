// From JSON Schema to the text of a TypeScript type: as far as TypeScript has words for it. The rest is `unknown` or
// wider, never narrower than what the schema takes.
import type { Json } from '../../support/json.ts';

type Schema = Readonly<Record<string, Json | undefined>>;

const PLAIN: Readonly<Record<string, string>> = {
  ...{ string: 'string', number: 'number', integer: 'number', boolean: 'boolean', null: 'null' },
};

/** `any` where there is no schema at all: such a job takes whatever it is given. */
export const typeOfSchema = (schema: Json): string =>
  schema === null ? 'any' : typeOf(schema, MOST_LEVELS);

const MOST_LEVELS = 12;

function typeOf(value: Json | undefined, levels: number): string {
  const schema = schemaIn(value);
  if (!schema || levels === 0 || schema.$ref !== undefined || schema.allOf !== undefined)
    return 'unknown';
  const { enum: values, const: only, anyOf, oneOf, type } = schema;
  if (Array.isArray(values)) return union(values.map(literal));
  if (only !== undefined) return literal(only);
  const any = anyOf ?? oneOf;
  if (Array.isArray(any)) return union(any.map((one) => typeOf(one, levels - 1)));
  if (Array.isArray(type))
    return union(type.map((one) => typeOf({ ...schema, type: one } as Json, levels - 1)));
  if (type === 'array') return `readonly ${wrapped(typeOf(schema.items, levels - 1))}[]`;
  if (type === 'object') return objectType(schema, levels);
  return typeof type === 'string' ? (PLAIN[type] ?? 'unknown') : 'unknown';
}

function objectType({ properties, required, additionalProperties }: Schema, levels: number) {
  const own = Object.entries(schemaIn(properties) ?? {});
  const needed = Array.isArray(required) ? required : [];
  const fields = own.map(([name, property]) => {
    const isNeeded = needed.includes(name) && schemaIn(property)?.default === undefined;
    return `${JSON.stringify(name)}${isNeeded ? '' : '?'}: ${typeOf(property, levels - 1)}`;
  });
  const isClosed = additionalProperties === false;
  if (fields.length === 0 && !isClosed) return 'Readonly<Record<string, unknown>>';
  return `{ ${[...fields, ...(isClosed ? [] : ['[other: string]: unknown'])].join('; ')} }`;
}

const schemaIn = (value: Json | undefined): Schema | null =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;

const literal = (value: Json): string =>
  value !== null && typeof value === 'object' ? 'unknown' : JSON.stringify(value);

const union = (types: readonly string[]): string => [...new Set(types)].join(' | ') || 'unknown';

const wrapped = (type: string): string => (/ \| /.test(type) ? `(${type})` : type);
