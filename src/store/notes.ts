// The small files beside the documents. Each holds one value.
//
// `witness` and `heartbeat` are written over in place, in the background, and never synced: they help to know something
// later, and a start works without them. Many notes at once become one write.
//
// The witness is the last durable sequence, written after each sync. It may lag, and can never lead. A journal that
// ends before it was cut off, which without it would look like a commit that was never acknowledged. The heartbeat is
// the time at which a daemon was last alive with work under way; only a daemon writes it, so no later command hides it.
//
// `clock` must survive a power cut, which is when clocks are wrong: it is replaced durably, once an hour.
import { join } from 'node:path';
import { isInstant } from '../support/clock.ts';
import { type Disk, type DiskFile, replaceFile, sumOf } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import { readRegular } from './folder.ts';

/** A file with one number, as a text that always has the same length. */
export class NoteFile {
  readonly #disk: Disk;
  readonly path: string;
  readonly #textOf: (value: number) => string;
  #file: DiskFile;
  #latest: number | null = null;
  /** The one that was written last. */
  #written: number | null = null;
  #writing: Promise<void> | null = null;

  private constructor(disk: Disk, path: string, textOf: (value: number) => string, file: DiskFile) {
    this.#disk = disk;
    this.path = path;
    this.#textOf = textOf;
    this.#file = file;
  }

  /** Replaces the file of an earlier process. */
  static async open(
    disk: Disk,
    path: string,
    textOf: (value: number) => string,
  ): Promise<NoteFile> {
    await disk.remove(path);
    return new NoteFile(disk, path, textOf, await disk.create(path));
  }

  /**
   * Writes the last note anew where others have removed or replaced the file. Returns false where it is still there.
   */
  async restore(): Promise<boolean> {
    if (this.#file.isAt(this.path)) return false;
    await this.#writing;
    await this.#disk.remove(this.path);
    const gone = this.#file;
    this.#file = await this.#disk.create(this.path);
    await gone.close();
    if (this.#latest === null && this.#written !== null) this.note(this.#written);
    return true;
  }

  note(value: number): void {
    this.#latest = value;
    this.#writing ??= this.#write();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    while (this.#latest !== null) {
      const bytes = Buffer.from(this.#textOf(this.#latest));
      this.#written = this.#latest;
      this.#latest = null;
      // It helps to know something later: a note that the disk refuses stops nothing.
      await this.#file.write(bytes, 0).catch(() => undefined);
    }
    this.#writing = null;
  }
}

const digitsOf = (n: number): string => String(Math.floor(n)).padStart(16, '0');

const readText = async (disk: Disk, dir: string, name: string): Promise<string> =>
  (await readRegular(disk, join(dir, name)))?.toString('utf8') ?? '';

export async function openWitness(disk: Disk, dir: string, seq: number): Promise<NoteFile> {
  const witness = await NoteFile.open(disk, join(dir, 'witness'), witnessOf);
  witness.note(seq);
  return witness;
}

export const WITNESS = /^(\d{16}) ([0-9a-f]{8})\n$/;
const witnessOf = (seq: number): string => `${digitsOf(seq)} ${sumOf(digitsOf(seq))}\n`;

/** Returns the sequence that was noted last, or 0 if the file cannot be read. */
export async function readWitness(disk: Disk, dir: string): Promise<number> {
  const text = await readText(disk, dir, 'witness');
  const seq = Number(WITNESS.exec(text)?.[1] ?? 0);
  return witnessOf(seq) === text ? seq : 0;
}

const beatOf = (now: number): string => `${digitsOf(now)}\n`;

export class Heartbeat {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #onError: (error: unknown) => void;
  #file: Promise<NoteFile | null> | null = null;

  constructor(disk: Disk, dir: string, onError: (error: unknown) => void) {
    this.#disk = disk;
    this.#dir = dir;
    this.#onError = onError;
  }

  beat(now: number): void {
    this.#file ??= NoteFile.open(this.#disk, join(this.#dir, 'heartbeat'), beatOf).catch(
      (error) => {
        this.#onError(error);
        return null;
      },
    );
    void this.#file.then((file) => file?.note(now));
  }

  /** The file; null where nothing beats, or the disk refused it. */
  get file(): Promise<NoteFile | null> {
    return this.#file ?? Promise.resolve(null);
  }

  async close(): Promise<void> {
    await (await this.#file)?.close();
  }
}

/** Returns when a daemon was last known to be alive with work under way, or null. */
export async function readHeartbeat(disk: Disk, dir: string): Promise<number | null> {
  const text = await readText(disk, dir, 'heartbeat');
  const at = Number(/^(\d{16})\n$/.exec(text)?.[1]);
  return isInstant(at) ? at : null;
}

/** Returns the value of the `clock` file; undefined if it is missing or not JSON. */
export const readClockNote = async (disk: Disk, dir: string): Promise<unknown> =>
  parseJson(await readText(disk, dir, 'clock'));

export async function writeClockNote(disk: Disk, dir: string, mark: object): Promise<void> {
  await replaceFile(disk, join(dir, 'clock'), `${JSON.stringify(mark)}\n`);
}
