// The params of a run as its job gets them. A schema may make values that JSON does not hold: a Date, a Set, a BigInt. Such
// a run keeps its params as they were given, and each attempt has the schema make them again. All other params are kept
// as the schema made them once, with its defaults: what it makes of those a second time is not used.
import type { StandardSchema } from '../catalog/job.ts';
import type { Json } from '../support/json.ts';
import type { LoadedJob } from './loader.ts';
import { survivesJson, toJson } from './values.ts';

export async function paramsFor(job: LoadedJob, kept: Json): Promise<unknown> {
  if (!job.params || givesJson(job.params)) return kept;
  const result = await job.params['~standard'].validate(kept);
  return result.issues || survivesJson(result.value) ? kept : result.value;
}

/** By schema: asking takes longer than a small run. */
const known = new WeakMap<StandardSchema, boolean>();

/** True where JSON Schema describes all that the schema gives. */
function givesJson(schema: StandardSchema): boolean {
  let gives = known.get(schema);
  if (gives === undefined) {
    gives = describe(schema, 'output') !== null;
    known.set(schema, gives);
  }
  return gives;
}

/** Options of zod and arktype: a part that JSON Schema has no words for is described as anything. */
export const ANYTHING = {
  unrepresentable: 'any',
  fallback: (part: { readonly base: unknown }): unknown => part.base,
} as const;

/** JSON Schema has no word for a default of Infinity. */
const boundless = (value: unknown): null | undefined =>
  typeof value === 'number' && !Number.isFinite(value) ? null : undefined;

/** JSON Schema of what a schema takes or gives, or null where the validator has none for all of it. */
export function describe(
  schema: StandardSchema | undefined,
  side: 'input' | 'output',
  libraryOptions?: typeof ANYTHING,
): Json {
  const makers = schema?.['~standard']?.jsonSchema;
  try {
    const made = makers?.[side]?.({
      target: 'draft-2020-12',
      ...(libraryOptions && { libraryOptions }),
    });
    return toJson(made, 'the schema', boundless);
  } catch {
    // A transform, a Date: such a validator checks well and says that it cannot be described.
    return null;
  }
}
