// What goes over the socket: frames of a 4-byte big-endian length and that many bytes of UTF-8 JSON. A reader never
// holds more than one frame's bytes, and refuses a length that cannot be one of ours before it has read a byte more:
// whoever speaks another language is told so at once.
import { type ErrorShape, JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { MAX_FRAME_BYTES, MAX_JSON_DEPTH } from '../support/limits.ts';

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

/** Ends a stream that nobody reads any more; the other requests of the connection go on. */
export interface Cancel {
  readonly id: number;
  readonly cancel: true;
}

/** Answered at once, whatever else is under way: a client that waits for long learns that the daemon lives. */
export interface Ping {
  readonly id: number;
  readonly ping: true;
}

/** `id` is null where the request could not be read. A stream is items, then an end or an error. */
export type Reply =
  | { readonly id: number; readonly ok: true; readonly reply: Json; readonly end: true }
  | { readonly id: number | null; readonly ok: false; readonly error: ErrorShape }
  | { readonly id: number; readonly item: Json }
  | { readonly id: number; readonly end: true };

const HEADER = 4;
/** What a client takes as one reply: a long list of large runs. */
export const MAX_REPLY_BYTES = 64 * MAX_FRAME_BYTES;
const MAX_COMMAND_NAME = 100;
const MAX_REQUEST_ID = 100;

/** A frame as bytes. Throws `too-large` where the reader would refuse it. */
export function encodeFrame(value: unknown, maxBytes: number): Buffer {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    const hint = 'Do it in smaller parts; a list takes --limit and --offset.';
    throw new JobrunError('too-large', `a message of ${bytes} bytes is too large to send`, hint);
  }
  const frame = Buffer.allocUnsafe(HEADER + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame.write(text, HEADER);
  return frame;
}

/** Cuts a stream of bytes into frames, however they were split on their way. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True while a frame has begun and is not complete. */
  get begun(): boolean {
    return this.#held > 0;
  }

  /** The values completed by these bytes. Throws `bad-request` at the first that is none of ours. */
  *read(chunk: Buffer): Generator<Json> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    while (this.#held >= HEADER) {
      const length = this.#header().readUInt32BE(0);
      if (length === 0 || length > this.#maxBytes) throw refused(`a frame of ${length} bytes`);
      if (this.#held < HEADER + length) return;
      yield decode(this.#take(HEADER + length).subarray(HEADER));
    }
  }

  /** The first chunk, made long enough to hold a header. */
  #header(): Buffer {
    const first = this.#chunks[0];
    if (first && first.length >= HEADER) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #take(bytes: number): Buffer {
    const [first] = this.#chunks;
    const all = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks);
    this.#held -= bytes;
    this.#chunks = this.#held > 0 ? [all.subarray(bytes)] : [];
    return all.subarray(0, bytes);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Buffer): Json {
  if (bytes.length > SMALL && isDeep(bytes)) throw refused('JSON that is nested too deeply');
  try {
    return JSON.parse(utf8.decode(bytes)) as Json;
  } catch {
    throw refused('something that is no JSON');
  }
}

/** Of these it costs nothing to find out by reading them. */
const SMALL = 16 * 1024;
/** Far more than any request has; what is deeper costs more to read than it could ever mean. */
const DEEPEST = 10 * MAX_JSON_DEPTH;
const [QUOTE, ESCAPE] = [0x22, 0x5c];

function isDeep(bytes: Buffer): boolean {
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfText(bytes, at);
    else if (byte === 0x5b || byte === 0x7b) depth++;
    else if (byte === 0x5d || byte === 0x7d) depth--;
    if (depth > DEEPEST) return true;
  }
  return false;
}

/** Where the text ends that begins here. */
function endOfText(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(QUOTE, from + 1); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    let escapes = 0;
    while (bytes[at - 1 - escapes] === ESCAPE) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return bytes.length;
}

function refused(what: string): JobrunError {
  const hint = 'This is the socket of a jobrun daemon; use the jobrun command or its library.';
  return new JobrunError('bad-request', `the daemon was sent ${what}`, hint);
}

/** Looks at what a peer sent before anything relies on it. */
export function readRequest(value: Json): Request | Cancel | Ping {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw refused('something that is no request');
  }
  const { v, id, command, args, request, stream, cancel, ping } = value;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) throw refused('a request without an id');
  if (cancel === true) return { id, cancel };
  if (ping === true) return { id, ping };
  if (v !== 1) throw refused(`a request of version ${JSON.stringify(v) ?? 'none'}`);
  if (typeof command !== 'string' || command.length > MAX_COMMAND_NAME) {
    throw refused('a request without a command');
  }
  const named = typeof request === 'string' && request !== '' && request.length <= MAX_REQUEST_ID;
  return {
    v,
    id,
    command,
    args: args ?? null,
    request: named ? request : null,
    stream: stream === true,
  };
}
