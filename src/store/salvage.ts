// The still proven part, if the reader finds damage; changes nothing on the disk.
//
// Certain are: documents that fit their checksum, of others the parts that fit theirs, and each line of the journal
// that fits its own. A missing commit is a hole in their numbers. If no later proof speaks of a record, more may have
// happened to it in a hole. Its table settles it, so that nothing starts again by itself, and a person looks. Numbers
// (ids, epochs, commits) go on beyond all that can ever have been given.
//
// A lost record is named as exactly as possible: by a number that can still be read in a damaged page, or that a line
// of the journal speaks of; the manifest tells how many more there are.
import type { Disk } from '../support/files.ts';
import { SECOND } from '../support/limits.ts';
import { type Document, documentPath, type Salvaged, salvageDocument } from './document.ts';
import { type Note, type Op, readOrDamaged } from './folder.ts';
import {
  chainSegments,
  journalFolder,
  type Position,
  type Proven,
  segmentPath,
} from './journal.ts';
import type { PageFile, Pages, ReadPage, Row, Tables } from './pages.ts';
import { pageOf } from './tally.ts';

/** Ids that one line may have given at the most: it holds less than that. */
export const IDS_PER_COMMIT = 10_000;

export interface SalvageReport {
  /** Files that a hand or rot has changed and that are still JSON, taken as they are. */
  readonly edited: string[];
  /** Records of which no more than the number is known. */
  readonly lost: Lost[];
  /** Records of which more may have happened than is known: settled as failed. */
  readonly doubted: number[];
  /** The end of the journal is missing: records from this number on may have been accepted, and are lost. */
  lostFrom: number | null;
  /** Everything else that could not be proven. */
  readonly notes: string[];
}

export interface Lost {
  readonly ids: readonly number[];
  /** So many more of the same page, of which not even the number is known. */
  readonly more: number;
  readonly why: string;
}

/** The reader's findings by the end. */
export interface FoundState {
  readonly find: (id: number) => Row | null;
  /** The commit that the file of a page includes; 0 where that is not certain. */
  readonly seqOf: (page: number) => number;
  readonly nextId: number;
  /** The newest commit that any file includes. */
  readonly known: number;
}

export class Salvage {
  readonly report: SalvageReport = {
    edited: [],
    lost: [],
    doubted: [],
    lostFrom: null,
    notes: [],
  };
  /** The records that make no sense and are left out; those set aside are told at the end. */
  readonly noted: Note = (what, setAside) => {
    if (!setAside) this.report.notes.push(what);
  };
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #now: number;
  readonly #newTables: () => Tables;
  readonly tables: Tables;
  #chain: Proven = { lines: [], holes: [], end: 0 };
  /** The next number as far as lines and manifest tell; null without a manifest. */
  #given: number | null = null;
  /** By page: numbers that something speaks of, and how many of its records are not proven. */
  readonly #named = new Map<number, Set<number>>();
  readonly #short = new Map<number, number>();
  /** The last commit that speaks of a record. */
  readonly #touched = new Map<number, number>();
  /** Records of which a later line keeps what a missing commit may have changed, with that commit. */
  readonly #leaning = new Map<number, number>();
  /** The newest commit that a changed file says it includes. */
  #known = 0;

  constructor(disk: Disk, dir: string, now: number, newTables: () => Tables) {
    this.#disk = disk;
    this.#dir = dir;
    this.#now = now;
    this.#newTables = newTables;
    this.tables = newTables();
  }

  async #take<D extends Document>(
    path: string,
    accepts: (data: D) => boolean,
  ): Promise<Salvaged<D>> {
    const found = await salvageDocument<D>(this.#disk, path, accepts);
    if (found.proof === 'edited') this.report.edited.push(path);
    if (found.data) this.#known = Math.max(this.#known, found.data.seq);
    return found;
  }

  /** Takes in what is proven of a damaged document. */
  async document(name: string): Promise<void> {
    const { documents } = this.tables;
    const { byHand, tables } = documents.of(name);
    const fits = (file: Document): boolean => byHand !== null && this.#isWhole(name, file);
    const { data, parts } = await this.#take<Document>(documentPath(this.#dir, name), fits);
    if (data) documents.load(name, data, this.noted);
    // An element tells by itself which table it is of.
    else for (const table of tables) table.load(parts, () => undefined);
    if (!data && byHand !== null) this.report.notes.push(byHand);
  }

  /** Nothing of this document has to be left out. */
  #isWhole(name: string, file: Document): boolean {
    let whole = true;
    this.#newTables().documents.load(name, file, (_, setAside) => {
      whole &&= setAside === true;
    });
    return whole;
  }

  /** Returns what is proven of a damaged page, and whether that is all of it. */
  async page(
    page: number,
    pages: Pages<Row>,
  ): Promise<Pick<ReadPage, 'records' | 'oddities'> & { readonly isAll: boolean }> {
    const isElsewhere = (id: number): boolean => pageOf(id) !== page;
    const listOf = (file: PageFile): readonly unknown[] | null =>
      file.page === page ? pages.listIn(file) : null;
    const fits = (file: PageFile): boolean => {
      const list = listOf(file);
      return list !== null && pages.sensible(list, isElsewhere).oddities.length === 0;
    };
    const { data, parts, bytes } = await this.#take<PageFile>(pages.path(page), fits);
    const list = data && listOf(data);
    const { records, oddities } = pages.sensible(list ?? parts, isElsewhere);
    if (!list) {
      for (const id of idsIn(bytes ?? Buffer.alloc(0))) if (pageOf(id) === page) this.name(id);
      this.#short.set(page, this.tables.paged.tally.keptCount(page) - records.length);
    }
    return { records, oddities, isAll: list !== null };
  }

  /**
   * Strings together what is proven of these segments, from the position where they begin; null where it is not known.
   */
  async journal(
    segments: readonly number[],
    start: Position | null,
    nextId: number | null,
  ): Promise<Proven> {
    const folder = journalFolder(this.#dir);
    const bytes: Buffer[] = [];
    for (const segment of segments) {
      const read = await readOrDamaged(this.#disk, segmentPath(folder, segment));
      if (Buffer.isBuffer(read)) bytes.push(read);
    }
    this.#given = nextId;
    this.#chain = chainSegments(bytes, start);
    return this.#chain;
  }

  /** The facts that an operation tells beyond its effect. */
  hear(op: Op, seq: number): void {
    const { operations } = this.tables;
    const id = operations.idOf(op);
    if (id === null) return;
    const hole = this.#chain.holes.findLast(({ to }) => to < seq)?.to ?? 0;
    const leans = operations.leans(op);
    if (leans && (this.#touched.get(id) ?? 0) < hole) this.#leaning.set(id, hole);
    else if (leans === false) this.#leaning.delete(id);
    this.#touched.set(id, seq);
    if (!operations.makes(op) || this.#given === null) return;
    // Ids are given in order: one that was left out was in a line that is missing.
    for (let lost = this.#given; lost < id; lost++) this.name(lost);
    this.#given = Math.max(this.#given, id + 1);
  }

  /** An import gave all numbers before this one. */
  given(nextId: number): void {
    if (this.#given !== null) this.#given = Math.max(this.#given, nextId);
  }

  /** Something speaks of a record, which may be lost. */
  name(id: number): void {
    const named = this.#named.get(pageOf(id)) ?? new Set();
    this.#named.set(pageOf(id), named.add(id));
  }

  /** Settles what is in doubt, and tells what is lost. Returns the commit and the number to go on with. */
  end(found: FoundState, pages: Pages<Row>): { readonly seq: number; readonly nextId: number } {
    const { holes, end } = this.#chain;
    const known = Math.max(this.#known, found.known);
    this.report.notes.push(...this.tables.acknowledge());
    this.report.lost.push(...this.#lost(found, pages));
    const missing = known > end ? [...holes, { from: end + 1, to: known }] : holes;
    this.#doubt(missing, found);
    if (known > end) this.report.lostFrom = found.nextId;
    const commits = missing.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    const lost = commits + (this.#given === null ? 1 : 0);
    return { seq: Math.max(known, end) + 1, nextId: found.nextId + lost * IDS_PER_COMMIT };
  }

  /** A run that may have come to rest in a commit that is missing does not go on. */
  #doubt(missing: Proven['holes'], { seqOf }: FoundState): void {
    for (const { from, to } of missing)
      this.report.notes.push(`commits ${from === to ? from : `${from} to ${to}`} are missing`);
    const last = missing.at(-1)?.to ?? 0;
    const isDoubted = (id: number): boolean => {
      const filed = seqOf(pageOf(id));
      const isKnown = Math.max(filed, this.#touched.get(id) ?? 0) >= last;
      return !isKnown || (this.#leaning.get(id) ?? 0) > filed;
    };
    this.report.doubted.push(...this.tables.settleDoubted(isDoubted, this.#now));
  }

  #lost({ find }: FoundState, pages: Pages<Row>): readonly Lost[] {
    const isKnown = (id: number): boolean =>
      this.tables.paged.known(id) !== undefined || find(id) !== null;
    return [...new Set([...this.#named.keys(), ...this.#short.keys()])].flatMap((page) => {
      const named = [...(this.#named.get(page) ?? [])];
      const ids = named.filter((id) => !isKnown(id)).sort((a, b) => a - b);
      const more = Math.max(0, (this.#short.get(page) ?? 0) - ids.length);
      const why = `it was in a damaged part of ${pages.path(page)} or of the journal`;
      return ids.length + more === 0 ? [] : [{ ids, more, why }];
    });
  }

  /** Each opening has a segment of its own; where segments are missing too, none came more than once a second. */
  epochAfter(lastSegment: number): number {
    return Math.max(lastSegment, Math.ceil(this.#now / SECOND));
  }
}

const BEGIN = '{"id":';

/** Numbers that stand where a record begins; found without a text of all, which a large page is too long for. */
function* idsIn(bytes: Buffer): Generator<number> {
  for (let at = bytes.indexOf(BEGIN); at >= 0; at = bytes.indexOf(BEGIN, at + 1)) {
    const from = at + BEGIN.length;
    const id = /^(\d+),/.exec(bytes.toString('latin1', from, from + 20))?.[1];
    if (id !== undefined) yield Number(id);
  }
}
