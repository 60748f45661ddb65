// Group commit. A transaction is applied in memory first and handed in here; whatever arrived while the last line was
// synced goes into the next one. Its promise resolves when the line is on the disk, and only then may the change be
// reported.
//
// If a line cannot be written, every transaction that is not yet durable is taken back in memory, newest first, and
// rejected: the state in memory is again what the disk holds. A failed write is cut back and the segment goes on; a
// failed sync ends the segment for good, and the line is tried once more in a new one, because after a failed sync a
// later success means nothing. The next transaction tries again, so a disk that comes back needs no restart.
//
// After each line, and now and then, its segment is looked at. If it was removed, or another file has its name, no
// start would find the line, nor those before it. From then on lines are held. They are written, in a new segment, and
// not reported before a fold that began later has written the state anew from memory. Only the fold may know of a line
// that is held.

import type { Clock } from '../support/clock.ts';
import { errnoOf, isFull, JobrunError } from '../support/errors.ts';
import type { Disk } from '../support/files.ts';
import { MAX_COMMIT_BYTES, MAX_SEGMENT_BYTES } from '../support/limits.ts';
import { type Deferred, deferred } from '../support/wakeup.ts';
import { type Position, Segment } from './journal.ts';
import type { NoteFile } from './notes.ts';
import type { Reserve } from './reserve.ts';

/** Changes that are applied in memory, and not on the disk yet. */
export interface Applied {
  /** Operations as JSON texts. */
  readonly ops: readonly string[];
  /** Takes back what was applied in memory. */
  readonly undo: () => void;
  /**
   * Called once durable, in the order of commits, before the promise resolves; of what is no operation also if refused.
   */
  readonly told: (refused: boolean) => void;
}

interface Batch {
  readonly seq: number;
  readonly ops: string[];
  bytes: number;
  closed: boolean;
  readonly all: Applied[];
  /** The line is in the journal. */
  readonly written: Deferred<void>;
  /** And nothing on the disk is missing that it builds on. */
  readonly done: Deferred<void>;
}

export interface CommitterOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly clock: Clock;
  readonly witness: NoteFile;
  readonly segment: Segment;
  /** Given up where a line finds the disk full; the line is then tried once more. */
  readonly reserve: Reserve | null;
  /** Called once where the journal was removed: a fold is needed, and then `restored`. */
  readonly onGone: (error: JobrunError) => void;
  /** Called with the time that each line took to get onto the disk. */
  readonly onCommit: (ms: number) => void;
}

export class Committer {
  readonly #o: CommitterOptions;
  #segment: Segment;
  #segments: number;
  /** Those that a start needs: none is removed by us before it is no longer among them. */
  readonly #needed: Set<number>;
  /** Bytes in segments that are over, since the last fold began. */
  #earlier = 0;
  #batches: Batch[] = [];
  /** Lines that are written and wait for the fold that makes good a removed journal; null where it is whole. */
  #held: Batch[] | null = null;
  /** A segment was removed since the last fold began. */
  #isGone = false;
  #running: Promise<void> | null = null;
  /** Set while a new segment is made for a fold: lines wait for it. */
  #rotation: Promise<void> | null = null;

  constructor(options: CommitterOptions) {
    this.#o = options;
    this.#segment = options.segment;
    this.#segments = options.segment.number;
    this.#needed = new Set([options.segment.number]);
  }

  /** Bytes that were written since the last fold began. */
  get journalSize(): number {
    return this.#earlier + this.#segment.size;
  }

  /** The last sequence on the disk. */
  get durableSeq(): number {
    return this.#segment.position.seq;
  }

  get needed(): ReadonlySet<number> {
    return this.#needed;
  }

  /** A fold has written what stood in segments before this one. */
  forget(before: number): void {
    for (const segment of this.#needed) if (segment < before) this.#needed.delete(segment);
  }

  /** Checks that a start would find the segment in use, as far as that can be told between two lines. */
  get isNamed(): boolean {
    return this.#running !== null || this.#rotation !== null || this.#segment.isNamed;
  }

  /** Segments were removed: from now on lines are held, until a fold has made that good. */
  lose(): void {
    this.#segment.end();
    this.#isGone = true;
    if (this.#held) return;
    this.#held = [];
    this.#o.onGone(wasRemoved(this.#segment.path));
  }

  /** Resolves when the changes are on the disk; rejects, with their effects taken back, when it could not be. */
  commit(applied: Applied): Promise<void> {
    const batch = this.#openBatch();
    batch.all.push(applied);
    for (const op of applied.ops) {
      batch.ops.push(op);
      batch.bytes += op.length + 1;
    }
    if (batch.bytes >= MAX_COMMIT_BYTES) batch.closed = true;
    this.#running ??= this.#run();
    return batch.done.promise;
  }

  /** Calls back in the order of commits: once all that was handed in so far is durable, or was refused. */
  tell(told: (refused: boolean) => void): void {
    const last = this.#last;
    if (last) last.all.push({ ops: [], undo: () => undefined, told });
    else told(false);
  }

  /** Ends the line that is being gathered; returns the sequence that holds everything applied so far. */
  seal(): number {
    const last = this.#batches.at(-1);
    if (!last) return this.durableSeq;
    last.closed = true;
    return last.seq;
  }

  /** Resolves when everything handed in so far is durable. */
  async durable(): Promise<void> {
    await this.#last?.done.promise;
  }

  /** The same for the fold, which is what lines that are held wait for. */
  async written(): Promise<void> {
    await this.#batches.at(-1)?.written.promise;
  }

  /** The state is no longer ours to write anew. */
  abandon(error: unknown): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const { done } of held) done.reject(error);
  }

  /** A fold has written everything anew. Returns false where the journal was removed again meanwhile. */
  restored(): boolean {
    if (this.#isGone || !this.#segment.isNamed) return false;
    const held = this.#held ?? [];
    this.#held = null;
    for (const batch of held) this.#acknowledge(batch);
    return true;
  }

  /** Starts a new segment between two lines. Older ones hold nothing newer than `position`, where it begins. */
  async rotate(): Promise<{ readonly segment: number; readonly position: Position }> {
    let position = this.#segment.position;
    const begin = async (): Promise<void> => {
      while (this.#running) await this.#running;
      position = this.#segment.position;
      this.#isGone = false;
      await this.#newSegment();
      this.#earlier = 0;
    };
    this.#rotation = begin();
    try {
      await this.#rotation;
    } finally {
      this.#rotation = null;
      if (this.#batches.length > 0) this.#running ??= this.#run();
    }
    return { segment: this.#segment.number, position };
  }

  async close(): Promise<void> {
    while (this.#running) await this.#running;
    await this.#segment.close();
    if (this.#held) throw wasRemoved(this.#segment.path, 'could not be written anew');
  }

  /** The newest of those that were not reported. */
  get #last(): Batch | undefined {
    return this.#batches.at(-1) ?? this.#held?.at(-1);
  }

  #openBatch(): Batch {
    const last = this.#batches.at(-1);
    if (last && !last.closed) return last;
    const seq = (last?.seq ?? this.durableSeq) + 1;
    const [written, done] = [deferred(), deferred()];
    // The callers that wait hear of a failure; a batch without one (a worker's record) must not end the process.
    for (const { promise } of [written, done]) promise.catch(() => undefined);
    const batch = { seq, ops: [], bytes: 0, closed: false, all: [], written, done };
    this.#batches.push(batch);
    return batch;
  }

  async #run(): Promise<void> {
    // One turn of the loop lets everything that is ready join the line.
    await new Promise(setImmediate);
    while (this.#batches[0] && !this.#rotation) {
      const batch = this.#batches[0];
      batch.closed = true;
      const began = this.#o.clock.monotonic();
      // A line that is refused must not stand in a folder that was put away and may come back.
      if (!this.#segment.over && !this.#segment.isNamed) this.lose();
      try {
        await this.#writeSomehow(batch);
      } catch (error) {
        this.#fail(error);
        break;
      }
      this.#batches.shift();
      this.#o.onCommit(this.#o.clock.monotonic() - began);
      if (!this.#segment.isNamed) this.lose();
      batch.written.resolve();
      if (this.#held) this.#held.push(batch);
      else this.#acknowledge(batch);
    }
    this.#running = null;
  }

  #acknowledge(batch: Batch): void {
    this.#o.witness.note(batch.seq);
    for (const one of batch.all) one.told(false);
    batch.done.resolve();
  }

  async #writeSomehow(batch: Batch): Promise<void> {
    try {
      await this.#write(batch);
    } catch (error) {
      if (!isFull(error) || !(await this.#o.reserve?.giveUp())) throw error;
      await this.#write(batch);
    }
  }

  async #write(batch: Batch): Promise<void> {
    const now = this.#o.clock.now();
    if (this.#segment.over || this.#segment.size >= MAX_SEGMENT_BYTES) await this.#newSegment();
    try {
      await this.#segment.append(batch.seq, now, batch.ops);
    } catch (error) {
      if (!this.#segment.over) throw error;
      await this.#newSegment();
      await this.#segment.append(batch.seq, now, batch.ops);
    }
  }

  async #newSegment(): Promise<void> {
    const old = this.#segment;
    this.#segments++;
    // Even where making it fails, a start may find it: then the old one must not have grown past its beginning.
    old.end();
    await this.#o.disk.makeFolder(this.#o.folder);
    this.#segment = await Segment.create(
      this.#o.disk,
      this.#o.folder,
      this.#segments,
      old.position,
    );
    this.#needed.add(this.#segments);
    this.#earlier += old.size;
    await old.close();
  }

  #fail(cause: unknown): void {
    const failed = this.#batches;
    this.#batches = [];
    for (const batch of failed.toReversed()) {
      for (const one of batch.all.toReversed()) one.undo();
    }
    const error = notWritten(cause);
    for (const { written, done } of failed) for (const one of [written, done]) one.reject(error);
    const bare = failed.flatMap((batch) => batch.all.filter(({ ops }) => ops.length === 0));
    for (const { told } of bare) told(true);
  }
}

export function wasRemoved(path: string, what = 'is written anew from memory'): JobrunError {
  const hint = 'Nothing but jobrun may remove what lies in the state folder.';
  const message = `${path} was removed or replaced while it was in use: the state ${what}`;
  return new JobrunError('write-failed', message, hint);
}

/** The disk's refusal, and the advice for the caller. */
export function notWritten(cause: unknown, what = 'not accepted'): JobrunError {
  if (cause instanceof JobrunError) return cause;
  const errno = errnoOf(cause);
  if (isFull(cause)) {
    const hint = 'Make room; nothing was lost.';
    return new JobrunError('disk-full', `${what}: the disk is full`, hint, cause);
  }
  if (errno === 'EROFS' || errno === 'EACCES' || errno === 'EPERM') {
    const { path } = cause as NodeJS.ErrnoException;
    const closed = errno !== 'EROFS' && path !== undefined;
    const why = closed ? `no permission for ${path}` : 'the state folder is read-only';
    const hint = closed
      ? `Look at it with: ls -ld ${path}; then chmod u+rw, or chown it to you. Nothing was lost.`
      : 'Make the state folder writable again; nothing was lost.';
    return new JobrunError('state-read-only', `${what}: ${why}`, hint, cause);
  }
  if (errno === 'EFBIG') {
    const hint =
      'Raise the limit: ulimit -f unlimited, or LimitFSIZE=infinity in a unit of systemd. Nothing was lost.';
    const why = `${what}: a file would be larger than the limit on file size allows`;
    return new JobrunError('write-failed', why, hint, cause);
  }
  const hint = 'Look at the disk (dmesg, jobrun doctor); what was accepted before is kept.';
  const why = `${what}: the disk failed (${(cause as Error).message})`;
  return new JobrunError('write-failed', why, hint, cause);
}
