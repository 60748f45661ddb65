// The state put together from what can be proven, where reader.ts has found damage; changes nothing on the disk.
//
// Certain are: documents that fit their checksum, of others the parts that fit theirs, and each line of the journal that
// fits its own. What is missing is a hole in the numbers of commits. Of a record that no later proof speaks
// of, more may have happened in a hole: its table settles it, so that nothing starts again by itself, and a person looks.
// Numbers (ids, epochs, commits) go on beyond all that can ever have been given.
//
// A lost record is named as exactly as possible: by a number that can still be read in a damaged page, or that a line of
// the journal speaks of; the manifest tells how many more there are.

import type { Disk } from '../support/files.ts';
import { PAGE_SIZE, SECOND } from '../support/limits.ts';
import { type Note, readOrDamaged } from './damage.ts';
import { type Document, documentPath, type Salvaged, salvageDocument } from './document.ts';
import { FORMAT, type Op } from './format.ts';
import { chainSegments, journalFolder, listSegments, type Proven, segmentPath } from './journal.ts';
import { type Imported, type Manifest, readsOf, wrongIn } from './manifest.ts';
import { readWitness } from './notes.ts';
import { type PageFile, Pages, type Row, type Tables } from './pages.ts';
import { IDS_PER_COMMIT, type Recovered } from './reader.ts';
import { readOps } from './table.ts';
import { pageOf } from './tally.ts';

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

export class Salvage {
  readonly report: SalvageReport = {
    edited: [],
    lost: [],
    doubted: [],
    lostFrom: null,
    notes: [],
  };
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #now: number;
  readonly #newTables: () => Tables;
  readonly #tables: Tables;
  readonly #pages: Pages<Row>;
  #manifest: Manifest | null = null;
  /** The sequence that each sound page includes, and its records at rest where a line touched it. */
  readonly #pageSeqs = new Map<number, number>();
  readonly #read = new Map<number, Map<number, Row>>();
  /** By page: numbers that something speaks of, and how many of its records are not proven. */
  readonly #named = new Map<number, Set<number>>();
  readonly #short = new Map<number, number>();
  /** The last commit that speaks of a record. */
  readonly #touched = new Map<number, number>();
  readonly #touchedPages = new Set<number>();
  /** Records of which a later line keeps what a missing commit may have changed, with that commit. */
  readonly #leaning = new Map<number, number>();
  /** The newest commit that any file includes. */
  #known = 0;
  /** The sequence that each sound document includes. */
  readonly #included = new Map<string, number>();
  #nextId = 1;
  /** What makes no sense and is left out; what is set aside is told at the end. */
  readonly #noted: Note = (what, setAside) => {
    if (!setAside) this.report.notes.push(what);
  };

  constructor(disk: Disk, dir: string, now: number, newTables: () => Tables) {
    this.#disk = disk;
    this.#dir = dir;
    this.#now = now;
    this.#newTables = newTables;
    this.#tables = newTables();
    this.#pages = new Pages(disk, dir, this.#tables.paged);
  }

  async salvage(): Promise<Recovered> {
    await this.#takeManifest();
    for (const name of this.#tables.documents.names)
      if (name !== 'manifest') await this.#takeTables(name);
    const { chain, lastSegment } = await this.#takeJournal();
    const lines = chain.lines.map(({ seq, ops }) => ({ seq, ops: this.#opsOf(ops, seq) }));
    for (const { ops, seq } of lines) {
      const hole = chain.holes.findLast(({ to }) => to < seq)?.to ?? 0;
      for (const op of ops) this.#note(op, seq, hole);
    }
    for (const { seq, ops } of lines)
      for (const op of ops) if (op[0] === 'import') this.#takeImport(op[1] as Imported, seq);
    for (const page of await this.#pagesToRead()) await this.#takePage(page);
    // Whatever cannot be read proves nothing: here, and of the pages and segments below.
    const seen = await readWitness(this.#disk, this.#dir).catch(() => 0);
    this.#known = Math.max(this.#known, seen);
    for (const line of lines) for (const op of line.ops) this.#replay(op, line.seq);
    this.report.notes.push(...this.#tables.acknowledge());
    this.report.lost.push(...this.#lost());
    this.#doubt(chain);
    this.#tables.mend();
    return {
      tables: this.#tables,
      pages: this.#pages,
      format: FORMAT,
      epoch: this.#epochAfter(lastSegment),
      nextId: this.#safeNextId(chain),
      changes: (this.#manifest?.changes ?? 0) + chain.lines.length,
      end: { seq: Math.max(this.#known, chain.end) + 1, crc: 0 },
      lastSegment,
      tail: null,
      problems: [],
      oddities: [],
    };
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

  async #takeManifest(): Promise<void> {
    const path = documentPath(this.#dir, 'manifest');
    // All that it says follows from the other files: one that was edited is not worth the risk.
    const { data } = await this.#take<Manifest>(path, () => false);
    const manifest = data && wrongIn(data) === null ? data : null;
    this.#manifest = manifest;
    if (!manifest) {
      this.report.notes.push('manifest.json is made anew from the pages and the journal');
      return;
    }
    this.#nextId = manifest.nextId;
    this.#tables.paged.takeSummary(manifest, this.#noted);
    this.#tables.documents.load('manifest', manifest, this.#noted);
    this.#included.set('manifest', manifest.seq);
  }

  async #takeTables(name: string): Promise<void> {
    const { documents } = this.#tables;
    const { byHand } = documents.of(name);
    const fits = (file: Document): boolean => byHand !== null && this.#isWhole(name, file);
    const { data, parts, proof } = await this.#take<Document>(documentPath(this.#dir, name), fits);
    if (data) documents.load(name, data, this.#noted);
    // An element tells by itself which table it is of.
    else for (const table of documents.of(name).tables) table.load(parts, () => undefined);
    this.#included.set(name, proof === 'sound' ? (data?.seq ?? 0) : 0);
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

  async #pagesToRead(): Promise<readonly number[]> {
    if (this.#manifest) return this.#manifest.pages.map(([page]) => page);
    const pages = await this.#pages.list().catch(() => []);
    return pages.sort((a, b) => a - b);
  }

  async #takePage(page: number): Promise<void> {
    const { paged } = this.#tables;
    const isElsewhere = (id: number): boolean => pageOf(id) !== page;
    const listOf = (file: PageFile): readonly unknown[] | null =>
      file.page === page ? this.#pages.listIn(file) : null;
    const fits = (file: PageFile): boolean => {
      const list = listOf(file);
      return list !== null && this.#pages.sensible(list, isElsewhere).oddities.length === 0;
    };
    const found = await this.#take<PageFile>(this.#pages.path(page), fits);
    const list = found.data && listOf(found.data);
    const data = list ? found.data : null;
    const { records, oddities } = this.#pages.sensible(list ?? found.parts, isElsewhere);
    for (const { what, setAside } of oddities) if (data && !setAside) this.#noted(what);
    if (oddities.length > 0) paged.dirty.add(page);
    if (found.proof === 'sound' && data) {
      this.#pages.filed.add(page);
      this.#pageSeqs.set(page, data.seq);
      for (const record of records) paged.load(record);
      for (const record of records) if (paged.aside(record)) paged.hold(record);
      const atRest = records.filter((record) => paged.isAtRest(record));
      if (this.#touchedPages.has(page))
        this.#read.set(page, new Map(atRest.map((record) => [record.id, record])));
    } else {
      for (const record of records) paged.put(null, record);
      if (!data) this.#lose(page, found.bytes, paged.tally.keptCount(page) - records.length);
      // Its sequence is as certain as its records are; a journal is then applied to what it includes already.
      this.#pageSeqs.set(page, 0);
    }
    const last = records.at(-1)?.id;
    this.#nextId = Math.max(this.#nextId, (last ?? 0) + 1, data ? 0 : page * PAGE_SIZE + 1);
  }

  async #takeJournal(): Promise<{ readonly chain: Proven; readonly lastSegment: number }> {
    const folder = journalFolder(this.#dir);
    const all = await listSegments(this.#disk, folder).catch(() => []);
    const first = this.#manifest?.segment ?? 0;
    const segments: Buffer[] = [];
    for (const segment of all.filter((one) => one >= first)) {
      const bytes = await readOrDamaged(this.#disk, segmentPath(folder, segment));
      if (Buffer.isBuffer(bytes)) segments.push(bytes);
    }
    const chain = chainSegments(segments, this.#manifest?.position ?? null);
    return { chain, lastSegment: Math.max(all.at(-1) ?? 0, first - 1, 0) };
  }

  /** One that is not folded yet: what it names is part of the state, as if the manifest named it. */
  #takeImport(imported: Imported, seq: number): void {
    if (seq <= (this.#manifest?.seq ?? 0)) return;
    const { nextId, pages, changes } = imported;
    this.#nextId = Math.max(this.#nextId, nextId);
    this.#tables.documents.loadImport(imported, (name) => this.#includes(name, seq), this.#noted);
    this.#tables.paged.takeSummary(imported, this.#noted);
    if (this.#manifest) this.#manifest = { ...this.#manifest, changes, pages };
  }

  #includes(document: string, seq: number): boolean {
    return seq <= (this.#included.get(document) ?? 0);
  }

  /** What a line tells beyond its effect, before any is applied; `hole` is the last commit that is missing before it. */
  #note(op: Op, seq: number, hole: number): void {
    const { operations } = this.#tables;
    const id = operations.idOf(op);
    if (id === null) return;
    const leans = operations.leans(op);
    if (leans && (this.#touched.get(id) ?? 0) < hole) this.#leaning.set(id, hole);
    else if (leans === false) this.#leaning.delete(id);
    this.#touched.set(id, seq);
    this.#touchedPages.add(pageOf(id));
    if (!operations.makes(op)) return;
    // Ids are given in order: one that was left out was in a line that is missing.
    if (this.#manifest) for (let lost = this.#nextId; lost < id; lost++) this.#name(lost);
    this.#nextId = Math.max(this.#nextId, id + 1);
  }

  /** Of an import that makes no sense nothing can be done. */
  #opsOf(ops: unknown, seq: number): readonly Op[] {
    try {
      return readOps(ops, readsOf(this.#tables), this.#noted);
    } catch (error) {
      this.#noted(`commit ${seq} makes no sense: ${(error as Error).message}`);
      return [];
    }
  }

  #replay(op: Op, seq: number): void {
    const id = this.#tables.operations.idOf(op);
    try {
      const find = (one: number): Row | null => this.#current(one);
      const to = { find, note: () => undefined, again: true };
      const isNew = id !== null && seq > (this.#pageSeqs.get(pageOf(id)) ?? 0);
      if (isNew) this.#tables.operations.replay(op, to);
      this.#tables.documents.replay(op, (name) => this.#includes(name, seq), to);
    } catch {
      // It changes a record that is lost with its page, or with a line.
      if (id !== null) this.#name(id);
    }
  }

  #current(id: number): Row | null {
    const known = this.#tables.paged.known(id);
    return known === undefined ? (this.#read.get(pageOf(id))?.get(id) ?? null) : known;
  }

  /** What may have come to rest in a commit that is missing does not go on. */
  #doubt({ holes, end }: Proven): void {
    const missing = this.#known > end ? [...holes, { from: end + 1, to: this.#known }] : holes;
    for (const { from, to } of missing)
      this.report.notes.push(`commits ${from === to ? from : `${from} to ${to}`} are missing`);
    if (this.#known > end) this.report.lostFrom = this.#nextId;
    const last = missing.at(-1)?.to ?? 0;
    const isDoubted = (id: number): boolean => {
      const filed = this.#pageSeqs.get(pageOf(id)) ?? 0;
      const isKnown = Math.max(filed, this.#touched.get(id) ?? 0) >= last;
      return !isKnown || (this.#leaning.get(id) ?? 0) > filed;
    };
    this.report.doubted.push(...this.#tables.settleDoubted(isDoubted, this.#now));
  }

  // --------------------------------------------------------------------------------------------------------- losses

  #name(id: number): void {
    const named = this.#named.get(pageOf(id)) ?? new Set();
    this.#named.set(pageOf(id), named.add(id));
  }

  /** A damaged page: its bytes, and how many of its records are not proven. */
  #lose(page: number, bytes: Buffer | null, short: number): void {
    for (const id of idsIn(bytes ?? Buffer.alloc(0))) if (pageOf(id) === page) this.#name(id);
    this.#short.set(page, short);
  }

  #lost(): readonly Lost[] {
    const isKnown = (id: number): boolean =>
      this.#tables.paged.known(id) !== undefined || this.#current(id) !== null;
    return [...new Set([...this.#named.keys(), ...this.#short.keys()])].flatMap((page) => {
      const named = [...(this.#named.get(page) ?? [])];
      const ids = named.filter((id) => !isKnown(id)).sort((a, b) => a - b);
      const more = Math.max(0, (this.#short.get(page) ?? 0) - ids.length);
      const why = `it was in a damaged part of ${this.#pages.path(page)} or of the journal`;
      return ids.length + more === 0 ? [] : [{ ids, more, why }];
    });
  }

  // -------------------------------------------------------------------------------------------- numbers to go on with

  /** Each opening has a segment of its own; where segments are missing too, none came more than once a second. */
  #epochAfter(lastSegment: number): number {
    if (this.#manifest) return this.#manifest.epoch;
    return Math.max(lastSegment, Math.ceil(this.#now / SECOND));
  }

  #safeNextId({ holes, end }: Proven): number {
    const missing = holes.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    const lost = missing + Math.max(0, this.#known - end) + (this.#manifest ? 0 : 1);
    return this.#nextId + lost * IDS_PER_COMMIT;
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
