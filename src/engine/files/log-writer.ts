// Appends to the log files of one run, one write at a time: lines are gathered for a moment, and a flood goes by turns
// into the two tail files once the head is full. Rows of the result table always go to the head: none is dropped.
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LogLine } from '../../run/view.ts';
import type { Clock } from '../../support/clock.ts';
import { errnoOf } from '../../support/errors.ts';
import { realDisk, replaceFile, syncData } from '../../support/files.ts';
import {
  type Entry,
  HEAD_BYTES,
  type LogPaths,
  MOST_HEAD_BYTES,
  TAIL_BYTES,
  textOf,
  withoutVoidRows,
} from './log-file.ts';

/** Lines are gathered this long before they are appended: a thousand lines are one write. */
const GATHER_MS = 20;

/** Lines ever written, the bytes of the file in use, and which of the tails that is (null: the head). */
interface Place {
  count: number;
  size: number;
  tail: 0 | 1 | null;
}

export class LogWriter {
  readonly #paths: LogPaths;
  readonly #read: () => Promise<{ readonly count: number }>;
  readonly #clock: Clock;
  readonly #told: (n: number, line: LogLine) => void;
  readonly #onError: (error: unknown) => void;
  #pending: Entry[] = [];
  #writing: Promise<void> | null = null;
  #timer: (() => void) | null = null;
  #unsynced = false;
  #lost = 0;
  #at: Place | null = null;

  constructor(
    paths: LogPaths,
    read: () => Promise<{ readonly count: number }>,
    clock: Clock,
    told: (n: number, line: LogLine) => void,
    onError: (error: unknown) => void,
  ) {
    this.#paths = paths;
    this.#read = read;
    this.#clock = clock;
    this.#told = told;
    this.#onError = onError;
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0 && this.#writing === null;
  }

  push(entry: Entry): void {
    this.#pending.push(entry);
    this.#timer ??= this.#clock.after(GATHER_MS, () => {
      this.flush(false).catch(this.#onError);
    });
  }

  /**
   * Appends what was gathered; with `sync` the rows are durable when this resolves. Rejects where rows could not be
   * written, and keeps them for the next try. Lines that could not be written are counted and told of later.
   */
  async flush(sync: boolean): Promise<void> {
    this.#timer?.();
    this.#timer = null;
    while (this.#writing) await this.#writing.catch(() => undefined);
    if (this.#pending.length > 0) {
      this.#writing = this.#write(this.#pending.splice(0)).finally(() => {
        this.#writing = null;
      });
      await this.#writing;
    }
    if (sync && this.#unsynced) await this.#sync();
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const table = entries.filter((entry) => !('text' in entry));
    const lines = entries.filter((entry) => 'text' in entry);
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
  async #writeLines(said: readonly LogLine[], at: Place): Promise<void> {
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
      this.#onError(error);
    } finally {
      // After they are written: a reader that asks the next daemon for the rest must not name lines it does not have.
      for (const [i, line] of lines.entries()) this.#told(before + 1 + i, line);
    }
  }

  /** Tells of lines that could not be written, in the place of the next ones that can. */
  #lossLine(next: LogLine | undefined): LogLine[] {
    if (this.#lost === 0 || !next) return [];
    const text = `${this.#lost} lines before this one could not be written`;
    this.#lost = 0;
    return [{ ...next, level: 'warn', stream: 'log', text, fields: null }];
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
    const text = await withoutVoidRows(head);
    await replaceFile(realDisk, head, text);
    if (at.tail === null) at.size = Buffer.byteLength(text);
  }

  async #look(): Promise<Place> {
    const [head, one, two] = await Promise.all(
      [this.#paths.head, ...this.#paths.tails].map(sizeOf),
    );
    if (!head) return { count: 0, size: 0, tail: null };
    const { count } = await this.#read();
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

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
