// Files of the state that others remove while it is in use. To look costs next to nothing: three folders tell whether a
// name came or went, and only then they are listed.
import { join } from 'node:path';
import type { Disk } from '../support/files.ts';
import { DOCUMENTS, listFolder } from './folder.ts';
import { journalFolder, segmentPath } from './journal.ts';
import type { Pages, Row } from './pages.ts';

export interface Removed {
  readonly pages: readonly number[];
  /** Segments of the journal and documents. */
  readonly segments: readonly string[];
  readonly documents: readonly string[];
}

const DOCUMENT_NAMES: ReadonlySet<string> = new Set(DOCUMENTS);

export class Removals {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #pages: Pages<Row>;
  #stamps = '';
  /** A name may have gone in the same tick of the disk's clock in which another one came: one more look tells. */
  #isSure = false;
  /** Pages that were told of and are still missing. */
  #told: ReadonlySet<number> = new Set();

  constructor(disk: Disk, dir: string, pages: Pages<Row>) {
    this.#disk = disk;
    this.#dir = dir;
    this.#pages = pages;
  }

  /** Returns the files that are missing, each page once; null where no name has come or gone. */
  async look(needed: ReadonlySet<number>): Promise<Removed | null> {
    const [dir, pages, journal] = [this.#dir, this.#pages, journalFolder(this.#dir)];
    const stamps = [dir, pages.folder, journal].map((one) => this.#disk.stampOf(one)).join();
    const isSame = stamps === this.#stamps;
    if (isSame && this.#isSure) return null;
    this.#stamps = stamps;
    this.#isSure = isSame;
    const missing = await this.#missing(pages.folder, pages.filed, (page) => pages.path(page));
    const told = this.#told;
    this.#told = new Set(missing);
    const pathOf = (segment: number): string => segmentPath(journal, segment);
    const segments = await this.#missing(journal, needed, pathOf);
    const documents = await this.#missing(dir, DOCUMENT_NAMES, (name) => join(dir, name));
    return {
      pages: missing.filter((page) => !told.has(page)),
      segments: segments.map(pathOf),
      documents: documents.map((name) => join(dir, name)),
    };
  }

  /** A missing one could not be written: it is looked for again. */
  forget(): void {
    this.#stamps = '';
    this.#told = new Set();
  }

  /** Those that have to be there before and after the folder is read: others come or go by us. */
  async #missing<T>(folder: string, all: ReadonlySet<T>, pathOf: (one: T) => string): Promise<T[]> {
    const before = [...all];
    const names = await listFolder(this.#disk, folder);
    const there = new Set(names.map((name) => join(folder, name)));
    return before.filter((one) => all.has(one) && !there.has(pathOf(one)));
  }
}
