// The heartbeat: while runs are under way, their daemon writes the time into a small file of its own (`heartbeat`). After a
// kill it says until when they were under way. Only a daemon writes it, so no command that comes later hides that.
import { join } from 'node:path';
import { isInstant } from '../support/clock.ts';
import type { Disk } from '../support/files.ts';
import { readRegular } from './document.ts';
import { NoteFile } from './note-file.ts';

const TEXT = /^(\d{16})\n$/;
const pathOf = (dir: string): string => join(dir, 'heartbeat');

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
    this.#file ??= NoteFile.open(this.#disk, pathOf(this.#dir)).catch((error) => {
      this.#onError(error);
      return null;
    });
    void this.#file.then((file) => file?.note(`${String(Math.floor(now)).padStart(16, '0')}\n`));
  }

  async close(): Promise<void> {
    await (await this.#file)?.close();
  }
}

/** When a daemon was last known to be alive with runs under way; null where nothing readable says so. */
export async function readHeartbeat(disk: Disk, dir: string): Promise<number | null> {
  const text = (await readRegular(disk, pathOf(dir)))?.toString('utf8') ?? '';
  const digits = TEXT.exec(text)?.[1];
  const at = Number(digits);
  return isInstant(at) ? at : null;
}
