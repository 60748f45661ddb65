// Reads the state folder into memory, and changes nothing there:
//
//   manifest -> documents -> pages that are not at rest -> segments of the journal, in order, reading the page of each
//   record that a line touches
//
// A page that the manifest does not name is empty, whatever file lies there. A torn tail (the last line, never
// acknowledged) is dropped. Everything else that does not fit is damage: a missing segment or page, a bad line before
// a good one, a journal that ends before the witness. What is proven is read all the same. Where the manifest itself
// is damaged, every page and the whole journal are looked at.
import { join } from 'node:path';
import { type Clock, delay } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import type { Disk } from '../support/files.ts';
import type { Fields } from '../support/schema.ts';
import { damaged, type Note, type Oddity, type Problem, Problems, readRegular } from './damage.ts';
import { type Document, documentPath, foreign, readDocument } from './document.ts';
import { FORMAT, type Op } from './format.ts';
import {
  follow,
  journalFolder,
  type Line,
  listSegments,
  type Position,
  readSegment,
  segmentPath,
} from './journal.ts';
import { type Imported, type Manifest, readManifest, readsOf } from './manifest.ts';
import { readWitness } from './notes.ts';
import { Pages, type Row, type RowOf, type Tables } from './pages.ts';
import { type Reads, readOps } from './table.ts';
import { pageOf, type Summary } from './tally.ts';

/** The state as it was read: what is proven, and what is wrong with the rest. */
export interface Recovered<T extends Tables = Tables> {
  readonly tables: T;
  readonly pages: Pages<RowOf<T>>;
  /** The oldest of any document that was read; what was read of it is as this version has it. */
  readonly format: number;
  readonly epoch: number;
  readonly nextId: number;
  readonly changes: number;
  readonly end: Position;
  readonly lastSegment: number;
  /** The segment that ends the chain, if it holds any line, and the part of it that is whole. */
  readonly tail: { readonly segment: number; readonly whole: Buffer } | null;
  readonly problems: readonly Problem[];
  /** Records that make no sense. */
  readonly oddities: readonly Oddity[];
}

/** Ids that one line may have given at the most: it holds less than that. */
export const IDS_PER_COMMIT = 10_000;

/** Reads all that the files hold into these tables, which are empty. */
export const readState = <T extends Tables>(
  disk: Disk,
  dir: string,
  tables: T,
): Promise<Recovered<T>> =>
  // These are the tables that it fills, of whatever records.
  new Reader(disk, dir, tables).read() as Promise<Recovered<T>>;

const LOOKS = 4;
export const BETWEEN_LOOKS_MS = 60;

/** The same beside a process that works there: what is wrong at every look is wrong, the rest was its work. */
export async function readSteadily<T extends Tables>(
  disk: Disk,
  dir: string,
  clock: Clock,
  tables: () => T,
): Promise<Recovered<T>> {
  let recovered = await readState(disk, dir, tables());
  for (let look = 1; look < LOOKS && recovered.problems.length > 0; look++) {
    await delay(clock, BETWEEN_LOOKS_MS);
    const before = new Set(recovered.problems.map(({ path }) => path));
    const again = await readState(disk, dir, tables());
    recovered = { ...again, problems: again.problems.filter(({ path }) => before.has(path)) };
  }
  return recovered;
}

class Reader {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #problems = new Problems();
  readonly #oddities: Oddity[] = [];
  readonly #tables: Tables;
  readonly #reads: Reads;
  readonly #pages: Pages<Row>;
  /** Pages that were looked at, with the sequence that each includes and its records at rest. */
  readonly #loaded = new Map<number, { seq: number; atRest: Map<number, Row> }>();
  /** The oldest of any document. */
  #format = FORMAT;
  #manifest: Manifest | null = null;
  /** The pages that the manifest names, or an import. */
  #named = new Set<number>();
  /** The sequence that each document includes. */
  readonly #included = new Map<string, number>();
  #end: Position = { seq: 0, crc: 0 };
  #lastSegment = 0;
  #tail: Recovered['tail'] = null;
  #nextId = 1;
  #changes = 0;

  constructor(disk: Disk, dir: string, tables: Tables) {
    this.#disk = disk;
    this.#dir = dir;
    this.#tables = tables;
    this.#reads = readsOf(tables);
    this.#pages = new Pages(disk, dir, tables.paged);
  }

  async read(): Promise<Recovered> {
    await this.#readManifest();
    for (const name of this.#tables.documents.names)
      if (name !== 'manifest') await this.#readTables(name);
    await this.#takePages();
    if (!this.#manifest && this.#problems.all.length > 0) await this.#loadAllPages();
    // Before the journal: whoever only looks while another process writes sees one that is at least as long.
    const seen = await this.#readWitness();
    await this.#readJournal();
    this.#checkEnd(seen);
    this.#mend();
    return {
      tables: this.#tables,
      pages: this.#pages,
      format: this.#format,
      epoch: this.#manifest?.epoch ?? 0,
      nextId: this.#nextId,
      changes: this.#changes,
      end: this.#end,
      lastSegment: this.#lastSegment,
      tail: this.#tail,
      problems: this.#problems.all,
      oddities: this.#oddities,
    };
  }

  #noting(path: string): Note {
    return (what, setAside = false) => this.#oddities.push({ path, what, setAside });
  }

  /** Pages at rest stay unread, but the newest: a page that is going to be written has to be sound. */
  async #takePages(): Promise<void> {
    const newest = pageOf(this.#nextId);
    const read: number[] = [];
    for (const page of this.#named) {
      this.#pages.filed.add(page);
      if (page === newest || !this.#tables.paged.tally.isAtRest(page)) read.push(page);
      else this.#tables.paged.tally.countKept(page, 1);
    }
    for (const [page, file] of this.#pages.inTurn(read)) await this.#loadPage(page, file);
  }

  async #listPages(): Promise<readonly number[]> {
    return (await this.#problems.try(this.#pages.folder, () => this.#pages.list())) ?? [];
  }

  async #listSegments(): Promise<readonly number[]> {
    const folder = journalFolder(this.#dir);
    return (await this.#problems.try(folder, () => listSegments(this.#disk, folder))) ?? [];
  }

  async #readManifest(): Promise<void> {
    const path = documentPath(this.#dir, 'manifest');
    const manifest = await this.#problems.try(path, () => readManifest(this.#disk, this.#dir));
    this.#manifest = manifest;
    if (manifest) {
      this.#format = manifest.format;
      this.#end = manifest.position;
      this.#nextId = manifest.nextId;
      this.#pages.nextId = manifest.nextId;
      this.#changes = manifest.changes;
      this.#takeSummary(manifest, this.#noting(path));
      this.#tables.documents.load('manifest', manifest, this.#noting(path));
      this.#included.set('manifest', manifest.seq);
      return;
    }
    const pages = await this.#listPages();
    const first = (await this.#listSegments())[0] ?? 1;
    // A state that was never folded has a first segment and no page; anything more had a manifest once.
    if (pages.length > 0 || first > 1)
      this.#problems.note(path, 'is missing beside runs and a journal');
  }

  #takeSummary(summary: Summary, note: Note): void {
    this.#named = new Set(this.#tables.paged.takeSummary(summary, note));
  }

  async #readTables(name: string): Promise<void> {
    const path = documentPath(this.#dir, name);
    const list = this.#tables.documents.of(name).tables[0]?.field ?? '';
    const file = await this.#problems.try(path, async () => {
      const read = await readDocument<Document & Fields>(this.#disk, path);
      if (read && !Array.isArray(read[list])) throw damaged(path, 'is another file');
      return read;
    });
    if (!file && this.#manifest) this.#problems.note(path, 'is missing');
    this.#format = Math.min(this.#format, file?.format ?? FORMAT);
    if (file) this.#tables.documents.load(name, file, this.#noting(path));
    this.#included.set(name, file?.seq ?? 0);
  }

  async #loadPage(page: number, reading = this.#pages.read(page)): Promise<void> {
    const path = this.#pages.path(page);
    const file = await this.#problems.try(path, () => reading);
    if (!file) this.#problems.note(path, 'is missing');
    this.#format = Math.min(this.#format, file?.format ?? FORMAT);
    const atRest = new Map<number, Row>();
    for (const { what, setAside } of file?.oddities ?? []) this.#noting(path)(what, setAside);
    if (file?.oddities.length) this.#tables.paged.dirty.add(page);
    for (const record of file?.records ?? []) {
      this.#tables.paged.load(record);
      if (this.#tables.paged.isAtRest(record)) atRest.set(record.id, record);
      this.#nextId = Math.max(this.#nextId, record.id + 1);
    }
    // Of a page that cannot be read, no change can be understood either.
    this.#loaded.set(page, { seq: file?.seq ?? Number.POSITIVE_INFINITY, atRest });
  }

  /** Without a manifest: what is there is shown, so that nobody takes the state for an empty one. */
  async #loadAllPages(): Promise<void> {
    for (const page of await this.#listPages()) {
      this.#pages.filed.add(page);
      await this.#loadPage(page);
    }
  }

  async #readJournal(): Promise<void> {
    const folder = journalFolder(this.#dir);
    const segments = await this.#listSegments();
    const first = this.#manifest?.segment ?? segments[0] ?? 1;
    this.#lastSegment = Math.max(segments.at(-1) ?? 0, first - 1);
    const needed = segments.filter((segment) => segment >= first);
    if (this.#manifest && needed[0] !== first) {
      this.#problems.note(segmentPath(folder, first), 'is missing');
      return;
    }
    const known = new Map<number, Position>([[this.#end.seq, this.#end]]);
    const lines: Line[] = [];
    for (const segment of needed) {
      if (!(await this.#readSegment(segment, first, known, lines))) break;
    }
    for (const line of lines) if (!(await this.#replay(line))) break;
  }

  async #readSegment(
    segment: number,
    first: number,
    known: Map<number, Position>,
    lines: Line[],
  ): Promise<boolean> {
    const path = segmentPath(journalFolder(this.#dir), segment);
    const bytes = await this.#problems.try(path, () => readRegular(this.#disk, path));
    if (!bytes) this.#problems.note(path, 'is missing');
    const salvage = !this.#manifest && this.#problems.all.length > 0 && segment === first;
    const read = readSegment(bytes ?? Buffer.alloc(0), segment, (start) =>
      salvage ? true : known.get(start.seq)?.crc === start.crc,
    );
    if (read.kind === 'foreign') throw foreign(path, read.format);
    // The manifest names a segment only when its header is on the disk.
    if (read.kind === 'headerless' && this.#manifest && segment === first) {
      this.#problems.note(path, 'is damaged in its first line');
    }
    if (read.kind === 'misfit') this.#problems.note(path, read.why);
    if (read.kind === 'headerless') return true;
    if (read.kind === 'misfit') return false;
    follow(read, known, lines);
    this.#end = read.end;
    const whole = bytes?.subarray(0, read.whole);
    this.#tail = whole && read.lines.length > 0 ? { segment, whole } : null;
    if (read.kind === 'damaged') this.#problems.note(path, read.why);
    return read.kind === 'ok';
  }

  async #replay(line: Line): Promise<boolean> {
    const path = segmentPath(journalFolder(this.#dir), this.#lastSegment);
    const note = this.#noting(path);
    try {
      for (const op of readOps(line.ops, this.#reads, note)) await this.#do(op, line.seq, note);
      return true;
    } catch (error) {
      if (error instanceof JobrunError) throw error;
      this.#problems.note(path, `does not fit at commit ${line.seq}: ${(error as Error).message}`);
      return false;
    }
  }

  async #do(op: Op, seq: number, note: Note): Promise<void> {
    const { operations, paged } = this.#tables;
    const id = operations.idOf(op);
    const makes = operations.makes(op);
    if (makes && id !== null && id > this.#nextId + IDS_PER_COMMIT)
      return note(`${paged.what} ${id} makes no sense: its number was never given`);
    if (op[0] === 'import') await this.#takeImport(op[1] as Imported, seq, note);
    if (id !== null && !this.#loaded.has(pageOf(id))) await this.#loadTouched(pageOf(id));
    if (id !== null && operations.counts(op) && !makes) await this.#readWhole(id);
    try {
      this.#replayOne(op, id, seq, note);
    } catch (error) {
      // Left out because it made no sense, a record is missed by what was done to it; else it is damage.
      if (this.#oddities.every(({ setAside }) => setAside)) throw error;
      note(`an operation makes no sense: ${(error as Error).message}`);
    }
    if (makes) this.#nextId = Math.max(this.#nextId, (id ?? 0) + 1);
    if (operations.counts(op) && seq > (this.#manifest?.seq ?? 0)) this.#changes++;
  }

  /** The state was empty before: this is all there is. */
  async #takeImport(imported: Imported, seq: number, note: Note): Promise<void> {
    this.#nextId = Math.max(this.#nextId, imported.nextId);
    this.#changes = Math.max(this.#changes, imported.changes);
    this.#tables.documents.loadImport(imported, (name) => seq <= this.#includedIn(name), note);
    this.#takeSummary(imported, note);
    await this.#takePages();
    this.#tables.mend();
  }

  /** A page that was at rest, so far known by its counts alone: now its records count one by one. */
  async #loadTouched(page: number): Promise<void> {
    if (!this.#named.has(page)) this.#loaded.set(page, { seq: 0, atRest: new Map() });
    else {
      this.#tables.paged.tally.countKept(page, -1);
      await this.#loadPage(page);
    }
  }

  /** Large records at rest are held light; one that is changed is needed whole. */
  async #readWhole(id: number): Promise<void> {
    const atRest = this.#loaded.get(pageOf(id))?.atRest;
    const record = atRest?.get(id);
    if (!atRest || !record || !this.#pages.isLight(record)) return;
    for (const whole of await this.#pages.whole([record])) atRest.set(id, whole);
  }

  #replayOne(op: Op, id: number | null, seq: number, note: Note): void {
    const find = (one: number): Row | null => {
      const known = this.#tables.paged.known(one);
      return known === undefined ? (this.#loaded.get(pageOf(one))?.atRest.get(one) ?? null) : known;
    };
    const isNew = id !== null && seq > (this.#loaded.get(pageOf(id))?.seq ?? 0);
    if (isNew) this.#tables.operations.replay(op, { find, note });
    this.#tables.documents.replay(op, (name) => seq <= this.#includedIn(name), { find, note });
  }

  #includedIn(document: string): number {
    return this.#included.get(document) ?? 0;
  }

  #mend(): void {
    const missing = this.#tables.mend();
    if (missing && this.#problems.all.length === 0)
      this.#noting(documentPath(this.#dir, missing.document))(missing.what);
  }

  #readWitness(): Promise<number | null> {
    return this.#problems.try(join(this.#dir, 'witness'), () => readWitness(this.#disk, this.#dir));
  }

  #checkEnd(seen: number | null): void {
    if (this.#problems.all.length > 0) return;
    const path = segmentPath(journalFolder(this.#dir), this.#lastSegment);
    this.#problems.endsBefore(path, this.#end.seq, [
      ['the witness', seen ?? 0],
      ...[...this.#included].map(([name, seq]) => [documentPath(this.#dir, name), seq] as const),
      ...[...this.#loaded].map(([page, { seq }]) => [this.#pages.path(page), seq] as const),
    ]);
  }
}
