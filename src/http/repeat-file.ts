// The replies behind `Idempotency-Key`s, kept over restarts in `state/http-requests-<n>.jsonl`: one line a reply, on
// disk before the reply is sent. Each start writes what is still young enough into a file of the next number and then
// removes the earlier ones, so a crash at any moment leaves a file with all of it. A line that cannot be read is left
// out: it is the last one of a crash, and its request was never answered.
import { join } from 'node:path';
import { type Disk, type DiskFile, realDisk } from '../support/files.ts';
import { type Json, parseJson } from '../support/json.ts';
import { DAY, MB } from '../support/limits.ts';
import { anything, fits, number, object, text, whole } from '../support/schema.ts';

export interface KeptReply {
  readonly key: string;
  /** The id of the request that the key stands for. */
  readonly request: string;
  /** When it was answered, by the wall clock. */
  readonly at: number;
  readonly status: number;
  readonly body: Json;
}

export const KEPT_MS = DAY;
/** A file that is larger is written anew, with what is still young enough. */
const MOST_BYTES = 64 * MB;
const NAME = /^http-requests-(\d{1,9})\.jsonl$/;

const LINE = object({
  key: text,
  request: text,
  at: number,
  status: whole(100, 599),
  body: anything,
});

export class RepeatFile {
  readonly #state: string;
  readonly #disk: Disk;
  #file: DiskFile | null = null;
  #size = 0;
  /** Lines are written one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(state: string, disk: Disk = realDisk) {
    this.#state = state;
    this.#disk = disk;
  }

  /** Returns what is still young enough, the oldest first, and makes the file of this daemon. */
  async open(now: number): Promise<readonly KeptReply[]> {
    await this.close();
    const numbers = (await this.#disk.list(this.#state))
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
    const kept = new Map<string, KeptReply>();
    for (const n of numbers)
      for (const reply of await this.#read(n)) if (isYoung(reply, now)) kept.set(reply.key, reply);
    const next = (numbers.at(-1) ?? 0) + 1;
    const bytes = Buffer.from([...kept.values()].map(lineOf).join(''));
    const file = await this.#disk.create(this.#path(next));
    await file.write(bytes, 0);
    await file.sync();
    await this.#disk.syncFolder(this.#state);
    for (const n of numbers) await this.#disk.remove(this.#path(n));
    [this.#file, this.#size] = [file, bytes.length];
    return [...kept.values()];
  }

  /** Resolves when it is on disk. */
  add(reply: KeptReply): Promise<void> {
    const adding = this.#last.then(() => this.#add(reply));
    // Its caller hears of its error; the next reply is kept all the same.
    this.#last = adding.catch(() => undefined);
    return adding;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #add(reply: KeptReply): Promise<void> {
    if (this.#size > MOST_BYTES) await this.open(reply.at);
    const bytes = Buffer.from(lineOf(reply));
    await this.#file?.write(bytes, this.#size);
    this.#size += bytes.length;
    await this.#file?.sync();
  }

  async #read(n: number): Promise<readonly KeptReply[]> {
    const bytes = await this.#disk.read(this.#path(n));
    const lines = bytes?.toString('utf8').split('\n') ?? [];
    return lines.flatMap((line) => {
      const value: unknown = parseJson(line);
      return isReply(value) ? [value] : [];
    });
  }

  #path(n: number): string {
    return join(this.#state, `http-requests-${n}.jsonl`);
  }
}

const isReply = (value: unknown): value is KeptReply => fits(LINE, value);

const lineOf = (reply: KeptReply): string => `${JSON.stringify(reply)}\n`;

/** A clock that was set back makes a reply neither young for ever nor old at once. */
export const isYoung = ({ at }: Pick<KeptReply, 'at'>, now: number): boolean =>
  Math.abs(now - at) < KEPT_MS;
