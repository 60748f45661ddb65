// One connection to a daemon, and who waits on it for what. All requests of one turn go out in one write. While a reply
// is waited for, the daemon is asked now and then whether it lives. A daemon that was stopped, or hangs, still has its
// socket and would keep its clients waiting for ever. An open connection on which nothing is waited for lets its
// program end.

import type { Socket } from 'node:net';
import { onAbort } from '../support/aborts.ts';
import type { Clock } from '../support/clock.ts';
import { errorFromShape, JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { MAX_FRAME_BYTES, SECOND } from '../support/limits.ts';
import { Wakeup } from '../support/wakeup.ts';
import { FrameReader, FrameWriter, MAX_REPLY_BYTES, type Reply, readReply } from './protocol.ts';

/** After so long without a word the daemon is asked whether it lives, and given up after as long again. */
const SILENCE_MS = 5 * SECOND;

/** Items of a stream that wait for their reader; more of them wait with the daemon, which bounds them. */
const MAX_ARRIVED = 1000;

export interface Message {
  readonly command: string;
  readonly args: Json;
  readonly request: string;
  readonly stream?: boolean;
}

interface Waiting {
  readonly take: (reply: Reply) => void;
  readonly lost: () => void;
}

export class Wire {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #reader = new FrameReader(MAX_REPLY_BYTES, { ours: true });
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  readonly #out = new FrameWriter(MAX_FRAME_BYTES);
  /** Why the daemon refused the connection as a whole. */
  #refusal: JobrunError | null = null;
  #stopWatch: (() => void) | null = null;
  #heardAt = 0;
  #pinged = false;
  closed = false;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.unref();
    socket.on('data', (chunk) => this.#receive(chunk as Buffer));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#lose());
  }

  call(message: Message): Promise<{ value: Json } | 'closed'> {
    return new Promise((resolve, reject) => {
      this.#ask(message, {
        take: (reply) => {
          if ('reply' in reply) resolve({ value: reply.reply });
          else if ('error' in reply) reject(errorFromShape(reply.error));
        },
        lost: () => (this.#refusal ? reject(this.#refusal) : resolve('closed')),
      });
    });
  }

  async *stream(message: Message, signal: AbortSignal): AsyncGenerator<Json> {
    const arrived: Reply[] = [];
    const arrivals = new Wakeup();
    let lost = false;
    const id = this.#ask(message, {
      take: (reply) => {
        if (arrived.push(reply) > MAX_ARRIVED) this.#socket.pause();
        arrivals.wake();
      },
      lost: () => {
        lost = true;
        arrivals.wake();
      },
    });
    const unlisten = onAbort(signal, arrivals.wake);
    try {
      while (!signal.aborted) {
        const reply = arrived.shift();
        if (arrived.length === 0) this.#socket.resume();
        if (reply && 'item' in reply) yield reply.item;
        else if (reply && 'error' in reply) throw errorFromShape(reply.error);
        else if (reply) return;
        else if (lost) throw this.#refusal ?? gone();
        else await arrivals.sleep();
      }
    } finally {
      unlisten();
      if (this.#settle(id)) this.#send({ v: 1, id, cancel: true });
    }
  }

  close(): void {
    this.#flush();
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #ask(message: Message, waiting: Waiting): number {
    const id = ++this.#lastId;
    if (this.closed) {
      process.nextTick(waiting.lost);
      return id;
    }
    this.#send({ v: 1, id, ...message });
    this.#waiting.set(id, waiting);
    this.#socket.ref();
    this.#heardAt = this.#clock.monotonic();
    this.#watch();
    return id;
  }

  /** Nothing more is expected of this request. False where it was over already. */
  #settle(id: number): boolean {
    const isOpen = this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#socket.unref();
    return isOpen;
  }

  /** Looks whether the other side lives, for as long as something is waited for. */
  #watch(): void {
    // The socket keeps the program alive while something is waited for; this timer need not.
    this.#stopWatch ??= this.#clock.after(SILENCE_MS, () => this.#look(), { idle: true });
  }

  #look(): void {
    this.#stopWatch = null;
    if (this.#waiting.size === 0) return;
    // A paused socket hears nothing because of us.
    const quiet = this.#clock.monotonic() - this.#heardAt >= SILENCE_MS;
    if (!quiet || this.#socket.isPaused()) this.#pinged = false;
    else if (!this.#pinged) this.#ping();
    else {
      this.#refusal = silent(2 * SILENCE_MS);
      this.#socket.destroy();
      return;
    }
    this.#watch();
  }

  #ping(): void {
    this.#pinged = true;
    this.#send({ id: ++this.#lastId, ping: true });
  }

  #send(message: object): void {
    const first = this.#out.bytes === 0;
    this.#out.put(message);
    if (first) process.nextTick(() => this.#flush());
  }

  #flush(): void {
    if (this.#out.bytes === 0) return;
    const out = this.#out.take();
    if (!this.#socket.destroyed) this.#socket.write(out);
  }

  #receive(chunk: Buffer): void {
    this.#heardAt = this.#clock.monotonic();
    // Not left to the next look: where that is late, the answer to the ping is a whole silence old by then.
    this.#pinged = false;
    try {
      for (const frame of this.#reader.read(chunk)) this.#deliver(readReply(frame));
    } catch {
      // Another program listens there, not a daemon of ours; to its callers the daemon has gone away.
      this.#socket.destroy();
    }
  }

  #deliver(reply: Reply): void {
    if (reply.id === null) {
      if ('error' in reply) this.#refusal = errorFromShape(reply.error);
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    if (!('item' in reply)) this.#settle(reply.id);
    waiting?.take(reply);
  }

  #lose(): void {
    this.closed = true;
    this.#stopWatch?.();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { lost } of waiting) lost();
  }
}

export const gone = (): JobrunError =>
  new JobrunError(
    'no-daemon',
    'the daemon went away without an answer',
    'Look at `jobrun status`; start it with `jobrun daemon`, then ask again.',
  );

export function silent(ms: number): JobrunError {
  const hint = 'It may be stopped or overloaded: see its log, or end it and start it again.';
  const message = `the daemon did not answer within ${ms / SECOND}s`;
  const error = new JobrunError('no-daemon', message, hint);
  silences.add(error);
  return error;
}

const silences = new WeakSet<JobrunError>();

/** There is a daemon, and it says nothing: asking it again would only wait again. */
export const isSilence = (error: JobrunError): boolean => silences.has(error);
