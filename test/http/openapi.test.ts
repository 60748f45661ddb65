// The OpenAPI document is valid in itself, has every route and no other, and says of each option what the API makes of
// it. That replies are as it describes them is held where the routes are gone through (twins).
import { expect, test } from 'vitest';
import { fieldsIn } from '../../src/commands/shared/options.ts';
import { openApi } from '../../src/http/openapi.ts';
import { prepareRoutes } from '../../src/http/requests.ts';
import { ROUTES } from '../../src/http/routes.ts';
import { WORKER_ROUTES } from '../../src/http/worker-routes.ts';
import { apiProject } from '../helpers/api.ts';
import { faultsOf, resolved } from '../helpers/json-schema.ts';
import type { Doc } from '../helpers/project.ts';

const documentNow = async (): Promise<Doc> => openApi(await prepareRoutes(), '1.2.3', '/jobs');

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly operation: Doc;
}

const operationsOf = (document: Doc): Operation[] =>
  Object.entries<Doc>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Doc>(methods).map(([method, operation]) => ({ path, method, operation })),
  );

/** Every object in it, with its place. */
function* within(value: Doc, at = '#'): Generator<readonly [string, Doc]> {
  if (typeof value !== 'object' || value === null) return;
  yield [at, value];
  for (const [name, inner] of Object.entries(value)) yield* within(inner, `${at}/${name}`);
}

test('the document has every route and no other', async () => {
  const document = await documentNow();
  const told = operationsOf(document).map(({ path, method }) => `${method.toUpperCase()} ${path}`);
  const routes = [...ROUTES, ...WORKER_ROUTES];
  expect(told.sort()).toEqual(routes.map(({ method, path }) => `${method} /${path}`).sort());
});

test('the document is OpenAPI 3.1: its parts are where they belong, and every reference leads somewhere', async () => {
  const document = await documentNow();
  expect(document).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'jobrun', version: '1.2.3' },
    servers: [{ url: '/jobs/api/v1' }],
    security: [{ key: [] }],
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  });
  for (const [at, value] of within(document))
    if (typeof value.$ref === 'string')
      expect([at, typeof resolved(value.$ref, document)]).toEqual([at, 'object']);
  const operations = operationsOf(document);
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, method, operation } of operations) {
    const at = `${method} ${path}`;
    expect(operation.operationId).toMatch(/^(?:get|post|put|delete)[A-Z]\w+$/);
    const { parameters = [], requestBody, responses } = operation;
    const inPath = parameters.filter((one: Doc) => one.in === 'path').map((one: Doc) => one.name);
    expect([at, inPath]).toEqual([at, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
    const names = parameters.map((one: Doc) => `${one.in} ${one.name}`);
    expect([at, new Set(names).size]).toEqual([at, names.length]);
    for (const one of parameters) {
      expect([at, ['path', 'query', 'header'].includes(one.in)]).toEqual([at, true]);
      expect([at, one.name, typeof one.required, Object.keys(one.schema).length > 0]).toEqual([
        at,
        one.name,
        'boolean',
        true,
      ]);
    }
    if (requestBody) expect([at, method === 'post' || method === 'put']).toEqual([at, true]);
    expect(Object.keys(responses).filter((code) => /^2\d\d$/.test(code)).length).toBeGreaterThan(0);
    for (const [code, response] of Object.entries<Doc>(responses)) {
      const whole = response.$ref ? resolved(response.$ref, document) : response;
      expect([at, code, typeof whole.description]).toEqual([at, code, 'string']);
      expect([at, code, whole.content === undefined]).toEqual([at, code, code === '204']);
    }
  }
});

test('every option of every route has a shape and a help', async () => {
  const wanting = (await prepareRoutes()).flatMap(({ route, given, inPath }) =>
    [...fieldsIn(given), ...inPath.values()]
      .filter(({ entry }) => entry.kind.shape === undefined || entry.about === '')
      .map(({ name }) => `${route.method} ${route.path}: ${name}`),
  );
  expect(wanting).toEqual([]);
});

/** Values, of which at least some do not fit any one shape. */
const VALUES: readonly Doc[] = ['x', '', -1, 0.5, 1e300, true, [{}], {}];

test('what the document does not allow is refused, and what it allows is not refused for its form', async () => {
  const project = await apiProject({ 'jobs/work.mjs': 'export default () => 1;' });
  const document = await project.get('openapi.json');
  expect(document.servers).toEqual([{ url: '/api/v1' }]);
  let wrong = 0;
  for (const { path, method, operation } of operationsOf(document)) {
    const url = path.slice(1).replace(/\{\w+\}/g, '999999');
    const schema = operation.requestBody?.content['application/json'].schema;
    for (const [name, shape] of Object.entries<Doc>(schema?.properties ?? {})) {
      const base = schema.required?.includes('job') ? { job: 'work', every: '1h' } : {};
      for (const value of VALUES.filter((one) => faultsOf(one, shape, document).length > 0)) {
        // Whether a flag is set or a list is a text with commas, the command line decides as well.
        const body =
          method === 'put' || !('every' in base)
            ? { ...base, [name]: value }
            : { job: 'work', [name]: value };
        const { status } = await project.api(method.toUpperCase(), url, body);
        expect([method, url, body, status]).toEqual([method, url, body, 400]);
        wrong++;
      }
    }
    if (schema)
      expect(
        (await project.api(method.toUpperCase(), url, { job: 'work', nothing: 1 })).json.error
          .message,
      ).toMatch(/there is no "(?:nothing|job)"/);
    for (const one of (operation.parameters ?? []).filter(
      ({ in: place }: Doc) => place === 'query',
    )) {
      if (one.schema.type === 'string' && !one.schema.enum) continue;
      const { status } = await project.api('GET', `${url}?${one.name}=~`);
      expect([url, one.name, status]).toEqual([url, one.name, 400]);
      wrong++;
    }
  }
  expect(wrong).toBeGreaterThan(100);
  expect((await project.get('runs')).total).toBe(0);
}, 60_000);
