// The logs of a store in a stream, out and in: each part of a log is a file there, as the engine on files has it, to
// the byte.
import type { LogLine } from '../../run/view.ts';
import { type Entry, isLine, readEntry } from '../../store/log-format.ts';
import { broken, logItems } from '../../store/stream-format.ts';
import { MB } from '../../support/limits.ts';
import type { Fields } from '../../support/schema.ts';
import { RUN_LOG } from '../log-lines.ts';
import { type Piece, ROWS } from './log-table.ts';
import type { Session } from './session.ts';

/** Names that are asked for at once. */
const MOST_NAMES = 500;
/** Text that is written at once. */
const MOST_BYTES = 4 * MB;

const NAMES = `declare log_names cursor for
  select run, part, name from (
    select run::float8, part, (run || case part when 0 then '' else '.tail-' || part end || '.jsonl') collate "C" as name
    from (select distinct run, case part when ${ROWS} then 0 else part end as part from log) l) l
  order by name`;

const BODIES = `select body from log
  where run = $1::bigint and case part when ${ROWS} then 0 else part end = $2::smallint order by n`;

/** In a transaction, whose moment they are of. */
export async function* logsIn(session: Session): AsyncGenerator<Fields> {
  await session.query({ text: NAMES });
  for (;;) {
    const names = await session.query<{ run: number; part: number; name: string }>({
      text: `fetch ${MOST_NAMES} from log_names`,
    });
    for (const { run, part, name } of names) {
      const rows = await session.query<{ body: string }>({ text: BODIES, values: [run, part] });
      yield* logItems(rows.map(({ body }) => body).join(''), name);
    }
    if (names.length < MOST_NAMES) return;
  }
}

/** The lines read of one part. */
interface Reading {
  readonly name: string;
  readonly run: number;
  readonly part: number;
  /** Pieces that it has. */
  pieces: number;
  /** Lines before the next piece. */
  count: number;
  /** Lines before the first one that it has: a tail says so. */
  skipped: number;
  /** A line of which the end is still to come. */
  rest: string;
}

/**
 * Tails come after all that the head has, the older one first: their numbers follow from the lines that they begin
 * after.
 */
const FIRST_OF_TAILS = 2 ** 32;

const INSERT = `insert into log (run, n, part, first, lines, bytes, body)
  select run, n, part, first, lines, bytes, body from json_to_recordset($1::json)
    as p (run bigint, n bigint, part smallint, first bigint, lines integer, bytes integer, body text)`;

/** Takes the logs of a stream, piece by piece. */
export class LogSink {
  readonly #session: Session;
  readonly #names = new Set<string>();
  #reading: Reading | null = null;
  #pieces: Piece[] = [];
  #bytes = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  async take(name: string, text: string): Promise<void> {
    if (this.#reading?.name !== name) {
      this.#endPart();
      if (this.#names.has(name)) throw broken(`has the log ${name} in two places`);
      this.#names.add(name);
      this.#reading = readingOf(name);
    }
    const reading = this.#reading;
    const all = reading.rest + text;
    const end = all.lastIndexOf('\n') + 1;
    reading.rest = all.slice(end);
    this.#add(reading, all.slice(0, end));
    if (this.#bytes >= MOST_BYTES) await this.#write();
  }

  async end(): Promise<void> {
    this.#endPart();
    await this.#write();
  }

  /** A last line that a crash has cut off is no line, and stays as it is. */
  #endPart(): void {
    const reading = this.#reading;
    if (reading && reading.rest !== '') this.#put(reading, reading.rest, false, 0);
    this.#reading = null;
  }

  /** Whole lines. Rows of the table and what is between them are pieces of their own. */
  #add(reading: Reading, text: string): void {
    let [body, isRows, lines] = ['', false, 0];
    const put = (): void => {
      if (body !== '') this.#put(reading, body, isRows, lines);
      body = '';
      lines = 0;
    };
    for (const line of text.split('\n').slice(0, -1)) {
      const entry = readEntry(RUN_LOG, line);
      const isRow = isOfTable(entry);
      if (isRow !== isRows) put();
      isRows = isRow;
      if (entry && 'skipped' in entry) {
        put();
        reading.count = entry.skipped;
        if (reading.pieces === 0) reading.skipped = entry.skipped;
      } else if (!isRow && line !== '') lines++;
      body += `${line}\n`;
    }
    put();
  }

  #put(reading: Reading, body: string, isRows: boolean, lines: number): void {
    const { run, part, skipped, count } = reading;
    const i = reading.pieces++;
    const n = part === 0 ? i + 1 : FIRST_OF_TAILS + 2 * (skipped + i) + part;
    const bytes = Buffer.byteLength(body);
    this.#pieces.push({ run, n, part: isRows ? ROWS : part, first: count, lines, bytes, body });
    this.#bytes += bytes;
    reading.count += lines;
  }

  async #write(): Promise<void> {
    const pieces = JSON.stringify(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    await this.#session.query({ text: INSERT, values: [pieces] });
  }
}

const isOfTable = (entry: Entry<LogLine> | null): boolean =>
  entry !== null && !isLine(entry) && !('skipped' in entry);

function readingOf(name: string): Reading {
  const [, id = '', tail = '0'] = /^(\d+)(?:\.tail-([12]))?\.jsonl$/.exec(name) ?? [];
  const run = Number(id);
  if (String(run) !== id) throw broken(`has a log of no run: ${name}`);
  return { name, run, part: Number(tail), pieces: 0, count: 0, skipped: 0, rest: '' };
}
