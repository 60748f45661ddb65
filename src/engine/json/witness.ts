// The witness: the last durable sequence, in a small file of its own, written after each sync and never synced
// itself. It may lag, it can never lead. A journal that ends before it was cut off, which without it would look just
// like a commit nobody was told of.
import { join } from 'node:path';
import { sumOf } from '../../support/checksums.ts';
import type { Disk, DiskFile } from '../../support/files.ts';
import { readRegular } from './document.ts';

const TEXT = /^(\d{16}) ([0-9a-f]{8})\n$/;
const pathOf = (dir: string): string => join(dir, 'witness');

export class Witness {
  readonly #file: DiskFile;
  #latest: number | null = null;
  #writing: Promise<void> | null = null;

  private constructor(file: DiskFile) {
    this.#file = file;
  }

  static async open(disk: Disk, dir: string, seq: number): Promise<Witness> {
    await disk.remove(pathOf(dir));
    const witness = new Witness(await disk.create(pathOf(dir)));
    witness.note(seq);
    return witness;
  }

  /** Notes a sequence in the background; many at once become one write. */
  note(seq: number): void {
    this.#latest = seq;
    this.#writing ??= this.#write();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    while (this.#latest !== null) {
      const text = textOf(this.#latest);
      this.#latest = null;
      // It only ever helps to notice damage: where it cannot be written, that help is missing and nothing else.
      await this.#file.write(Buffer.from(text), 0).catch(() => undefined);
    }
    this.#writing = null;
  }
}

/** The sequence that was noted last, or 0 where nothing readable is there. */
export async function readWitness(disk: Disk, dir: string): Promise<number> {
  const text = (await readRegular(disk, pathOf(dir)))?.toString('utf8') ?? '';
  const seq = Number(TEXT.exec(text)?.[1] ?? 0);
  return textOf(seq) === text ? seq : 0;
}

function textOf(seq: number): string {
  const digits = String(seq).padStart(16, '0');
  return `${digits} ${sumOf(digits)}\n`;
}
