// Refuses a large frame by its bytes, before its values exist: making 350,000 fields takes a hundred times as long as
// passing over them. Params and outputs have a limit; what is over it, however it is written, is found by the end of
// it. The checks of single values refuse later what this look misses.
import { MAX_VALUE_BYTES } from '../support/limits.ts';
import {
  CLOSE,
  CLOSE_LIST,
  COLON,
  COMMA,
  ESCAPE,
  OPEN,
  OPEN_LIST,
  QUOTE,
  ShapeWalk,
} from './json-bytes.ts';

export interface Oversized {
  /** The number of the request. */
  readonly id: number;
  /** Its value that is too large, as errors call it. */
  readonly what: string;
}

/** The values that a request may have at any depth; within one of them there is no other. */
const LIMITED: Readonly<Record<string, string>> = { params: 'params', output: 'the output' };
const LONGEST_NAME = 6;
/** `\u0061` is one character. */
const MOST_WRITTEN = 6;

/** Null where nothing is certainly too large, or whose request it is comes later than that. */
export function oversizedIn(bytes: Buffer): Oversized | null {
  const id = idOf(bytes);
  if (id === null || bytes.length <= MAX_VALUE_BYTES) return null;
  const walk = new ShapeWalk(bytes);
  let limited: { readonly what: string; readonly depth: number } | null = null;
  /**
   * Bytes that the value has at least, written without spaces and escapes; of one with a comma before it one is the
   * comma's.
   */
  let least = 0;
  let escapeAt = -1;
  for (let byte = walk.next(); byte !== null; byte = walk.next()) {
    const { at, end, depth } = walk;
    if (byte === QUOTE) {
      if (escapeAt < at) escapeAt = placeOf(bytes, ESCAPE, at);
      if (limited)
        least += leastOf(end - at - 1, escapeAt < end) + (bytes[end + 1] === COLON ? 3 : 1);
      else {
        const what = bytes[end + 1] === COLON ? limitedName(bytes, at + 1, end) : undefined;
        if (what) limited = { what, depth };
        least = 0;
      }
    } else if (byte === OPEN || byte === OPEN_LIST) least++;
    else if (byte === CLOSE || byte === CLOSE_LIST) {
      if (limited && depth < limited.depth) limited = null;
    } else if (byte === COMMA) {
      // Behind each stands a value, of one byte or more.
      least += 2;
      if (limited?.depth === depth) limited = null;
    }
    if (limited && least > MAX_VALUE_BYTES) return { id, what: limited.what };
  }
  return null;
}

/** As `FrameWriter` begins a request: what is written in another way is read before it is refused. */
function idOf(bytes: Buffer): number | null {
  const [, id] = /^\{"v":1,"id":(-?\d{1,15}),/.exec(bytes.toString('latin1', 0, 40)) ?? [];
  return id === undefined ? null : Number(id);
}

function limitedName(bytes: Buffer, from: number, end: number): string | undefined {
  if (end - from !== LONGEST_NAME) return undefined;
  const name = bytes.toString('latin1', from, end);
  return Object.hasOwn(LIMITED, name) ? LIMITED[name] : undefined;
}

const leastOf = (written: number, hasEscape: boolean): number =>
  hasEscape ? Math.floor(written / MOST_WRITTEN) : written;

function placeOf(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at < 0 ? bytes.length : at;
}
