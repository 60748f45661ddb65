// The HTTP door of a daemon: metrics and health for those who watch, and the JSON API for those who hold a key. The
// door knows no command. It is a client of `commands/dispatch`, as the socket is: a route says which command it is, and
// the command's own table and handler do the rest.
//
// A door is opened before the daemon has read its state, so that an address that cannot be served on stops the start.
// It is then `closed` to the API (503) and tells `starting` as its health. `begin` gives it the daemon: it is `open`.
// `end` ends all streams and refuses further requests (503), while metrics and health are still answered. `close` ends
// connections.
//
// Refusals come in this order, and nothing is read that is not needed to refuse:
//   1. 421  the Host is none of ours                 (visitor)
//   2. 403  a browser says that another site asks    (visitor)
//   3. 404  no such path                             (requests)
//   4. 405  the path has no such method
//   5. 401  no key, or a wrong one                   (keys)
//   6. 403  a change with the key for reading
//   7. 415  a body that is not JSON                  (body)
//   8. 413  a body of more than 1.1 MB
// If the API is not open, or has no room for another client (connections), the answer is 503 before a key is read.
// After that the command decides: its errors are 400, 404, 409, 503 and 507 by their exit codes (reply). Metrics and
// health need no key, and take only GET; so do the files of the web page (page), to which links from elsewhere may
// lead. Nothing ever gets a CORS header: no other site may read a reply.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { errnoOf, JobrunError } from '../support/errors.ts';
import { type HttpAddress, httpAddressOf, LOOPBACKS } from '../support/http-address.ts';
import { HTTP_BACKLOG, SECOND } from '../support/limits.ts';
import { plainLine } from '../support/text.ts';
import { Api, type Served } from './api.ts';
import { Connections } from './connections.ts';
import { keepHalfClosed } from './half-closed.ts';
import { makeKeys } from './keys.ts';
import { isLingering, lingerAfter } from './linger.ts';
import { isVisit, PageFiles, pageFileOf } from './page.ts';
import {
  errorReply,
  hasBody,
  noPath,
  notAllowed,
  type Reply,
  refusal,
  refuseMalformed,
  send,
  sendFile,
  sendText,
  setCommonHeaders,
} from './reply.ts';
import { isFromElsewhere, isOurs, type OwnNames, type Target, targetOf } from './visitor.ts';

export interface Watched {
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
  /** The fault, in one word; null if all is well. */
  trouble(): string | null;
}

export interface DoorParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly watched: Watched;
  readonly onError: (error: unknown) => void;
}

/** A request must be complete by then, its headers sooner. */
const REQUEST_MS = 30 * SECOND;
const HEADERS_MS = 5 * SECOND;
const KEEP_ALIVE_MS = 5 * SECOND;
/** A client that takes nothing of a reply for so long is cut off. */
const UNREAD_MS = 30 * SECOND;

/** Serves until closed. Throws `bad-option` for an address that cannot be, `refused` for a port that others have. */
export async function openDoor(parts: DoorParts): Promise<Door> {
  const { listen: address, names } = parts.config.http;
  const place = httpAddressOf(address ?? '');
  if (!LOOPBACKS.includes(place.host) && names.length === 0) throw nameless(place);
  await makeKeys(parts.config.state);
  const server = createServer({
    requestTimeout: REQUEST_MS,
    headersTimeout: HEADERS_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: HEADERS_MS,
    maxHeaderSize: 8192,
    // Refused here, as any wrong Host is.
    requireHostHeader: false,
  });
  keepHalfClosed(server);
  const connections = new Connections(server);
  server.timeout = UNREAD_MS;
  server.on('timeout', (socket) => {
    // A command may take long to reply; only a reply that is not read is no reason to wait.
    if (socket.writableLength > 0 || !connections.isBusy(socket)) socket.destroy();
  });
  const { port } = await listen(server, place);
  return new Door(server, connections, { ...place, port, names }, parts);
}

class Door {
  readonly #server: Server;
  readonly #connections: Connections;
  readonly #own: OwnNames;
  readonly #parts: DoorParts;
  readonly #api: Api;
  readonly #page: PageFiles;

  constructor(server: Server, connections: Connections, own: OwnNames, parts: DoorParts) {
    this.#server = server;
    this.#connections = connections;
    this.#own = own;
    this.#parts = parts;
    this.#api = new Api(parts);
    this.#page = new PageFiles(parts.config.http.base);
    const { onError } = parts;
    const answer =
      (isExpected: boolean) =>
      (request: IncomingMessage, response: ServerResponse): void => {
        this.#answer(request, response, isExpected).catch((error) => {
          onError(error);
          response.destroy();
        });
      };
    server.on('error', onError);
    server.on('request', answer(false));
    // A client that asks before it sends a large body is answered before it has sent any of it.
    server.on('checkContinue', answer(true));
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      lingerAfter(request, parts.clock);
      setCommonHeaders(response);
      send(response, UNMET);
    });
    server.on('clientError', (error, socket) => refuseMalformed(error, socket, parts.clock));
  }

  /** The address, with the port that was given and the path behind a proxy. */
  get url(): string {
    const { host, port } = this.#own;
    const name = isIP(host) === 6 ? `[${host}]` : host;
    return `http://${name}:${port}${this.#parts.config.http.base}`;
  }

  /** From now on the daemon answers requests of the API. */
  begin(served: Served): void {
    this.#api.begin(served);
  }

  /** No further request is taken, and streams end. */
  end(): void {
    this.#api.end();
  }

  async close(): Promise<void> {
    this.end();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    await this.#api.close();
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    isExpected: boolean,
  ): Promise<void> {
    const { socket } = request;
    if (isLingering(socket)) return;
    if (hasBody(request)) lingerAfter(request, this.#parts.clock);
    setCommonHeaders(response);
    const { base } = this.#parts.config.http;
    const target = targetOf(request.url ?? '', base);
    const isWatcher = target !== null && WATCHED.includes(target.parts.join('/'));
    const hasRoom = this.#connections.enter(socket, isWatcher ? 'watcher' : kindOf(target ?? {}));
    const ended = new AbortController();
    const forget = this.#api.onEnd(() => ended.abort());
    response.on('close', () => {
      forget();
      // A request that was answered asks for nothing more, and an abort takes as long as the answer.
      if (!response.writableFinished) ended.abort();
      this.#connections.leave(socket);
    });
    const refused = this.#refusal(request, target);
    if (refused) return send(response, refused);
    if (!hasRoom) return send(response, NO_ROOM);
    const [first = ''] = target?.parts ?? [];
    if (isWatcher) return this.#watch(first, request, response);
    const file = pageFileOf(target?.parts ?? []);
    if (file !== null) return this.#show(file, request, response);
    const visit = { request, response, isExpected, signal: ended.signal };
    const reply = await this.#api.answer(target as Target, visit).catch(errorReplyTo(this.#parts));
    if (reply) send(response, reply);
  }

  #refusal(request: IncomingMessage, target: Target | null): Reply | null {
    const { headers } = request;
    // If there are two, a proxy may have looked at the other one.
    const isOne = request.headersDistinct.host?.length === 1;
    if (!isOne || !isOurs(headers.host, this.#own)) return notOurs(headers.host);
    const parts = target?.parts ?? ['?'];
    const isOfPage = pageFileOf(parts) !== null;
    if (isFromElsewhere(headers, this.#own) && !(isOfPage && isVisit(request)))
      return FROM_ELSEWHERE;
    const isServed = WATCHED.includes(parts.join('/')) || APIS.includes(parts[0] ?? '');
    return isOfPage || isServed ? null : noPath();
  }

  async #show(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers } = request;
    if (method !== 'GET' && method !== 'HEAD') return send(response, notAllowed(['GET', 'HEAD']));
    sendFile(response, await this.#page.file(name), headers['accept-encoding']);
  }

  async #watch(path: string, { method }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (method !== 'GET') return send(response, notAllowed(['GET']));
    const { watched } = this.#parts;
    if (path === 'healthz') {
      const trouble = watched.trouble();
      const status = trouble === null ? 200 : 503;
      return send(response, { status, body: { status: trouble ?? 'ok' } });
    }
    const { type, text } = await watched.metrics();
    sendText(response, 200, type, text);
  }
}

const WATCHED = ['metrics', 'healthz'];
const APIS = ['api', 'conductor'];

/** A worker may wait for long. */
const kindOf = ({ parts = [] }: Partial<Target> = {}): 'worker' | 'client' =>
  parts[2] === 'leases' || (parts[0] === 'conductor' && parts[3] === 'poll') ? 'worker' : 'client';

/** A fault that no client has caused is told to the daemon's log as well. */
const errorReplyTo =
  ({ onError }: DoorParts) =>
  (thrown: unknown): Reply => {
    const reply = errorReply(thrown);
    if (!(thrown instanceof JobrunError) || reply.status === 500) onError(thrown);
    return reply;
  };

/** A name that came from outside goes back as text that can do no harm. */
function notOurs(host = ''): Reply {
  const shown = plainLine(host).slice(0, 100);
  const hint = 'Ask under localhost, the listening address, or a name in "names" of the config.';
  return refusal(421, new JobrunError('bad-request', `this is not "${shown}"`, hint));
}

const FROM_ELSEWHERE = refusal(
  403,
  new JobrunError('refused', 'another site asks', 'No page but our own can use this API.'),
);

const UNMET = refusal(
  417,
  new JobrunError('bad-request', 'that cannot be expected here', 'Leave out the Expect header.'),
  { Connection: 'close' },
);

const NO_ROOM = refusal(
  503,
  new JobrunError('refused', 'too many clients are busy', 'Try again in a moment.'),
  { 'Retry-After': '1', Connection: 'close' },
);

function nameless({ host }: HttpAddress): JobrunError {
  const message = `http: ${host} can be reached from elsewhere, and no names are given`;
  const hint = `Say by which host names it is called: "http": { "names": ["jobs.example.com"] }`;
  return new JobrunError('bad-config', message, hint);
}

function listen(server: Server, { host, port }: HttpAddress): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(notServed(error, host, port)));
    server.listen({ host, port, exclusive: true, backlog: HTTP_BACKLOG }, () => {
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
