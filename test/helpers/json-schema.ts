// Holds a value against a JSON Schema, as far as ours go: what is wrong, or nothing. A word of JSON Schema that is not
// known here is an error, so that no part of a schema goes unchecked; so is a field that a schema does not have.
import type { Doc } from './project.ts';

const KNOWN = new Set(
  '$ref type enum anyOf properties required items additionalProperties minimum maximum pattern minLength maxLength format description default'.split(
    ' ',
  ),
);

/** What is wrong with the value, each with its place. */
export function faultsOf(value: Doc, schema: Doc, document: Doc, at = '$'): string[] {
  const unknown = Object.keys(schema).filter((word) => !KNOWN.has(word));
  if (unknown.length > 0) return [`${at}: the schema has ${unknown}`];
  if (schema.$ref) return faultsOf(value, resolved(schema.$ref, document), document, at);
  if (schema.anyOf) {
    const tries = schema.anyOf.map((one: Doc) => faultsOf(value, one, document, at));
    return tries.some((faults: string[]) => faults.length === 0) ? [] : tries.flat();
  }
  const types = schema.type === undefined ? null : [schema.type].flat();
  if (types && !types.some((type: string) => isOf(value, type)))
    return [`${at} is ${JSON.stringify(value)}, not ${types}`];
  if (schema.enum && !schema.enum.includes(value)) return [`${at} is ${value}, not ${schema.enum}`];
  if (typeof value === 'number') {
    if (value < (schema.minimum ?? value) || value > (schema.maximum ?? value))
      return [`${at} is ${value}`];
  }
  if (typeof value === 'string') {
    if (schema.pattern && !new RegExp(schema.pattern).test(value)) return [`${at} is ${value}`];
    if (value.length < (schema.minLength ?? 0) || value.length > (schema.maxLength ?? Infinity))
      return [`${at} has ${value.length} characters`];
    if (schema.format === 'date-time' && !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value))
      return [`${at} is ${value}, no instant`];
  }
  if (Array.isArray(value) && schema.items)
    return value.flatMap((one, i) => faultsOf(one, schema.items, document, `${at}[${i}]`));
  if (schema.properties && typeof value === 'object' && value !== null)
    return fieldFaults(value, schema, document, at);
  return [];
}

function fieldFaults(value: Doc, schema: Doc, document: Doc, at: string): string[] {
  const missing = (schema.required ?? []).filter((name: string) => !(name in value));
  return [
    ...missing.map((name: string) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, inner]) =>
      schema.properties[name]
        ? faultsOf(inner, schema.properties[name], document, `${at}.${name}`)
        : [`${at}.${name} is not described`],
    ),
  ];
}

export function resolved(ref: string, document: Doc): Doc {
  const found = ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((inner: Doc, name) => inner?.[name], document);
  if (!ref.startsWith('#/') || found === undefined) throw new Error(`${ref} leads nowhere`);
  return found;
}

function isOf(value: Doc, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}
