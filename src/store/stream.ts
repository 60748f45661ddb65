// The whole state as lines of JSON, out and in:
//
//   {"jobrun":"export","format":1,…}  then lines of tables, run lines, log lines  then {"end":true,…,"sum"}
//
// The last line counts what came before it and has the checksum of all of it: a stream that was cut or changed is
// known. Records in pages come in the order of their numbers, so that neither side holds more than a page of them.
//
// An empty state takes in all of a stream or nothing. Pages and logs are written first: as long as no manifest and no
// line of the journal names a page, it is not part of the state. Then one line of the journal names them all, with the
// other tables: that line is the moment of the import.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Clock, isoOf } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { type Disk, type DiskFile, hex } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import { PAGE_SIZE } from '../support/limits.ts';
import type { Fields } from '../support/schema.ts';
import { harmlessJson, piecesOf } from '../support/text.ts';
import { listFolder, type Note, readOrDamaged } from './damage.ts';
import type { Op } from './format.ts';
import { journalFolder, Segment } from './journal.ts';
import { LOG_NAME, logFolder } from './log.ts';
import type { Imported } from './manifest.ts';
import { Pages, type Row, readable, type Tables } from './pages.ts';
import { type Recovered, readState, readSteadily } from './reader.ts';
import { type OpenOptions, openState } from './recovery.ts';
import { pageOf } from './tally.ts';

const STREAM_FORMAT = 1;
/** A long log goes in pieces. */
const CHUNK = 256 * 1024;

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

/** Returns every line, with its line feed. Throws if the state is damaged: a copy that lacks records is no copy. */
export async function* exportState(
  disk: Disk,
  dir: string,
  clock: Clock,
  version: string,
  tables: () => Tables,
): AsyncGenerator<string> {
  const read = await readSteadily(disk, dir, clock, tables);
  if (read.problems[0]) throw read.problems[0].error;
  const { counts, add } = counting(read.tables);
  let sum = 0;
  const line = (value: object): string => {
    const text = `${harmlessJson(value)}\n`;
    sum = crc32(text, sum);
    return text;
  };
  const { nextId, changes } = read;
  const at = isoOf(clock.now());
  yield line({ jobrun: 'export', format: STREAM_FORMAT, version, at, nextId, changes });
  for await (const item of itemsOf(disk, dir, read)) {
    add(item);
    yield line(item);
  }
  yield `${JSON.stringify({ end: true, ...counts, sum: hex(sum) })}\n`;
}

async function* itemsOf(disk: Disk, dir: string, read: Recovered): AsyncGenerator<Fields> {
  const { documents, paged } = read.tables;
  for (const { line, records } of documents.lines())
    for (const record of records) yield { [line]: record };
  for (const page of paged.tally.pages().toReversed())
    for (const record of await recordsOf(page, read)) yield { [paged.what]: record };
  const folder = logFolder(dir);
  for (const name of (await listFolder(disk, folder)).filter((one) => LOG_NAME.test(one)))
    yield* logItems(await readOrDamaged(disk, join(folder, name)), name);
}

/** As they were read; those at rest as their page has them now, which a daemon may have changed meanwhile. */
async function recordsOf(page: number, { tables, pages, nextId }: Recovered): Promise<Row[]> {
  const records = new Map<number, Row>();
  const damage: JobrunError[] = [];
  const file = pages.filed.has(page)
    ? await readable(
        pages.read(page, () => true),
        damage,
      )
    : null;
  if (damage[0]) throw damage[0];
  for (const record of file?.records ?? []) if (record.id < nextId) records.set(record.id, record);
  for (let id = page * PAGE_SIZE; id < (page + 1) * PAGE_SIZE; id++) {
    const record = tables.paged.known(id);
    if (record) records.set(id, record);
    else if (record === null) records.delete(id);
  }
  return [...records.values()].sort((a, b) => a.id - b.id);
}

function* logItems(bytes: Buffer | JobrunError | null, name: string): Generator<Fields> {
  if (!Buffer.isBuffer(bytes)) return;
  for (const piece of piecesOf(bytes.toString('utf8'), CHUNK)) yield { log: [name, piece] };
}

export interface Import {
  readonly runs: number;
  /** Records that make no sense, and were set aside or left out. */
  readonly oddities: readonly string[];
}

/** The caller holds the lock. Throws `refused` where the state is not empty. */
export async function importState(
  options: OpenOptions,
  tables: () => Tables,
  lines: AsyncIterable<string>,
): Promise<Import> {
  // Opened before, as for any change, so that what is left of a kill is made durable; and after, which folds it.
  await openAndClose(options, tables);
  const { disk, dir, clock } = options;
  const state = await readState(disk, dir, tables());
  const { content } = state.tables;
  if (content !== null) {
    const hint = 'Import into a new folder: jobrun import --state-dir <folder> <file>';
    throw new JobrunError('refused', `the state is not empty: it has ${content}`, hint);
  }
  const imported = await importLines(disk, dir, clock.now(), state, tables(), lines);
  await openAndClose(options, tables);
  return imported;
}

async function openAndClose(options: OpenOptions, tables: () => Tables): Promise<void> {
  const { engine: store, damage } = await openState(options, tables, (one) => one);
  await store.close();
  if (damage[0]) throw damage[0];
}

/** Takes lines into a state that was read, and is empty; `tables` are empty too. */
async function importLines(
  disk: Disk,
  dir: string,
  now: number,
  state: Recovered,
  tables: Tables,
  lines: AsyncIterable<string>,
): Promise<Import> {
  await removeLogs(disk, logFolder(dir));
  const taking = new Taking(disk, dir, tables);
  try {
    await taking.takeAll(lines);
    const imported = await taking.end(state);
    const folder = journalFolder(dir);
    const segment = await Segment.create(disk, folder, state.lastSegment + 1, state.end);
    const op: Op = ['import', imported];
    await segment.append(state.end.seq + 1, now, [JSON.stringify(op)]);
    await segment.close();
  } catch (error) {
    await taking.undo();
    throw error;
  }
  const { count: runs, oddities } = taking;
  return { runs, oddities };
}

/** Logs that an import left that was killed: they would be taken for logs of this one. */
async function removeLogs(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder))
    if (LOG_NAME.test(name)) await disk.remove(join(folder, name));
}

class Taking {
  count = 0;
  readonly oddities: string[] = [];
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #tables: Tables;
  readonly #pages: Pages<Row>;
  readonly #written = new Set<string>();
  #header = { nextId: 1, changes: 0 };
  #page: Row[] = [];
  #log: { readonly name: string; readonly file: DiskFile; size: number } | null = null;

  constructor(disk: Disk, dir: string, tables: Tables) {
    this.#disk = disk;
    this.#dir = dir;
    this.#tables = tables;
    this.#pages = new Pages(disk, dir, tables.paged);
  }

  /** Throws at the first line that does not fit, and at the end if the stream was cut. */
  async takeAll(lines: AsyncIterable<string>): Promise<void> {
    const { counts, add } = counting(this.#tables);
    let [sum, n] = [0, 0];
    let ended = false;
    for await (const text of lines) {
      n++;
      if (ended) throw broken(`goes on after its end, in line ${n}`);
      const value = parseJson(text) as Record<string, unknown> | undefined | null;
      if (!value || typeof value !== 'object') throw broken(`has no JSON in line ${n}`);
      if (n === 1) this.#header = headerOf(value);
      else if (value.end === true) {
        const same = Object.entries(counts).every(([name, n]) => value[name] === n);
        if (value.sum !== hex(sum) || !same)
          throw broken('does not fit the checksum in its last line');
        ended = true;
      } else {
        await this.#take(value, n);
        add(value);
      }
      sum = crc32(`${text}\n`, sum);
    }
    if (!ended) throw broken(n === 0 ? 'is empty' : 'was cut off: its last line is missing');
  }

  async end(state: Recovered): Promise<Imported> {
    await this.#writePage();
    await this.#closeLog();
    await this.#disk.syncFolder(logFolder(this.#dir));
    const { paged, documents } = this.#tables;
    return {
      nextId: Math.max(this.#header.nextId, state.nextId),
      changes: Math.max(this.#header.changes, state.changes),
      ...paged.summary(paged.tally.pages()),
      ...documents.exported(),
    };
  }

  async undo(): Promise<void> {
    // What stays is no part of the state, and whoever asked hears of what went wrong first.
    await this.#closeLog().catch(() => undefined);
    for (const path of this.#written) await this.#disk.remove(path).catch(() => undefined);
  }

  /** A line is one thing: the value of a second field would be taken in unchecked. */
  async #take(value: Fields, line: number): Promise<void> {
    const { paged, documents } = this.#tables;
    const [[kind = '', of] = [], ...others] = Object.entries(value);
    const note: Note = (what, setAside = false) =>
      this.oddities.push(
        `line ${line}: ${what}${setAside ? '; it is set aside' : '; it is left out'}`,
      );
    if (others.length === 0 && kind === 'log' && isLog(of)) await this.#logText(...of);
    else if (others.length === 0 && kind === paged.what) {
      const record = paged.read(of, note);
      if (typeof record === 'string') note(`a ${kind} makes no sense: ${record}`);
      else await this.#record(record);
    } else if (others.length > 0 || !documents.loadLine(kind, of, note))
      throw broken(`has something unknown in line ${line}`);
  }

  async #record(record: Row): Promise<void> {
    const { what } = this.#tables.paged;
    const last = this.#page.at(-1);
    if (last && record.id <= last.id)
      throw broken(`has ${what} ${record.id} after ${what} ${last.id}`);
    if (record.id >= this.#header.nextId)
      throw broken(`has a ${what} ${record.id} beyond its own end`);
    if (last && pageOf(last.id) !== pageOf(record.id)) await this.#writePage();
    this.#page.push(record);
    this.#tables.paged.count(record);
    this.count++;
  }

  async #writePage(): Promise<void> {
    const [first] = this.#page;
    if (!first) return;
    const page = pageOf(first.id);
    this.#written.add(this.#pages.path(page));
    await this.#pages.write(page, 0, this.#page);
    this.#page = [];
  }

  async #logText(name: string, text: string): Promise<void> {
    if (this.#log?.name !== name) {
      await this.#closeLog();
      const path = join(logFolder(this.#dir), name);
      if (this.#written.has(path)) throw broken(`has the log ${name} in two places`);
      // What lies there belongs to no run: the state is empty.
      await this.#disk.remove(path);
      this.#log = { name, file: await this.#disk.create(path), size: 0 };
      this.#written.add(path);
    }
    const bytes = Buffer.from(text);
    await this.#log.file.write(bytes, this.#log.size);
    this.#log.size += bytes.length;
  }

  async #closeLog(): Promise<void> {
    const log = this.#log;
    this.#log = null;
    await log?.file.sync();
    await log?.file.close();
  }
}

function headerOf(value: Fields): { readonly nextId: number; readonly changes: number } {
  const { jobrun, format, nextId, changes } = value;
  if (jobrun !== 'export' || !Number.isSafeInteger(nextId) || !Number.isSafeInteger(changes))
    throw broken('does not begin as one does');
  if (format === STREAM_FORMAT) return { nextId: nextId as number, changes: changes as number };
  const message = `the stream has format ${format}, this jobrun knows ${STREAM_FORMAT}`;
  throw new JobrunError('state-newer', message, 'Use the version of jobrun that wrote it.');
}

function isLog(value: unknown): value is readonly [name: string, text: string] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return LOG_NAME.test(String(value[0])) && typeof value[1] === 'string';
}

function broken(why: string): JobrunError {
  const hint = 'Nothing was imported. Make it anew: jobrun export > file';
  return new JobrunError('state-damaged', `the stream ${why}`, hint);
}
