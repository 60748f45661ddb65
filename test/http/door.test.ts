// Who is let in by the HTTP door, and in which order others are refused: a daemon that serves is not to be found by a
// page in a browser, and nobody locks out those who watch it.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDoor, type Watched } from '../../src/http/door.ts';
import { isFromElsewhere, isOurs, targetOf } from '../../src/http/visitor.ts';
import { systemClock } from '../../src/support/clock.ts';
import { type Config, loadConfig } from '../../src/support/config.ts';
import { HTTP_OFF, type HttpSettings, httpAddressOf } from '../../src/support/http-address.ts';
import { MAX_HTTP_NEW } from '../../src/support/limits.ts';
import { ask } from '../helpers/http.ts';
import { refusal } from '../helpers/site.ts';

function configWith(http: Partial<HttpSettings>): Config {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const config = loadConfig({ dir, stateDir: dir }, {}, dir);
  return { ...config, http: { ...HTTP_OFF, ...http } };
}

const watchedWith = (trouble: string | null): Watched => ({
  metrics: async () => ({ type: 'text/plain; version=0.0.4; charset=utf-8', text: 'up 1\n' }),
  trouble: () => trouble,
});

async function served(
  trouble: string | null = null,
  http: Partial<HttpSettings> = {},
): Promise<string> {
  const config = configWith({ listen: '127.0.0.1:0', ...http });
  const onError = (error: unknown): void => {
    throw error;
  };
  const parts = { config, clock: systemClock, watched: watchedWith(trouble), onError };
  const door = await openDoor(parts);
  onTestFinished(() => door.close());
  return door.url;
}

const opened = (listen: string, http: Partial<HttpSettings> = {}): Promise<unknown> =>
  openDoor({
    config: configWith({ listen, ...http }),
    clock: systemClock,
    watched: watchedWith(null),
    onError: () => undefined,
  });

test('metrics and health are given to whoever names the daemon as its user does', async () => {
  const url = await served();
  const { port } = new URL(url);
  const metrics = await ask(`${url}/metrics`);
  expect(metrics).toMatchObject({ status: 200, body: 'up 1\n' });
  expect(metrics.type).toBe('text/plain; version=0.0.4; charset=utf-8');
  const health = await ask(`${url}/healthz`, { host: `localhost:${port}` });
  expect([health.status, health.type, JSON.parse(health.body)]).toEqual([
    200,
    'application/json',
    { status: 'ok' },
  ]);
  expect((await ask(`${url}/nothing`)).status).toBe(404);
});

test('a page that calls itself by another name gets nothing, whatever it asks for', async () => {
  const url = await served();
  const { port } = new URL(url);
  const names = [
    `evil.example:${port}`,
    'evil.example',
    `127.0.0.1.evil.example:${port}`,
    '127.0.0.1',
  ];
  for (const host of [...names, `localhost:${Number(port) + 1}`, `user@localhost:${port}`]) {
    const answer = await ask(`${url}/metrics`, { host });
    expect([host, answer.status, answer.body.includes('up 1')]).toEqual([host, 421, false]);
  }
});

test('nothing can be sent to metrics and health: only GET, and no body is waited for', async () => {
  const url = await served();
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])
    expect([method, (await ask(`${url}/metrics`, { method })).status]).toEqual([method, 405]);
  expect((await ask(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(1e6) })).status).toBe(405);
});

test('a daemon that cannot do its work says so with its health', async () => {
  const health = await ask(`${await served('cannot write')}/healthz`);
  expect([health.status, JSON.parse(health.body)]).toEqual([503, { status: 'cannot write' }]);
});

test('before there is a daemon behind it, the API says that it is not open, and health why', async () => {
  const url = await served('starting');
  const answer = await ask(`${url}/api/v1/status`);
  expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([503, 'no-daemon']);
  expect((await ask(`${url}/healthz`)).body).toContain('starting');
});

test('every reply forbids what a page could do with it, and none allows another site to read it', async () => {
  const url = await served();
  for (const path of ['/metrics', '/healthz', '/icon.svg', '/nothing', '/api/v1/status']) {
    const { headers } = await ask(`${url}${path}`);
    expect([path, headers['x-content-type-options']]).toEqual([path, 'nosniff']);
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    );
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

test('a port that is taken, and an address that cannot be, are told with what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    other.close();
  });
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const taken = await refusal(opened(`127.0.0.1:${port}`));
  expect([taken.code, taken.message]).toEqual([
    'refused',
    `127.0.0.1:${port} is in use by another program`,
  ]);
  expect(taken.hint).toContain(`sport = :${port}`);
  const elsewhere = await refusal(opened('192.0.2.1:0', { names: ['jobs.example'] }));
  expect(elsewhere.code).toBe('bad-option');
  for (const address of ['x', 'a:b', '127.0.0.1', '127.0.0.1:99999', '[::g]:1', 'http://a:1', ''])
    expect([address, (await refusal(opened(address))).code]).toEqual([address, 'bad-option']);
});

test('an address that others can reach needs the names by which it is called', async () => {
  const nameless = await refusal(opened('0.0.0.0:0'));
  expect([nameless.code, nameless.hint]).toEqual([
    'bad-config',
    expect.stringContaining('"names"'),
  ]);
});

test('behind a proxy, requests come with the path in front', async () => {
  const url = await served(null, { base: '/tools/jobs', names: ['jobs.example.com'] });
  expect(new URL(url).pathname).toBe('/tools/jobs');
  const through = { host: 'jobs.example.com' };
  expect((await ask(`${url}/healthz`, through)).status).toBe(200);
  expect((await ask(new URL('/healthz', url).href, through)).status).toBe(404);
  expect((await ask(`${new URL(url).origin}/tools/jobsome/healthz`, through)).status).toBe(404);
});

test('a port alone is one of the loopback address', () => {
  expect(httpAddressOf('9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(httpAddressOf(':9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(httpAddressOf('[::1]:9464')).toEqual({ host: '::1', port: 9464 });
  expect(httpAddressOf('0.0.0.0:9464')).toEqual({ host: '0.0.0.0', port: 9464 });
});

test.each([
  ['127.0.0.1', 'localhost:9464', true],
  ['127.0.0.1', 'LOCALHOST:9464', true],
  ['127.0.0.1', '[::1]:9464', true],
  ['127.0.0.1', '::1:9464', false],
  ['127.0.0.1', '10.0.0.5:9464', false],
  ['10.0.0.5', '10.0.0.5:9464', true],
  ['10.0.0.5', '10.0.0.5', false],
  ['10.0.0.5', '10.0.0.6:9464', false],
  ['0.0.0.0', '10.0.0.5:9464', false],
  ['0.0.0.0', 'jobs.example.com', true],
  ['0.0.0.0', 'jobs.example.com:8443', true],
  ['0.0.0.0', 'xjobs.example.com', false],
  ['0.0.0.0', 'jobs.example.com.evil.example', false],
  ['0.0.0.0', 'jobs.example.com@evil.example', false],
  ['0.0.0.0', '', false],
])('served on %s, a request to %s: %s', (host, header, may) => {
  expect(isOurs(header, { host, port: 9464, names: ['jobs.example.com'] })).toBe(may);
});

test.each([
  [{}, false],
  [{ origin: 'http://localhost:9464' }, false],
  [{ origin: 'https://jobs.example.com' }, false],
  [{ 'sec-fetch-site': 'same-origin', origin: 'http://127.0.0.1:9464' }, false],
  [{ 'sec-fetch-site': 'none' }, false],
  [{ origin: 'http://localhost:3000' }, true],
  [{ origin: 'http://localhost' }, true],
  [{ origin: 'https://evil.example' }, true],
  [{ origin: 'null' }, true],
  [{ origin: '' }, true],
  [{ origin: 'file://localhost:9464' }, true],
  [{ 'sec-fetch-site': 'same-site' }, true],
  [{ 'sec-fetch-site': 'cross-site' }, true],
  [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost:9464' }, true],
])('a request with %j comes from another site: %s', (headers, isElsewhere) => {
  const own = { host: '127.0.0.1', port: 9464, names: ['jobs.example.com'] };
  expect(isFromElsewhere(headers, own)).toBe(isElsewhere);
});

test('a slash in a name is written as %2F, and a path that cannot be decoded is none', () => {
  expect(targetOf('/api/v1/jobs/reports%2Fdaily?q=a%20b', '')?.parts).toEqual([
    'api',
    'v1',
    'jobs',
    'reports/daily',
  ]);
  expect(targetOf('/api/%E0%A4%A', '')).toBe(null);
  expect(targetOf('http://evil.example/metrics', '')).toBe(null);
  expect(targetOf('*', '')).toBe(null);
});

test('the keys are made with the first start, are private, and stay', async () => {
  const config = configWith({ listen: '127.0.0.1:0' });
  const open = async (): Promise<readonly string[]> => {
    const parts = { config, clock: systemClock, watched: watchedWith(null), onError: () => 0 };
    const door = await openDoor(parts);
    await door.close();
    const files = ['http-key', 'http-read-key'].map((name) => join(config.state, name));
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    return files.map((file) => readFileSync(file, 'utf8'));
  };
  const keys = await open();
  for (const key of keys) expect(key).toMatch(/^[\w-]{43}\n$/);
  expect(new Set(keys).size).toBe(2);
  expect(await open()).toEqual(keys);
});

test('a request that is malformed, has two hosts or none, or expects what is not there, is refused alike', async () => {
  const url = await served();
  const { port, hostname } = new URL(url);
  const host = `Host: localhost:${port}\r\n`;
  const asked = (raw: string): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write(raw));
      socket.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', () => resolve(text)).on('close', () => resolve(text));
    });
  const get = 'GET /healthz HTTP/1.1\r\nConnection: close\r\n';
  const requests: readonly (readonly [raw: string, status: number])[] = [
    [`${get}${host}\r\n`, 200],
    [`${get}\r\n`, 421],
    [`${get}${host}Host: evil.example\r\n\r\n`, 421],
    [`${get}${host}${host}\r\n`, 421],
    [`${get}${host}Expect: more\r\n\r\n`, 417],
    [`${get}${host}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    [`${get}${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
    ['no HTTP at all\r\n\r\n', 400],
  ];
  for (const [raw, status] of requests) {
    const answer = await asked(raw);
    expect([raw.slice(0, 200), answer.slice(9, 12)]).toEqual([raw.slice(0, 200), String(status)]);
    expect(answer).toContain("Content-Security-Policy: default-src 'none'");
  }
});

test('those who open connections and say nothing lock nobody out', async () => {
  const url = await served();
  const { port, hostname } = new URL(url);
  const silent = Array.from({ length: 3 * MAX_HTTP_NEW }, (_, i) => {
    const socket = connect(Number(port), hostname, () => {
      if (i % 2 === 0) socket.write('GET /healthz HTTP/1.1\r\nHost: ');
    });
    // The oldest are closed.
    socket.on('error', () => undefined);
    return socket;
  });
  onTestFinished(() => silent.forEach((socket) => void socket.destroy()));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  for (let i = 0; i < 5; i++) expect((await ask(`${url}/healthz`)).status).toBe(200);
});
