// The files of one record's log: `logs/<id>.jsonl` is its head, with all rows, and two tails beside it; log-format.ts
// says what goes where.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../support/clock.ts';
import { errnoOf } from '../support/errors.ts';
import { realDisk, replaceFile, syncData } from '../support/files.ts';
import { count } from '../support/text.ts';
import {
  EMPTY,
  type Entry,
  isLine,
  LogAssembler,
  type LogContent,
  type LogKind,
  MOST_HEAD_BYTES,
  type Place,
  readEntriesInTurns,
  type Step,
  stepsOf,
  TAIL_BYTES,
  type TextLine,
  textOf,
  withoutVoidRows,
} from './log-format.ts';

export const logFolder = (dir: string): string => join(dir, 'logs');

/** The log of the record with this number, or an end of it. */
export const LOG_NAME = /^(\d+)(?:\.tail-[12])?\.jsonl$/;

export interface LogPaths {
  readonly head: string;
  readonly tails: readonly [string, string];
}

export function logPaths(folder: string, id: number): LogPaths {
  const tail = (n: number): string => join(folder, `${id}.tail-${n}.jsonl`);
  return { head: join(folder, `${id}.jsonl`), tails: [tail(1), tail(2)] };
}

/** The bytes that the log of a record takes, file by file; null for one that is not there, or is no file. */
export const sizesOf = async (paths: LogPaths): Promise<(number | null)[]> =>
  (await statsOf(paths)).map((stat) => stat?.size ?? null);

/** The stats of its files, in the same order. */
export const statsOf = ({ head, tails }: LogPaths): Promise<(Stats | null)[]> =>
  Promise.all([head, ...tails].map(statOf));

async function statOf(path: string): Promise<Stats | null> {
  try {
    const stat = await lstat(path);
    return stat.isFile() ? stat : null;
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
  const log = new LogAssembler(kind);
  for (const { skipped, entries } of first ? [first, ...ordered] : ordered) {
    log.skipTo(skipped, entries.find(isLine));
    log.add(entries);
  }
  return log;
}

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
  const entries = await readEntriesInTurns(kind, bytes.toString('utf8'));
  const skipped = entries[0] && 'skipped' in entries[0] ? entries[0].skipped : 0;
  return { skipped, entries };
}

// -------------------------------------------------------------------------------------------------------- writing

/** Lines are gathered this long before they are appended: a thousand lines are one write. */
const GATHER_MS = 20;

export interface LogWriterParts<L extends TextLine> {
  readonly kind: LogKind<L>;
  readonly folder: string;
  readonly id: number;
  readonly clock: Clock;
  /** Called with each line and its number, once it is written. */
  readonly told: (n: number, line: L) => void;
  readonly onError: (error: unknown) => void;
}

export class LogWriter<L extends TextLine> {
  readonly #p: LogWriterParts<L>;
  readonly #paths: LogPaths;
  #pending: Entry<L>[] = [];
  #writing: Promise<void> | null = null;
  /** The write after that one, which takes all that is gathered until it begins. */
  #next: Promise<void> | null = null;
  #timer: (() => void) | null = null;
  /** Rows in the head that are not durable yet: written again if the head is removed before they are. */
  #unsynced = '';
  #lost = 0;
  /** Lines that have a number and no place in the files. */
  #refused = 0;
  #known = 0;
  #at: Place | null = null;

  constructor(parts: LogWriterParts<L>) {
    this.#p = parts;
    this.#paths = logPaths(parts.folder, parts.id);
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0 && this.#writing === null;
  }

  /** So many lines at least were put into the files: where they hold fewer, some were removed. */
  get written(): number {
    return Math.max(0, (this.#at?.count ?? this.#known) - this.#refused);
  }

  /** So many lines of the log were read by a client: no later one may have their numbers, whatever is left of it. */
  knows(count: number): void {
    this.#known = Math.max(this.#known, count);
  }

  push(entry: Entry<L>): void {
    this.#pending.push(entry);
    if (this.#next) return;
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
    await this.#append();
    if (sync && this.#unsynced !== '') await this.#sync();
  }

  /** However many wait, and however fast more is gathered, each waits for two writes at most. */
  #append(): Promise<void> {
    if (this.#next) return this.#next;
    if (this.#writing === null) return this.#begin();
    // A caller that waits for the present write hears of its errors.
    this.#next = this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<void> {
    if (this.#pending.length === 0) return Promise.resolve();
    this.#writing = this.#write(this.#pending.splice(0)).finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #write(entries: readonly Entry<L>[]): Promise<void> {
    const table = entries.filter((entry) => !isLine(entry));
    const lines = entries.filter(isLine);
    try {
      this.#at ??= await this.#look();
      if (lines.length > 0) await this.#writeLines(lines, this.#at);
      // The begin of an attempt cuts off rows of the one before: where nothing was written, thousands of retries need
      // no file.
      const isNothing = this.#at.size === 0 && this.#at.count === 0;
      if (table.length === 0 || (isNothing && table.every((entry) => 'begin' in entry))) return;
      await this.#writeTable(table.map(textOf).join(''), this.#at);
      if (table.some((entry) => 'begin' in entry)) await this.#dropVoidRows();
    } catch (error) {
      if (this.#at === null) this.#lost += lines.length;
      this.#pending.unshift(...table);
      throw error;
    }
  }

  async #writeTable(text: string, at: Place): Promise<void> {
    const begun = await append(this.#paths.head, text, { anew: this.#headAnew(at) });
    this.#unsynced += text;
    if (at.tail === null) this.#at = grown(at, text, begun);
  }

  async #writeLines(said: readonly L[], { count: before }: Place): Promise<void> {
    const lines = [...this.#lossLine(said[0]), ...said];
    try {
      for (const step of stepsOf(this.#at ?? EMPTY, lines.map(textOf))) await this.#take(step);
    } catch (error) {
      // Followers have counted them.
      this.#lost += lines.length;
      this.#refused += lines.length;
      this.#at = { ...(this.#at ?? EMPTY), count: before + lines.length };
      this.#p.onError(error);
    } finally {
      // After they are written: a reader that asks the next daemon for the rest must not name lines it does not have.
      for (const [i, line] of lines.entries()) this.#p.told(before + 1 + i, line);
    }
  }

  async #take({ tail, begins, text, first, after }: Step): Promise<void> {
    const anew = begins ? '' : this.#anew(tail, first);
    const begun = await append(this.#file(tail), text, { anew, empties: begins });
    this.#at = begun === '' ? after : grown(after, text, begun);
  }

  /** A tail says itself how many lines came before it. */
  #headAnew({ tail, count }: Place): string {
    return this.#anew(null, tail === null ? count : 0);
  }

  /** The first line of a part whose file was removed, or emptied, after so many lines. */
  #anew(tail: Place['tail'], count: number): string {
    // Lines that could not be written were counted too, and are told of when the next one can.
    const wasThere = this.#known > 0 || (this.#at?.size ?? 0) > 0;
    const skipped = wasThere && count > 0 ? textOf({ skipped: count }) : '';
    return tail === null ? skipped + this.#unsynced : skipped;
  }

  /** Tells of lines that could not be written, in the place of the next ones that can. */
  #lossLine(next: L | undefined): L[] {
    if (this.#lost === 0 || !next) return [];
    const text = `${count(this.#lost, 'line')} before this one could not be written`;
    this.#lost = 0;
    return [this.#p.kind.remark(text, next)];
  }

  /** Attempts without end that each add a table and save nothing must not fill the disk. */
  async #dropVoidRows(): Promise<void> {
    const { head } = this.#paths;
    if (((await statOf(head))?.size ?? 0) <= MOST_HEAD_BYTES) return;
    const { entries = [] } = (await readPart(this.#p.kind, head)) ?? {};
    const text = withoutVoidRows(entries).map(textOf).join('');
    await replaceFile(realDisk, head, text);
    if (this.#at?.tail === null) this.#at = { ...this.#at, size: Buffer.byteLength(text) };
  }

  async #look(): Promise<Place> {
    const [head, one = null, two = null] = await sizesOf(this.#paths);
    const isHeadOnly = one === null && two === null;
    if (isHeadOnly && !head) return { ...EMPTY, count: this.#known };
    const read = await readLog(this.#p.kind, this.#p.folder, this.#p.id);
    const count = Math.max(read.count, this.#known);
    if (isHeadOnly) return { count, size: head ?? 0, tail: null };
    // Which tail is newer is not asked: beginning the smaller one anew keeps the fuller.
    return { count, size: TAIL_BYTES, tail: (one ?? 0) > (two ?? 0) ? 0 : 1 };
  }

  async #sync(): Promise<void> {
    const { head } = this.#paths;
    const at = this.#at ?? EMPTY;
    const begun = await append(head, '', { anew: this.#headAnew(at), sync: true });
    await realDisk.syncFolder(dirname(head));
    if (at.tail === null && begun !== '') this.#at = grown(at, '', begun);
    this.#unsynced = '';
  }

  #file(tail: 0 | 1 | null): string {
    return tail === null ? this.#paths.head : this.#paths.tails[tail];
  }
}

interface Appending {
  /** Comes first where the file is new or empty. */
  readonly anew: string;
  /** The content of the file so far is dropped. */
  readonly empties?: boolean;
  readonly sync?: boolean;
}

/** Returns what it has put first. */
async function append(path: string, text: string, how: Appending): Promise<string> {
  const { file, size } = await openInFolder(path, how.empties === true);
  try {
    const begun = size === 0 ? how.anew : '';
    await file.appendFile(begun + text);
    if (how.sync) await syncData(file);
    return begun;
  } finally {
    await file.close();
  }
}

/** The place after text was added; its part may have been begun anew. */
const grown = (at: Place, text: string, begun: string): Place => ({
  ...at,
  size: (begun === '' ? at.size : Buffer.byteLength(begun)) + Buffer.byteLength(text),
});

async function openInFolder(path: string, empties: boolean): ReturnType<typeof openOwn> {
  try {
    return await openOwn(path, empties);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    // Not the state folder itself: one that was taken away must not seem to be back, with nothing in it.
    await mkdir(dirname(path), { mode: 0o700 }).catch((failure: unknown) => {
      if (errnoOf(failure) !== 'EEXIST') throw failure;
    });
    return openOwn(path, empties);
  }
}

/** Opens a file for writing that is ours alone: no link, no pipe, and no second name of another file. */
async function openOwn(
  path: string,
  empties: boolean,
): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const file = await open(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600);
  const { nlink, mode, size } = await file.stat();
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || nlink > 1) {
    await file.close();
    throw Object.assign(new Error(`${path} is not a file of its own`), { code: 'EINVAL' });
  }
  if ((mode & 0o777) !== 0o600) await file.chmod(0o600);
  if (empties) await file.truncate(0);
  return { file, size };
}
