// The HTTP side of a daemon: `/metrics` and `/healthz`, to be read and nothing else. Any web page can send a browser to
// a port of this machine, so each request has to name the daemon as its user does: a page that let its own name point
// here (DNS rebinding) is refused. On an address of the network any number that is an IP address will do, for no such
// page can call itself by one.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { errnoOf, JobrunError } from '../../support/errors.ts';
import { type HttpAddress, httpAddressOf, LOOPBACK } from '../../support/http-address.ts';
import { MAX_HTTP_CONNECTIONS, SECOND } from '../../support/limits.ts';
import { EXPOSITION_TYPE } from './exposition.ts';

export interface Watched {
  metrics(): Promise<string>;
  /** What is wrong, in one word; null where all is well. */
  trouble(): string | null;
}

export interface HttpServing {
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACKS: readonly string[] = ['localhost', LOOPBACK, '::1'];
const REQUEST_MS = 5 * SECOND;

/** Serves until closed. Throws `bad-option` for an address that cannot be, `refused` for a port that others have. */
export async function serveHttp(
  address: string,
  watched: Watched,
  onError: (error: unknown) => void,
): Promise<HttpServing> {
  const place = httpAddressOf(address);
  const server = createServer({
    requestTimeout: REQUEST_MS,
    headersTimeout: REQUEST_MS,
    keepAliveTimeout: REQUEST_MS,
    maxHeaderSize: 8192,
  });
  boundConnections(server);
  const bound = await listen(server, place);
  server.on('error', onError);
  server.on('request', (request, response) => {
    answer(request, response, { ...place, port: bound.port }, watched).catch((error) => {
      onError(error);
      response.destroy();
    });
  });
  return {
    url: `http://${isIP(place.host) === 6 ? `[${place.host}]` : place.host}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Where one connection more comes than there may be, the one that has asked for nothing for longest is closed: those who
 * open many and say nothing do not lock out others.
 */
function boundConnections(server: Server): void {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    const [oldest] = open.size < MAX_HTTP_CONNECTIONS ? [] : open;
    oldest?.destroy();
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  server.on('request', ({ socket }) => {
    if (open.delete(socket)) open.add(socket);
  });
}

function listen(server: Server, { host, port }: HttpAddress): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(notServed(error, host, port)));
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      resolve(server.address() as AddressInfo);
    });
  });
}

function notServed(error: Error, host: string, port: number): JobrunError {
  const where = `${host}:${port}`;
  switch (errnoOf(error)) {
    case 'EADDRINUSE': {
      const hint = `Give another one with --http, or see who has it: ss -ltnp 'sport = :${port}'`;
      return new JobrunError('refused', `${where} is in use by another program`, hint, error);
    }
    case 'EACCES': {
      const hint = 'Ports below 1024 need a privilege: give a higher one with --http.';
      return new JobrunError('bad-option', `${where} may not be served on`, hint, error);
    }
    default: {
      const hint = 'Give an address of this machine with --http, as in 127.0.0.1:9464';
      const message = `${where} cannot be served on: ${error.message}`;
      return new JobrunError('bad-option', message, hint, error);
    }
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  place: HttpAddress,
  watched: Watched,
): Promise<void> {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (!isNamedRightly(request.headers.host, place)) {
    return end(response, 421, 'text/plain', `this is not ${plainHost(request.headers.host)}\n`);
  }
  if (request.method !== 'GET') {
    response.setHeader('Allow', 'GET');
    return end(response, 405, 'text/plain', 'only GET\n');
  }
  switch (request.url?.split('?')[0]) {
    case '/metrics':
      return end(response, 200, EXPOSITION_TYPE, await watched.metrics());
    case '/healthz': {
      const trouble = watched.trouble();
      const body = JSON.stringify({ status: trouble ?? 'ok' });
      return end(response, trouble === null ? 200 : 503, 'application/json', `${body}\n`);
    }
    default:
      return end(response, 404, 'text/plain', 'there is /metrics and /healthz\n');
  }
}

/** A name that came from outside goes back as text that can do no harm. */
const plainHost = (host = 'named'): string => host.replace(/[^\w.:[\]-]/g, '?').slice(0, 100);

function end(response: ServerResponse, code: number, type: string, body: string): void {
  // A body that nobody asked for is not read: the connection ends with the answer.
  if (code === 405 || code === 421) response.setHeader('Connection', 'close');
  response.writeHead(code, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

export function isNamedRightly(header: string | undefined, { host, port }: HttpAddress): boolean {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d+))?$/i.exec(header ?? '') ?? [];
  const name = (bracketed ?? plain ?? '').toLowerCase();
  if (name === '' || Number(digits ?? 80) !== port) return false;
  if (name === host) return true;
  if (LOOPBACKS.includes(host)) return LOOPBACKS.includes(name);
  return isIP(name) !== 0 || name === 'localhost' || name === hostname().toLowerCase();
}
