// An opened state: what is committed to it, noted beside it, and folded into it (at the end of this file). Null in the
// place of the committer and the reserve: it was opened for reading, or has no reserve.
import { type Clock, delay } from '../support/clock.ts';
import { assert, JobrunError } from '../support/errors.ts';
import { bytesIn, type Disk } from '../support/files.ts';
import { FOLD_BYTES, FOLD_REMOVED, MAX_FOLD_BYTES, SECOND } from '../support/limits.ts';
import { type Applied, type Committer, wasRemoved } from './committer.ts';
import { documentPath, writeDocument } from './document.ts';
import { FORMAT, isDamage } from './folder.ts';
import { journalFolder, listSegments, type Position, segmentPath } from './journal.ts';
import { logFolder } from './log.ts';
import { type Manifest, writeManifest } from './manifest.ts';
import { Heartbeat, type NoteFile, writeClockNote } from './notes.ts';
import type { PagedOperations, Pages, Row, RowOf, Tables } from './pages.ts';
import { Removals } from './removals.ts';
import type { Reserve } from './reserve.ts';
import type { Documents } from './table.ts';

/** How many changes there ever were, and the next number. */
export type Counters = () => { readonly nextId: number; readonly changes: number };

export interface StoreParts<T extends Tables> {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly dir: string;
  readonly tables: T;
  readonly pages: Pages<RowOf<T>>;
  /** Null if the state is only read: then every change is refused with `refusal`. */
  readonly writes: { readonly committer: Committer; readonly witness: NoteFile } | null;
  readonly refusal: JobrunError | null;
  readonly reserve: Reserve | null;
  /** Grows with each opening. */
  readonly epoch: number;
  /** The counters as they were read. */
  readonly nextId: number;
  readonly changes: number;
  readonly lastBeat: number | null;
  readonly clockNote: unknown;
  /** Throws if the state folder is no longer ours. */
  readonly release: () => Promise<void>;
  /** Takes what goes wrong in the background. */
  readonly onError: (error: unknown) => void;
}

export class Store<T extends Tables> {
  readonly opened: StoreParts<T>;
  readonly #heartbeat: Heartbeat;
  #counters: Counters;
  #folding: Promise<void> | null = null;
  #restoring: Promise<void> | null = null;
  #looking: Promise<void> | null = null;
  readonly #removals: Removals;
  #closing = false;
  /** The size of the journal when it was last looked at for a fold. */
  #lookedAt = 0;

  constructor(opened: StoreParts<T>) {
    this.opened = opened;
    this.#counters = () => ({ nextId: opened.nextId, changes: opened.changes });
    this.#heartbeat = new Heartbeat(opened.disk, opened.dir, opened.onError);
    this.#removals = new Removals(opened.disk, opened.dir, opened.pages);
  }

  /** The caller that gives out the numbers says from now on where they stand. */
  countBy(counters: Counters): void {
    this.#counters = counters;
  }

  /** Throws if the state was opened for reading. */
  writable(): Committer {
    const { refusal, writes } = this.opened;
    if (refusal) throw refusal;
    assert(writes, 'a state opened for reading is not changed');
    return writes.committer;
  }

  /** Resolves once the changes are on the disk; rejects, with their effects taken back, if they could not be. */
  commit(changes: Applied): Promise<void> {
    return this.writable().commit(changes);
  }

  /** Calls back in the order of commits, though nothing is written. */
  tell(told: Applied['told']): void {
    this.opened.writes?.committer.tell(told);
  }

  /** Resolves once all that was committed so far is on the disk. */
  async durable(): Promise<void> {
    await this.opened.writes?.committer.durable();
  }

  /** There is no room for anything new: only what has begun goes on. */
  get full(): boolean {
    return this.opened.reserve?.full === true;
  }

  /** Looks for room on a full disk. */
  async staysFull(): Promise<boolean> {
    return this.full && (await this.opened.reserve?.staysFull()) === true;
  }

  async makeRoom(): Promise<void> {
    await this.opened.reserve?.giveUp();
  }

  /** The first fold, before anything is served: writes anew what a line or a repair touched. */
  async begin(): Promise<void> {
    const { writes, onError } = this.opened;
    if (!writes) return;
    try {
      await this.fold();
    } catch (error) {
      // The lock stays with the caller, who releases it on every failure.
      await writes.committer.close().catch(onError);
      await writes.witness.close().catch(onError);
      throw error;
    }
  }

  /** Writes the readable files anew, and starts a new journal. */
  async fold(): Promise<void> {
    const { tables, epoch } = this.opened;
    const committer = this.writable();
    const all = () => ({ epoch, ...this.#counters() });
    const { documents, operations } = tables;
    const folding = { ...this.opened, documents, operations, committer, counters: all };
    this.#folding ??= fold(folding).finally(() => {
      this.#folding = null;
    });
    await this.#folding;
  }

  /** The same in the background, if the journal has grown enough since, or `isWanted`. */
  foldIfLarge(isWanted: boolean): void {
    const { pages, onError } = this.opened;
    const { journalSize } = this.writable();
    // Once for each line, though many changes stand in it.
    if (this.#folding || journalSize === this.#lookedAt) return;
    this.#lookedAt = journalSize;
    if (isWanted || isWorthFolding(journalSize, pages)) this.fold().catch(onError);
  }

  /** Writes everything anew where the journal was removed, until the disk takes it or the state is no longer ours. */
  restore(gone: JobrunError): Promise<void> {
    this.opened.onError(gone);
    this.#restoring = this.#restore().finally(() => {
      this.#restoring = null;
    });
    return this.#restoring;
  }

  /**
   * Checks whether others have removed files that a start needs: they are written anew, as far as memory has them. For
   * who stays idle.
   */
  look(): Promise<void> {
    const { writes, onError } = this.opened;
    if (!writes || this.#restoring || this.#closing) return Promise.resolve();
    this.#looking ??= this.#look(writes.committer)
      .catch(onError)
      .finally(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  async #look(committer: Committer): Promise<void> {
    const { onError, pages } = this.opened;
    const isNamed = committer.isNamed;
    const removed = isNamed ? await this.#removals.look(committer.needed) : null;
    for (const page of removed?.pages ?? []) {
      onError(wasRemoved(pages.path(page)));
      pages.table.dirty.add(page);
    }
    for (const path of removed?.documents ?? []) onError(wasRemoved(path));
    if (removed) await this.#restoreNotes();
    if (!isNamed || removed?.segments.length) {
      committer.lose();
      await this.#restoring;
    } else if (removed?.pages.length || removed?.documents.length) await this.#foldAnew();
  }

  /** A file that the disk refuses is tried again when a name comes or goes there: a start works without it. */
  async #restoreNotes(): Promise<void> {
    const { writes, onError } = this.opened;
    for (const note of [writes?.witness, await this.#heartbeat.file]) {
      const restored = note?.restore() ?? Promise.resolve(false);
      if (await restored.catch(onError)) onError(wasRemoved(note?.path ?? ''));
    }
  }

  /** With what was captured before now it would be no fold of it all. */
  async #foldAnew(): Promise<void> {
    await this.#folding?.catch(this.opened.onError);
    try {
      await this.fold();
    } catch (error) {
      this.#removals.forget();
      throw error;
    }
  }

  async #restore(): Promise<void> {
    const { clock, onError } = this.opened;
    // A fold that is under way may have begun before.
    await this.#folding?.catch(onError);
    for (;;) {
      try {
        await this.fold();
        if (this.writable().restored()) return;
      } catch (error) {
        onError(error);
        const isLost = error instanceof JobrunError && error.code === 'state-unsafe';
        if (isLost) this.writable().abandon(error);
        if (isLost || this.#closing) return;
        await delay(clock, SECOND);
      }
    }
  }

  /** Bytes of what grows with the records: their pages and their logs. */
  async size(): Promise<number> {
    const { dir, pages } = this.opened;
    const sizes = await Promise.all([pages.folder, logFolder(dir)].map(bytesIn));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  beat(now: number): void {
    this.#heartbeat.beat(now);
  }

  async putClockNote(mark: object): Promise<void> {
    this.writable();
    await writeClockNote(this.opened.disk, this.opened.dir, mark);
  }

  async close(): Promise<void> {
    const { writes, release, onError } = this.opened;
    this.#closing = true;
    await this.#looking;
    await this.#folding?.catch(onError);
    // The last line may be the one by which it is found that the journal was removed.
    await writes?.committer.written().catch(onError);
    await this.#restoring;
    await this.#heartbeat.close();
    try {
      await writes?.committer.close();
    } finally {
      await writes?.witness.close();
      await release();
    }
  }
}

// ---------------------------------------------------------------------------------------------------------- the fold
//
// A fold writes the readable files anew from what was committed, so that the journal before it is no longer needed.
// Order of effects, each durable before the next:
//
//   1. a new segment, its header and its name; commits go there from now on
//   2. each page with a changed run, then locks and schedules: one file at a time, a turn of the loop between them
//   3. the manifest, which names the new segment as the first that is needed
//   4. only then the old segments are removed, and pages that were empty a fold ago and still are
//
// A file is captured at one moment together with the sequence that it includes, and published only once that sequence
// is in the journal: a file never knows of a commit that the journal could still lose. (If the journal was removed, its
// lines are in a new one, and are not reported before this fold is through: see committer.ts.) Runs are never changed
// in place, so capturing is a list of references. A page whose file was removed, or is damaged, is written anew where
// memory has all of its records. Else it stays damage: what only the file held is lost, and what memory has goes into
// the new journal. A crash anywhere leaves more than is needed; the replay skips what each file already includes.

interface Folding {
  readonly disk: Disk;
  readonly dir: string;
  readonly documents: Documents;
  readonly pages: Pages<Row>;
  readonly operations: Pick<PagedOperations, 'whole'>;
  readonly committer: Committer;
  /** Takes the damage of a page. */
  readonly onError: (error: unknown) => void;
  readonly counters: () => {
    readonly epoch: number;
    readonly nextId: number;
    readonly changes: number;
  };
}

/** If the journal is long enough for the records to be written anew, which may be many times as much. */
function isWorthFolding(journal: number, pages: Pages<Row>): boolean {
  const { removed, dirty } = pages.table;
  if (removed >= FOLD_REMOVED) return true;
  return journal >= FOLD_BYTES && journal >= Math.min(MAX_FOLD_BYTES, pages.bytesOf(dirty) / 4);
}

async function fold(f: Folding): Promise<void> {
  const { table } = f.pages;
  table.removed = 0;
  await f.disk.makeFolder(f.pages.folder);
  const { segment, position } = await f.committer.rotate();
  const dirty = [...table.dirty].sort((a, b) => a - b);
  const spent = spentPages(f);
  for (const page of dirty) {
    await writePage(f, page).catch((error) => keepInJournal(f, page, error));
    await new Promise(setImmediate);
  }
  for (const name of f.documents.names) {
    if (name === 'manifest') continue;
    const data = await published(f, (seq) => ({
      format: FORMAT,
      seq,
      ...f.documents.fieldsOf(name),
    }));
    await writeDocument(f.disk, documentPath(f.dir, name), data);
  }
  const manifest = await published(f, (seq) => manifestOf(f, seq, segment, position, spent));
  await writeManifest(f.disk, f.dir, manifest);
  f.committer.forget(segment);
  await removeOld(f, manifest);
}

/**
 * Pages that an earlier fold wrote empty and nothing has touched since. Only now, as no line of the journal names a
 * run of theirs any more, may the manifest forget them and their files go.
 */
function spentPages({ pages }: Folding): ReadonlySet<number> {
  const { table } = pages;
  const isSpent = (page: number): boolean => !table.tally.hasPage(page) && !table.dirty.has(page);
  return new Set([...pages.filed].filter(isSpent));
}

/** Captures what `capture` returns together with its sequence, and gives it back once that is durable. */
async function published<T>(f: Folding, capture: (seq: number) => T): Promise<T> {
  const seq = f.committer.seal();
  const captured = capture(seq);
  await f.committer.written();
  return captured;
}

async function writePage(f: Folding, page: number): Promise<void> {
  const { pages } = f;
  const { table } = pages;
  const filed = await pages.onlyFiled(page);
  // No wait between looking at the memory and sealing its sequence: a change between them would be in neither.
  const newest = pages.collect(page, filed);
  const seq = f.committer.seal();
  table.dirty.delete(page);
  table.tally.measure(page, newest);
  try {
    await f.committer.written();
    await pages.write(page, seq, newest.toReversed());
    table.written(page, newest);
  } catch (error) {
    table.dirty.add(page);
    throw error;
  }
}

async function keepInJournal(f: Folding, page: number, error: unknown): Promise<void> {
  const { committer, operations, pages } = f;
  if (!isDamage(error)) throw error;
  pages.table.dirty.add(page);
  f.onError(error);
  // No wait between the look at the memory and the last of these: what changes after it stands after it.
  for (const record of pages.collect(page, new Map())) {
    if (pages.isLight(record)) continue;
    const ops = [JSON.stringify(operations.whole(record))];
    // The batch that is awaited below fails with it.
    committer.commit({ ops, undo: () => undefined, told: () => undefined }).catch(() => undefined);
  }
  await committer.written();
}

/**
 * Only pages that have a file are named: a page that began during this fold stands in the new journal, all of it.
 */
function manifestOf(
  f: Folding,
  seq: number,
  segment: number,
  position: Position,
  spent: ReadonlySet<number>,
): Manifest {
  const { filed, table } = f.pages;
  const needed = [...filed].filter((page) => !spent.has(page) || table.dirty.has(page));
  const lists = {
    ...f.documents.fieldsOf('manifest'),
    ...table.summary(needed.sort((a, b) => a - b)),
  };
  return { format: FORMAT, seq, ...f.counters(), segment, position, ...lists };
}

async function removeOld(f: Folding, manifest: Manifest): Promise<void> {
  const folder = journalFolder(f.dir);
  for (const old of await listSegments(f.disk, folder)) {
    if (old < manifest.segment) await f.disk.remove(segmentPath(folder, old));
  }
  const named = new Set(manifest.pages.map(([page]) => page));
  for (const page of await f.pages.list()) if (!named.has(page)) await f.pages.remove(page);
}
