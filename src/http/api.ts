// The API of the door: finds the route, checks the key and the body, and has the command answer. All that a reply tells
// is durable before it is sent, as on the socket.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request } from '../api/protocol.ts';
import type { Handle } from '../commands/dispatch.ts';
import { type ByFilter, isByFilter, type Matched } from '../commands/shared/by-filter.ts';
import type { Fields } from '../commands/shared/options.ts';
import { version } from '../commands/version.ts';
import { onAbort } from '../support/aborts.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { MAX_HTTP_STREAMS } from '../support/limits.ts';
import { nearest } from '../support/text.ts';
import { Bodies, refuseType } from './body.ts';
import type { Conductor } from './conductor/conductor.ts';
import type { Ask } from './conductor/updates.ts';
import { sendEvents } from './events.ts';
import { waitSignal } from './half-closed.ts';
import { Repeats } from './idempotency.ts';
import { type Access, bearerOf, Keys } from './keys.ts';
import { sendLines } from './lines.ts';
import { Operations } from './operations.ts';
import { hasBody, noPath, notAllowed, type Reply, refusal } from './reply.ts';
import {
  matched,
  type Prepared,
  prepareRoutes,
  requestOfBody,
  requestOfQuery,
} from './requests.ts';
import type { Route } from './routes.ts';
import { type Target, traceOfHeaders, type Visit } from './visitor.ts';

/** The daemon, as the API needs it. */
export interface Served {
  readonly handle: Handle;
  /** Resolves when everything that the reply, or an error, may tell is on disk; null where it is already. */
  readonly durable: (command: string, isError: boolean) => Promise<void> | null;
}

interface ApiParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

interface Found {
  readonly prepared: Prepared;
  readonly path: Readonly<Record<string, string>>;
}

export class Api {
  readonly #config: Config;
  readonly #clock: Clock;
  readonly #keys: Keys;
  readonly #bodies = new Bodies();
  readonly #ending = new AbortController();
  #routes: Promise<readonly Prepared[]> | null = null;
  #served: Served | null = null;
  readonly #repeats: Repeats;
  readonly #operations: Operations;
  readonly #onError: (error: unknown) => void;
  #conductor: Conductor | null = null;
  #streams = 0;

  constructor({ config, clock, onError }: ApiParts) {
    this.#onError = onError;
    this.#repeats = new Repeats(config.state, clock, onError);
    this.#operations = new Operations(clock, onError);
    this.#config = config;
    this.#clock = clock;
    this.#keys = new Keys(config.state);
  }

  begin(served: Served): void {
    this.#served = served;
  }

  end(): void {
    this.#ending.abort();
  }

  /** Calls `fn` when it ends, and returns its undo. */
  onEnd(fn: () => void): () => void {
    return onAbort(this.#ending.signal, fn);
  }

  /** For a door whose connections have ended. */
  close(): Promise<void> {
    return this.#repeats.close();
  }

  /** The reply; null where the response was written already. */
  async answer(target: Target, visit: Visit): Promise<Reply | null> {
    if (target.parts[0] === 'conductor') return this.#ofConductor(target, visit);
    this.#routes ??= prepareRoutes();
    const found = routesOf(await this.#routes, target.parts);
    const { request, response } = visit;
    const one = found.find(({ prepared }) => prepared.route.method === request.method);
    if (found.length === 0) return noPath(nearestOf(target.parts, await this.#routes));
    if (!one) return notAllowed([...new Set(found.map(({ prepared }) => prepared.route.method))]);
    const served = this.#open();
    if (!served) return NOT_SERVING;
    return (await this.#refusal(request, response)) ?? this.#act(one, target, visit, served);
  }

  #open(): Served | null {
    return this.#ending.signal.aborted ? null : this.#served;
  }

  /** Loaded with the first request for it. */
  async #ofConductor(target: Target, visit: Visit): Promise<Reply | null> {
    if (!this.#conductor) {
      const { Conductor } = await import('./conductor/conductor.ts');
      const isReadOnly = this.#config.http.readOnly;
      const parts = { keys: this.#keys, bodies: this.#bodies, isReadOnly, onError: this.#onError };
      this.#conductor ??= new Conductor(parts);
    }
    const served = this.#open();
    return this.#conductor.answer(target, visit, served && this.#askerOf(served, visit));
  }

  #askerOf(served: Served, { request, response, signal }: Visit): Ask {
    const ask = (command: string, args: Json, how?: 'first'): Promise<Json> =>
      durably(command, served, () => {
        const stream = how === 'first';
        const asked = { v: 1, id: 0, command, args, request: null, stream } as const;
        const ends = stream ? waitSignal(request, response, signal) : signal;
        const answered = served.handle(asked, ends);
        return stream ? firstOf(itemsOf(answered)) : (answered as Promise<Json>);
      });
    // The type of a reply is its command's, which the caller names.
    return ask as Ask;
  }

  /** A reply tells what its key allows, so that a page shows no button that would be refused. */
  async #refusal(
    { method, headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<Reply | null> {
    const key = bearerOf(headers.authorization);
    const access = key === null ? null : await this.#keys.accessOf(key);
    if (access === null) return NO_KEY;
    const mayChange: Access = this.#config.http.readOnly ? 'read' : access;
    response.setHeader('Jobrun-Access', mayChange);
    return method === 'GET' || mayChange === 'all' ? null : READ_ONLY;
  }

  async #act(
    { prepared, path }: Found,
    { query }: Target,
    visit: Visit,
    served: Served,
  ): Promise<Reply | null> {
    const { request, response, isExpected } = visit;
    const { route } = prepared;
    const withBody = hasBody(request);
    const wrongType = refuseType(request, withBody);
    if (wrongType) return wrongType;
    const body = withBody ? await this.#bodies.read(request, response, isExpected) : NO_BODY;
    if ('refused' in body) return body.refused;
    const here = { now: this.#clock.now(), config: this.#config };
    const isRead = route.method === 'GET';
    if (!isRead && query.size > 0) throw noQuery();
    const given = isRead
      ? await requestOfQuery(prepared, path, query, here)
      : requestOfBody(prepared, path, body.text);
    // The trace in a body wins over the one that a proxy has put into the headers.
    const isTraced = route.method === 'POST' && route.command === 'schedule';
    const args = { ...(isTraced && traceOfHeaders(request.headers)), ...given } as Fields;
    const ask = (id: string | null): Promise<Reply | null> =>
      this.#ask(prepared, { args, id }, visit, served);
    const key = request.headers['idempotency-key'];
    if (key === undefined || route.method !== 'POST') return ask(null);
    const asked = { key: String(key), method: route.method, path: request.url ?? '' };
    return this.#repeats.once({ ...asked, body: body.text }, ask);
  }

  async #ask(
    { route }: Prepared,
    { args, id }: Asked,
    { request, response, signal }: Visit,
    served: Served,
  ): Promise<Reply | null> {
    const { command, how } = route;
    if (how === 'document') return this.#document();
    if (command === null) return this.#operation(route, String(args.id));
    const isMany = how === 'several' && isByFilter(args as ByFilter);
    const stream = isMany || how === 'first' || how === 'events';
    const asked = { v: 1, id: 0, command, args: args as Json, request: id, stream } as const;
    if (how === 'search') return this.#search({ ...asked, stream: true }, signal, response, served);
    if (how === 'events') return this.#events(response, itemsOf(served.handle(asked, signal)));
    return durably(command, served, async () => {
      if (isMany) return this.#operations.take((stop) => this.#many(asked, stop, served));
      const ends = how === 'first' ? waitSignal(request, response, signal) : signal;
      const answered = served.handle(asked, ends);
      const reply =
        how === 'first' ? await firstOf(itemsOf(answered)) : await (answered as Promise<Json>);
      return route.answer?.(reply) ?? { status: 200, body: reply };
    });
  }

  /** It ends when its client has gone, and with the API. */
  async #search(
    asked: Request,
    signal: AbortSignal,
    response: ServerResponse,
    served: Served,
  ): Promise<Reply | null> {
    const { command } = asked;
    const args = asked.args as Fields;
    const items = itemsOf(
      served.handle({ ...asked, args: { ...args, parts: args.parts || true } as Json }, signal),
    );
    if (args.parts !== true)
      return durably(command, served, async () => ({ status: 200, body: await wholeOf(items) }));
    await sendLines(response, items, { clock: this.#clock, onError: this.#onError });
    return null;
  }

  /** It goes on when its client has gone, and ends with the API. */
  #many(asked: Request, stop: AbortSignal, { handle }: Served): AsyncIterable<Matched> {
    const ends = AbortSignal.any([stop, this.#ending.signal]);
    return handle(asked, ends) as AsyncIterable<Json> as AsyncIterable<Matched & Json>;
  }

  /** Made with the first request for it. */
  async #document(): Promise<Reply> {
    const { openApi } = await import('./openapi.ts');
    const routes = (await this.#routes) ?? [];
    return { status: 200, body: openApi(routes, version(), this.#config.http.base) };
  }

  #operation({ method }: Route, id: string): Reply {
    return method === 'GET' ? this.#operations.find(id) : this.#operations.stop(id);
  }

  async #events(response: ServerResponse, items: AsyncIterable<Json>): Promise<Reply | null> {
    if (this.#streams >= MAX_HTTP_STREAMS) return TOO_MANY_STREAMS;
    this.#streams++;
    try {
      await sendEvents(response, items, this.#clock);
    } finally {
      this.#streams--;
    }
    return null;
  }
}

const PREFIX = ['api', 'v1'];

/** The routes of a path, those with fewer parts in braces first. */
function routesOf(routes: readonly Prepared[], parts: readonly string[]): readonly Found[] {
  if (PREFIX.some((part, i) => parts[i] !== part)) return [];
  const asked = parts.slice(PREFIX.length);
  const found = routes.flatMap((prepared): Found[] => {
    const path = matched(prepared, asked);
    return path ? [{ prepared, path }] : [];
  });
  return found.sort((a, b) => a.prepared.inPath.size - b.prepared.inPath.size);
}

/** The beginning of a path that is there, for one that is not: `run`, or `/api/runs` without its version. */
function nearestOf(parts: readonly string[], routes: readonly Prepared[]): string | null {
  const isWhole = parts[1] === PREFIX[1];
  const asked = parts[isWhole ? 2 : 1] ?? '';
  const meant = nearest(asked, new Set(routes.map(({ route }) => route.path.split('/')[0] ?? '')));
  return isWhole && meant === asked ? null : meant;
}

/** A request for a command, with the id that makes a repeat the same. */
interface Asked {
  readonly args: Fields;
  readonly id: string | null;
}

/** Reported changes are on disk. */
async function durably<T>(
  command: string,
  { durable }: Served,
  make: () => Promise<T>,
): Promise<T> {
  try {
    const reply = await make();
    await durable(command, false);
    return reply;
  } catch (error) {
    await durable(command, true);
    throw error;
  }
}

const itemsOf = (answered: ReturnType<Handle>): AsyncIterable<Json> =>
  answered as AsyncIterable<Json>;

async function firstOf(items: AsyncIterable<Json>): Promise<Json> {
  for await (const item of items) return item;
  throw new JobrunError('interrupted', 'the wait was ended', 'Ask again.');
}

/** The last part of a search, which has all of it. */
async function wholeOf(items: AsyncIterable<Json>): Promise<Json> {
  let last: Fields = {};
  for await (const item of items) last = item as Fields;
  const { complete, ...whole } = last;
  if (complete) return whole as Json;
  throw new JobrunError('interrupted', 'the search was ended', 'Ask again.');
}

const NO_BODY = { text: '' };

const noQuery = (): JobrunError =>
  new JobrunError('bad-request', 'a change takes no query', 'Send its options as JSON.');

const NOT_SERVING = refusal(
  503,
  new JobrunError('no-daemon', 'the daemon is starting or stopping', 'Try again in a moment.'),
  { 'Retry-After': '1' },
);

const NO_KEY = refusal(
  401,
  new JobrunError(
    'unauthorized',
    'this needs a key',
    'Send Authorization: Bearer <key>. The key is in http-key of the state folder.',
  ),
  { 'WWW-Authenticate': 'Bearer' },
);

const READ_ONLY = refusal(
  403,
  new JobrunError('refused', 'this key allows reading only', 'Use the key in http-key.'),
);

const TOO_MANY_STREAMS = refusal(
  503,
  new JobrunError(
    'refused',
    `${MAX_HTTP_STREAMS} streams of changes are open, and no more are served`,
    'Close a page or a stream.',
  ),
  { 'Retry-After': '1' },
);
