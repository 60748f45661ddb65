// Page files: `runs/000042.json` holds the runs 42,000 to 42,999, settled or not, so that a run is found by its id
// alone. A page is rewritten only when one of its runs changed since the last fold. The settled runs of old pages are
// read when somebody asks for them, through a small cache.
import { join } from 'node:path';
import type { Run } from '../../run/run.ts';
import { copyAside } from '../../store/aside.ts';
import {
  type Document,
  damaged,
  listFolder,
  readWeighed,
  writeDocument,
} from '../../store/document.ts';
import { FORMAT } from '../../store/format.ts';
import type { Disk } from '../../support/files.ts';
import { PAGES_CACHED, PAGES_CACHED_BYTES } from '../../support/limits.ts';
import { isFields } from '../../support/schema.ts';
import { type Note, type Oddity, runOf } from './stored.ts';
import { pageOf } from './tally.ts';

export interface PageFile extends Document {
  readonly page: number;
  readonly runs: readonly Run[];
}

/** A page as it was read. */
export interface ReadPage extends PageFile {
  /** Runs that make no sense. */
  readonly oddities: readonly Omit<Oddity, 'path'>[];
}

const NAME = /^(\d{6,})\.json$/;

export class Pages {
  /** Pages that have a file, as the manifest or a write since then says; a file of any other is a leftover. */
  readonly filed = new Set<number>();
  /** Ids that were ever given are below this, as far as the manifest knows; null without one. */
  nextId: number | null = null;
  readonly #disk: Disk;
  readonly #dir: string;
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

  /** Pages that held what makes no sense: originals are kept before they are written anew. */
  readonly #odd = new Set<number>();

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = dir;
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
  async read(page: number): Promise<ReadPage | null> {
    const file = await readWeighed<PageFile>(this.#disk, this.path(page));
    if (!file) return null;
    if (!Array.isArray(file.data.runs) || isOther(file.data, page))
      throw damaged(this.path(page), 'holds another page');
    this.#bytes.set(page, file.bytes);
    const { runs, oddities } = runsIn(
      file.data.runs,
      (id) => pageOf(id) !== page && this.#mayBeElsewhere(id),
    );
    if (oddities.length > 0) this.#odd.add(page);
    return { ...file.data, runs, oddities };
  }

  /** It has a page of its own, or was never given. */
  #mayBeElsewhere(id: number): boolean {
    return this.nextId === null || id >= this.nextId || this.filed.has(pageOf(id));
  }

  /** The files of pages in turn: the disk looks for the next one while the last is taken in. */
  *inTurn(pages: readonly number[]): Generator<readonly [number, Promise<ReadPage | null>]> {
    const begin = (page: number): Promise<ReadPage | null> => {
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
    if (this.#odd.has(page)) await copyAside(this.#disk, this.#dir, [this.path(page)]);
    this.#odd.delete(page);
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

const isOther = ({ page, runs }: PageFile, wanted: number): boolean =>
  page !== wanted && !runs.some((run) => pageOf(run?.id) === wanted);

/** The runs of a list, in the order of their numbers, and none that is elsewhere. */
export function runsIn(
  raw: readonly unknown[],
  isElsewhere: (id: number) => boolean,
): Pick<ReadPage, 'runs' | 'oddities'> {
  const runs: Run[] = [];
  const oddities: Omit<Oddity, 'path'>[] = [];
  for (const [i, one] of raw.entries()) {
    const note: Note = (what, setAside = false) => oddities.push({ what, setAside });
    const run = runOf(one, note);
    if (typeof run === 'string') note(`a run makes no sense: ${run}`);
    else if (isElsewhere(run.id)) note(`a run makes no sense: ${run.id} is in another page`);
    else if (isMisplaced(run.id, runs.at(-1)?.id ?? -1, raw[i + 1]))
      note(`a run makes no sense: ${run.id} is not its number by the ones around it`);
    else runs.push(run);
  }
  return { runs, oddities };
}

/** Runs stand in the order of their numbers: one that has the number of another one stands out. */
function isMisplaced(id: number, last: number, next: unknown): boolean {
  const following = isFields(next) && Number.isInteger(next.id) ? Number(next.id) : Infinity;
  return id <= last || (id >= following && last < following);
}
