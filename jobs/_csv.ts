// A CSV file as a stream of records, from any byte on, parsed by the package `csv-parse`. Each record says at which
// byte the next one begins: a job that saves this number continues from there after any interruption, without reading
// again what it has done.
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { CsvError, type Info, type Options, parse } from 'csv-parse';

export interface CsvRecord {
  readonly fields: readonly string[];
  /** The byte after this record. */
  readonly end: number;
}

const OPTIONS: Options = {
  bom: true,
  info: true,
  // Without this the parser takes the first line break that it sees, and that is not always at the start of the file.
  record_delimiter: ['\r\n', '\n'],
  // Blanks after a closing quote are no part of the field.
  rtrim: true,
  // `Monitor 27"` is a text like any other.
  relax_quotes: true,
  // The job reports rows with too few or too many fields.
  relax_column_count: true,
  // A quote that is never closed must not swallow the rest of the file.
  max_record_size: 64 * 1024,
};

/**
 * Memory holds a few chunks of the file, however large it is. A record that cannot be parsed ends at its line break.
 */
export async function* readCsv(
  file: string,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<CsvRecord> {
  let at = start;
  for (;;) {
    const from = at;
    let count = 0;
    try {
      for await (const record of parsed(file, from, signal)) {
        count += 1;
        at = record.end;
        yield record;
      }
      return;
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      // A stream that fails drops the records that it still held.
      const held = Number(error.records) - count;
      if (held > 0) {
        for await (const record of parsed(file, at, signal, held)) {
          at = record.end;
          yield record;
        }
      }
      const line = await lineAt(file, at, signal);
      at = line.end;
      yield line;
    }
  }
}

/** The records from byte `start` on, at most `most` of them. */
async function* parsed(
  file: string,
  start: number,
  signal: AbortSignal,
  most = -1,
): AsyncGenerator<CsvRecord> {
  const parser = parse({ ...OPTIONS, to: most });
  // Unlike `pipe`, it passes errors on and closes the file when the parser is left early. The loop below throws them.
  pipeline(createReadStream(file, { start, signal }), parser, () => undefined);
  for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>)
    yield { fields: record, end: start + info.bytes };
}

/** The line that begins there, as one field. */
async function lineAt(file: string, start: number, signal: AbortSignal): Promise<CsvRecord> {
  const parts: Buffer[] = [];
  let end = start;
  for await (const chunk of createReadStream(file, { start, signal }) as AsyncIterable<Buffer>) {
    const at = chunk.indexOf('\n');
    parts.push(at < 0 ? chunk : chunk.subarray(0, at));
    end += at < 0 ? chunk.length : at + 1;
    if (at >= 0) break;
  }
  return { fields: [Buffer.concat(parts).toString('utf8')], end };
}
