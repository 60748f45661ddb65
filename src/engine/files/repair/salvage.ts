// The state put together from what can be proven, where reader.ts has found damage; changes nothing on the disk.
//
// Certain are: documents that fit their checksum, of others the parts that fit theirs,
// and each line of the journal that fits its own. What is missing is a hole in the numbers of commits. A run that no
// later proof speaks of may have ended in a hole: it is not started again by itself, but settled as failed, with the
// reason; a person looks, and lets it go on with `retry`. Numbers (ids, epochs, commits) go on beyond all that can
// ever have been given.
import { join } from 'node:path';
import type { Difference } from '../../../run/difference.ts';
import { isSettled, type Run } from '../../../run/run.ts';
import { whyAside } from '../../../run/schedule.ts';
import { acknowledged, asideOf } from '../../../run/stored-run.ts';
import { readSchedule } from '../../../run/stored-schedule.ts';
import { type Document, readOrDamaged } from '../../../store/document.ts';
import { FORMAT } from '../../../store/format.ts';
import { listSegments, type Op, segmentPath } from '../../../store/journal.ts';
import { readWitness } from '../../../store/notes.ts';
import { type Chain, chainSegments, type Salvaged, salvageDocument } from '../../../store/proof.ts';
import type { Disk } from '../../../support/files.ts';
import { PAGE_SIZE } from '../../../support/limits.ts';
import { isFields } from '../../../support/schema.ts';
import { failDoubted, giveLeases } from '../doubt.ts';
import { journalFolder } from '../fold.ts';
import { type Imported, type Manifest, manifestPath, readSense } from '../manifest.ts';
import { Memory } from '../memory.ts';
import { type PageFile, Pages, runsIn } from '../pages.ts';
import { IDS_PER_COMMIT } from '../reader.ts';
import type { Recovered } from '../recovered.ts';
import { type LocksFile, Registry, type SchedulesFile } from '../registry.ts';
import { leasesOf, type Note, pausesOf, schedulesOf, workersOf } from '../stored.ts';
import { opsOf } from '../stored-ops.ts';
import { pageOf } from '../tally.ts';
import { idOf, replayOp } from '../transaction.ts';
import { Losses, type Lost } from './losses.ts';

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

const NOT_PAUSED = { all: false, jobs: [] };
const isLease = (part: unknown): boolean => isFields(part) && part.run !== undefined;

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
  readonly #registry = new Registry();
  readonly #pages: Pages;
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
  #schedulesSeq = 0;
  #locksSeq = 0;
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
    this.#pages = new Pages(disk, dir);
  }

  async salvage(): Promise<Recovered> {
    await this.#takeManifest();
    await this.#takeRegistry();
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
    giveLeases(this.#memory, this.#registry);
    return {
      memory: this.#memory,
      registry: this.#registry,
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
    const path = manifestPath(this.#dir);
    // All that it says follows from the other files: one that was edited is not worth the risk.
    const { data } = await this.#take<Manifest>(path, () => false);
    const manifest = data && readSense(data, this.#noted);
    const makesSense = manifest !== null && typeof manifest !== 'string';
    this.#manifest = makesSense ? manifest : null;
    if (!makesSense) {
      this.report.notes.push('manifest.json is made anew from the pages and the journal');
      return;
    }
    this.#nextId = manifest.nextId;
    this.#epoch = manifest.epoch;
    for (const answered of manifest.requests) this.#registry.remember(answered);
    for (const [job, starts] of manifest.starts ?? [])
      for (const at of starts) this.#memory.picker.counted(job, at);
  }

  async #takeRegistry(): Promise<void> {
    const schedules = await this.#take<SchedulesFile>(
      join(this.#dir, 'schedules.json'),
      (file) =>
        [file.schedules, file.paused?.jobs].every(Array.isArray) &&
        file.schedules.every((one) => typeof readSchedule(one) !== 'string'),
    );
    const list = schedules.data?.schedules ?? schedules.parts;
    this.#registry.loadSchedules({
      schedules: schedulesOf(Array.isArray(list) ? list : [], this.#noted),
      paused: schedules.data ? pausesOf(schedules.data.paused, this.#noted) : NOT_PAUSED,
    });
    this.#schedulesSeq = schedules.proof === 'sound' ? (schedules.data?.seq ?? 0) : 0;
    if (!schedules.data)
      this.report.notes.push(
        'schedules and pauses: those that fit their own checksums are kept; look at jobrun schedules',
      );
    const locks = await this.#take<LocksFile>(join(this.#dir, 'locks.json'), () => false);
    // A lease tells of its process too, where the element of that one is lost.
    this.#registry.loadLocks({
      leases: leasesOf(locks.data?.leases ?? locks.parts.filter(isLease), this.#noted),
      workers: workersOf(locks.data?.workers ?? locks.parts, this.#noted),
    });
    this.#locksSeq = locks.proof === 'sound' ? (locks.data?.seq ?? 0) : 0;
    for (const { token } of this.#registry.leases.values())
      this.#epoch = Math.max(this.#epoch, token[0]);
  }

  async #pagesToRead(): Promise<readonly number[]> {
    if (this.#manifest) return this.#manifest.pages.map(([page]) => page);
    const pages = await this.#pages.list().catch(() => []);
    return pages.sort((a, b) => a - b);
  }

  async #takePage(page: number): Promise<void> {
    const isElsewhere = (id: number): boolean => pageOf(id) !== page;
    const isList = (file: PageFile): boolean => file.page === page && Array.isArray(file.runs);
    const fits = (file: PageFile): boolean =>
      isList(file) && runsIn(file.runs, isElsewhere).oddities.length === 0;
    const found = await this.#take<PageFile>(this.#pages.path(page), fits);
    const data = found.data && isList(found.data) ? found.data : null;
    const { runs, oddities } = runsIn(data?.runs ?? found.parts, isElsewhere);
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
      const counts = new Map(this.#manifest?.pages ?? []).get(page) ?? {};
      if (!data) this.#losses.page(page, found.bytes, counts, runs.length);
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
  #takeImport({ nextId, pages, requests, starts, ...rest }: Imported, seq: number): void {
    if (seq <= (this.#manifest?.seq ?? 0)) return;
    this.#nextId = Math.max(this.#nextId, nextId);
    if (seq > this.#schedulesSeq) this.#registry.loadSchedules(rest);
    for (const answered of requests) this.#registry.remember(answered);
    for (const [job, at] of starts) for (const one of at) this.#memory.picker.counted(job, one);
    if (this.#manifest) this.#manifest = { ...this.#manifest, changes: rest.changes, pages };
  }

  /** What a line tells beyond its effect, before any is applied; `hole` is the last commit that is missing before it. */
  #note(op: Op, seq: number, hole: number): void {
    const id = idOf(op);
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
      return opsOf(ops, this.#noted);
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
    for (const schedule of this.#registry.schedules.values()) {
      const why = whyAside(schedule);
      if (why !== null)
        this.report.notes.push(
          `schedule ${schedule.name} makes no sense and stays stopped: ${why}`,
        );
    }
  }

  #replay(op: Op, seq: number): void {
    try {
      this.#replayOne(op, seq);
    } catch {
      // It changes a run that is lost with its page, or with a line.
      const id = idOf(op);
      if (id !== null) this.#losses.add(id);
    }
  }

  #replayOne(op: Op, seq: number): void {
    const [kind, first] = op;
    const id = idOf(op) ?? 0;
    const isNew = seq > (this.#pageSeqs.get(pageOf(id)) ?? 0);
    // A page whose sequence is not known may include this line: then it is applied once more, to the same end.
    const prev = this.#current(id);
    if (kind === 'run') {
      if (isNew) this.#memory.put(prev, first as Run);
      return;
    }
    if (kind === 'remove') {
      if (isNew && prev) this.#memory.put(prev, null);
      return;
    }
    replayOp(op, {
      memory: this.#memory,
      registry: this.#registry,
      isNewFor: () => isNew,
      schedulesAreOlder: seq > this.#schedulesSeq,
      locksAreOlder: seq > this.#locksSeq,
      startsAreOlder: seq > (this.#manifest?.seq ?? 0),
      note: () => undefined,
      get: () => prev,
    });
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
