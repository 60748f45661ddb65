// Page files: `runs/000042.json` holds the runs 42,000 to 42,999, settled or not, so that a run is found by its id
// alone. A page is rewritten only when one of its runs changed since the last fold. The settled runs of old pages are
// read when somebody asks for them, through a small cache.
import { join } from 'node:path';
import type { Run } from '../../run/run.ts';
import type { Disk } from '../../support/files.ts';
import { PAGES_CACHED, PAGES_CACHED_BYTES } from '../../support/limits.ts';
import { type Document, damaged, listFolder, readWeighed, writeDocument } from './document.ts';
import { FORMAT } from './format.ts';

export interface PageFile extends Document {
  readonly page: number;
  readonly runs: readonly Run[];
}

const NAME = /^(\d{6,})\.json$/;

export class Pages {
  /** Pages that have a file, as the manifest or a write since then says; a file of any other is a leftover. */
  readonly filed = new Set<number>();
  readonly #disk: Disk;
  readonly #folder: string;
  /** Least recently used first: a Map keeps the order of insertion. */
  readonly #cache = new Map<number, Promise<ReadonlyMap<number, Run>>>();

  /** By page, never the same number twice: a page that went and came back is another one. */
  readonly #versions = new Map<number, number>();
  /** The version of all that have none of their own: one of them may be the page that went then. */
  #gone = 0;
  #changes = 0;
  /** What the file of a page takes, once it was read or written. */
  readonly #bytes = new Map<number, number>();

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#folder = join(dir, 'runs');
  }

  get folder(): string {
    return this.#folder;
  }

  /** Numbers of the page files that are there. */
  async list(): Promise<number[]> {
    const names = await listFolder(this.#disk, this.#folder);
    return names.flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));
  }

  /** The file of a page as it is on the disk, or null. */
  async read(page: number): Promise<PageFile | null> {
    const file = await readWeighed<PageFile>(this.#disk, this.path(page));
    if (!file) return null;
    if (file.data.page !== page || !Array.isArray(file.data.runs))
      throw damaged(this.path(page), 'holds another page');
    this.#bytes.set(page, file.bytes);
    return file.data;
  }

  /** The files of pages in turn: the disk looks for the next one while the last is taken in. */
  *inTurn(pages: readonly number[]): Generator<readonly [number, Promise<PageFile | null>]> {
    const begin = (page: number): Promise<PageFile | null> => {
      const file = this.read(page);
      // Whoever gets it hears of it; where nobody does any more, it does not matter.
      file.catch(() => undefined);
      return file;
    };
    let [ahead] = pages.slice(0, 1).map(begin);
    for (const [i, page] of pages.entries()) {
      const file = ahead ?? begin(page);
      [ahead] = pages.slice(i + 1, i + 2).map(begin);
      yield [page, file];
    }
  }

  /** What these pages take on the disk, as far as it is known. */
  bytesOf(pages: Iterable<number>): number {
    let sum = 0;
    for (const page of pages) sum += this.#bytes.get(page) ?? 0;
    return sum;
  }

  /** The runs of a page as its file has them, by id; never those of a file that was replaced while it was read. */
  async runsOf(page: number): Promise<ReadonlyMap<number, Run>> {
    for (;;) {
      const version = this.#versionOf(page);
      const isSame = (): boolean => this.#versionOf(page) === version;
      try {
        const runs = await this.#cached(page);
        if (isSame()) return runs;
      } catch (error) {
        // One that is removed just now is not missing.
        if (isSame()) throw error;
      }
    }
  }

  async write(page: number, seq: number, runs: readonly Run[]): Promise<void> {
    const file = { format: FORMAT, seq, page, runs };
    this.#bytes.set(page, await writeDocument<PageFile>(this.#disk, this.path(page), file));
    this.filed.add(page);
    this.#versions.set(page, ++this.#changes);
    this.#cache.delete(page);
  }

  async remove(page: number): Promise<void> {
    this.#gone = ++this.#changes;
    for (const known of [this.filed, this.#versions, this.#cache, this.#bytes]) known.delete(page);
    await this.#disk.remove(this.path(page));
  }

  path(page: number): string {
    return join(this.#folder, `${String(page).padStart(6, '0')}.json`);
  }

  #versionOf(page: number): number {
    return this.#versions.get(page) ?? this.#gone;
  }

  #cached(page: number): Promise<ReadonlyMap<number, Run>> {
    const cached = this.#cache.get(page) ?? this.#load(page);
    this.#cache.delete(page);
    this.#cache.set(page, cached);
    cached.then(
      () => this.#trim(),
      () => this.#cache.delete(page),
    );
    return cached;
  }

  /** The last one stays, however large. */
  #trim(): void {
    const isMuch = (): boolean =>
      this.#cache.size > PAGES_CACHED || this.bytesOf(this.#cache.keys()) > PAGES_CACHED_BYTES;
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size === 1 || !isMuch()) return;
      this.#cache.delete(oldest);
    }
  }

  async #load(page: number): Promise<ReadonlyMap<number, Run>> {
    if (!this.filed.has(page)) return new Map();
    const file = await this.read(page);
    if (!file) throw damaged(this.path(page), 'is missing');
    return new Map(file.runs.map((run) => [run.id, run]));
  }
}
