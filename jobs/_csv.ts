// A CSV file as a stream of records, from any byte on. Each record tells at which byte the next one begins: a job that
// saves this number can go on from there after any interruption, without reading what it has done.
import { createReadStream } from 'node:fs';

export interface CsvRecord {
  readonly fields: readonly string[];
  /** The byte after this record. */
  readonly end: number;
}

const [QUOTE, COMMA, NEWLINE] = [0x22, 0x2c, 0x0a];

/** Memory holds one chunk of the file and one record, however large the file is. */
export async function* readCsv(
  file: string,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<CsvRecord> {
  let rest: Buffer = Buffer.alloc(0);
  let at = start;
  for await (const chunk of createReadStream(file, { start, signal })) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let done = 0;
    for (let end = recordEnd(rest, done); end !== null; end = recordEnd(rest, done)) {
      yield { fields: fieldsOf(rest.toString('utf8', done, end)), end: at + end + 1 };
      done = end + 1;
    }
    rest = rest.subarray(done);
    at += done;
  }
  if (rest.length > 0) yield { fields: fieldsOf(rest.toString('utf8')), end: at + rest.length };
}

/** A quote that is never closed must not swallow the rest of the file: a longer record ends at its first line break. */
const LONGEST_RECORD = 64 * 1024;

/**
 * Where the line break stands that ends the record, or null where it is not here yet. A quote opens a quoted field only
 * at the field's beginning: `Monitor 27"` is a text like any other. In UTF-8 none of these bytes is part of a letter.
 */
function recordEnd(bytes: Buffer, start: number): number | null {
  let [quoted, fieldBegins] = [false, true];
  const last = Math.min(bytes.length, start + LONGEST_RECORD);
  for (let i = start; i < last; i++) {
    const byte = bytes[i];
    if (byte === NEWLINE && !quoted) return i;
    // A doubled quote inside a quoted field closes it and opens it again.
    const isQuote = byte === QUOTE && (quoted || fieldBegins);
    if (isQuote) quoted = !quoted;
    fieldBegins = !quoted && (byte === COMMA || isQuote);
  }
  const broken = last < bytes.length ? bytes.indexOf(NEWLINE, start) : -1;
  return broken < 0 ? null : broken;
}

const FIELD = /,(?:"((?:[^"]|"")*)"[^,]*|([^,]*))/g;

function fieldsOf(record: string): string[] {
  // With a comma in front of the first field too, all fields are alike.
  const line = `,${record.replace(/^\uFEFF/, '').replace(/\r$/, '')}`;
  return [...line.matchAll(FIELD)].map(
    ([, quoted, bare = '']) => quoted?.replaceAll('""', '"') ?? bare,
  );
}
