// The frames on the socket: a 4-byte big-endian length and that many bytes of UTF-8 JSON. A reader never holds more
// than one frame's bytes, and refuses a length that cannot be one of ours before it has read a byte more. So a client
// with another protocol is told at once.
import * as v from 'valibot';
import { type ErrorShape, JobrunError } from '../support/errors.ts';
import { type Json, parseJson } from '../support/json.ts';
import { MAX_FRAME_BYTES, MAX_JSON_DEPTH } from '../support/limits.ts';
import {
  anything,
  be,
  faultOf,
  fits,
  isFields,
  object,
  text,
  textUpTo,
  whole,
} from '../support/schema.ts';
import { expectedHeap } from './expected-heap.ts';
import { ShapeWalk } from './json-bytes.ts';
import { type Oversized, oversizedIn } from './oversized.ts';
import { parseInTurns } from './parse-in-turns.ts';

export interface Request {
  readonly v: 1;
  /** Names this request on its connection. */
  readonly id: number;
  readonly command: string;
  readonly args: Json;
  /** Made by the client and kept when it asks again after a lost connection: a repeated request is one request. */
  readonly request: string | null;
  readonly stream: boolean;
}

/** Ends a stream that is no longer read; the other requests of the connection go on. */
export interface Cancel {
  readonly id: number;
  readonly cancel: true;
}

/** Answered at once, whatever else is under way: a client that waits for long learns that the daemon lives. */
export interface Ping {
  readonly id: number;
  readonly ping: true;
}

/**
 * A stream is items, then an end or an error. `id` is null in the error where the request could not be read, and in the
 * end that answers nothing: it only tells that the daemon lives.
 */
export type Reply =
  | { readonly id: number; readonly ok: true; readonly reply: Json; readonly end: true }
  | { readonly id: number | null; readonly ok: false; readonly error: ErrorShape }
  | { readonly id: number; readonly item: Json }
  | { readonly id: number | null; readonly end: true };

const HEADER = 4;
/** The largest reply that a client accepts: a long list of large runs. */
export const MAX_REPLY_BYTES = 64 * MAX_FRAME_BYTES;
const MAX_COMMAND_NAME = 100;
export const MAX_REQUEST_ID = 100;

/** Gathers frames: all those of one turn become one piece of memory and one write. */
export class FrameWriter {
  readonly #maxBytes: number;
  #texts: string[] = [];
  #lengths: number[] = [];
  /** Bytes that wait to be taken. */
  bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws `too-large` where the reader would refuse it. */
  put(value: unknown): void {
    const text = JSON.stringify(value);
    const length = Buffer.byteLength(text);
    if (length > this.#maxBytes) {
      const hint = 'Do it in smaller parts; a list takes --limit and --offset.';
      throw new JobrunError('too-large', `a message of ${length} bytes is too large to send`, hint);
    }
    this.#texts.push(text);
    this.#lengths.push(length);
    this.bytes += HEADER + length;
  }

  take(): Buffer {
    const all = Buffer.allocUnsafe(this.bytes);
    let at = 0;
    for (const [i, text] of this.#texts.entries()) {
      const length = this.#lengths[i] ?? 0;
      all.writeUInt32BE(length, at);
      // As many bytes as characters: then each is one, and there is nothing to encode.
      all.write(text, at + HEADER, length, length === text.length ? 'latin1' : 'utf8');
      at += HEADER + length;
    }
    this.#texts = [];
    this.#lengths = [];
    this.bytes = 0;
    return all;
  }
}

const NOTHING = Buffer.alloc(0);
/** Heap that many small values take, so many that they are parsed in pieces. */
const MANY_VALUES = 1024 * 1024;

/** Cuts a stream of bytes into frames, however they were split on their way. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #decode: (bytes: Buffer) => Json;
  /** The bytes being read, with the offset of the next frame, and those that have come after them. */
  #bytes: Buffer = NOTHING;
  #at = 0;
  #later: Buffer[] = [];
  #held = 0;

  /** `ours`: what comes was written by a daemon of ours, whose frames are as deep as what it accepted. */
  constructor(maxBytes: number, { ours }: { readonly ours: boolean } = { ours: false }) {
    this.#maxBytes = maxBytes;
    this.#decode = ours ? parse : decode;
  }

  /** Bytes of the frame that has begun and is not complete; 0 while none has. */
  get unfinished(): number {
    return this.#held;
  }

  /** The values completed by these bytes. Throws `bad-request` at the first that is none of ours. */
  *read(chunk: Buffer): Generator<Json> {
    this.add(chunk);
    while (this.nextBytes > 0) yield this.next();
  }

  add(chunk: Buffer): void {
    this.#later.push(chunk);
    this.#held += chunk.length;
  }

  /**
   * Bytes of the frame that `next` gives; 0 where it is not complete. Throws `bad-request` where there will be none.
   */
  get nextBytes(): number {
    if (this.#held < HEADER) return 0;
    this.#gather(HEADER);
    const length = this.#bytes.readUInt32BE(this.#at);
    if (length === 0 || length > this.#maxBytes) throw refused(`a frame of ${length} bytes`);
    return this.#held < HEADER + length ? 0 : HEADER + length;
  }

  /** Its content. Throws `bad-request` if it is no frame of ours. */
  next(): Json {
    return this.#decode(this.#pass());
  }

  /** The same of a large frame that takes so much heap, in which others have their turns. */
  async nextInTurns(heap: number): Promise<Json> {
    const bytes = this.#pass();
    // Long texts take no time.
    if (heap - 2 * bytes.length < MANY_VALUES) return this.#decode(bytes);
    if (isDeep(bytes)) throw tooDeep();
    return parseInTurns(bytes, { parse, pause: () => new Promise(setImmediate) });
  }

  /** The heap that its content is expected to take. */
  get nextHeap(): number {
    return expectedHeap(this.#whole());
  }

  /** Passes over the frame where its bytes tell that it has a value that is too large; null where they do not. */
  nextOversized(): Oversized | null {
    const found = oversizedIn(this.#whole());
    if (found) this.#pass();
    return found;
  }

  /** The bytes of the next frame, without its header. */
  #whole(): Buffer {
    const bytes = this.nextBytes;
    this.#gather(bytes);
    return this.#bytes.subarray(this.#at + HEADER, this.#at + bytes);
  }

  #pass(): Buffer {
    const bytes = this.#whole();
    this.#at += HEADER + bytes.length;
    this.#held -= HEADER + bytes.length;
    this.#rest();
    return bytes;
  }

  #rest(): void {
    if (this.#held > 0) return;
    // A connection that rests holds no buffer.
    this.#bytes = NOTHING;
    this.#at = 0;
  }

  /** Makes so many bytes lie in one piece. */
  #gather(bytes: number): void {
    const rest = this.#bytes.length - this.#at;
    if (rest >= bytes) return;
    const [only] = this.#later;
    const isOnly = rest === 0 && this.#later.length === 1;
    this.#bytes =
      isOnly && only ? only : Buffer.concat([this.#bytes.subarray(this.#at), ...this.#later]);
    this.#at = 0;
    this.#later = [];
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Buffer): Json {
  if (bytes.length > SMALL && isDeep(bytes)) throw tooDeep();
  return parse(bytes);
}

const tooDeep = (): JobrunError => refused('JSON that is nested too deeply');

function parse(bytes: Buffer): Json {
  const value = parseJson(textOf(bytes));
  if (value === undefined) throw refused('something that is no JSON');
  return value;
}

function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    // Bytes that are no UTF-8: a TypeError, and nothing else can go wrong there.
    throw refused('something that is no JSON');
  }
}

/** For these, reading them costs nothing. */
const SMALL = 16 * 1024;
/** Far more than any request has; what is deeper costs more to read than it could ever mean. */
const DEEPEST = 10 * MAX_JSON_DEPTH;

function isDeep(bytes: Buffer): boolean {
  const walk = new ShapeWalk(bytes);
  while (walk.next() !== null) if (walk.depth > DEEPEST) return true;
  return false;
}

function refused(what: string): JobrunError {
  const hint = 'This is the socket of a jobrun daemon; use the jobrun command or its library.';
  return new JobrunError('bad-request', `the daemon was sent ${what}`, hint);
}

const ID = whole(Number.MIN_SAFE_INTEGER);
const yes = be<true>('true', (value) => value === true);
const CANCEL = object({ id: ID, cancel: yes });
const PING = object({ id: ID, ping: yes });
const REQUEST = object({
  v: be<1>('1', (value) => value === 1),
  id: ID,
  command: textUpTo(MAX_COMMAND_NAME),
  args: v.optional(anything),
  request: v.optional(anything),
  stream: v.optional(anything),
});
const REQUEST_ID = textUpTo(MAX_REQUEST_ID);

/** Looks at what a client sent before anything relies on it. */
export function readRequest(frame: Json): Request | Cancel | Ping {
  if (fits(CANCEL, frame)) return { id: frame.id, cancel: true };
  if (fits(PING, frame)) return { id: frame.id, ping: true };
  if (!fits(REQUEST, frame)) throw refused(`no request: ${faultOf(REQUEST, frame)}`);
  const { id, command, args, request, stream } = frame;
  return {
    v: 1,
    id,
    command,
    args: (args ?? null) as Json,
    request: fits(REQUEST_ID, request) ? request : null,
    stream: stream === true,
  };
}

const REPLIES = {
  reply: object({ id: ID, reply: anything }),
  error: object({ id: v.nullable(ID), error: object({ code: text, message: text, hint: text }) }),
  item: object({ id: ID, item: anything }),
  end: object({ id: v.nullable(ID), end: yes }),
};

/** The same of a daemon: a reply without what it should tell would be waited for without end. */
export function readReply(frame: unknown): Reply {
  const kind = (['reply', 'error', 'item'] as const).find(
    (name) => isFields(frame) && name in frame,
  );
  const wrong = faultOf(REPLIES[kind ?? 'end'], frame);
  if (wrong !== null) throw refused(`no reply: ${wrong}`);
  return frame as Reply;
}
