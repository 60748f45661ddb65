// Reads the state folder into memory, and changes nothing there:
//
//   manifest -> documents -> pages that are not at rest -> segments of the journal, in order, reading the page of each
//   record that a line touches
//
// A page that the manifest does not name is empty, whatever file lies there. A torn tail (the last line, never
// acknowledged) is dropped. Everything else that does not fit is damage: a missing segment or page, a bad line before a
// good one, a journal that ends before the witness. Proven records are read all the same. If the manifest itself is
// damaged, every page and the whole journal are looked at.
//
// A repair reads the same way, but every page, and goes on where a start stops: with what salvage.ts says is still
// proven.
import { join } from 'node:path';
import { JobrunError } from '../support/errors.ts';
import type { Disk } from '../support/files.ts';
import { PAGE_SIZE } from '../support/limits.ts';
import type { Fields } from '../support/schema.ts';
import { type Document, documentPath, foreign, readDocument } from './document.ts';
import {
  damaged,
  FORMAT,
  type Note,
  type Oddity,
  type Op,
  type Problem,
  Problems,
  readRegular,
} from './folder.ts';
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
import { IDS_PER_COMMIT, Salvage, type SalvageReport } from './salvage.ts';
import { type Reads, readOps } from './table.ts';
import { pageOf } from './tally.ts';

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

/** Reads all that the files hold into these tables, which are empty. */
export const readState = <T extends Tables>(
  disk: Disk,
  dir: string,
  tables: T,
): Promise<Recovered<T>> =>
  // These are the tables that it fills, of whatever records.
  new Reader(disk, dir, tables).read() as Promise<Recovered<T>>;

/** The state put together from all that can be proven, for a repair, with what it took. */
export async function salvageState(
  disk: Disk,
  dir: string,
  now: number,
  tables: () => Tables,
): Promise<{ readonly recovered: Recovered; readonly report: SalvageReport }> {
  const salvage = new Salvage(disk, dir, now, tables);
  const recovered = await new Reader(disk, dir, salvage.tables, salvage).read();
  return { recovered, report: salvage.report };
}

class Reader {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #problems = new Problems();
  readonly #oddities: Oddity[] = [];
  readonly #tables: Tables;
  readonly #reads: Reads;
  readonly #pages: Pages<Row>;
  /** Null where damage stops it: a start, and who only looks. */
  readonly #salvage: Salvage | null;
  /**
   * Pages that were looked at, with the sequence that each includes and its records at rest; null before they are
   * needed.
   */
  readonly #loaded = new Map<number, { seq: number; atRest: Map<number, Row> | null }>();
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

  constructor(disk: Disk, dir: string, tables: Tables, salvage: Salvage | null = null) {
    this.#disk = disk;
    this.#dir = dir;
    this.#tables = tables;
    this.#salvage = salvage;
    this.#reads = readsOf(tables);
    this.#pages = new Pages(disk, dir, tables.paged);
  }

  async read(): Promise<Recovered> {
    await this.#readManifest();
    for (const name of this.#tables.documents.names)
      if (name !== 'manifest') await this.#readTables(name);
    await this.#takePages();
    if (!this.#manifest && this.#problems.all.length > 0) await this.#loadAllPages();
    // Before the journal: a reader beside a process that writes sees one that is at least as long.
    const witness = join(this.#dir, 'witness');
    const seen = await this.#problems.try(witness, () => readWitness(this.#disk, this.#dir));
    await this.#readJournal();
    if (this.#salvage) return this.#salvaged(this.#salvage, seen);
    this.#checkEnd(seen);
    const missing = this.#tables.mend();
    if (missing && this.#problems.all.length === 0)
      this.#noting(documentPath(this.#dir, missing.document))(missing.what);
    return this.#found(this.#manifest?.epoch ?? 0);
  }

  #found(epoch: number): Recovered {
    return {
      tables: this.#tables,
      pages: this.#pages,
      format: this.#format,
      epoch,
      nextId: this.#nextId,
      changes: this.#changes,
      end: this.#end,
      lastSegment: this.#lastSegment,
      tail: this.#tail,
      problems: this.#problems.all,
      oddities: this.#oddities,
    };
  }

  /** All numbers go on beyond what can ever have been given. */
  #salvaged(salvage: Salvage, seen: number | null): Recovered {
    const filed = [...this.#loaded.values()].map(({ seq }) => seq);
    const end = salvage.end(
      {
        find: (id) => this.#find(id),
        seqOf: (page) => this.#loaded.get(page)?.seq ?? 0,
        nextId: this.#nextId,
        known: Math.max(seen ?? 0, ...this.#included.values(), ...filed),
      },
      this.#pages,
    );
    this.#tables.mend();
    this.#nextId = end.nextId;
    this.#end = { seq: end.seq, crc: 0 };
    const epoch = this.#manifest?.epoch ?? salvage.epochAfter(this.#lastSegment);
    return { ...this.#found(epoch), problems: [], oddities: [], tail: null };
  }

  #noting(path: string): Note {
    if (this.#salvage) return this.#salvage.noted;
    return (what, setAside = false) => this.#oddities.push({ path, what, setAside });
  }

  /** At a start pages at rest stay unread, but the newest: a page that is going to be written has to be sound. */
  async #takePages(): Promise<void> {
    const newest = pageOf(this.#nextId);
    const read: number[] = [];
    for (const page of this.#named) {
      this.#pages.filed.add(page);
      const isRead = this.#salvage || page === newest || !this.#tables.paged.tally.isAtRest(page);
      if (isRead) read.push(page);
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
      this.#named = new Set(this.#tables.paged.takeSummary(manifest, this.#noting(path)));
      this.#tables.documents.load('manifest', manifest, this.#noting(path));
      this.#included.set('manifest', manifest.seq);
      return;
    }
    this.#salvage?.noted('manifest.json is made anew from the pages and the journal');
    const pages = await this.#listPages();
    const first = (await this.#listSegments())[0] ?? 1;
    // A state that was never folded has a first segment and no page; anything more had a manifest once.
    if (pages.length > 0 || first > 1)
      this.#problems.note(path, 'is missing beside runs and a journal');
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
    else await this.#salvage?.document(name);
    this.#included.set(name, file?.seq ?? 0);
  }

  async #loadPage(page: number, reading = this.#pages.read(page)): Promise<void> {
    const path = this.#pages.path(page);
    const file = await this.#problems.try(path, () => reading);
    if (!file) this.#problems.note(path, 'is missing');
    if (!file && this.#salvage) return this.#loadProven(page, this.#salvage);
    this.#format = Math.min(this.#format, file?.format ?? FORMAT);
    const atRest = new Map<number, Row>();
    for (const { what, setAside } of file?.oddities ?? []) this.#noting(path)(what, setAside);
    if (file?.oddities.length) this.#tables.paged.dirty.add(page);
    for (const record of file?.records ?? []) {
      this.#tables.paged.load(record);
      if (this.#tables.paged.isAtRest(record)) atRest.set(record.id, record);
      if (this.#salvage && this.#tables.paged.aside(record)) this.#tables.paged.hold(record);
      this.#nextId = Math.max(this.#nextId, record.id + 1);
    }
    // A change of an unreadable page cannot be understood. And a reader of all pages cannot hold all of them.
    const seq = file?.seq ?? Number.POSITIVE_INFINITY;
    this.#loaded.set(page, { seq, atRest: this.#salvage ? null : atRest });
  }

  /** The proven part of a damaged page: it is written anew. */
  async #loadProven(page: number, salvage: Salvage): Promise<void> {
    const { paged } = this.#tables;
    const { records, oddities, isAll } = await salvage.page(page, this.#pages);
    for (const { what, setAside } of oddities) if (isAll) salvage.noted(what, setAside);
    if (oddities.length > 0) paged.dirty.add(page);
    this.#pages.filed.delete(page);
    for (const record of records) paged.put(null, record);
    const last = records.at(-1)?.id ?? 0;
    this.#nextId = Math.max(this.#nextId, last + 1, isAll ? 0 : page * PAGE_SIZE + 1);
    // Its sequence is as certain as its records are; a journal is then applied to what it includes already.
    this.#loaded.set(page, { seq: 0, atRest: new Map() });
  }

  /** Without a manifest the rest is shown, so that the state is not taken for an empty one. */
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
    if (this.#salvage) return this.#replayProven(needed, this.#salvage);
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

  async #replayProven(segments: readonly number[], salvage: Salvage): Promise<void> {
    const { position = null, nextId = null, changes = 0 } = this.#manifest ?? {};
    const { lines } = await salvage.journal(segments, position, nextId);
    for (const line of lines) await this.#replay(line);
    this.#changes = Math.max(this.#changes, changes + lines.length);
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
      for (const op of readOps(line.ops, this.#reads, note)) {
        this.#salvage?.hear(op, line.seq);
        await this.#do(op, line.seq, note);
      }
      return true;
    } catch (error) {
      if (error instanceof JobrunError) throw error;
      this.#salvage?.noted(`commit ${line.seq} makes no sense: ${(error as Error).message}`);
      this.#problems.note(path, `does not fit at commit ${line.seq}: ${(error as Error).message}`);
      return false;
    }
  }

  async #do(op: Op, seq: number, note: Note): Promise<void> {
    const { operations, paged } = this.#tables;
    const id = operations.idOf(op);
    const makes = operations.makes(op);
    // If lines are missing, so are the numbers that they gave.
    if (!this.#salvage && makes && id !== null && id > this.#nextId + IDS_PER_COMMIT)
      return note(`${paged.what} ${id} makes no sense: its number was never given`);
    if (op[0] === 'import') await this.#takeImport(op[1] as Imported, seq, note);
    if (id !== null) await this.#loadTouched(pageOf(id));
    if (id !== null && operations.counts(op) && !makes) await this.#readWhole(id);
    try {
      this.#replayOne(op, id, seq, note);
    } catch (error) {
      // It changes a record that is lost with its page, or with a line.
      if (this.#salvage) return id === null ? undefined : this.#salvage.name(id);
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
    this.#salvage?.given(imported.nextId);
    this.#changes = Math.max(this.#changes, imported.changes);
    this.#tables.documents.loadImport(imported, (name) => seq <= this.#includedIn(name), note);
    this.#named = new Set(this.#tables.paged.takeSummary(imported, note));
    await this.#takePages();
    this.#tables.mend();
  }

  /** A page that was at rest, so far known by its counts alone: now its records count one by one. */
  async #loadTouched(page: number): Promise<void> {
    const known = this.#loaded.get(page);
    if (known?.atRest) return;
    if (known) known.atRest = new Map(await this.#pages.filedIn(page));
    else if (!this.#named.has(page)) this.#loaded.set(page, { seq: 0, atRest: new Map() });
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
    const find = (one: number): Row | null => this.#find(one);
    const to = this.#salvage ? { find, note: () => undefined, again: true } : { find, note };
    const isNew = id !== null && seq > (this.#loaded.get(pageOf(id))?.seq ?? 0);
    if (isNew) this.#tables.operations.replay(op, to);
    this.#tables.documents.replay(op, (name) => seq <= this.#includedIn(name), to);
  }

  #find(id: number): Row | null {
    const known = this.#tables.paged.known(id);
    return known === undefined ? (this.#loaded.get(pageOf(id))?.atRest?.get(id) ?? null) : known;
  }

  #includedIn(document: string): number {
    return this.#included.get(document) ?? 0;
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
