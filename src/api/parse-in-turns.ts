// Parses a large JSON text in pieces, so that others are served between them: one call of JSON.parse for a million
// small objects blocks the event loop for a second on a busy machine. Each piece is read by JSON.parse itself, which
// refuses what is no JSON. This file only finds where the values of a list or an object end.
import type { Json } from '../support/json.ts';
import {
  CLOSE,
  CLOSE_LIST,
  COLON,
  COMMA,
  endOfText,
  OPEN,
  OPEN_LIST,
  QUOTE,
  ShapeWalk,
  SPACE,
} from './json-bytes.ts';

/** Bytes of a piece: some hundredths of a second, whatever is in it. */
const A_PIECE = 64 * 1024;

export interface Parsing {
  /** Reads a JSON text, or throws what its sender is told. */
  readonly parse: (bytes: Buffer) => Json;
  /** Lets others have their turn. */
  readonly pause: () => Promise<unknown>;
}

export async function parseInTurns(bytes: Buffer, parsing: Parsing): Promise<Json> {
  const content = trimmed(bytes);
  if (content.length > A_PIECE) {
    if (isBetween(content, OPEN_LIST, CLOSE_LIST)) return listOf(content, parsing);
    if (isBetween(content, OPEN, CLOSE)) return objectOf(content, parsing);
  }
  return (parsing.parse(wrapped('[', content, ']')) as Json[])[0] ?? null;
}

async function listOf(content: Buffer, parsing: Parsing): Promise<Json> {
  const all: Json[] = [];
  for (const { part, isLarge } of partsOf(content, parsing)) {
    if (isLarge) all.push(await parseInTurns(part, parsing));
    else for (const value of parsing.parse(wrapped('[', part, ']')) as Json[]) all.push(value);
    await parsing.pause();
  }
  return all;
}

async function objectOf(content: Buffer, parsing: Parsing): Promise<Json> {
  const all: Record<string, Json> = {};
  for (const { part, isLarge } of partsOf(content, parsing)) {
    if (isLarge) {
      const field = trimmed(part);
      const end = endOfText(field, 0) + 1;
      const rest = trimmed(field.subarray(end));
      if (field[0] !== QUOTE || rest[0] !== COLON) throw refusal(parsing);
      const [name] = parsing.parse(wrapped('[', field.subarray(0, end), ']')) as [string];
      put(all, name, await parseInTurns(rest.subarray(1), parsing));
    } else {
      const fields = parsing.parse(wrapped('{', part, '}')) as Record<string, Json>;
      for (const name of Object.keys(fields)) put(all, name, fields[name] as Json);
    }
    await parsing.pause();
  }
  return all;
}

/** As JSON.parse does: a field of this name is a field, not the prototype. */
function put(all: Record<string, Json>, name: string, value: Json): void {
  if (name !== '__proto__') all[name] = value;
  else
    Object.defineProperty(all, name, {
      value,
      ...{ writable: true, enumerable: true, configurable: true },
    });
}

interface Part {
  /** One value or field that is larger than a piece, or several that are not; without the comma behind it. */
  readonly part: Buffer;
  readonly isLarge: boolean;
}

function* partsOf(content: Buffer, parsing: Parsing): Generator<Part> {
  let from = 1;
  let last = 1;
  const cut = (end: number, isLarge: boolean): Part => {
    const part = content.subarray(from, end);
    from = end + 1;
    // Nothing is between two commas, or before or behind one.
    if (trimmed(part).length === 0 && part.length < content.length - 2) throw refusal(parsing);
    return { part, isLarge };
  };
  for (const end of endsIn(content, parsing)) {
    const isLarge = end - last > A_PIECE;
    if (isLarge && last > from) yield cut(last - 1, false);
    last = end + 1;
    if (isLarge || end - from > A_PIECE || last === content.length) yield cut(end, isLarge);
  }
}

/** Places of the commas between the values, and of the bracket behind the last one. */
function* endsIn(content: Buffer, parsing: Parsing): Generator<number> {
  const walk = new ShapeWalk(content);
  for (let byte = walk.next(); byte !== null && walk.depth > 0; byte = walk.next())
    if (byte === COMMA && walk.depth === 1) yield walk.at;
  if (walk.depth !== 0 || walk.at !== content.length - 1) throw refusal(parsing);
  yield walk.at;
}

function refusal({ parse }: Parsing): unknown {
  try {
    return parse(Buffer.from(','));
  } catch (error) {
    return error;
  }
}

const isBetween = (content: Buffer, open: number, close: number): boolean =>
  content[0] === open && content[content.length - 1] === close;

const wrapped = (open: string, content: Buffer, close: string): Buffer =>
  Buffer.concat([Buffer.from(open), content, Buffer.from(close)]);

/** Without the spaces around it. */
function trimmed(bytes: Buffer): Buffer {
  let [from, end] = [0, bytes.length];
  while (from < end && isSpace(bytes[from])) from++;
  while (end > from && isSpace(bytes[end - 1])) end--;
  return bytes.subarray(from, end);
}

const isSpace = (byte: number | undefined): boolean =>
  byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
