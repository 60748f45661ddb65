// Reads the state folder into memory, and changes nothing there:
//
//   manifest -> pages with unsettled runs -> segments of the journal, in order, reading the page of each run that a
//   line touches
//
// A page that the manifest does not name is empty, whatever file lies there. A torn tail (the last line, never
// acknowledged) is dropped. Everything else that does not fit is damage: a missing segment or page, a bad line before
// a good one, a journal that ends before the witness. What is proven is read all the same. Where the manifest itself
// is damaged, every page and the whole journal are looked at.
import { join } from 'node:path';
import { isSettled, type Run } from '../../run/run.ts';
import { damaged, readDocument, readRegular } from '../../store/document.ts';
import { FORMAT } from '../../store/format.ts';
import {
  follow,
  type Line,
  listSegments,
  type Op,
  type Position,
  readSegment,
  segmentPath,
} from '../../store/journal.ts';
import { foreign } from '../../store/migrate.ts';
import { readWitness } from '../../store/notes.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Disk } from '../../support/files.ts';
import { giveLeases, haveLeases } from './doubt.ts';
import { journalFolder } from './fold.ts';
import {
  type Common,
  type Imported,
  type Manifest,
  manifestPath,
  readManifest,
} from './manifest.ts';
import { Memory } from './memory.ts';
import { Pages } from './pages.ts';
import { Problems, type Recovered } from './recovered.ts';
import { type LocksFile, Registry, type SchedulesFile } from './registry.ts';
import type { Span } from './settled-order.ts';
import { leasesOf, type Note, type Oddity, pausesOf, schedulesOf, workersOf } from './stored.ts';
import { opsOf } from './stored-ops.ts';
import { allSettled, type JobCounts, negated, pageOf } from './tally.ts';
import { idOf, replayOp } from './transaction.ts';

/** Ids that one line may have given at the most: it holds less than that. */
export const IDS_PER_COMMIT = 10_000;

export const readState = (disk: Disk, dir: string): Promise<Recovered> =>
  new Reader(disk, dir).read();

class Reader {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #problems = new Problems();
  readonly #oddities: Oddity[] = [];
  readonly #memory = new Memory();
  readonly #registry = new Registry();
  readonly #pages: Pages;
  /** Pages that were looked at, with the sequence that each includes and its settled runs. */
  readonly #loaded = new Map<number, { seq: number; settled: Map<number, Run> }>();
  /** The oldest of any document. */
  #format = FORMAT;
  #manifest: Manifest | null = null;
  /** What the manifest counts, page by page. */
  #counts = new Map<number, JobCounts>();
  readonly #spans = new Map<number, Span>();
  #schedulesSeq = 0;
  #locksSeq = 0;
  #end: Position = { seq: 0, crc: 0 };
  #lastSegment = 0;
  #tail: Recovered['tail'] = null;
  #nextId = 1;
  #changes = 0;

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = dir;
    this.#pages = new Pages(disk, dir);
  }

  async read(): Promise<Recovered> {
    await this.#readManifest();
    await this.#readRegistry();
    await this.#takePages();
    if (!this.#manifest && this.#problems.all.length > 0) await this.#loadAllPages();
    // Before the journal: whoever only looks while another process writes sees one that is at least as long.
    const seen = await this.#readWitness();
    await this.#readJournal();
    this.#checkEnd(seen);
    this.#checkLeases();
    return {
      memory: this.#memory,
      registry: this.#registry,
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

  /** Pages of settled runs alone stay unread, but the newest: a page that is going to be written has to be sound. */
  async #takePages(): Promise<void> {
    const newest = pageOf(this.#nextId);
    const read: number[] = [];
    for (const [page, counts] of this.#counts) {
      this.#pages.filed.add(page);
      if (allSettled(counts) && page !== newest)
        this.#memory.tally.load(page, counts, this.#spans.get(page));
      else read.push(page);
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
    const path = manifestPath(this.#dir);
    const manifest = await this.#problems.try(path, () =>
      readManifest(this.#disk, this.#dir, this.#noting(path)),
    );
    this.#manifest = manifest;
    if (manifest) {
      this.#format = manifest.format;
      this.#counts = new Map(manifest.pages);
      this.#end = manifest.position;
      this.#nextId = manifest.nextId;
      this.#pages.nextId = manifest.nextId;
      this.#changes = manifest.changes;
      this.#takeCommon(manifest);
      return;
    }
    const pages = await this.#listPages();
    const first = (await this.#listSegments())[0] ?? 1;
    // A state that was never folded has a first segment and no page; anything more had a manifest once.
    if (pages.length > 0 || first > 1)
      this.#problems.note(path, 'is missing beside runs and a journal');
  }

  #takeCommon({ requests, starts, settled, aside }: Omit<Common, 'pages'>): void {
    for (const [page, first, last] of settled ?? []) this.#spans.set(page, { first, last });
    for (const answered of requests) this.#registry.remember(answered);
    for (const [job, at] of starts ?? [])
      for (const one of at) this.#memory.picker.counted(job, one);
    for (const id of aside ?? []) this.#memory.aside.add(id);
  }

  async #readRegistry(): Promise<void> {
    const schedules = await this.#readListed<SchedulesFile>('schedules.json', 'schedules');
    const locks = await this.#readListed<LocksFile>('locks.json', 'leases');
    if (schedules) {
      const note = this.#noting(join(this.#dir, 'schedules.json'));
      const paused = pausesOf(schedules.paused, note);
      this.#registry.loadSchedules({ schedules: schedulesOf(schedules.schedules, note), paused });
    }
    if (locks) {
      const note = this.#noting(join(this.#dir, 'locks.json'));
      const workers = workersOf(locks.workers, note);
      this.#registry.loadLocks({ leases: leasesOf(locks.leases, note), workers });
    }
    this.#schedulesSeq = schedules?.seq ?? 0;
    this.#locksSeq = locks?.seq ?? 0;
  }

  async #readListed<T extends SchedulesFile | LocksFile>(
    name: string,
    list: keyof T,
  ): Promise<T | null> {
    const path = join(this.#dir, name);
    const file = await this.#problems.try(path, async () => {
      const read = await readDocument<T>(this.#disk, path);
      if (read && !Array.isArray(read[list])) throw damaged(path, 'is another file');
      return read;
    });
    if (!file && this.#manifest) this.#problems.note(path, 'is missing');
    this.#format = Math.min(this.#format, file?.format ?? FORMAT);
    return file;
  }

  async #loadPage(page: number, reading = this.#pages.read(page)): Promise<void> {
    const path = this.#pages.path(page);
    const file = await this.#problems.try(path, () => reading);
    if (!file) this.#problems.note(path, 'is missing');
    this.#format = Math.min(this.#format, file?.format ?? FORMAT);
    const settled = new Map<number, Run>();
    for (const { what, setAside } of file?.oddities ?? []) this.#noting(path)(what, setAside);
    if (file?.oddities.length) this.#memory.dirty.add(page);
    for (const run of file?.runs ?? []) {
      this.#memory.load(run);
      if (isSettled(run)) settled.set(run.id, run);
      this.#nextId = Math.max(this.#nextId, run.id + 1);
    }
    // Of a page that cannot be read, no change can be understood either.
    this.#loaded.set(page, { seq: file?.seq ?? Number.POSITIVE_INFINITY, settled });
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
      for (const op of opsOf(line.ops, note)) await this.#do(op, line.seq, note);
      return true;
    } catch (error) {
      if (error instanceof JobrunError) throw error;
      this.#problems.note(path, `does not fit at commit ${line.seq}: ${(error as Error).message}`);
      return false;
    }
  }

  async #do(op: Op, seq: number, note: Note): Promise<void> {
    if (op[0] === 'run' && (op[1] as Run).id > this.#nextId + IDS_PER_COMMIT)
      return note(`run ${(op[1] as Run).id} makes no sense: its number was never given`);
    if (op[0] === 'import') await this.#takeImport(op[1] as Imported);
    const id = idOf(op);
    if (id !== null && !this.#loaded.has(pageOf(id))) await this.#loadTouched(pageOf(id));
    try {
      this.#replayOne(op, seq, note);
    } catch (error) {
      // Left out because it made no sense, a run is missed by what was done to it; else it is damage.
      if (this.#oddities.every(({ setAside }) => setAside)) throw error;
      note(`an operation makes no sense: ${(error as Error).message}`);
    }
    if (op[0] === 'run') this.#nextId = Math.max(this.#nextId, (id ?? 0) + 1);
    const isChange = op[0] === 'run' || op[0] === 'set';
    if (isChange && seq > (this.#manifest?.seq ?? 0)) this.#changes++;
  }

  /** The state was empty before: this is all there is. */
  async #takeImport(imported: Imported): Promise<void> {
    const { nextId, changes, pages, schedules, paused } = imported;
    this.#nextId = Math.max(this.#nextId, nextId);
    this.#changes = Math.max(this.#changes, changes);
    this.#registry.loadSchedules({ schedules, paused });
    this.#takeCommon(imported);
    this.#counts = new Map(pages);
    await this.#takePages();
    giveLeases(this.#memory, this.#registry);
  }

  /** A page that was all settled, so far known by its counts alone: now its runs count one by one. */
  async #loadTouched(page: number): Promise<void> {
    const counts = this.#counts.get(page);
    if (counts) {
      this.#memory.tally.load(page, negated(counts));
      await this.#loadPage(page);
    } else this.#loaded.set(page, { seq: 0, settled: new Map() });
  }

  #replayOne(op: Op, seq: number, note: Note): void {
    const filed = (id: number): Run | null => this.#loaded.get(pageOf(id))?.settled.get(id) ?? null;
    replayOp(op, {
      memory: this.#memory,
      registry: this.#registry,
      isNewFor: (id) => seq > (this.#loaded.get(pageOf(id))?.seq ?? 0),
      schedulesAreOlder: seq > this.#schedulesSeq,
      locksAreOlder: seq > this.#locksSeq,
      startsAreOlder: seq > (this.#manifest?.seq ?? 0),
      note,
      get: (id) => {
        const known = this.#memory.known(id);
        return known === undefined ? filed(id) : known;
      },
    });
  }

  /** No run is running without a lease, and none has one otherwise; else the next daemon takes it back. */
  #checkLeases(): void {
    if (haveLeases(this.#memory, this.#registry)) return;
    giveLeases(this.#memory, this.#registry);
    if (this.#problems.all.length === 0)
      this.#noting(join(this.#dir, 'locks.json'))('the leases are not those of what is running');
  }

  #readWitness(): Promise<number | null> {
    return this.#problems.try(join(this.#dir, 'witness'), () => readWitness(this.#disk, this.#dir));
  }

  #checkEnd(seen: number | null): void {
    if (this.#problems.all.length > 0) return;
    const path = segmentPath(journalFolder(this.#dir), this.#lastSegment);
    this.#problems.endsBefore(path, this.#end.seq, [
      ['the witness', seen ?? 0],
      [manifestPath(this.#dir), this.#manifest?.seq ?? 0],
      [join(this.#dir, 'schedules.json'), this.#schedulesSeq],
      [join(this.#dir, 'locks.json'), this.#locksSeq],
      ...[...this.#loaded].map(([page, { seq }]) => [this.#pages.path(page), seq] as const),
    ]);
  }
}
