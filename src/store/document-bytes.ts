// A document as bytes, in pieces, and back. Each element of a list stands on a line of its own, with its checksum in
// `sums`: one rotten sector costs the runs in it and no others. The last field is `sum`, the CRC-32 of everything
// before it.
//
// A page may be larger than any text can be (some runs with full steps are enough: 512 MB). So no text is ever longer
// than an element or a piece, and a writer or reader lets others run between two pieces.
import { isAscii } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { hex } from '../support/files.ts';
import { parseJson } from '../support/json.ts';

const FIRST_BYTES = 64 * 1024;
const PIECE_BYTES = 1024 * 1024;
/** An element is a record at the most: a few values of 1 MB and its steps. A longer one has lost its line feeds. */
const MOST_LINE_BYTES = 64 * 1024 * 1024;

/** The bytes of a document. Each piece is used again for the next one. */
export function* bytesOf(data: object): Generator<Buffer> {
  const out = new DocumentWriter();
  for (const [name, value] of Object.entries(data)) {
    if (!Array.isArray(value)) {
      out.field(name, value);
      continue;
    }
    out.beginList(name);
    for (const item of value) if (out.item(item)) yield out.take();
    out.endList();
  }
  yield out.end();
}

/** The same where a list comes one element after the other, which need not all be in memory. */
export async function* streamedBytesOf(data: object): AsyncGenerator<Buffer> {
  const out = new DocumentWriter();
  for (const [name, value] of Object.entries(data)) {
    if (!isStream(value)) {
      out.field(name, value);
      continue;
    }
    out.beginList(name);
    for await (const item of value) if (out.item(item)) yield out.take();
    out.endList();
  }
  yield out.end();
}

export const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

class DocumentWriter {
  readonly #sums: number[] = [];
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #size = 0;
  /** The length of the pieces that were taken. */
  #sum = 0;
  #isFirst = true;
  #listIsEmpty = true;

  field(name: string, value: unknown): void {
    if (value === undefined) return;
    this.#begin(name);
    this.#put(JSON.stringify(value));
  }

  beginList(name: string): void {
    this.#begin(name);
    this.#put('[\n');
    this.#listIsEmpty = true;
  }

  /** True where a piece is ready to be taken. */
  item(item: unknown): boolean {
    if (!this.#listIsEmpty) this.#put(',\n');
    this.#listIsEmpty = false;
    this.#sums.push(crc32(this.#put(JSON.stringify(item))));
    return this.#size >= PIECE_BYTES;
  }

  endList(): void {
    this.#put('\n]');
  }

  take(): Buffer {
    const piece = this.#bytes.subarray(0, this.#size);
    this.#sum = crc32(piece, this.#sum);
    this.#size = 0;
    return piece;
  }

  /** Returns the last piece. */
  end(): Buffer {
    this.#put(`,"sums":"${hexOfAll(this.#sums)}"`);
    const sum = crc32(this.#bytes.subarray(0, this.#size), this.#sum);
    this.#put(`,"sum":"${hex(sum)}"}\n`);
    return this.take();
  }

  #begin(name: string): void {
    this.#put(`${this.#isFirst ? '{' : ','}"${name}":`);
    this.#isFirst = false;
  }

  /** Returns the bytes that the text became. */
  #put(text: string): Buffer {
    const most = text.length < FIRST_BYTES ? 3 * text.length : Buffer.byteLength(text);
    if (this.#size + most > this.#bytes.length) this.#grow(this.#size + most);
    const from = this.#size;
    this.#size += this.#bytes.write(text, from);
    return this.#bytes.subarray(from, this.#size);
  }

  #grow(least: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(least, 2 * this.#bytes.length));
    this.#bytes.copy(bytes, 0, 0, this.#size);
    this.#bytes = bytes;
  }
}

function hexOfAll(sums: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(4 * sums.length);
  for (const [i, sum] of sums.entries()) bytes.writeUInt32BE(sum, 4 * i);
  return bytes.toString('hex');
}

/** `,"sum":"01234567"}` and the line feed: at most so many bytes at the end of a document. */
const SUM_BYTES = 20;
const SUM = /,"sum":"([0-9a-f]{8})"\}\n?$/;
const [COMMA, LINE_FEED, CLOSE] = [44, 10, 93];

/** The handling of each element of a list as soon as it is read. */
export type Take = (element: unknown) => unknown;

/** Bytes that come in pieces, made into data: all at once where all of one piece is wanted, else element by element. */
export class Reading {
  bytes = 0;
  readonly #takeElement: Take;
  readonly #isWanted: ((line: Buffer) => boolean) | null;
  #sum = 0;
  /** The bytes not looked at yet: the only piece so far, then the pieces of the last line, which may be whole. */
  #rest: Buffer[] = [];
  #isOne = true;
  /** All but the elements of lists, once there was more than a piece. */
  #frame = '';
  readonly #lists: unknown[][] = [];
  #list: unknown[] | null = null;
  #isBroken = false;

  /** Elements on lines that are not wanted may be null, and `takeElement` does not get them. */
  constructor(
    takeElement: Take = (element) => element,
    isWanted: ((line: Buffer) => boolean) | null = null,
  ) {
    this.#takeElement = takeElement;
    this.#isWanted = isWanted;
  }

  take(piece: Buffer): void {
    this.#isOne = this.bytes === 0 && this.#isWanted === null;
    this.bytes += piece.length;
    const goesOn = this.#rest.at(-1)?.at(-1) !== LINE_FEED && !isEndInside(piece);
    this.#rest.push(piece);
    if (!this.#isOne && !goesOn && !this.#isBroken) this.#takeLines(joined(this.#rest));
  }

  /** The data, whatever its checksum says; null where it is no JSON. To be asked for once. */
  data(): unknown {
    const rest = joined(this.#rest);
    if (this.#isBroken || rest.length > MOST_LINE_BYTES) return null;
    const data = parseJson(this.#frame + textOf(rest)) ?? null;
    if (data === null) return null;
    for (const [name, value] of Object.entries(data)) {
      if (!Array.isArray(value)) continue;
      const list = this.#isOne ? value.map(this.#takeElement) : (this.#lists.shift() ?? value);
      Object.assign(data, { [name]: list });
    }
    return data;
  }

  /** Checks the bytes, as they are, against their checksum: made into bytes again, a page would cost a third more. */
  get fits(): boolean {
    const rest = joined(this.#rest);
    const end = rest.subarray(-SUM_BYTES);
    const match = SUM.exec(end.toString('latin1'));
    if (!match) return false;
    const body = rest.subarray(0, rest.length - end.length + match.index);
    return match[1] === hex(crc32(body, this.#sum));
  }

  #takeLines(bytes: Buffer): void {
    // The last line has the checksum, and is not known to be whole.
    const end = bytes.lastIndexOf(LINE_FEED, bytes.length - 2) + 1;
    const lines = bytes.subarray(0, end);
    this.#rest = [bytes.subarray(end)];
    this.#sum = crc32(lines, this.#sum);
    for (let from = 0; from < end && !this.#isBroken; ) {
      const at = lines.indexOf(LINE_FEED, from);
      this.#takeLine(lines.subarray(from, at));
      from = at + 1;
    }
  }

  #takeLine(line: Buffer): void {
    if (this.#list === null || line[0] === CLOSE) {
      const text = line.toString('utf8');
      this.#frame += text;
      if (this.#frame.length > MOST_LINE_BYTES) this.#isBroken = true;
      this.#list = text.endsWith('[') ? [] : null;
      if (this.#list) this.#lists.push(this.#list);
    } else if (line.length > 0 && this.#isWanted?.(line) === false) this.#list.push(null);
    else if (line.length > 0) {
      const text = line.at(-1) === COMMA ? line.subarray(0, -1) : line;
      const item = parseJson(text.toString('utf8'));
      if (item === undefined) this.#isBroken = true;
      this.#list.push(this.#takeElement(item));
    }
  }
}

const joined = (pieces: readonly Buffer[]): Buffer =>
  pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);

/** Decodes the bytes of a page. Most are ASCII, which is copied: a UTF-8 decoder takes half as long again. */
const textOf = (bytes: Buffer): string => bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');

/** True if a line ends before the last byte does. */
const isEndInside = (piece: Buffer): boolean => {
  const at = piece.indexOf(LINE_FEED);
  return at >= 0 && at < piece.length - 1;
};

/** Without their line feeds. The last is what stands after the last of these: it was never finished. */
export function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  lines.push(bytes.subarray(from));
  return lines;
}
