// The whole state as a stream, out and in; stream-format.ts says what its lines are.
//
// An empty state takes in all of a stream or nothing. Pages and logs are written first: as long as no manifest and no
// line of the journal names a page, it is not part of the state. Then one line of the journal names them all, with the
// other tables: that line is the moment of the import.
import { join } from 'node:path';
import { type Clock, isoOf } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import type { Disk, DiskFile } from '../support/files.ts';
import { PAGE_SIZE } from '../support/limits.ts';
import type { Fields } from '../support/schema.ts';
import { listFolder, type Op, readOrDamaged } from './folder.ts';
import { journalFolder, Segment } from './journal.ts';
import { LOG_NAME, logFolder } from './log.ts';
import type { Imported } from './manifest.ts';
import { Pages, type Row, readable, type Tables } from './pages.ts';
import { type Recovered, readState } from './reader.ts';
import { type OpenOptions, openState } from './recovery.ts';
import { readSteadily } from './steady-reader.ts';
import {
  broken,
  type Import,
  logItems,
  type StreamHeader,
  StreamReader,
  type StreamSink,
  streamOf,
} from './stream-format.ts';
import { pageOf } from './tally.ts';

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
  const { nextId, changes } = read;
  const header = { version, at: isoOf(clock.now()), nextId, changes };
  yield* streamOf(header, read.tables, itemsOf(disk, dir, read));
}

async function* itemsOf(disk: Disk, dir: string, read: Recovered): AsyncGenerator<Fields> {
  const { paged } = read.tables;
  for (const page of paged.tally.pages().toReversed())
    for (const record of await recordsOf(page, read)) yield { [paged.what]: record };
  const folder = logFolder(dir);
  // In an order that does not depend on the file system.
  for (const name of (await listFolder(disk, folder)).filter((one) => LOG_NAME.test(one)).sort()) {
    const bytes = await readOrDamaged(disk, join(folder, name));
    if (Buffer.isBuffer(bytes)) yield* logItems(bytes.toString('utf8'), name);
  }
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
  const sink = new FileSink(disk, dir, tables);
  try {
    const reader = new StreamReader(tables, sink);
    const taken = await reader.takeAll(lines);
    await sink.end();
    const imported = importOf(tables, reader.header, state);
    const folder = journalFolder(dir);
    const segment = await Segment.create(disk, folder, state.lastSegment + 1, state.end);
    const op: Op = ['import', imported];
    await segment.append(state.end.seq + 1, now, [JSON.stringify(op)]);
    await segment.close();
    return taken;
  } catch (error) {
    await sink.undo();
    throw error;
  }
}

/** The logs that the line of the journal names. */
const importOf = (
  { paged, documents }: Tables,
  header: StreamHeader,
  state: Recovered,
): Imported => ({
  nextId: Math.max(header.nextId, state.nextId),
  changes: Math.max(header.changes, state.changes),
  ...paged.summary(paged.tally.pages()),
  ...documents.exported(),
});

/** Logs that an import left that was killed: they would be taken for logs of this one. */
async function removeLogs(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder))
    if (LOG_NAME.test(name)) await disk.remove(join(folder, name));
}

/** Writes pages and logs, which are part of the state once a line of the journal names them. */
class FileSink implements StreamSink<Row> {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #tables: Tables;
  readonly #pages: Pages<Row>;
  readonly #written = new Set<string>();
  #page: Row[] = [];
  #log: { readonly name: string; readonly file: DiskFile; size: number } | null = null;

  constructor(disk: Disk, dir: string, tables: Tables) {
    this.#disk = disk;
    this.#dir = dir;
    this.#tables = tables;
    this.#pages = new Pages(disk, dir, tables.paged);
  }

  async end(): Promise<void> {
    await this.#writePage();
    await this.#closeLog();
    await this.#disk.syncFolder(logFolder(this.#dir));
  }

  async undo(): Promise<void> {
    // Files that stay are no part of the state, and the caller hears of the first error.
    await this.#closeLog().catch(() => undefined);
    for (const path of this.#written) await this.#disk.remove(path).catch(() => undefined);
  }

  async record(record: Row): Promise<void> {
    const last = this.#page.at(-1);
    if (last && pageOf(last.id) !== pageOf(record.id)) await this.#writePage();
    this.#page.push(record);
    this.#tables.paged.count(record);
  }

  async #writePage(): Promise<void> {
    const [first] = this.#page;
    if (!first) return;
    const page = pageOf(first.id);
    this.#written.add(this.#pages.path(page));
    await this.#pages.write(page, 0, this.#page);
    this.#page = [];
  }

  async log(name: string, text: string): Promise<void> {
    if (this.#log?.name !== name) {
      await this.#closeLog();
      const path = join(logFolder(this.#dir), name);
      if (this.#written.has(path)) throw broken(`has the log ${name} in two places`);
      // Files there belong to no run: the state is empty.
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
