// What is on a simulated disk for certain, what may or may not be, and every state that a power cut can make of that:
// the model is told in simulated-disk.ts.
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { type Random, randomFrom } from './random.ts';

/** What lies on a disk: the bytes of each file, null for a folder. */
export type Files = ReadonlyMap<string, Buffer | null>;

export type Operation =
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | { readonly kind: 'makeFolder'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string; readonly file: number }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'syncFolder'; readonly path: string }
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly bytes: Buffer;
      readonly position: number;
    }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'syncFailed'; readonly file: number };

export type Entry = number | null;

export interface CutOptions {
  /** Only what is there for certain: all that is not synced is lost. */
  readonly onlyCertain?: boolean;
  readonly seed?: number;
  readonly from?: number;
  /** Random combinations for each moment, beyond all single ones and pairs. */
  readonly random?: number;
  /** States that are equal are given once for each value of this. */
  readonly keyOf?: (at: number) => string;
}

/** How much of a buffer with room at its end is taken by anybody. */
const takenOf = new WeakMap<ArrayBufferLike, number>();

/**
 * What is in a file after a change. Nobody sees `before` change: what is appended goes behind it where nothing else
 * stands yet, and is copied to a larger place where there is no room.
 */
export function changed(
  before: Buffer,
  operation: Extract<Operation, { kind: 'write' | 'truncate' }>,
): Buffer {
  if (operation.kind === 'truncate') return before.subarray(0, operation.size);
  const { bytes, position } = operation;
  const end = position + bytes.length;
  const length = Math.max(before.length, end);
  const isAtEnd = takenOf.get(before.buffer) === before.length && position >= before.length;
  const hasRoom = isAtEnd && length <= before.buffer.byteLength;
  const place = hasRoom ? before.buffer : new ArrayBuffer(Math.max(64, length * 2));
  const after = Buffer.from(place, 0, length);
  if (!hasRoom) before.copy(after);
  bytes.copy(after, position);
  takenOf.set(place, length);
  return after;
}

export function renameIn(names: Map<string, Entry>, operation: Operation): void {
  if (operation.kind === 'create') names.set(operation.path, operation.file);
  if (operation.kind === 'makeFolder') names.set(operation.path, null);
  if (operation.kind === 'remove') names.delete(operation.path);
  if (operation.kind === 'rename') {
    names.delete(operation.path);
    names.set(operation.to, operation.file);
  }
}

type Change = Extract<Operation, { kind: 'write' | 'truncate' }>;
type Naming = Extract<Operation, { kind: 'create' | 'makeFolder' | 'rename' | 'remove' }>;

interface Pending {
  readonly operation: Change | Naming;
  doomed: boolean;
}

/** What may become of a pending write: see `fate`. Of a change of a name: kept or lost. */
const WRITE_FATES = 6;
const KEPT = 0;
const LOST = 1;

/** What is on the disk for certain, and what may or may not be. */
export class Platter {
  readonly #names = new Map<string, Entry>();
  readonly #contents = new Map<number, Buffer>();
  #pending: Pending[] = [];

  constructor(start: Files) {
    let files = 0;
    for (const [path, bytes] of start) {
      this.#names.set(path, bytes && files);
      if (bytes) this.#contents.set(files++, bytes);
    }
  }

  take(operation: Operation): void {
    switch (operation.kind) {
      case 'sync':
        this.#settle((p) => 'file' in p && isChange(p) && p.file === operation.file);
        return;
      case 'syncFailed':
        for (const pending of this.#pending) {
          const p = pending.operation;
          if (isChange(p) && p.file === operation.file) pending.doomed = true;
        }
        return;
      case 'syncFolder':
        this.#settle((p) => !isChange(p) && dirname(p.path) === operation.path);
        return;
      default:
        this.#pending.push({ operation, doomed: false });
    }
  }

  /** All states up to pairs of fates, and some random ones. */
  *states({ seed = 1, random = 8, onlyCertain }: CutOptions, at: number): Generator<Files> {
    const fates = this.#pending.map(({ operation }) =>
      operation.kind === 'write' ? WRITE_FATES : 2,
    );
    const none = fates.map(() => LOST);
    const all = fates.map(() => KEPT);
    yield this.#state(none);
    if (onlyCertain) return;
    yield this.#state(all);
    for (const [i, many] of fates.entries()) {
      yield this.#state(none.with(i, KEPT));
      for (let fate = LOST; fate < many; fate++) yield this.#state(all.with(i, fate));
    }
    const near = fates.slice(-6).map((_, i) => i + Math.max(0, fates.length - 6));
    for (const i of near) {
      for (const j of near) {
        if (i < j) yield this.#state(all.with(i, LOST).with(j, LOST));
        if (i < j) yield this.#state(none.with(i, KEPT).with(j, KEPT));
      }
    }
    const chance: Random = randomFrom(seed * 1_000_003 + at);
    for (let i = 0; fates.length > 2 && i < random; i++) {
      yield this.#state(fates.map((many) => chance.whole(0, many - 1)));
    }
  }

  /** Any one of the states: most often all or nothing of what is pending, else any mixture. */
  anyState(chance: Random): Files {
    const way = chance.next();
    const fate = ({ operation }: Pending): number => {
      const many = operation.kind === 'write' ? WRITE_FATES : 2;
      return way < 0.2 ? LOST : way < 0.3 ? KEPT : chance.whole(0, many - 1);
    };
    return this.#state(this.#pending.map(fate));
  }

  #settle(isMeant: (operation: Change | Naming) => boolean): void {
    const kept: Pending[] = [];
    for (const pending of this.#pending) {
      if (pending.doomed || !isMeant(pending.operation)) kept.push(pending);
      else apply(this.#names, this.#contents, pending.operation, KEPT);
    }
    this.#pending = kept;
  }

  #state(fates: readonly number[]): Files {
    const names = new Map(this.#names);
    const contents = new Map(this.#contents);
    for (const [i, { operation }] of this.#pending.entries()) {
      apply(names, contents, operation, fates[i] ?? KEPT);
    }
    const files = new Map<string, Buffer | null>();
    for (const [path, entry] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const parent = dirname(path);
      if (parent !== '/' && !files.has(parent)) continue;
      files.set(path, entry === null ? null : (contents.get(entry) ?? EMPTY));
    }
    return files;
  }
}

const EMPTY = Buffer.alloc(0);

const isChange = (operation: Operation): operation is Change =>
  operation.kind === 'write' || operation.kind === 'truncate';

function apply(
  names: Map<string, Entry>,
  contents: Map<number, Buffer>,
  operation: Change | Naming,
  fate: number,
): void {
  if (fate === LOST) return;
  if (!isChange(operation)) {
    renameIn(names, operation);
    return;
  }
  const before = contents.get(operation.file) ?? EMPTY;
  contents.set(
    operation.file,
    changed(before, operation.kind === 'write' ? fated(operation, fate) : operation),
  );
}

/** A write as it may arrive: whole, in its first part, with zeros for the rest or for all, or garbled. */
function fated(write: Extract<Change, { kind: 'write' }>, fate: number): Change {
  const { bytes } = write;
  if (fate === KEPT) return write;
  if (fate === 5) return { ...write, bytes: garbled(bytes) };
  const cut = fate === 4 ? 0 : fate === 2 ? bytes.length >> 1 : Math.floor(bytes.length * 0.9);
  if (fate === 2) return { ...write, bytes: bytes.subarray(0, cut) };
  const zeroed = Buffer.alloc(bytes.length);
  bytes.copy(zeroed, 0, 0, cut);
  return { ...write, bytes: zeroed };
}

/** One digit of a value is another one: still JSON, so that nothing but a checksum can tell. */
function garbled(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const value = /"i":(\d+)/g;
  const found = value.exec(text);
  const at = found ? found.index + 4 : text.search(/\d[^\d]*$/);
  const copy = Buffer.from(bytes);
  if (at >= 0) copy[at] = 48 + (((copy[at] ?? 48) - 48 + 1) % 10);
  return copy;
}

const hashes = new WeakMap<Buffer, string>();

export function hashOf(files: Files): string {
  const all = createHash('sha1');
  for (const [path, bytes] of files)
    all.update(path).update(bytes === null ? '/' : hashOfBytes(bytes));
  return all.digest('base64');
}

function hashOfBytes(bytes: Buffer): string {
  const known = hashes.get(bytes);
  if (known) return known;
  const hash = createHash('sha1').update(bytes).digest('base64');
  hashes.set(bytes, hash);
  return hash;
}
