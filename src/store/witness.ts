// The witness: the last durable sequence, in a small file of its own, written after each sync and never synced
// itself. It may lag, it can never lead. A journal that ends before it was cut off, which without it would look just
// like a commit nobody was told of.
import { join } from 'node:path';
import { sumOf } from '../support/checksums.ts';
import type { Disk } from '../support/files.ts';
import { readRegular } from './document.ts';
import { NoteFile } from './note-file.ts';

const TEXT = /^(\d{16}) ([0-9a-f]{8})\n$/;
const pathOf = (dir: string): string => join(dir, 'witness');

export class Witness {
  readonly #file: NoteFile;

  private constructor(file: NoteFile) {
    this.#file = file;
  }

  static async open(disk: Disk, dir: string, seq: number): Promise<Witness> {
    const witness = new Witness(await NoteFile.open(disk, pathOf(dir)));
    witness.note(seq);
    return witness;
  }

  note(seq: number): void {
    this.#file.note(textOf(seq));
  }

  close(): Promise<void> {
    return this.#file.close();
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
