// Parameters of the example jobs: names with a default each, checked when a run is asked for. The result is a Standard
// Schema, as zod, valibot and arktype make them: a job may use any of those instead. (The name of this file begins with
// `_`, so it is no job.)
import type { StandardSchema } from 'jobrun';

/** The values of these options: each is of the type of its default. */
type Options<Defaults> = {
  [Name in keyof Defaults]: Defaults[Name] extends string
    ? string
    : Defaults[Name] extends number
      ? number
      : number | null;
};

/** A schema from defaults; null stands for a number that may be left out. */
export function options<Defaults extends Record<string, string | number | null>>(
  defaults: Defaults,
): StandardSchema<Options<Defaults>> {
  return {
    '~standard': {
      version: 1,
      vendor: 'jobrun-examples',
      validate(given) {
        const issues = problems(given ?? {}, defaults);
        if (issues.length > 0) return { issues };
        return { value: { ...defaults, ...(given as object) } as unknown as Options<Defaults> };
      },
      // Lets the command line turn `-p limit=100` into a number, and the dashboard ask for one.
      jsonSchema: {
        input: () => ({
          type: 'object',
          properties: propertiesOf(defaults),
          additionalProperties: false,
        }),
      },
    },
  };
}

const typeOf = (fallback: unknown): 'string' | 'number' =>
  typeof fallback === 'string' ? 'string' : 'number';

function problems(
  given: unknown,
  defaults: Record<string, unknown>,
): { message: string; path: string[] }[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return [{ message: 'must be an object', path: [] }];
  }
  return Object.entries(given).flatMap(([name, value]) => {
    if (!Object.hasOwn(defaults, name))
      return [{ message: `there is no option "${name}"`, path: [name] }];
    const wanted = typeOf(defaults[name]);
    const fits =
      wanted === 'string'
        ? typeof value === 'string' && value !== ''
        : Number.isFinite(value) && Number(value) >= 0;
    const optional = value === null && defaults[name] === null;
    return fits || optional
      ? []
      : [
          {
            message: wanted === 'string' ? 'must be a text' : 'must be a number from 0',
            path: [name],
          },
        ];
  });
}

const propertiesOf = (defaults: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(defaults).map(([name, fallback]) => [
      name,
      { type: typeOf(fallback), ...(fallback === null ? {} : { default: fallback }) },
    ]),
  );
