// A client that closes its sending side with its request, as `nc -N` and socat do, gets its answer; one that has gone,
// which looks the same, holds nothing and is given nothing.
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { sendEvents } from '../../src/http/events.ts';
import { keepHalfClosed } from '../../src/http/half-closed.ts';
import { sendLines } from '../../src/http/lines.ts';
import { systemClock } from '../../src/support/clock.ts';
import type { Json } from '../../src/support/json.ts';
import type { ApiProject } from '../helpers/api.ts';
import { accept, outsideProject } from '../helpers/outside.ts';
import { eventually } from '../helpers/project.ts';

interface Sent {
  readonly socket: Socket;
  /** All that has come so far. */
  readonly text: () => string;
  readonly ended: Promise<string>;
}

/** Sends this and nothing more, and reads on. */
function half(project: ApiProject, request: string): Sent {
  const { hostname, port } = new URL(project.url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  socket.end(request);
  const ended = new Promise<string>((resolve) => socket.once('end', () => resolve(text)));
  return { socket, text: () => text, ended };
}

const head = (project: ApiProject, first: string, ...more: readonly string[]): string => {
  const { host } = new URL(project.url);
  const lines = [`${first} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${project.key()}`];
  return [...lines, ...more, '', ''].join('\r\n');
};

const JSON_TYPE = 'Content-Type: application/json';

const posts = (project: ApiProject, path: string, body: object): string => {
  const text = JSON.stringify(body);
  return head(project, `POST /api/v1/${path}`, JSON_TYPE, `Content-Length: ${text.length}`) + text;
};

const status = (answer: string): string => answer.slice(0, 'HTTP/1.1 200'.length);
const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));

const take = (project: ApiProject, wait: string): string =>
  posts(project, 'leases', { jobs: ['resize'], worker: 'nc', wait });

test('plain requests, bodies of a known length and chunked ones are answered, and the connection then ends', async () => {
  const [project] = await outsideProject();
  const list = await half(project, head(project, 'GET /api/v1/runs')).ended;
  expect([status(list), bodyOf(list)]).toEqual(['HTTP/1.1 200', { total: 0, runs: [] }]);
  const health = await half(project, head(project, 'GET /healthz')).ended;
  expect(bodyOf(health)).toEqual({ status: 'ok' });
  const made = await half(project, posts(project, 'runs', { job: 'resize' })).ended;
  expect([status(made), bodyOf(made).id]).toEqual(['HTTP/1.1 201', '1']);
  const chunks = ['{"job":', '"resize"}'].map(
    (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
  );
  const chunked = head(project, 'POST /api/v1/runs', JSON_TYPE, 'Transfer-Encoding: chunked');
  const second = await half(project, `${chunked}${chunks.join('')}0\r\n\r\n`).ended;
  expect([status(second), bodyOf(second).id]).toEqual(['HTTP/1.1 201', '2']);
  const cut = await half(project, posts(project, 'runs', { job: 'resize' }).slice(0, -3)).ended;
  expect(status(cut)).toBe('HTTP/1.1 400');
  expect((await project.get('runs')).total).toBe(2);
}, 60_000);

test('a worker that asks so gets the run that is there, and waits for none', async () => {
  const [project] = await outsideProject();
  expect(bodyOf(await half(project, take(project, '30s')).ended)).toEqual([]);
  const id = await accept(project);
  const taken = bodyOf(await half(project, take(project, '30s')).ended);
  expect(taken).toMatchObject([{ id, job: 'resize', attempt: 1 }]);
  const done = await half(project, posts(project, `leases/${taken[0].lease}/done`, { output: 1 }))
    .ended;
  expect([status(done), bodyOf(done).state]).toEqual(['HTTP/1.1 200', 'done']);
}, 60_000);

test('a worker that goes while it waits gets no run', async () => {
  const [project, worker] = await outsideProject();
  const { hostname, port } = new URL(project.url);
  const gone = connect({ host: hostname, port: Number(port) });
  gone.write(take(project, '30s'));
  await eventually(async () => (await project.get('status')).external.length === 1);
  gone.destroy();
  await new Promise((resolve) => gone.once('close', resolve));
  // Its end has come by the time that a later request on another connection is answered.
  await project.get('status');
  const id = await accept(project);
  expect(await worker.take()).toMatchObject([{ id }]);
}, 60_000);

test('a wait for lines of a log is over, and is answered with those that there are', async () => {
  const [project] = await outsideProject();
  const id = await accept(project);
  const path = `GET /api/v1/runs/${id}/log?after=0&wait=30s`;
  expect(bodyOf(await half(project, head(project, path)).ended)).toEqual({ total: 0, lines: [] });
}, 60_000);

test('a stream of changes goes on for a client that reads', async () => {
  const [project] = await outsideProject();
  const stream = half(project, head(project, 'GET /api/v1/changes'));
  await eventually(() => stream.text().includes(': alive'));
  const before = stream.text().length;
  await accept(project);
  await eventually(() => stream.text().slice(before).includes('event: change'));
  expect(stream.socket.readableEnded).toBe(false);
}, 60_000);

const never = async function* (): AsyncGenerator<Json> {
  yield { n: 1 };
  await new Promise(() => undefined);
};

test.each<readonly [string, (response: ServerResponse) => Promise<void>]>([
  ['changes', (response) => sendEvents(response, never(), systemClock)],
  ['lines', (response) => sendLines(response, never(), { clock: systemClock, onError() {} })],
])('a stream of %s ends when its client has gone', async (_, send) => {
  let begun = (): void => undefined;
  const closed = new Promise((resolve) => {
    const server = createServer((_request, response) => {
      response.once('close', resolve);
      void send(response);
    });
    keepHalfClosed(server);
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1', () => begun());
    begun = () => {
      const { port } = server.address() as AddressInfo;
      const socket = connect(port, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      );
      socket.once('data', () => socket.destroy());
    };
  });
  await closed;
});
