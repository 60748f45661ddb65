// A small file that is written over in place, in the background and never synced: it helps to know something later, and
// where it cannot be written that help is missing and nothing else. Many notes at once become one write.
import type { Disk, DiskFile } from '../support/files.ts';

export class NoteFile {
  readonly #file: DiskFile;
  #latest: string | null = null;
  #writing: Promise<void> | null = null;

  private constructor(file: DiskFile) {
    this.#file = file;
  }

  /** In the place of the one that was there. */
  static async open(disk: Disk, path: string): Promise<NoteFile> {
    await disk.remove(path);
    return new NoteFile(await disk.create(path));
  }

  /** Every text must have the same length. */
  note(text: string): void {
    this.#latest = text;
    this.#writing ??= this.#write();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    while (this.#latest !== null) {
      const bytes = Buffer.from(this.#latest);
      this.#latest = null;
      await this.#file.write(bytes, 0).catch(() => undefined);
    }
    this.#writing = null;
  }
}
