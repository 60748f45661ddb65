// The state put together from what can be proven, where reader.ts has found damage; changes nothing on the disk.
//
// Certain are: documents that fit their checksum, of others the parts that fit theirs,
// and each line of the journal that fits its own. What is missing is a hole in the numbers of commits. A run that no
// later proof speaks of may have ended in a hole: it is not started again by itself, but settled as failed, with the
// reason; a person looks, and lets it go on with `retry`. Numbers (ids, epochs, commits) go on beyond all that can
// ever have been given.

import type { Difference } from '../../../run/difference.ts';
import { isSettled, type Run } from '../../../run/run.ts';
import { whyAside } from '../../../run/schedule.ts';
import { acknowledged, asideOf } from '../../../run/stored-run.ts';
import type { Note } from '../../../store/damage.ts';
import { type Document, documentPath, readOrDamaged } from '../../../store/document.ts';
import { FORMAT } from '../../../store/format.ts';
import { journalFolder, listSegments, type Op, segmentPath } from '../../../store/journal.ts';
import { type Imported, type Manifest, readsOf, wrongIn } from '../../../store/manifest.ts';
import { readWitness } from '../../../store/notes.ts';
import { type PageFile, Pages, pageOf } from '../../../store/pages.ts';
import { type Chain, chainSegments, type Salvaged, salvageDocument } from '../../../store/proof.ts';
import { IDS_PER_COMMIT } from '../../../store/reader.ts';
import { readOps } from '../../../store/table.ts';
import type { Disk } from '../../../support/files.ts';
import { PAGE_SIZE } from '../../../support/limits.ts';
import { Memory } from '../memory.ts';
import { type Found, newTables, Tables } from '../tables.ts';
import { failDoubted, Losses, type Lost } from './losses.ts';

export interface SalvageReport {
  /** Files that a hand or rot has changed and that are still JSON, taken as they are. */
  readonly edited: string[];
  /** Runs of which no more than the number is known. */
  readonly lost: Lost[];
  /** Runs that may have ended since what is known of them: settled as failed. */
  readonly doubted: number[];
  /** The end of the journal is missing: runs from this number on may have been accepted, and are lost. */
  lostFrom: number | null;
  /** Everything else that could not be proven. */
  readonly notes: string[];
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
  readonly #memory = new Memory();
  readonly #tables = new Tables(this.#memory);
  readonly #pages: Pages<Run>;
  #manifest: Manifest | null = null;
  /** The sequence that each sound page includes, and its runs where a line touched it. */
  readonly #pageSeqs = new Map<number, number>();
  readonly #read = new Map<number, Map<number, Run>>();
  readonly #losses = new Losses();
  /** The last commit that speaks of a run. */
  readonly #touched = new Map<number, number>();
  readonly #touchedPages = new Set<number>();
  /** Runs of which a later line keeps what a missing commit may have changed, with that commit. */
  readonly #leaning = new Map<number, number>();
  /** The newest commit that any file includes. */
  #known = 0;
  /** The sequence that each sound document includes. */
  readonly #included = new Map<string, number>();
  #nextId = 1;
  #epoch = 0;
  /** What makes no sense and is left out; what is set aside is told at the end. */
  readonly #noted: Note = (what, setAside) => {
    if (!setAside) this.report.notes.push(what);
  };

  constructor(disk: Disk, dir: string, now: number) {
    this.#disk = disk;
    this.#dir = dir;
    this.#now = now;
    this.#pages = new Pages(disk, dir, this.#memory);
  }

  async salvage(): Promise<Found> {
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
    const seen = await readWitness(this.#disk, this.#dir).catch(() => 0);
    this.#known = Math.max(this.#known, seen);
    for (const line of lines) for (const op of line.ops) this.#replay(op, line.seq);
    this.#acknowledge();
    const isKnown = (id: number): boolean =>
      this.#memory.known(id) !== undefined || this.#current(id) !== null;
    this.report.lost.push(...this.#losses.named(isKnown, (page) => this.#pages.path(page)));
    this.#doubt(chain);
    this.#tables.mend();
    return {
      tables: this.#tables,
      pages: this.#pages,
      format: FORMAT,
      epoch: Math.max(this.#epoch, this.#manifest ? 0 : lastSegment),
      nextId: this.#safeNextId(chain),
      changes: (this.#manifest?.changes ?? 0) + chain.lines.length,
      end: { seq: Math.max(this.#known, chain.end) + 1, crc: 0 },
      lastSegment,
      tail: null,
      problems: [],
      oddities: [],
    };
  }

  async #take<T extends Document>(
    path: string,
    accepts: (data: T) => boolean,
  ): Promise<Salvaged<T>> {
    const found = await salvageDocument<T>(this.#disk, path, accepts);
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
    this.#epoch = manifest.epoch;
    this.#memory.takeSummary(manifest, this.#noted);
    this.#tables.documents.load('manifest', manifest, this.#noted);
    this.#included.set('manifest', manifest.seq);
  }

  async #takeTables(name: string): Promise<void> {
    const { documents, leases } = this.#tables;
    const fits = (file: Document): boolean => documents.isByHand(name) && isWhole(name, file);
    const { data, parts, proof } = await this.#take<Document>(documentPath(this.#dir, name), fits);
    if (data) documents.load(name, data, this.#noted);
    // An element tells by itself which table it is of; a lease tells of its process too.
    else for (const table of documents.of(name)) table.load(parts, () => undefined);
    this.#included.set(name, proof === 'sound' ? (data?.seq ?? 0) : 0);
    if (!data && documents.isByHand(name))
      this.report.notes.push(
        'schedules and pauses: those that fit their own checksums are kept; look at jobrun schedules',
      );
    for (const { token } of leases.values()) this.#epoch = Math.max(this.#epoch, token[0]);
  }

  async #pagesToRead(): Promise<readonly number[]> {
    if (this.#manifest) return this.#manifest.pages.map(([page]) => page);
    const pages = await this.#pages.list().catch(() => []);
    return pages.sort((a, b) => a - b);
  }

  async #takePage(page: number): Promise<void> {
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
    const read = this.#pages.sensible(list ?? found.parts, isElsewhere);
    const { records: runs, oddities } = read;
    for (const { what, setAside } of oddities) if (data && !setAside) this.#noted(what);
    if (oddities.length > 0) this.#memory.dirty.add(page);
    if (found.proof === 'sound' && data) {
      this.#pages.filed.add(page);
      this.#pageSeqs.set(page, data.seq);
      for (const run of runs) {
        this.#memory.load(run);
        if (asideOf(run) !== null) this.#memory.fresh.set(run.id, run);
      }
      if (this.#touchedPages.has(page))
        this.#read.set(page, new Map(runs.filter(isSettled).map((run) => [run.id, run])));
    } else {
      for (const run of runs) this.#memory.put(null, run);
      const counted = this.#memory.summaryCount(page);
      if (!data) this.#losses.page(page, found.bytes, counted, runs.length);
      // Its sequence is as certain as the runs are; a journal is then applied to what it includes already.
      this.#pageSeqs.set(page, 0);
    }
    const last = runs.at(-1)?.id;
    this.#nextId = Math.max(this.#nextId, (last ?? 0) + 1, data ? 0 : page * PAGE_SIZE + 1);
  }

  async #takeJournal(): Promise<{ readonly chain: Chain; readonly lastSegment: number }> {
    const folder = journalFolder(this.#dir);
    const all = await listSegments(this.#disk, folder).catch(() => []);
    const first = this.#manifest?.segment ?? 0;
    const segments: Buffer[] = [];
    for (const segment of all.filter((one) => one >= first)) {
      const bytes = await readOrDamaged(this.#disk, segmentPath(folder, segment));
      if (Buffer.isBuffer(bytes)) segments.push(bytes);
    }
    const start = this.#manifest?.position ?? null;
    const chain = chainSegments(segments, start);
    return { chain, lastSegment: Math.max(all.at(-1) ?? 0, first - 1, 0) };
  }

  /** One that is not folded yet: what it names is part of the state, as if the manifest named it. */
  #takeImport(imported: Imported, seq: number): void {
    if (seq <= (this.#manifest?.seq ?? 0)) return;
    const { nextId, pages, changes } = imported;
    this.#nextId = Math.max(this.#nextId, nextId);
    const isIn = (name: string): boolean => seq <= (this.#included.get(name) ?? 0);
    this.#tables.documents.loadImport(imported, isIn, this.#noted);
    this.#memory.takeSummary(imported, this.#noted);
    if (this.#manifest) this.#manifest = { ...this.#manifest, changes, pages };
  }

  /** What a line tells beyond its effect, before any is applied; `hole` is the last commit that is missing before it. */
  #note(op: Op, seq: number, hole: number): void {
    const id = this.#tables.runs.idOf(op);
    if (id === null) return;
    const { life, kept } = op[0] === 'set' ? (op[2] as Difference) : {};
    if (kept && (this.#touched.get(id) ?? 0) < hole) this.#leaning.set(id, hole);
    else if (life && !kept) this.#leaning.delete(id);
    this.#touched.set(id, seq);
    this.#touchedPages.add(pageOf(id));
    const lease = op[3] as { readonly token?: readonly number[] } | undefined;
    this.#epoch = Math.max(this.#epoch, lease?.token?.[0] ?? 0);
    if (op[0] !== 'run') return;
    // Ids are given in order: one that was left out was in a line that is missing.
    if (this.#manifest) for (let lost = this.#nextId; lost < id; lost++) this.#losses.add(lost);
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

  /** What was set aside is in the report and its original kept: a run stays settled as it stands. */
  #acknowledge(): void {
    for (const run of [...this.#memory.fresh.values()]) {
      const why = run && asideOf(run);
      if (!run || why === null) continue;
      this.#memory.put(run, acknowledged(run));
      this.report.notes.push(`run ${run.id} makes no sense: ${why}: it is ${run.state.name}`);
    }
    for (const schedule of this.#tables.schedules.values()) {
      const why = whyAside(schedule);
      if (why !== null)
        this.report.notes.push(
          `schedule ${schedule.name} makes no sense and stays stopped: ${why}`,
        );
    }
  }

  #replay(op: Op, seq: number): void {
    try {
      const find = (id: number): Run | null => this.#current(id);
      const to = { find, note: () => undefined, again: true };
      const id = this.#tables.runs.idOf(op);
      const isNew = id !== null && seq > (this.#pageSeqs.get(pageOf(id)) ?? 0);
      if (isNew) this.#tables.runs.replay(op, to);
      this.#tables.documents.replay(op, (name) => seq <= (this.#included.get(name) ?? 0), to);
    } catch {
      // It changes a run that is lost with its page, or with a line.
      const id = this.#tables.runs.idOf(op);
      if (id !== null) this.#losses.add(id);
    }
  }

  #current(id: number): Run | null {
    const known = this.#memory.known(id);
    return known === undefined ? (this.#read.get(pageOf(id))?.get(id) ?? null) : known;
  }

  /** What may have ended in a commit that is missing is not started again. */
  #doubt({ holes, end }: Chain): void {
    const missing = this.#known > end ? [...holes, { from: end + 1, to: this.#known }] : holes;
    for (const { from, to } of missing)
      this.report.notes.push(`commits ${from === to ? from : `${from} to ${to}`} are missing`);
    if (this.#known > end) this.report.lostFrom = this.#nextId;
    const last = missing.at(-1)?.to ?? 0;
    const isDoubted = ({ id }: Run): boolean => {
      const filed = this.#pageSeqs.get(pageOf(id)) ?? 0;
      const isKnown = Math.max(filed, this.#touched.get(id) ?? 0) >= last;
      return !isKnown || (this.#leaning.get(id) ?? 0) > filed;
    };
    const doubted = [...this.#memory.live.values()].filter(isDoubted);
    this.report.doubted.push(...failDoubted(this.#memory, doubted, this.#now));
  }

  #safeNextId({ holes, end }: Chain): number {
    const missing = holes.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    const lost = missing + Math.max(0, this.#known - end) + (this.#manifest ? 0 : 1);
    return this.#nextId + lost * IDS_PER_COMMIT;
  }
}

/** Nothing of this document has to be left out. */
function isWhole(name: string, file: Document): boolean {
  let whole = true;
  newTables().documents.load(name, file, (_, setAside) => {
    whole &&= setAside === true;
  });
  return whole;
}
