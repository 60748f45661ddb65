// Records that lie in pages: `000042.json` holds those with the numbers 42,000 to 42,999, so that one is found by its
// number alone. A page is rewritten only if one of its records changed since the last fold. Records of old pages to
// which nothing happens any more are read when they are asked for, through a small cache. A page may be larger than the
// heap, so large records at rest are held light, without their values: `whole` reads them again, and a page is
// rewritten while the old file is read beside it.
import { join } from 'node:path';
import type { JobrunError } from '../support/errors.ts';
import type { Disk } from '../support/files.ts';
import { PAGE_SIZE, PAGES_CACHED, PAGES_CACHED_BYTES } from '../support/limits.ts';
import { isFields } from '../support/schema.ts';
import { type Document, elementsOf, readWeighed, writeDocument } from './document.ts';
import {
  copyAside,
  damaged,
  FORMAT,
  isDamage,
  listFolder,
  type Note,
  type Oddity,
  type Op,
} from './folder.ts';
import type { LogKind, TextLine } from './log-format.ts';
import type { Aside, Documents, Reads, Replay } from './table.ts';
import { pageOf, type Summary, type Tally } from './tally.ts';

export interface Row {
  readonly id: number;
}

/** The records in memory that lie in pages. */
export interface PagedTable<R extends Row = Row> {
  /** The name of the folder, and of the list in each page. */
  readonly name: string;
  /** The word for a record in messages. */
  readonly what: string;
  /** Pages with a record that changed since their file was written. */
  readonly dirty: Set<number>;
  /** Records that were removed since the last fold began. */
  removed: number;
  /** Returns the record, or what stands in its place; a text says what is wrong with one that has no number. */
  read(raw: unknown, note: Note): R | string;
  /** Returns the record as it is; null if it was removed, undefined if only its page can tell. */
  known(id: number): R | null | undefined;
  /** Takes in a record as its page has it: no change, so the page stays clean. */
  load(record: R): void;
  /** Nothing more becomes of it by itself: only its page need hold it. */
  isAtRest(record: R): boolean;
  /** Returns a record at rest without its values, if it is large; null if it is held as it is. */
  lightOf(raw: unknown): R | null;
  /** Counts a record that only its page holds. */
  count(record: R): void;
  /** Puts `after` in the place of `before`; null stands for no record. */
  put(before: R | null, after: R | null): void;
  /** Keeps a record at rest that its page has too: it is going to be changed. */
  hold(record: R): void;
  /** Returns the records at rest that memory has. */
  held(): Iterable<R>;
  /** Returns what to tell of a record that was set aside; null for all others. */
  aside(record: R): Aside | null;
  /** Returns the records that are not at rest and have rows in their logs, which must be there. */
  logged(): Iterable<{ readonly id: number; readonly rows: number }>;
  /** Forgets what the file of a page holds now; what changed since it was captured stays. */
  written(page: number, records: readonly R[]): void;
  readonly tally: Tally<R, string>;
  /** The manifest's record of these pages, so that those at rest need not be read. */
  summary(pages: readonly number[]): Summary;
  /** Remembers what makes sense of that, and returns the pages that it names. */
  takeSummary(summary: Summary, note: Note): readonly number[];
}

/** The operations of the journal on records in pages. */
export interface PagedOperations<R extends Row = Row> {
  readonly reads: Reads;
  /** Returns the number of the record that an operation is about, or null. */
  idOf(op: Op): number | null;
  /** True for an operation that makes a record, with a number that was not given before. */
  makes(op: Op): boolean;
  /** True for an operation that is a change that is counted, as events are. */
  counts(op: Op): boolean;
  /** Returns the operation that makes a record as it is now, whatever came before. */
  whole(record: R): Op;
  /**
   * Tells for an operation: it keeps what an earlier one gave (true), gives it anew (false), or has nothing of it
   * (null).
   */
  leans(op: Op): boolean | null;
  /** Throws if the operation cannot fit what came before it. */
  replay(op: Op, to: Replay): void;
}

/** All tables of a state, and what has to be true of them together. */
export interface Tables<R extends Row = Row> {
  readonly documents: Documents;
  readonly paged: PagedTable<R>;
  readonly operations: PagedOperations<R>;
  /** The kind of a line in the logs of records in pages. */
  readonly log: LogKind<TextLine>;
  /** The obstacle to an import; null if there is none. */
  readonly content: string | null;
  /** A person is told of what was set aside: takes it as it stands, and returns what to tell of each. */
  acknowledge(): readonly string[];
  /** Settles records of which more may have happened than is known, and what waits for them; returns all their ids. */
  settleDoubted(isDoubted: (id: number) => boolean, now: number): readonly number[];
  /**
   * Makes the records that must be there because others are, and removes those that must not. Returns the document that
   * lacked them and what it lacked, or null.
   */
  mend(): { readonly document: string; readonly what: string } | null;
}

export type RowOf<T extends Tables> = NonNullable<ReturnType<T['paged']['known']>>;

/** A page as it was read. */
export interface ReadPage<R extends Row = Row> extends Document {
  readonly records: readonly R[];
  /** Records that make no sense. */
  readonly oddities: readonly Omit<Oddity, 'path'>[];
}

export type PageFile = Document & { readonly page: number } & Readonly<Record<string, unknown>>;

const NAME = /^(\d{6,})\.json$/;

export class Pages<R extends Row> {
  /** Pages that have a file, as the manifest or a write since then says; a file of any other is a leftover. */
  readonly filed = new Set<number>();
  /** Ids that were ever given are below this, as far as the manifest knows; null without one. */
  nextId: number | null = null;
  readonly table: PagedTable<R>;
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #folder: string;
  /** Least recently used first: a Map keeps the order of insertion. */
  readonly #cache = new Map<number, Promise<ReadonlyMap<number, R>>>();

  /** By page, never the same number twice: a page that went and came back is another one. */
  readonly #versions = new Map<number, number>();
  /** The version of all that have none of their own: one of them may be the page that went then. */
  #gone = 0;
  #changes = 0;
  /** The size of a page's file, once it was read or written. */
  readonly #bytes = new Map<number, number>();

  /** Records whose values only the file has, with their size as JSON. */
  readonly #light = new WeakMap<R, number>();

  /** Pages that held what makes no sense: originals are kept before they are written anew. */
  readonly #odd = new Set<number>();

  constructor(disk: Disk, dir: string, table: PagedTable<R>) {
    this.table = table;
    this.#disk = disk;
    this.#dir = dir;
    this.#folder = join(dir, table.name);
  }

  get folder(): string {
    return this.#folder;
  }

  /** Numbers of the page files that are there. */
  async list(): Promise<number[]> {
    const names = await listFolder(this.#disk, this.#folder);
    return names.flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));
  }

  /** The file of a page as it is on the disk, or null. Large records at rest are light, but for those wanted whole. */
  async read(
    page: number,
    isWanted = (_id: number): boolean => false,
  ): Promise<ReadPage<R> | null> {
    const take = (element: unknown): unknown => this.#lightened(element, isWanted);
    const file = await readWeighed<PageFile>(this.#disk, this.path(page), take);
    if (!file) return null;
    const raw = this.listIn(file.data);
    if (!raw || isOther(file.data.page, raw, page))
      throw damaged(this.path(page), 'holds another page');
    this.#bytes.set(page, file.bytes);
    const isElsewhere = (id: number): boolean => pageOf(id) !== page && this.#mayBeElsewhere(id);
    const { records, oddities } = this.sensible(raw, isElsewhere);
    if (oddities.length > 0) this.#odd.add(page);
    const { format, seq } = file.data;
    return { format, seq, records, oddities };
  }

  #lightened(element: unknown, isWanted: (id: number) => boolean): unknown {
    const light = this.table.lightOf(element);
    if (!light || isWanted(light.id)) return element;
    this.#light.set(light, JSON.stringify(element).length);
    return light;
  }

  isLight(record: R): boolean {
    return this.#light.has(record);
  }

  /** The size of a record as JSON, with all its values. */
  sizeOf(record: R): number {
    return this.#light.get(record) ?? JSON.stringify(record).length;
  }

  /** The records with all their values, in the same order; one that has been removed meanwhile is left out. */
  async whole(records: readonly R[]): Promise<readonly R[]> {
    if (!records.some((one) => this.isLight(one))) return records;
    const found = new Map<number, R>();
    for await (const record of this.wholeOf(records)) found.set(record.id, record);
    return records.flatMap((one) => (this.isLight(one) ? (found.get(one.id) ?? []) : one));
  }

  /** Those of them that are light, with all their values, one after the other. */
  async *wholeOf(records: readonly R[]): AsyncGenerator<R> {
    const wanted = new Set(records.filter((one) => this.isLight(one)).map(({ id }) => id));
    const isWanted = (line: Buffer): boolean => !(idIn(line) >= 0) || wanted.has(idIn(line));
    for (const page of new Set([...wanted].map(pageOf)))
      for await (const element of elementsOf(this.#disk, this.path(page), isWanted)) {
        const record = this.table.read(element, () => undefined);
        if (typeof record !== 'string' && wanted.has(record.id)) yield record;
      }
  }

  /** It has a page of its own, or was never given. */
  #mayBeElsewhere(id: number): boolean {
    return this.nextId === null || id >= this.nextId || this.filed.has(pageOf(id));
  }

  /** The files of pages in turn: the disk looks for the next one while the last is taken in. */
  *inTurn(pages: readonly number[]): Generator<readonly [number, Promise<ReadPage<R> | null>]> {
    const begin = (page: number): Promise<ReadPage<R> | null> => {
      const file = this.read(page);
      // A caller that gets it hears of it; if none does any more, it does not matter.
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

  /** The size of these pages on the disk, as far as it is known. */
  bytesOf(pages: Iterable<number>): number {
    let sum = 0;
    for (const page of pages) sum += this.#bytes.get(page) ?? 0;
    return sum;
  }

  /** The records of a page as its file has them, by id; never those of a file that was replaced while it was read. */
  filedIn(page: number): Promise<ReadonlyMap<number, R>> {
    return this.#steady(page, () => this.#cached(page));
  }

  /** Reads again until the file has stayed as it is meanwhile. */
  async #steady<T>(page: number, read: () => Promise<T>): Promise<T> {
    for (;;) {
      const version = this.#versionOf(page);
      const isSame = (): boolean => this.#versionOf(page) === version;
      try {
        const found = await read();
        if (isSame()) return found;
      } catch (error) {
        // A page that is removed just now is not missing.
        if (isSame()) throw error;
      }
    }
  }

  async write(page: number, seq: number, records: readonly R[]): Promise<void> {
    const isWhole = records.every((record) => !this.isLight(record));
    const all = isWhole ? records : this.#merged(page, records);
    const file = { format: FORMAT, seq, page, [this.table.name]: all };
    if (this.#odd.has(page)) await copyAside(this.#disk, this.#dir, [this.path(page)]);
    this.#odd.delete(page);
    this.#bytes.set(page, await writeDocument<PageFile>(this.#disk, this.path(page), file));
    this.filed.add(page);
    this.#versions.set(page, ++this.#changes);
    this.#cache.delete(page);
  }

  /** The records with all their values, one at a time: those of light ones come from the file that is replaced. */
  async *#merged(page: number, records: readonly R[]): AsyncGenerator<unknown> {
    const path = this.path(page);
    const filed = elementsOf(this.#disk, path);
    for (const record of records) {
      if (!this.isLight(record)) {
        yield record;
        continue;
      }
      let next = await filed.next();
      while (!next.done && !(isFields(next.value) && next.value.id === record.id))
        next = await filed.next();
      if (next.done) throw damaged(path, `has no ${this.table.what} ${record.id} any more`);
      yield next.value;
    }
    // To its end: only then its checksum is known to fit.
    for await (const _ of filed);
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

  #cached(page: number): Promise<ReadonlyMap<number, R>> {
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

  async #load(page: number): Promise<ReadonlyMap<number, R>> {
    if (!this.filed.has(page)) return new Map();
    const file = await this.read(page);
    if (!file) throw damaged(this.path(page), 'is missing');
    return new Map(file.records.map((record) => [record.id, record]));
  }

  /** The list in the file of a page, whatever it holds; null if there is none. */
  listIn(file: Readonly<Record<string, unknown>>): readonly unknown[] | null {
    const list = file[this.table.name];
    return Array.isArray(list) ? list : null;
  }

  /** The records of a list, in the order of their numbers, and none that is elsewhere. */
  sensible(
    raw: readonly unknown[],
    isElsewhere: (id: number) => boolean,
  ): Pick<ReadPage<R>, 'records' | 'oddities'> {
    const records: R[] = [];
    const oddities: Omit<Oddity, 'path'>[] = [];
    const note: Note = (what, setAside = false) => oddities.push({ what, setAside });
    const wrong = (why: string): void => note(`a ${this.table.what} makes no sense: ${why}`);
    for (const [i, one] of raw.entries()) {
      const record = this.table.read(one, note);
      if (typeof record === 'string') wrong(record);
      else if (isElsewhere(record.id)) wrong(`${record.id} is in another page`);
      else if (isMisplaced(record.id, records.at(-1)?.id ?? -1, raw[i + 1]))
        wrong(`${record.id} is not its number by the ones around it`);
      else records.push(record);
    }
    return { records, oddities };
  }

  /** Returns all records of a page as they are now, newest first. */
  async current(page: number): Promise<R[]> {
    const known = this.collect(page, new Map());
    const records = this.#isWhole(page, known)
      ? known
      : this.collect(page, await this.filedIn(page));
    this.table.tally.measure(page, records);
    return records;
  }

  /**
   * The same without those of which the line in the file tells that they are not wanted, which then cost nothing but a
   * look at their bytes.
   */
  async currentLike(page: number, isWanted: (line: Buffer) => boolean): Promise<R[]> {
    const known = this.collect(page, new Map());
    if (this.#isWhole(page, known) || this.#cache.has(page)) return this.current(page);
    return this.collect(page, await this.#steady(page, () => this.#filedLike(page, isWanted)));
  }

  async #filedLike(
    page: number,
    isWanted: (line: Buffer) => boolean,
  ): Promise<ReadonlyMap<number, R>> {
    const filed = new Map<number, R>();
    if (!this.filed.has(page)) return filed;
    for await (const element of elementsOf(this.#disk, this.path(page), isWanted)) {
      const record = this.table.read(
        this.#lightened(element, () => false),
        () => undefined,
      );
      if (typeof record !== 'string') filed.set(record.id, record);
    }
    return filed;
  }

  /** Returns what only the file of a page knows; nothing is read if memory has all of its records. */
  async onlyFiled(page: number): Promise<ReadonlyMap<number, R>> {
    return this.#isWhole(page, this.collect(page, new Map())) ? new Map() : this.filedIn(page);
  }

  #isWhole(page: number, known: readonly R[]): boolean {
    return known.length >= this.table.tally.matching(page);
  }

  /** Returns the records of a page from memory and from its file, at this moment: no wait lies inside. */
  collect(page: number, filed: ReadonlyMap<number, R>): R[] {
    const records: R[] = [];
    for (let id = page * PAGE_SIZE + PAGE_SIZE - 1; id >= page * PAGE_SIZE; id--) {
      const known = this.table.known(id);
      const record = known === undefined && filed.size > 0 ? filed.get(id) : known;
      if (record) records.push(record);
    }
    return records;
  }
}

/** Records are written with their id first. */
const idIn = (line: Buffer): number =>
  Number(/^\{"id":(\d+),/.exec(line.toString('latin1', 0, 30))?.[1]);

const isOther = (page: number, records: readonly unknown[], wanted: number): boolean =>
  page !== wanted &&
  !records.some((record) => isFields(record) && pageOf(Number(record.id)) === wanted);

/** Records stand in the order of their numbers: one that has the number of another one stands out. */
function isMisplaced(id: number, last: number, next: unknown): boolean {
  const following = isFields(next) && Number.isInteger(next.id) ? Number(next.id) : Infinity;
  return id <= last || (id >= following && last < following);
}

/** Null, with the damage noted, if a page cannot be read. */
export async function readable<T>(reading: Promise<T>, damage: JobrunError[]): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (!isDamage(error)) throw error;
    damage.push(error);
    return null;
  }
}
