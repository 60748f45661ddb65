// The file of one record's log: `logs/<id>.jsonl`, a JSON text a line. Three kinds of entries: lines, the rows of a
// table, and the begin of each attempt at it with the number of rows it goes on from.
//
// The file keeps the head of a long log. What follows goes by turns into two tail files, the older of which is
// emptied when the newer is full: so the end of a flood is there too, and the count of what is missing between them.
// Rows always go to the head: none is dropped.
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../support/clock.ts';
import { errnoOf } from '../support/errors.ts';
import { realDisk, replaceFile, sumOf, syncData } from '../support/files.ts';
import { type Json, parseJson } from '../support/json.ts';
import { MAX_LOG_BYTES, MAX_RESULT_BYTES, MAX_RESULT_ROWS } from '../support/limits.ts';
import { fits, isFields, json, object, type Schema, whole } from '../support/schema.ts';

const HEAD_BYTES = MAX_LOG_BYTES / 2;
const TAIL_BYTES = MAX_LOG_BYTES / 4;
/** Lines and rows fit in this, with what is around each row; a larger head holds rows of attempts that were in vain. */
const MOST_HEAD_BYTES = HEAD_BYTES + 2 * MAX_RESULT_BYTES;

export const logFolder = (dir: string): string => join(dir, 'logs');

/** The log of the record with this number, or an end of it. */
export const LOG_NAME = /^(\d+)(?:\.tail-[12])?\.jsonl$/;

export interface TextLine {
  readonly text: string;
}

/** What a line of a log is. */
export interface LogKind<L extends TextLine> {
  readonly schema: Schema;
  /** Makes a line of the log's own, in the place of the next one or after the last one. */
  remark(text: string, beside?: L): L;
}

type Entry<L extends TextLine> =
  | L
  | { readonly row: number; readonly value: Json }
  | { readonly begin: number; readonly rows: number }
  /** First in a tail file: how many lines came before it, kept or not. */
  | { readonly skipped: number };

const isLine = <L extends TextLine>(entry: Entry<L>): entry is L => 'text' in entry;

export interface LogPaths {
  readonly head: string;
  readonly tails: readonly [string, string];
}

export function logPaths(folder: string, id: number): LogPaths {
  const tail = (n: number): string => join(folder, `${id}.tail-${n}.jsonl`);
  return { head: join(folder, `${id}.jsonl`), tails: [tail(1), tail(2)] };
}

/** What the log of a record takes, file by file; null for one that is not there. */
export const sizesOf = ({ head, tails }: LogPaths): Promise<(number | null)[]> =>
  Promise.all([head, ...tails].map(sizeOf));

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

export async function removeLog(folder: string, id: number): Promise<void> {
  const { head, tails } = logPaths(folder, id);
  const remove = async (path: string): Promise<void> => {
    try {
      await unlink(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  };
  await Promise.all([head, ...tails].map(remove));
}

export interface LogContent<L extends TextLine> {
  /** The lines with their numbers. */
  readonly lines: readonly { readonly n: number; readonly line: L }[];
  readonly rows: readonly Json[];
  /** How many lines were ever written. */
  readonly count: number;
}

export async function readLog<L extends TextLine>(
  kind: LogKind<L>,
  folder: string,
  id: number,
): Promise<LogContent<L>> {
  const { head, tails } = logPaths(folder, id);
  const [first = null, ...rest] = await Promise.all(
    [head, ...tails].map((path) => readPart(kind, path)),
  );
  const ordered = rest.filter((part) => part !== null).sort((a, b) => a.skipped - b.skipped);
  const lines: { n: number; line: L }[] = [];
  const rows: Json[] = [];
  let count = 0;
  for (const { skipped, entries } of first ? [first, ...ordered] : ordered) {
    if (skipped > count) {
      lines.push({ n: skipped, line: kind.remark(gap(skipped - count), lines.at(-1)?.line) });
      count = skipped;
    }
    for (const entry of entries) {
      if (isLine(entry)) lines.push({ n: ++count, line: entry });
      // An attempt that was lost may have added rows after its last checkpoint: its successor adds them again.
      else if ('begin' in entry) rows.length = Math.min(rows.length, entry.rows);
      else if ('row' in entry) rows[entry.row] = entry.value;
    }
  }
  return { lines, rows, count };
}

const gap = (missing: number): string =>
  `… ${missing} lines left out: the log of a run is kept up to 10 MB, its begin and its end …`;

/** The text of a head file without the rows that later attempts have made void. */
async function withoutVoidRows<L extends TextLine>(
  kind: LogKind<L>,
  path: string,
): Promise<string> {
  const { entries = [] } = (await readPart(kind, path)) ?? {};
  const rows: Entry<L>[] = [];
  for (const entry of entries) {
    if ('begin' in entry) rows.length = Math.min(rows.length, entry.rows);
    else if ('row' in entry) rows[entry.row] = entry;
  }
  const valid = new Set(rows);
  return entries
    .filter((entry) => !('row' in entry) || valid.has(entry))
    .map(textOf)
    .join('');
}

/** As in the JSON files of the state: the last field is the checksum of all before it. */
function textOf(entry: object): string {
  const body = JSON.stringify(entry).slice(0, -1);
  return `${body},"sum":"${sumOf(body)}"}\n`;
}

const SUM = /,"sum":"([0-9a-f]{8})"\}$/;

/** The entry of a line of the file; null where it is damaged, or makes no sense. */
export function readEntry<L extends TextLine>(kind: LogKind<L>, line: string): Entry<L> | null {
  const sum = SUM.exec(line);
  const body = line.slice(0, sum?.index);
  if (sum?.[1] !== sumOf(body)) return null;
  const entry = parseJson(`${body}}`);
  if (!isFields(entry)) return null;
  const schema =
    'text' in entry ? kind.schema : 'row' in entry ? ROW : 'begin' in entry ? BEGIN : SKIPPED;
  // A schema does not say which type it stands for.
  return fits(schema, entry) ? (entry as unknown as Entry<L>) : null;
}

const ROW = object({ row: whole(0, MAX_RESULT_ROWS - 1), value: json });
const BEGIN = object({ begin: whole(0), rows: whole(0, MAX_RESULT_ROWS) });
const SKIPPED = object({ skipped: whole(0) });

interface Part<L extends TextLine> {
  readonly skipped: number;
  readonly entries: readonly Entry<L>[];
}

async function readPart<L extends TextLine>(
  kind: LogKind<L>,
  path: string,
): Promise<Part<L> | null> {
  let bytes: Buffer | null;
  try {
    bytes = await realDisk.read(path);
  } catch (error) {
    // A folder or a pipe in its place, a bad sector: the record itself can be shown all the same.
    const text = `… ${path} could not be read: ${errnoOf(error)} …`;
    return { skipped: 0, entries: [kind.remark(text)] };
  }
  if (bytes === null) return null;
  const lines = bytes.toString('utf8').split('\n');
  const entries = lines.flatMap((line, i) => {
    const entry = readEntry(kind, line);
    if (entry) return [entry];
    // A last line that was cut off by a crash says nothing that anybody was promised.
    const isCut = i === lines.length - 1 || line === '';
    return isCut ? [] : [kind.remark('… a damaged line is left out …')];
  });
  const skipped = entries[0] && 'skipped' in entries[0] ? entries[0].skipped : 0;
  return { skipped, entries };
}

// -------------------------------------------------------------------------------------------------------- writing

/** Lines are gathered this long before they are appended: a thousand lines are one write. */
const GATHER_MS = 20;

/** Lines ever written, the bytes of the file in use, and which of the tails that is (null: the head). */
interface Place {
  count: number;
  size: number;
  tail: 0 | 1 | null;
}

export interface LogWriterParts<L extends TextLine> {
  readonly kind: LogKind<L>;
  readonly folder: string;
  readonly id: number;
  readonly clock: Clock;
  /** Told of each line with its number, once it is written. */
  readonly told: (n: number, line: L) => void;
  readonly onError: (error: unknown) => void;
}

export class LogWriter<L extends TextLine> {
  readonly #p: LogWriterParts<L>;
  readonly #paths: LogPaths;
  #pending: Entry<L>[] = [];
  #writing: Promise<void> | null = null;
  #timer: (() => void) | null = null;
  #unsynced = false;
  #lost = 0;
  #at: Place | null = null;

  constructor(parts: LogWriterParts<L>) {
    this.#p = parts;
    this.#paths = logPaths(parts.folder, parts.id);
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0 && this.#writing === null;
  }

  push(entry: Entry<L>): void {
    this.#pending.push(entry);
    this.#timer ??= this.#p.clock.after(GATHER_MS, () => {
      this.flush(false).catch(this.#p.onError);
    });
  }

  /**
   * Appends what was gathered; with `sync` the rows are durable when this resolves. Rejects where rows could not be
   * written, and keeps them for the next try. Lines that could not be written are counted and told of later.
   */
  async flush(sync: boolean): Promise<void> {
    this.#timer?.();
    this.#timer = null;
    // Whoever waits for that write hears of it.
    while (this.#writing) await this.#writing.catch(() => undefined);
    if (this.#pending.length > 0) {
      this.#writing = this.#write(this.#pending.splice(0)).finally(() => {
        this.#writing = null;
      });
      await this.#writing;
    }
    if (sync && this.#unsynced) await this.#sync();
  }

  async #write(entries: readonly Entry<L>[]): Promise<void> {
    const table = entries.filter((entry) => !isLine(entry));
    const lines = entries.filter(isLine);
    try {
      this.#at ??= await this.#look();
      if (lines.length > 0) await this.#writeLines(lines, this.#at);
      if (table.length === 0) return;
      await this.#appendTo(this.#paths.head, table.map(textOf).join(''), this.#at.tail === null);
      this.#unsynced = true;
      if (table.some((entry) => 'begin' in entry)) await this.#dropVoidRows(this.#at);
    } catch (error) {
      if (this.#at === null) this.#lost += lines.length;
      this.#pending.unshift(...table);
      throw error;
    }
  }

  /** The head takes what fits; of the rest the newest stay, and each tail says how many lines came before it. */
  async #writeLines(said: readonly L[], at: Place): Promise<void> {
    const before = at.count;
    const lines = [...this.#lossLine(said[0]), ...said];
    at.count += lines.length;
    const texts = lines.map(textOf);
    try {
      const fitting = at.tail === null ? countFitting(texts, HEAD_BYTES - at.size) : 0;
      if (fitting > 0)
        await this.#appendTo(this.#file(at.tail), texts.slice(0, fitting).join(''), true);
      const rest = texts.slice(fitting);
      if (rest.length === 0) return;
      const kept = rest.slice(rest.length - countFitting(rest.toReversed(), TAIL_BYTES));
      const text = kept.join('');
      const full = at.tail === null || at.size + Buffer.byteLength(text) > TAIL_BYTES;
      if (full) await this.#nextTail(at, before + texts.length - kept.length);
      await this.#appendTo(this.#file(at.tail), text, true);
    } catch (error) {
      this.#lost += lines.length;
      this.#p.onError(error);
    } finally {
      // After they are written: a reader that asks the next daemon for the rest must not name lines it does not have.
      for (const [i, line] of lines.entries()) this.#p.told(before + 1 + i, line);
    }
  }

  /** Tells of lines that could not be written, in the place of the next ones that can. */
  #lossLine(next: L | undefined): L[] {
    if (this.#lost === 0 || !next) return [];
    const text = `${this.#lost} lines before this one could not be written`;
    this.#lost = 0;
    return [this.#p.kind.remark(text, next)];
  }

  async #appendTo(path: string, text: string, counts: boolean): Promise<void> {
    await append(path, text);
    if (counts && this.#at) this.#at.size += Buffer.byteLength(text);
  }

  async #nextTail(at: Place, skipped: number): Promise<void> {
    const tail = at.tail === 0 ? 1 : 0;
    const header = textOf({ skipped });
    await append(this.#file(tail), header, constants.O_TRUNC);
    at.tail = tail;
    at.size = header.length;
  }

  /** Attempts without end that each add a table and save nothing must not fill the disk. */
  async #dropVoidRows(at: Place): Promise<void> {
    const { head } = this.#paths;
    if (((await sizeOf(head)) ?? 0) <= MOST_HEAD_BYTES) return;
    const text = await withoutVoidRows(this.#p.kind, head);
    await replaceFile(realDisk, head, text);
    if (at.tail === null) at.size = Buffer.byteLength(text);
  }

  async #look(): Promise<Place> {
    const [head, one = null, two = null] = await sizesOf(this.#paths);
    if (!head) return { count: 0, size: 0, tail: null };
    const { count } = await readLog(this.#p.kind, this.#p.folder, this.#p.id);
    if (one === null && two === null) return { count, size: head, tail: null };
    // Which tail is newer is not asked: beginning the smaller one anew keeps the fuller.
    return { count, size: TAIL_BYTES, tail: (one ?? 0) > (two ?? 0) ? 0 : 1 };
  }

  async #sync(): Promise<void> {
    const file = await openOwn(this.#paths.head, 0);
    try {
      await syncData(file);
    } finally {
      await file.close();
    }
    await realDisk.syncFolder(dirname(this.#paths.head));
    this.#unsynced = false;
  }

  #file(tail: 0 | 1 | null): string {
    return tail === null ? this.#paths.head : this.#paths.tails[tail];
  }
}

/** How many texts, from the first on, fit into so many bytes. */
function countFitting(texts: readonly string[], bytes: number): number {
  let left = bytes;
  for (const [i, text] of texts.entries()) {
    left -= Buffer.byteLength(text);
    if (left < 0) return i;
  }
  return texts.length;
}

async function append(path: string, text: string, more = 0): Promise<void> {
  const { O_APPEND, O_CREAT } = constants;
  let file: FileHandle;
  try {
    file = await openOwn(path, O_APPEND | O_CREAT | more);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    file = await openOwn(path, O_APPEND | O_CREAT | more);
  }
  try {
    await file.appendFile(text);
  } finally {
    await file.close();
  }
}

/** Opens a file for writing that is ours alone: no link, no pipe, and no second name of somebody else's file. */
async function openOwn(path: string, flags: number): Promise<FileHandle> {
  const { O_NOFOLLOW, O_NONBLOCK, O_WRONLY, O_TRUNC } = constants;
  const file = await open(path, (flags & ~O_TRUNC) | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600);
  const { nlink, mode } = await file.stat();
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || nlink > 1) {
    await file.close();
    throw Object.assign(new Error(`${path} is not a file of its own`), { code: 'EINVAL' });
  }
  if ((mode & 0o777) !== 0o600) await file.chmod(0o600);
  if (flags & O_TRUNC) await file.truncate(0);
  return file;
}
