// Page files: `runs/000042.json` holds the runs 42,000 to 42,999, settled or not, so that a run is found by its id
// alone. A page is rewritten only when one of its runs changed since the last fold. The settled runs of old pages are
// read when somebody asks for them, through a small cache.
import { join } from 'node:path';
import type { Run } from '../../run/run.ts';
import type { Disk } from '../../support/files.ts';
import { PAGES_CACHED } from '../../support/limits.ts';
import { type Document, damaged, listFolder, readDocument, writeDocument } from './document.ts';
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
  #changes = 0;

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
    const file = await readDocument<PageFile>(this.#disk, this.path(page));
    if (file && (file.page !== page || !Array.isArray(file.runs)))
      throw damaged(this.path(page), 'holds another page');
    return file;
  }

  /** The runs of a page as its file has them, by id; never those of a file that was replaced while it was read. */
  async runsOf(page: number): Promise<ReadonlyMap<number, Run>> {
    for (;;) {
      const version = this.#versions.get(page);
      const runs = await this.#cached(page);
      if (this.#versions.get(page) === version) return runs;
    }
  }

  async write(page: number, seq: number, runs: readonly Run[]): Promise<void> {
    await writeDocument<PageFile>(this.#disk, this.path(page), { format: FORMAT, seq, page, runs });
    this.filed.add(page);
    this.#changed(page);
  }

  async remove(page: number): Promise<void> {
    this.filed.delete(page);
    await this.#disk.remove(this.path(page));
    this.#changed(page);
    this.#versions.delete(page);
  }

  path(page: number): string {
    return join(this.#folder, `${String(page).padStart(6, '0')}.json`);
  }

  #changed(page: number): void {
    this.#versions.set(page, ++this.#changes);
    this.#cache.delete(page);
  }

  #cached(page: number): Promise<ReadonlyMap<number, Run>> {
    const cached = this.#cache.get(page) ?? this.#load(page);
    this.#cache.delete(page);
    this.#cache.set(page, cached);
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > PAGES_CACHED && !oldest.done) this.#cache.delete(oldest.value);
    cached.catch(() => this.#cache.delete(page));
    return cached;
  }

  async #load(page: number): Promise<ReadonlyMap<number, Run>> {
    if (!this.filed.has(page)) return new Map();
    const file = await this.read(page);
    if (!file) throw damaged(this.path(page), 'is missing');
    return new Map(file.runs.map((run) => [run.id, run]));
  }
}
