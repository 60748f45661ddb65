// A disk in memory that remembers every operation, so that a test can kill the process at any of them, make any of
// them fail, and rebuild what a power cut at any moment could leave.
//
// The model is the strictest one: a written byte is on the disk only after a sync of its file, a name only after a sync
// of its folder. Until then each write may be there, be missing, be torn (a first part; the rest zeros or not there) or
// be garbled, and each change of a name may be there or not, in any combination. A file whose sync failed never becomes
// durable by a later one (Linux marks the pages clean).
import { dirname } from 'node:path';
import type { Disk, DiskFile, Space } from '../../src/support/files.ts';
import {
  type CutOptions,
  changed,
  type Entry,
  type Files,
  hashOf,
  type Operation,
  Platter,
  renameIn,
} from './engine-platter.ts';
import type { Random } from './random.ts';

export type Kind = Exclude<Operation['kind'], 'syncFailed'>;

/** Makes the n-th operation (from 0) of a kind fail, and all after it where `forever`. */
export interface Fault {
  readonly kind: Kind;
  readonly n: number;
  readonly errno: 'EIO' | 'ENOSPC' | 'EROFS' | 'EDQUOT' | 'EMFILE';
  readonly forever?: boolean;
}

/** Weakens the disk on purpose, to show that a test would notice. */
export interface Weakness {
  /** `sync` does nothing. */
  readonly noSync?: boolean;
  /** `syncFolder` does nothing. */
  readonly noFolderSync?: boolean;
  /** `sync` answers at once and is done later. */
  readonly earlyAnswer?: boolean;
  /** Syncs of files in a folder `journal` take this many turns of the loop: no weakness, but a slow disk. */
  readonly slowJournal?: number;
}

/** The process was killed: every operation of it fails with this from then on. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** The medium. It outlives the processes that use it: see `process`. */
export class SimulatedDisk {
  readonly operations: Operation[] = [];
  /** Bytes that fit, whoever takes them; and of these, what others have taken. */
  capacity = Number.POSITIVE_INFINITY;
  taken = 0;
  /** Names that fit. */
  inodes = Number.POSITIVE_INFINITY;
  /** Time that a sync takes beyond the turns of the loop. */
  slow: (() => Promise<void>) | null = null;
  readonly weakness: Weakness;
  readonly #start: Files;
  readonly #names = new Map<string, Entry>();
  readonly #contents = new Map<number, Buffer>();
  #files = 0;

  constructor(start: Files = new Map([['/state', null]]), weakness: Weakness = {}) {
    this.#start = start;
    this.weakness = weakness;
    for (const [path, bytes] of start) this.#names.set(path, bytes && this.#newFile(bytes));
  }

  /** A process that uses the disk, until it is killed; it is killed by itself before operation `crashAt`. */
  process(crashAt = Number.POSITIVE_INFINITY, faults: readonly Fault[] = []): SimulatedProcess {
    return new SimulatedProcess(this, crashAt, faults);
  }

  /** What a process sees: everything that was performed. */
  files(): Files {
    const at = (entry: Entry): Buffer | null =>
      entry === null ? null : (this.#contents.get(entry) as Buffer);
    return new Map([...this.#names].map(([path, entry]) => [path, at(entry)]));
  }

  /** Every different state that a power cut could leave, with the number of operations performed before it. */
  *powerCuts(options: CutOptions = {}): Generator<PowerCut> {
    const seen = new Set<string>();
    const platter = new Platter(this.#start);
    for (let at = 0; ; at++) {
      if (at >= (options.from ?? 0)) {
        for (const files of platter.states(options, at)) {
          const key = `${options.keyOf?.(at) ?? ''} ${hashOf(files)}`;
          if (!seen.has(key)) yield { at, files };
          seen.add(key);
        }
      }
      const operation = this.operations[at];
      if (!operation) return;
      platter.take(operation);
    }
  }

  look(path: string): Entry | undefined {
    return this.#names.get(path);
  }

  bytesOf(file: number): Buffer {
    return this.#contents.get(file) as Buffer;
  }

  namesIn(folder: string): string[] {
    const inside = [...this.#names.keys()].filter(
      (path) => dirname(path) === folder && path !== folder,
    );
    return inside.map((path) => path.slice(folder.length + 1));
  }

  get free(): number {
    let used = this.taken;
    for (const file of this.#names.values()) if (file !== null) used += this.bytesOf(file).length;
    return Math.max(0, this.capacity - used);
  }

  get names(): number {
    return this.#names.size;
  }

  /** One state that a power cut could leave now. */
  powerCut(chance: Random): Files {
    const platter = new Platter(this.#start);
    for (const operation of this.operations) platter.take(operation);
    return platter.anyState(chance);
  }

  /** Forgets what was done, for a history too long to keep: no power cut can be asked for from then on. */
  forget(): void {
    this.operations.length = 0;
    const named = new Set(this.#names.values());
    for (const file of this.#contents.keys()) if (!named.has(file)) this.#contents.delete(file);
  }

  nextFile(): number {
    return this.#files;
  }

  perform(operation: Operation): void {
    this.operations.push(operation);
    switch (operation.kind) {
      case 'create':
        this.#names.set(operation.path, this.#newFile(Buffer.alloc(0)));
        return;
      case 'write':
      case 'truncate':
        this.#contents.set(operation.file, changed(this.bytesOf(operation.file), operation));
        return;
      default:
        renameIn(this.#names, operation);
    }
  }

  #newFile(bytes: Buffer): number {
    this.#contents.set(this.#files, bytes);
    return this.#files++;
  }
}

export interface PowerCut {
  readonly at: number;
  readonly files: Files;
}

/** One process's view of the disk. */
export class SimulatedProcess implements Disk {
  readonly #disk: SimulatedDisk;
  #crashAt: number;
  #faults: readonly Fault[];
  readonly #performed = new Map<Kind, number>();
  #dead = false;

  constructor(disk: SimulatedDisk, crashAt: number, faults: readonly Fault[]) {
    this.#disk = disk;
    this.#crashAt = crashAt;
    this.#faults = faults;
  }

  async space(): Promise<Space> {
    this.#check();
    return { total: this.#disk.capacity, free: this.#disk.free };
  }

  kill(): void {
    this.#dead = true;
  }

  /** Dies by itself before the n-th operation from now, counted from 0. */
  killAfter(n: number): void {
    this.#crashAt = this.#disk.operations.length + n;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** No operation fails any more. */
  heal(): void {
    this.#faults = [];
  }

  fail(faults: readonly Fault[]): void {
    this.#faults = faults;
    this.#performed.clear();
  }

  /** How many operations of a kind there were since the start, or since `fail`. */
  performed(kind: Kind): number {
    return this.#performed.get(kind) ?? 0;
  }

  async create(path: string, how?: 'append'): Promise<DiskFile> {
    await this.#turn('create');
    if (this.#disk.look(path) !== undefined) throw errno('EEXIST', path);
    if (this.#disk.look(dirname(path)) === undefined) throw errno('ENOENT', path);
    if (this.#disk.names >= this.#disk.inodes) throw errno('ENOSPC', path);
    const file = this.#disk.nextFile();
    this.#disk.perform({ kind: 'create', path, file });
    return this.#open(file, path.includes('/journal/'), how === 'append');
  }

  async read(path: string): Promise<Buffer | null> {
    this.#check();
    const entry = this.#disk.look(path);
    if (entry === null) throw errno('EINVAL', path);
    return entry === undefined ? null : Buffer.from(this.#disk.bytesOf(entry));
  }

  /** Much smaller ones than those of a real disk, so that what is read is cut anywhere. */
  async pieces(path: string): Promise<AsyncIterable<Buffer> | null> {
    const bytes = await this.read(path);
    return bytes && inPieces(bytes);
  }

  async list(path: string): Promise<string[]> {
    this.#check();
    return this.#disk.namesIn(path);
  }

  stampOf(path: string): string | null {
    return this.#disk.look(path) === null ? this.#disk.namesIn(path).sort().join('/') : null;
  }

  async makeFolder(path: string): Promise<void> {
    const folder = path.replace(/(.)\/$/, '$1');
    this.#check();
    if (this.#disk.look(folder) !== undefined) return;
    await this.#turn('makeFolder');
    this.#disk.perform({ kind: 'makeFolder', path: folder });
    await this.syncFolder(dirname(folder));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#turn('rename');
    const file = this.#disk.look(from);
    if (file === undefined || file === null) throw errno('ENOENT', from);
    if (this.#disk.look(to) === null) throw errno('EISDIR', to);
    this.#disk.perform({ kind: 'rename', path: from, to, file });
  }

  async remove(path: string): Promise<void> {
    this.#check();
    if (this.#disk.look(path) === undefined) return;
    await this.#turn('remove');
    if (this.#disk.look(path) === null) throw errno('EISDIR', path);
    this.#disk.perform({ kind: 'remove', path });
  }

  async syncFolder(path: string): Promise<void> {
    await this.#turn('syncFolder');
    if (!this.#disk.weakness.noFolderSync) this.#disk.perform({ kind: 'syncFolder', path });
  }

  #open(file: number, isJournal: boolean, appends: boolean): DiskFile {
    return {
      write: async (bytes, place) => {
        const torn = (): void => {
          const half = Buffer.from(bytes.subarray(0, bytes.length >> 1));
          const position = appends ? this.#disk.bytesOf(file).length : place;
          this.#disk.perform({ kind: 'write', file, bytes: half, position });
        };
        await this.#turn('write', torn);
        const position = appends ? this.#disk.bytesOf(file).length : place;
        const room = this.#disk.bytesOf(file).length + this.#disk.free - position;
        if (bytes.length > room) {
          const part = Buffer.from(bytes.subarray(0, room));
          if (room > 0) this.#disk.perform({ kind: 'write', file, bytes: part, position });
          throw errno('ENOSPC', 'write');
        }
        this.#disk.perform({ kind: 'write', file, bytes: Buffer.from(bytes), position });
      },
      truncate: async (size) => {
        await this.#turn('truncate');
        this.#disk.perform({ kind: 'truncate', file, size });
      },
      isAt: (path, bytes = 0) =>
        this.#disk.look(path) === file && this.#disk.bytesOf(file).length >= bytes,
      sync: async () => this.#sync(file, isJournal),
      close: async () => this.#check(),
    };
  }

  async #sync(file: number, isJournal: boolean): Promise<void> {
    const { noSync, earlyAnswer, slowJournal = 0 } = this.#disk.weakness;
    const later = async (): Promise<void> => {
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
      if (!this.#dead) this.#disk.perform({ kind: 'sync', file });
    };
    if (earlyAnswer) {
      void later();
      return;
    }
    for (let turns = 0; isJournal && turns < slowJournal; turns++) {
      await new Promise(setImmediate);
    }
    await this.#disk.slow?.();
    await this.#turn('sync', () => this.#disk.perform({ kind: 'syncFailed', file }));
    if (!noSync) this.#disk.perform({ kind: 'sync', file });
  }

  #check(): void {
    if (this.#disk.operations.length >= this.#crashAt) this.#dead = true;
    if (this.#dead) throw new Crash('the process was killed');
  }

  /** Lets others run first, as a real disk does; then dies, fails or goes on. */
  async #turn(kind: Kind, failing?: () => void): Promise<void> {
    this.#check();
    await new Promise(setImmediate);
    this.#check();
    const n = this.#performed.get(kind) ?? 0;
    this.#performed.set(kind, n + 1);
    const isHit = (fault: Fault): boolean =>
      fault.kind === kind && (fault.forever ? n >= fault.n : n === fault.n);
    const hit = this.#faults.find(isHit);
    if (!hit) return;
    failing?.();
    throw errno(hit.errno, kind);
  }
}

const PIECE_BYTES = 512;

async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

const errno = (code: string, what: string): Error =>
  Object.assign(new Error(`${code}: simulated, ${what}`), { code });
