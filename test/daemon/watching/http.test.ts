// Who may read metrics and health, and who may not: a daemon that serves is not to be found by a page in a browser.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { isNamedRightly, serveHttp } from '../../../src/daemon/watching/http.ts';
import { httpAddressOf } from '../../../src/support/http-address.ts';
import { MAX_HTTP_CONNECTIONS } from '../../../src/support/limits.ts';
import { ask } from '../../helpers/http.ts';
import { refusal } from '../../helpers/site.ts';

async function served(trouble: string | null = null): Promise<string> {
  const watched = { metrics: async () => 'up 1\n', trouble: () => trouble };
  const serving = await serveHttp('127.0.0.1:0', watched, (error) => {
    throw error;
  });
  onTestFinished(() => serving.close());
  return serving.url;
}

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
  expect((await ask(`${url}/`)).status).toBe(404);
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

test('nothing can be sent: only GET, and no body is waited for', async () => {
  const url = await served();
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])
    expect([method, (await ask(`${url}/metrics`, { method })).status]).toEqual([method, 405]);
  expect((await ask(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(1e6) })).status).toBe(405);
});

test('a daemon that cannot do its work says so with its health', async () => {
  const health = await ask(`${await served('cannot write')}/healthz`);
  expect([health.status, JSON.parse(health.body)]).toEqual([503, { status: 'cannot write' }]);
});

test('a port that is taken, and an address that cannot be, are told with what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    other.close();
  });
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const watched = { metrics: async () => '', trouble: () => null };
  const taken = await refusal(serveHttp(`127.0.0.1:${port}`, watched, () => undefined));
  expect([taken.code, taken.message]).toEqual([
    'refused',
    `127.0.0.1:${port} is in use by another program`,
  ]);
  expect(taken.hint).toContain(`sport = :${port}`);
  const elsewhere = await refusal(serveHttp('192.0.2.1:0', watched, () => undefined));
  expect(elsewhere.code).toBe('bad-option');
  for (const address of ['x', 'a:b', '127.0.0.1', '127.0.0.1:99999', '[::g]:1', 'http://a:1', ''])
    expect([address, (await refusal(serveHttp(address, watched, () => undefined))).code]).toEqual([
      address,
      'bad-option',
    ]);
});

test('a port alone is one of the loopback address', () => {
  expect(httpAddressOf('9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(httpAddressOf(':9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(httpAddressOf('[::1]:9464')).toEqual({ host: '::1', port: 9464 });
  expect(httpAddressOf('0.0.0.0:9464')).toEqual({ host: '0.0.0.0', port: 9464 });
});

test.each([
  ['127.0.0.1', 'localhost:9464', true],
  ['127.0.0.1', '[::1]:9464', true],
  ['127.0.0.1', '10.0.0.5:9464', false],
  ['jobs.lan', 'jobs.lan:9464', true],
  ['jobs.lan', 'other.lan:9464', false],
  ['0.0.0.0', '10.0.0.5:9464', true],
  ['0.0.0.0', 'evil.example:9464', false],
  ['0.0.0.0', '10.0.0.5.evil.example:9464', false],
  ['0.0.0.0', '', false],
])('served on %s, a request to %s: %s', (host, header, may) => {
  expect(isNamedRightly(header, { host, port: 9464 })).toBe(may);
});

test('those who open connections and say nothing lock nobody out', async () => {
  const url = await served();
  const { port, hostname } = new URL(url);
  const silent = Array.from({ length: 3 * MAX_HTTP_CONNECTIONS }, (_, i) => {
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
