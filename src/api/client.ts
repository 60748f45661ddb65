// The other end of the socket. Calls share one connection, all those of one turn go out in one write. A call whose
// connection ends without a reply is asked again under the same request id. The daemon knows what it has already done,
// so asking twice never does it twice.
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { type Clock, delay, systemClock, within } from '../support/clock.ts';
import { errnoOf, JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { refuseForeign } from '../support/ownership.ts';
import { newId } from '../support/random.ts';
import { isSafe, socketPaths } from './address.ts';
import { gone, type Message, silent, Wire } from './wire.ts';

export interface CallOptions {
  /** Given where the caller may repeat the call itself; else each call makes its own. */
  readonly request?: string;
  /** Longest wait for the reply; by default there is no end. */
  readonly timeoutMs?: number;
}

export interface StreamOptions {
  readonly request?: string;
  /** For a stream whose one item is waited for: it shares the connection of the calls, as many as there may be. */
  readonly single?: boolean;
}

export interface Client {
  /** The reply is as unknown as the daemon that gave it, which may be of another version. */
  call(command: string, args: Json, options?: CallOptions): Promise<unknown>;
  /** Items until the stream ends. Leaving the loop, or the signal, ends it on the other side too. */
  stream(
    command: string,
    args: Json,
    signal: AbortSignal,
    options?: StreamOptions,
  ): AsyncIterable<unknown>;
  close(): void;
}

/** Waits between the tries to reach a daemon that has gone: long enough for one that is started again. */
const AGAIN_AFTER_MS = [50, 250, 700, 1500] as const;

/** The daemon of a state folder, looked for only where no other user can have put a socket; null if none listens. */
export const reachDaemon = (state: string): Promise<Client | null> =>
  connectDaemon(socketPaths(state).filter((path) => isSafe(path, state)));

/** One call of that daemon; null where none listens. */
export async function askDaemon(
  state: string,
  command: string,
  args: Json,
  timeoutMs: number,
): Promise<unknown> {
  const client = await reachDaemon(state);
  try {
    return (await client?.call(command, args, { timeoutMs })) ?? null;
  } finally {
    client?.close();
  }
}

/** Null if no process listens on any of the paths. */
export async function connectDaemon(
  paths: string | readonly string[],
  clock: Clock = systemClock,
): Promise<Client | null> {
  for (const path of typeof paths === 'string' ? [paths] : paths) {
    const socket = await open(path, clock);
    if (socket) return new SocketClient(path, new Wire(socket, clock), clock);
  }
  return null;
}

async function open(path: string, clock: Clock): Promise<Socket | null> {
  for (let tries = 0; ; tries++) {
    try {
      return await openOnce(path);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return null;
      // A state that belongs to another user is a better answer than a socket that is closed to us.
      if (code === 'EACCES') refuseForeign(dirname(path));
      const wait = AGAIN_AFTER_MS[tries];
      // EAGAIN: so many connect at this moment that its queue is full.
      if (code !== 'EAGAIN' || wait === undefined) throw unreachable(path, error);
      await delay(clock, wait);
    }
  }
}

const openOnce = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });

function unreachable(path: string, error: unknown): JobrunError {
  const hint = 'Check who may open it; jobrun has to run as the user that the daemon runs as.';
  const message = `the daemon's socket ${path} cannot be opened: ${(error as Error).message}`;
  return new JobrunError('no-daemon', message, hint, error);
}

class SocketClient implements Client {
  readonly #path: string;
  readonly #clock: Clock;
  #wire: Wire;
  #reopening: Promise<void> | null = null;
  #closed = false;

  constructor(path: string, wire: Wire, clock: Clock) {
    this.#path = path;
    this.#wire = wire;
    this.#clock = clock;
  }

  async call(command: string, args: Json, options: CallOptions = {}): Promise<unknown> {
    const request = options.request ?? newId();
    for (let tries = 0; ; tries++) {
      const reply = await this.#once({ command, args, request }, options.timeoutMs);
      if (reply !== 'closed') return reply.value;
      const wait = AGAIN_AFTER_MS[tries];
      if (wait === undefined || this.#closed) throw gone();
      await delay(this.#clock, wait);
      await this.#reopen();
    }
  }

  async *stream(
    command: string,
    args: Json,
    signal: AbortSignal,
    options: StreamOptions = {},
  ): AsyncGenerator<unknown> {
    const request = options.request ?? newId();
    const message = { command, args, request, stream: true };
    if (options.single) {
      await this.#reopen();
      yield* this.#wire.stream(message, signal);
      return;
    }
    // On a connection of its own: a reader that is slow to take its items holds up no call.
    const socket = await open(this.#path, this.#clock);
    if (!socket) throw gone();
    const wire = new Wire(socket, this.#clock);
    try {
      yield* wire.stream(message, signal);
    } finally {
      wire.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.#wire.close();
  }

  #once(message: Message, timeoutMs?: number): Promise<{ value: Json } | 'closed'> {
    const answer = this.#wire.call(message);
    if (timeoutMs === undefined) return answer;
    return within(this.#clock, answer, timeoutMs, () => Promise.reject(silent(timeoutMs)));
  }

  /** One new connection for all the calls that lost theirs. If no process listens, the next try finds out. */
  async #reopen(): Promise<void> {
    if (!this.#wire.closed || this.#closed) return;
    this.#reopening ??= this.#open().finally(() => {
      this.#reopening = null;
    });
    await this.#reopening;
  }

  async #open(): Promise<void> {
    const socket = await open(this.#path, this.#clock);
    if (socket && !this.#closed) this.#wire = new Wire(socket, this.#clock);
    else socket?.destroy();
  }
}
