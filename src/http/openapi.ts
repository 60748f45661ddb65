// The OpenAPI 3.1 document of the API, made of the same routes and option tables that answer requests: a parameter or a
// field of a body is an option of the route's command, with its help and the shape of its kind. Only what replies look
// like is written down (schemas).
import { type Entry, fieldsIn, type NamedField, type Shape } from '../commands/shared/options.ts';
import type { Json } from '../support/json.ts';
import { LINES_TYPE } from './reply.ts';
import type { Prepared } from './requests.ts';
import type { Route } from './routes.ts';
import { ref, SCHEMAS, type Schema } from './schemas.ts';

const JSON_TYPE = 'application/json';

/** @param base the path in front of all others, behind a proxy */
export function openApi(routes: readonly Prepared[], version: string, base: string): Json {
  const paths: Record<string, Schema> = {};
  for (const prepared of routes) {
    const { path, method } = prepared.route;
    paths[`/${path}`] = { ...paths[`/${path}`], [method.toLowerCase()]: operationOf(prepared) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'jobrun',
      version,
      summary: 'Schedule, watch, abort and resume background jobs.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: `${base}/api/v1` }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The key in `http-key` of the state folder, or in `http-read-key` for reading.',
        },
      },
      responses: {
        Error: {
          description: 'It was refused: the error says why, and what to do.',
          content: { [JSON_TYPE]: { schema: ref('Error') } },
        },
      },
      schemas: SCHEMAS,
    },
  };
}

function operationOf(prepared: Prepared): Schema {
  const { route } = prepared;
  const parameters = [...pathParameters(prepared), ...otherParameters(prepared)];
  const body = bodyOf(prepared);
  return {
    operationId: operationId(prepared),
    summary: route.about,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: responsesOf(prepared),
  };
}

/** `postRunsIdAbort`. */
function operationId({ route, parts }: Prepared): string {
  const words = parts.map((part) => part.replace(/[{}]/g, ''));
  const capital = (word: string): string =>
    word.replace(/(?:^|\W+)(\w)/g, (_, first: string) => first.toUpperCase());
  return `${route.method.toLowerCase()}${words.map(capital).join('')}`;
}

const pathParameters = ({ inPath }: Prepared): readonly Schema[] =>
  [...inPath].map(([name, { entry }]) => ({
    name,
    in: 'path',
    required: true,
    ...describedAs(entry),
    schema: itemOf(shapeOf(entry)),
  }));

/** A path names one of what may be several. */
const itemOf = (shape: Schema): Schema =>
  shape.type === 'array' ? (shape.items as Schema) : shape;

function otherParameters({ route, given }: Prepared): readonly Schema[] {
  if (route.method === 'POST') return [IDEMPOTENCY_KEY];
  if (route.method !== 'GET') return [];
  return fieldsIn(given).map(({ name, entry }) => ({
    name,
    in: 'query',
    required: entry.is === 'needed',
    ...describedAs(entry),
    schema: asText(shapeOf(entry)),
  }));
}

const IDEMPOTENCY_KEY: Schema = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'A text of your own: a request that comes again with it gets the first reply.',
  schema: { type: 'string', pattern: '^[!-~]{1,255}$' },
};

/** A value that may be written in several ways is a text in a query, read as the command line reads it. */
const asText = (shape: Schema): Schema => (shape.anyOf ? { type: 'string' } : shape);

function bodyOf({ route, given }: Prepared): Schema | null {
  const fields = fieldsIn(given);
  if (!['POST', 'PUT'].includes(route.method) || fields.length === 0) return null;
  const needs = route.needs ?? [];
  const schema = {
    type: 'object',
    properties: Object.fromEntries(fields.map(fieldOf)),
    ...(needs.length > 0 && { required: [...needs] }),
    additionalProperties: false,
  };
  return { required: needs.length > 0, content: { [JSON_TYPE]: { schema } } };
}

const fieldOf = ({ name, entry }: NamedField): readonly [string, Schema] => [
  name,
  { ...shapeOf(entry), ...describedAs(entry) },
];

const describedAs = ({ about }: Entry): Schema => (about === '' ? {} : { description: about });

function shapeOf({ kind, fallback }: Entry): Schema {
  const shape: Shape = kind.shape ?? {};
  return { ...shape, ...(fallback !== undefined && { default: fallback as Json }) };
}

const REFUSALS = ['400', '401', '403', '404', '421', '503', '507'];
const OF_CHANGES = ['409', '413', '415'];

function responsesOf({ route }: Prepared): Schema {
  const { method, replies, how } = route;
  const refused = method === 'GET' ? REFUSALS : [...REFUSALS, ...OF_CHANGES].sort();
  const types = TYPES[how] ?? [JSON_TYPE];
  const told = Object.entries(replies).map(([status, names]) => [
    status,
    {
      description: DESCRIPTIONS[status] ?? 'The reply.',
      ...(names !== null && { content: contentOf(types, schemaOf(names)) }),
    },
  ]);
  const error = { $ref: '#/components/responses/Error' };
  return Object.fromEntries([...told, ...refused.map((status) => [status, error])]);
}

/** The types of a reply, where they are not JSON alone. With `parts` a search is told in lines. */
const TYPES: Readonly<Partial<Record<Route['how'], readonly string[]>>> = {
  events: ['text/event-stream'],
  search: [JSON_TYPE, LINES_TYPE],
};

const contentOf = (types: readonly string[], schema: Schema): Schema =>
  Object.fromEntries(types.map((type) => [type, { schema }]));

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  201: 'It was made.',
  202: 'It goes on by itself.',
  204: 'It is gone.',
};

/** `Aborted | Matched` is one of two. */
function schemaOf(names: string): Schema {
  const refs = names.split(' | ').map(ref);
  return refs.length === 1 ? (refs[0] as Schema) : { anyOf: refs };
}
