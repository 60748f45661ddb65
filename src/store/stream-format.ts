// The lines of an export, whatever keeps the records:
//
//   {"jobrun":"export","format":2,…,"sum"}  then lines of tables, run lines, log lines  then {"end":true,…,"sum"}
//
// The last line counts what came between and has the checksum of all of it: a stream that was cut or changed is known.
// The first line has a checksum of its own, because it alone says when the stream was made: two streams of one state
// differ in that line only. In format 1 the last line stands for the first one too. Records in pages come in the order
// of their numbers, so that neither side holds more than a page of them.
import { crc32 } from 'node:zlib';
import { JobrunError } from '../support/errors.ts';
import { hex } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import type { Fields } from '../support/schema.ts';
import { harmlessJson, piecesOf } from '../support/text.ts';
import type { Note } from './folder.ts';
import { LOG_NAME } from './log.ts';
import type { Row, RowOf, Tables } from './pages.ts';

const STREAM_FORMAT = 2;
const SUMMED_AT_END = 1;

/** The description of the state as a whole in a stream. */
export interface StreamHeader {
  readonly nextId: number;
  readonly changes: number;
}

/** Takes the records of a stream one by one. Those of tables in documents are in the tables by then. */
export interface StreamSink<R extends Row> {
  begin?(header: StreamHeader): Promise<void>;
  record(record: R): Promise<void>;
  /** A piece of the log of this name; the pieces of one log follow each other. */
  log(name: string, text: string): Promise<void>;
}

/** The counts of an import. */
export interface Import {
  readonly runs: number;
  /** Records that make no sense, and were set aside or left out. */
  readonly oddities: readonly string[];
}

/** The lines that the last one counts: those of the pages, of tables that say so, and of logs. */
const counting = ({ documents, paged }: Tables) => {
  const names = new Map([[paged.what, paged.name], ...documents.counted, ['log', 'logs']]);
  const counts = Object.fromEntries([...names.values()].map((name) => [name, 0]));
  const add = (item: Fields): void => {
    for (const kind of Object.keys(item)) {
      const name = names.get(kind);
      if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
    }
  };
  return { counts, add };
};

/** Returns every line, with its line feed. */
export async function* streamOf(
  header: StreamHeader & { readonly version: string; readonly at: string },
  tables: Tables,
  items: AsyncIterable<Fields>,
): AsyncGenerator<string> {
  const { counts, add } = counting(tables);
  let sum = 0;
  const line = (value: object): string => {
    const text = `${harmlessJson(value)}\n`;
    sum = crc32(text, sum);
    return text;
  };
  const { version, at, nextId, changes } = header;
  const first = { jobrun: 'export', format: STREAM_FORMAT, version, at, nextId, changes };
  yield `${JSON.stringify({ ...first, sum: sumOfHeader(first) })}\n`;
  for (const { line: kind, records } of tables.documents.lines())
    for (const record of records) {
      const item = { [kind]: record };
      add(item);
      yield line(item);
    }
  for await (const item of items) {
    add(item);
    yield line(item);
  }
  yield `${JSON.stringify({ end: true, ...counts, sum: hex(sum) })}\n`;
}

/** A long log goes in pieces. */
const CHUNK = 256 * 1024;

/** The lines of a log that is a file of this name. */
export function* logItems(text: string, name: string): Generator<Fields> {
  for (const piece of piecesOf(text, CHUNK)) yield { log: [name, piece] };
}

/** Reads a stream into empty tables and a sink. */
export class StreamReader<T extends Tables> {
  header: StreamHeader = { nextId: 1, changes: 0 };
  readonly #tables: T;
  readonly #sink: StreamSink<RowOf<T>>;
  readonly #oddities: string[] = [];
  #count = 0;
  #last: Row | null = null;

  constructor(tables: T, sink: StreamSink<RowOf<T>>) {
    this.#tables = tables;
    this.#sink = sink;
  }

  /** Throws at the first line that does not fit, and at the end if the stream was cut. */
  async takeAll(lines: AsyncIterable<string>): Promise<Import> {
    const { counts, add } = counting(this.#tables);
    let [sum, n] = [0, 0];
    let ended = false;
    for await (const text of lines) {
      n++;
      if (ended) throw broken(`goes on after its end, in line ${n}`);
      const value = parseJson(text) as Record<string, unknown> | undefined | null;
      if (!value || typeof value !== 'object') throw broken(`has no JSON in line ${n}`);
      if (n === 1) {
        this.header = headerOf(value);
        await this.#sink.begin?.(this.header);
      } else if (value.end === true) {
        const same = Object.entries(counts).every(([name, n]) => value[name] === n);
        if (value.sum !== hex(sum) || !same)
          throw broken('does not fit the checksum in its last line');
        ended = true;
      } else {
        await this.#take(value, n);
        add(value);
      }
      if (n > 1 || value.format === SUMMED_AT_END) sum = crc32(`${text}\n`, sum);
    }
    if (!ended) throw broken(n === 0 ? 'is empty' : 'was cut off: its last line is missing');
    return { runs: this.#count, oddities: this.#oddities };
  }

  /** A line is one thing: the value of a second field would be taken in unchecked. */
  async #take(value: Fields, line: number): Promise<void> {
    const { paged, documents } = this.#tables;
    const [[kind = '', of] = [], ...others] = Object.entries(value);
    const note: Note = (what, setAside = false) =>
      this.#oddities.push(
        `line ${line}: ${what}${setAside ? '; it is set aside' : '; it is left out'}`,
      );
    if (others.length === 0 && kind === 'log' && isLog(of)) await this.#sink.log(...of);
    else if (others.length === 0 && kind === paged.what) {
      const record = paged.read(of, note);
      if (typeof record === 'string') note(`a ${kind} makes no sense: ${record}`);
      // The tables have read it: it is one of theirs.
      else await this.#record(record as RowOf<T>);
    } else if (others.length > 0 || !documents.loadLine(kind, of, note))
      throw broken(`has something unknown in line ${line}`);
  }

  async #record(record: RowOf<T>): Promise<void> {
    const { what } = this.#tables.paged;
    const last = this.#last;
    if (last && record.id <= last.id)
      throw broken(`has ${what} ${record.id} after ${what} ${last.id}`);
    if (record.id >= this.header.nextId)
      throw broken(`has a ${what} ${record.id} beyond its own end`);
    this.#last = record;
    await this.#sink.record(record);
    this.#count++;
  }
}

const sumOfHeader = (header: object): string => hex(crc32(JSON.stringify(header)));

function headerOf(value: Fields): StreamHeader {
  const { jobrun, format, nextId, changes } = value;
  if (jobrun !== 'export' || !Number.isSafeInteger(nextId) || !Number.isSafeInteger(changes))
    throw broken('does not begin as one does');
  const { sum, ...summed } = value;
  if (format === STREAM_FORMAT && sum !== sumOfHeader(summed))
    throw broken('does not fit the checksum in its first line');
  if (format === STREAM_FORMAT || format === SUMMED_AT_END)
    return { nextId: nextId as number, changes: changes as number };
  const message = `the stream has format ${format}, this jobrun knows up to ${STREAM_FORMAT}`;
  throw new JobrunError('state-newer', message, 'Use the version of jobrun that wrote it.');
}

function isLog(value: unknown): value is readonly [name: string, text: string] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return LOG_NAME.test(String(value[0])) && typeof value[1] === 'string';
}

export function broken(why: string): JobrunError {
  const hint = 'Nothing was imported. Make it anew: jobrun export > file';
  return new JobrunError('state-damaged', `the stream ${why}`, hint);
}
