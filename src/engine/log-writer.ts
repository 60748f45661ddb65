// Appends to the log files of one run, one write at a time: lines are gathered for a moment, and a flood goes by turns
// into the two tail files once the head is full.
import { appendFile, mkdir, open, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LogLine } from '../run/view.ts';
import type { Clock } from '../support/clock.ts';
import { errnoOf } from '../support/errors.ts';
import { type Entry, HEAD_BYTES, type LogPaths, TAIL_BYTES } from './log-file.ts';

/** Lines are gathered this long before they are appended: a thousand lines are one write. */
const GATHER_MS = 20;

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
  /** Lines ever written, the bytes of the file in use, and which of the tails that is; null until looked up. */
  #at: { count: number; size: number; tail: 0 | 1 | null } | null = null;

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

  async flush(sync: boolean): Promise<void> {
    this.#timer?.();
    this.#timer = null;
    while (this.#writing) await this.#writing;
    if (this.#pending.length > 0) {
      this.#writing = this.#write(this.#pending.splice(0)).finally(() => {
        this.#writing = null;
      });
      await this.#writing;
    }
    if (sync && this.#unsynced) await this.#sync();
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const at = this.#at ?? (await this.#look());
    this.#at = at;
    let text = '';
    for (const entry of entries) {
      if ('text' in entry) this.#told(++at.count, entry);
      text += `${JSON.stringify(entry)}\n`;
    }
    const bytes = Buffer.byteLength(text);
    if (at.size + bytes > (at.tail === null ? HEAD_BYTES : TAIL_BYTES))
      await this.#nextTail(at, entries);
    await append(this.#file(at.tail), text);
    at.size += bytes;
    this.#unsynced ||= entries.some((entry) => 'row' in entry);
  }

  async #nextTail(
    at: { count: number; size: number; tail: 0 | 1 | null },
    entries: readonly Entry[],
  ): Promise<void> {
    at.tail = at.tail === 0 ? 1 : 0;
    const skipped = at.count - entries.filter((entry) => 'text' in entry).length;
    const header = `${JSON.stringify({ skipped } satisfies Entry)}\n`;
    await writeFile(this.#file(at.tail), header, { mode: 0o600 });
    at.size = header.length;
  }

  async #look(): Promise<{ count: number; size: number; tail: 0 | 1 | null }> {
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
    const file = await open(this.#file(this.#at?.tail ?? null), 'r+');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
    const folder = await open(dirname(this.#paths.head), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    this.#unsynced = false;
  }

  #file(tail: 0 | 1 | null): string {
    return tail === null ? this.#paths.head : this.#paths.tails[tail];
  }
}

async function append(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text, { mode: 0o600 });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await appendFile(path, text, { mode: 0o600 });
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
