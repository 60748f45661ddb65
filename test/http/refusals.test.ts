// The order in which the API refuses: each request here has one fault more than the one that is told, so that the order
// is seen, and the first one without any is answered.
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MAX_HTTP_STREAMS } from '../../src/support/limits.ts';
import { type ApiProject, apiProject } from '../helpers/api.ts';
import { ask } from '../helpers/http.ts';
import { eventually } from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const JOBS = { 'jobs/work.mjs': 'export default ({ n = 0 }) => n * 2;' };
const JSON_TYPE = { 'content-type': 'application/json' };
const LARGE = 'x'.repeat(1.2 * 1024 * 1024);

const statusOf = async (
  project: ApiProject,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<readonly [number, string | undefined]> => {
  const answer = await ask(`${project.url}${path}`, { method, headers, ...(body && { body }) });
  return [answer.status, answer.body === '' ? undefined : JSON.parse(answer.body).error?.code];
};

/** For requests that leave a daemon as it was. */
const lasting = shared(() => apiProject(JOBS));

test('what is wrong is told in one order: host, site, path, method, key, right, type, size', async () => {
  const project = lasting();
  const key = { authorization: `Bearer ${project.key()}` };
  const readKey = { authorization: `Bearer ${project.key('read-key')}` };
  const elsewhere = { origin: 'https://evil.example' };
  const textual = { 'content-type': 'text/plain' };
  const at = (...asked: [string, string, Record<string, string>, string?]) =>
    statusOf(project, ...asked);

  expect(await at('PATCH', '/api/v1/none', { host: 'evil.example', ...elsewhere })).toEqual([
    421,
    'bad-request',
  ]);
  expect(await at('PATCH', '/api/v1/none', elsewhere)).toEqual([403, 'refused']);
  expect(await at('PATCH', '/api/v1/none', {})).toEqual([404, 'unknown-path']);
  expect(await at('PATCH', '/api/v1/runs', {})).toEqual([405, 'bad-request']);
  expect(await at('POST', '/api/v1/runs', textual, LARGE)).toEqual([401, 'unauthorized']);
  expect(await at('POST', '/api/v1/runs', { ...textual, ...readKey }, LARGE)).toEqual([
    403,
    'refused',
  ]);
  expect(await at('POST', '/api/v1/runs', { ...textual, ...key }, LARGE)).toEqual([
    415,
    'bad-request',
  ]);
  expect(await at('POST', '/api/v1/runs', { ...JSON_TYPE, ...key }, LARGE)).toEqual([
    413,
    'too-large',
  ]);
  expect(await at('POST', '/api/v1/runs', { ...JSON_TYPE, ...key }, 'no JSON')).toEqual([
    400,
    'bad-request',
  ]);
  expect(await at('POST', '/api/v1/runs', { ...JSON_TYPE, ...key }, '{"job":"work"}')).toEqual([
    201,
    undefined,
  ]);
  expect(await at('GET', '/api/v1/runs', readKey)).toEqual([200, undefined]);
});

test('a path tells which methods it has, and no preflight is answered', async () => {
  const project = lasting();
  const { status, headers } = await project.api('OPTIONS', 'runs');
  expect([status, headers.allow]).toEqual([405, 'GET, POST']);
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  const one = await project.api('PUT', 'runs/12');
  expect([one.status, one.headers.allow]).toEqual([405, 'GET, DELETE']);
});

test('only a whole key is one, in its header alone, and a new one counts at once', async () => {
  const project = await apiProject(JOBS);
  const key = project.key();
  const asked = async (authorization: string, path = 'status'): Promise<number> =>
    (await ask(`${project.url}/api/v1/${path}`, { headers: { authorization } })).status;
  for (const wrong of ['', 'Bearer', `Bearer ${key.slice(1)}`, `Bearer ${key}x`, `Basic ${key}`])
    expect([wrong, await asked(wrong)]).toEqual([wrong, 401]);
  expect(await asked('', `status?key=${key}`)).toBe(401);
  const { headers } = await project.api('GET', 'status', undefined, { authorization: '' });
  expect(headers['www-authenticate']).toBe('Bearer');
  expect([await asked(`bearer ${key}`), await asked(`Bearer ${project.key('read-key')}`)]).toEqual([
    200, 200,
  ]);
  writeFileSync(join(project.state, 'http-key'), 'another-key\n');
  expect([await asked(`Bearer ${key}`), await asked('Bearer another-key')]).toEqual([401, 200]);
  rmSync(join(project.state, 'http-key'));
  expect([await asked('Bearer another-key'), await asked('Bearer ')]).toEqual([401, 401]);
});

test('where the config allows reading only, no key allows a change', async () => {
  const project = await apiProject({
    ...JOBS,
    'jobrun.config.json': '{ "http": { "listen": "127.0.0.1:0", "readOnly": true } }',
  });
  expect((await project.api('POST', 'runs', { job: 'work' })).status).toBe(403);
  expect((await project.api('GET', 'runs')).json).toMatchObject({ total: 0 });
});

/** All that comes on a connection on which `head`, and then what `more` gives, is sent as fast as it is taken. */
const sentTo = (
  { url }: ApiProject,
  head: string,
  more: () => string | null,
): Promise<{ readonly text: string; readonly error: unknown }> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    let [text, error] = ['', null as unknown];
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    const send = (): void => {
      for (let isTaken = true; isTaken && !socket.destroyed; ) {
        const next = more();
        if (next === null) {
          over();
          return;
        }
        isTaken = socket.write(next);
      }
      socket.once('drain', send);
    };
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', (thrown) => {
      error = thrown;
    });
    // A client that has more to send goes on, whatever it was told.
    let left = 2;
    const over = (): void => {
      if (--left === 0) socket.end();
    };
    socket.on('end', over);
    socket.on('close', () => resolve({ text, error }));
    socket.write(head, send);
  });

const headOf = (project: ApiProject, ...lines: readonly string[]): string =>
  [
    'POST /api/v1/runs HTTP/1.1',
    `Host: localhost:${new URL(project.url).port}`,
    `Authorization: Bearer ${project.key()}`,
    'Content-Type: application/json',
    ...lines,
    '\r\n',
  ].join('\r\n');

const CHUNK = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
const OF_MANY = 2000;

test('a body is bounded while it comes, and a client that asks first is spared from sending it', async () => {
  const project = lasting();
  // Without a length.
  let pieces = OF_MANY;
  const long = await sentTo(project, headOf(project, 'Transfer-Encoding: chunked'), () =>
    pieces === 0 ? null : --pieces === 0 ? '0\r\n\r\n' : CHUNK,
  );
  expect(long.text).toMatch(/^HTTP\/1.1 413 /);
  expect(long.text).toMatch(/^Connection: close/m);
  const waits = 'Expect: 100-continue';
  const asking = await sentTo(
    project,
    headOf(project, 'Content-Length: 2000000', waits),
    () => null,
  );
  expect(asking.text).toMatch(/^HTTP\/1.1 413 /);
  const body = '{"job":"work"}';
  const parts = [body];
  const small = await sentTo(
    project,
    headOf(project, `Content-Length: ${body.length}`, waits, 'Connection: close'),
    () => parts.pop() ?? null,
  );
  expect(small.text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /);
});

test('a client that sends without end gets its reply, is cut off, and harms no daemon', async () => {
  const project = lasting();
  const known = headOf(project, 'Transfer-Encoding: chunked');
  const unknown = known.replace(/^Authorization.*\r\n/m, '');
  const sent = await Promise.all(
    [known, unknown].map((head) => sentTo(project, head, () => CHUNK)),
  );
  expect(sent.map(({ text }) => text.split(' ')[1])).toEqual(['413', '401']);
  expect((await project.api('POST', 'runs', { job: 'work' })).status).toBe(201);
});

test.each([
  ['a body', (project: ApiProject) => headOf(project, 'Content-Length: 40000000'), 413],
  ['headers', () => 'GET /healthz HTTP/1.1\r\n', 431],
  ['what is no HTTP', () => 'HELO jobrun\r\n', 400],
])(
  'a client that sends all of %s before it reads gets its reply, and no reset',
  async (_, head, status) => {
    const project = lasting();
    let left = 1000;
    const sent = await sentTo(project, head(project), () =>
      left-- > 0 ? `X-Header: ${'x'.repeat(20_000)}\r\n` : null,
    );
    expect(sent).toEqual({
      text: expect.stringMatching(new RegExp(`^HTTP/1.1 ${status} `)),
      error: null,
    });
  },
);

test('a request that comes behind a refused body is not carried out', async () => {
  const project = lasting();
  const total = async (): Promise<unknown> => (await project.api('GET', 'runs')).json;
  const before = await total();
  const large = LARGE.length;
  const head = headOf(project, `Content-Length: ${large}`);
  const body = '{"job":"work"}';
  const second = headOf(project, `Content-Length: ${body.length}`) + body;
  const parts = [second, LARGE];
  const { text } = await sentTo(project, head, () => parts.pop() ?? null);
  expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 413']);
  expect(await total()).toEqual(before);
});

test('a client that goes away amid its body is no fault in the log of the daemon', async () => {
  const project = lasting();
  const before = project.log().length;
  const { hostname, port } = new URL(project.url);
  const socket = connect(Number(port), hostname);
  socket.write(`${headOf(project, 'Content-Length: 100')}{`);
  await once(socket, 'connect');
  // The daemon has this request before it has the next.
  await project.api('GET', 'status');
  socket.destroy();
  // What it says of a run comes after what it might have said before.
  await project.until((await project.api('POST', 'runs', { job: 'work' })).json.id);
  const said = (): string => project.log().slice(before);
  await eventually(() => said().includes('done'));
  expect(said()).not.toContain('aborted');
});

test.each([
  ['application/json; charset=utf-8', 201],
  ['Application/JSON', 201],
  ['application/jsonp', 415],
  ['application/x-www-form-urlencoded', 415],
  ['text/plain; application/json', 415],
])('a body of type %s: %i', async (type, status) => {
  const project = lasting();
  const answer = await project.api('POST', 'runs', { job: 'work' }, { 'content-type': type });
  expect(answer.status).toBe(status);
});

test('a thousand slow connections leave room for those who watch and for those who ask', async () => {
  const project = await apiProject(JOBS);
  const { hostname, port } = new URL(project.url);
  const host = `Host: localhost:${port}\r\n`;
  const slow = [
    // Nothing, a part of the headers, a body that does not come, a reply that nobody reads.
    '',
    'GET /runs HTTP/1.1\r\nHost: ',
    `POST /api/v1/runs HTTP/1.1\r\n${host}Authorization: Bearer ${project.key()}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    `GET /api/v1/changes HTTP/1.1\r\n${host}Authorization: Bearer ${project.key()}\r\n\r\n`,
  ];
  const sockets = Array.from({ length: 1000 }, (_, i) => {
    const socket = connect(Number(port), hostname, () => socket.write(slow[i % 4] ?? ''));
    return socket.on('error', () => undefined);
  });
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (let i = 0; i < 5; i++) {
    const before = performance.now();
    const { status, body } = await ask(`${project.url}/metrics`);
    expect([status, body.includes('jobrun_runs{')]).toEqual([200, true]);
    expect(performance.now() - before).toBeLessThan(5000);
  }
  // All rooms are taken by clients: said so, and not left waiting.
  expect((await project.api('GET', 'status')).status).toBe(503);
  expect((await project.ask('status')).running, 'the command line is not concerned').toBe(true);
  for (const socket of sockets) socket.destroy();
  await eventually(async () => (await project.api('GET', 'status')).status === 200);
});

test('two hundred browsers watch at once and anyone can ask beside them; one stream too many is refused with the number', async () => {
  const project = await apiProject(JOBS);
  const headers = { authorization: `Bearer ${project.key()}` };
  const streams: ClientRequest[] = [];
  onTestFinished(() => streams.forEach((stream) => void stream.destroy()));
  const open = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const url = `${project.url}/api/v1/changes`;
      const stream = request(url, { headers, agent: false }, (response) => {
        response.on('error', () => undefined).resume();
        resolve(response.statusCode ?? 0);
      });
      streams.push(stream.on('error', reject));
      stream.end();
    });
  for (let i = 0; i < MAX_HTTP_STREAMS; i++) expect(await open()).toBe(200);
  expect(streams.length).toBeGreaterThan(200);
  const refused = await project.api('GET', 'changes');
  expect([refused.status, refused.json.error.message]).toEqual([
    503,
    `${MAX_HTTP_STREAMS} streams of changes are open, and no more are served`,
  ]);
  expect((await project.get('status')).running).toBe(true);
  streams.pop()?.destroy();
  await eventually(async () => (await open()) === 200);
});

test('a path that is nearly one is answered with the one that was meant', async () => {
  const project = lasting();
  const hintOf = async (path: string): Promise<string> =>
    JSON.parse((await ask(`${project.url}${path}`, {})).body).error.hint;
  for (const path of ['/api/v1/run', '/api/v1/run/5', '/api/runs'])
    expect([path, await hintOf(path)]).toEqual([path, expect.stringContaining('/api/v1/runs?')]);
  for (const path of ['/api/v1/runs/5/nothing', '/api/v1/zzz'])
    expect([path, await hintOf(path)]).toEqual([path, 'See /api/v1/openapi.json.']);
});
