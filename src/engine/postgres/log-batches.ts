// How what runs say gets into a store, told in prose.
//
// Lines and rows of all runs of this process are gathered for a moment and become pieces, which go in one statement: a
// batch. One batch is under way at a time. A run's log is in one of these states:
//
//   unknown   this process does not know how far the log has come, or whether it may write: an attempt has begun, or
//             what it wrote last was refused.
//   taken     it is the writer of the log, under the token of its lease, and knows the number and the place of its
//             newest piece.
//   written   its pieces are under way in a batch. They have their numbers, and keep them.
//
// The order of effects of a batch:
//   1. logs that are unknown are taken, in one statement. That waits for whatever an earlier writer has under way, and
//      from then on refuses that writer. A run that another host holds, or that is gone, is not taken: what was said is
//      dropped.
//   2. the place of each taken log is read, which no other moves any more.
//   3. where a new attempt finds more rows than a table can have, those that are void are read, to be written without
//      them.
//   4. one statement appends all pieces, and empties the tails that begin anew, of those runs of which this is the
//      writer and which no other holds. Rows are taken from the holder of the run alone.
//   5. followers here look; callers that wait for the batch are answered.
// A checkpoint or a result is committed after 5, so its readers find the lines and the rows before it. The session does
// not wait for the disk of the server: a log is no promise, and the commit of the checkpoint carries with it what was
// written before, for the server keeps one order of all commits.
//
// A batch whose answer was lost is sent again as it was until it is answered: its pieces have their numbers, and one
// that is there is not written twice. Lines that come meanwhile wait, up to a bound; those beyond it are counted, and
// reported in the place of the next one. A batch that the server refuses is not sent again: its lines are counted as
// lost, and its rows are kept for the next batch. A kill of this process loses what was not sent yet, and nothing else.
import type { LogLine } from '../../run/view.ts';
import {
  type Entry,
  isLine,
  MOST_HEAD_BYTES,
  type Place,
  readEntries,
  stepsOf,
  textOf,
  withoutVoidRows,
} from '../../store/log-format.ts';
import { type Clock, delay } from '../../support/clock.ts';
import { JobrunError } from '../../support/errors.ts';
import { MB, SECOND } from '../../support/limits.ts';
import { count } from '../../support/text.ts';
import { RUN_LOG } from '../log-lines.ts';
import type { Token } from '../members.ts';
import { isAway } from './connection.ts';
import {
  appendOf,
  type Cut,
  type Extent,
  lookOf,
  type Piece,
  partOf,
  type Reached,
  type Read,
  ROWS,
  reachedOf,
  rowsOf,
  type Taken,
  takeOf,
} from './log-table.ts';
import type { Session, Sessions, Statement } from './session.ts';
import { TURN_SETTINGS } from './turns.ts';

/** A batch is begun so long after the first line that it has. */
const GATHER_MS = 150;
/** Between two tries of a store that is away. */
const AGAIN_AFTER_MS = SECOND / 2;
/** One batch. */
const MOST_BYTES = 4 * MB;
const MOST_RUNS = 500;
/** The lines that wait for a store that is away, or slower than the output. */
const MOST_WAITING_BYTES = 32 * MB;

const SETTINGS = { ...TURN_SETTINGS, synchronous_commit: 'off' };

export interface LogBatchesOptions {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** Called after each batch. */
  readonly written: () => void;
}

/** The log of one run as this process writes it. */
interface OpenLog {
  token: Token | null;
  /** Null while it is unknown. */
  at: Reach | null;
  pending: Pending[];
  /** Lines that could not be kept, and have not been told of. */
  lost: number;
  /** Nothing more is expected. */
  isOver: boolean;
}

type Newest = Pick<Reached, 'n' | 'place'>;

interface Reach extends Newest {
  readonly token: Token;
  /** All rows are pending. */
  readonly anew: boolean;
}

interface Pending {
  readonly entry: Entry<LogLine>;
  readonly text: string;
}

interface Part {
  readonly log: OpenLog;
  readonly writer: Taken;
  readonly pending: readonly Pending[];
  readonly after: Newest;
}

interface Batch {
  readonly parts: readonly Part[];
  readonly statement: Statement;
}

export class LogBatches {
  readonly #o: LogBatchesOptions;
  readonly #open = new Map<number, OpenLog>();
  /** Runs with something to be written, in the order in which it came. */
  readonly #dirty = new Set<number>();
  #bytes = 0;
  #session: Session | null = null;
  #timer: (() => void) | null = null;
  #writing: Promise<void> | null = null;
  /** It was sent, or is about to be, and was not answered. */
  #batch: Batch | null = null;
  #closed = false;
  #ended = false;

  constructor(options: LogBatchesOptions) {
    this.#o = options;
  }

  begin(run: number, token: Token): void {
    const log = this.#logOf(run);
    log.token = token;
    log.at = null;
    log.isOver = false;
  }

  push(run: number, entry: Entry<LogLine>): void {
    if (this.#closed) return;
    const log = this.#logOf(run);
    const isFull = this.#bytes >= MOST_WAITING_BYTES;
    if (isFull && isLine(entry)) {
      log.lost++;
      return;
    }
    if (log.lost > 0 && isLine(entry)) {
      const text = `${count(log.lost, 'line')} before this one could not be written`;
      log.lost = 0;
      this.#add(run, log, RUN_LOG.remark(text, entry));
    }
    this.#add(run, log, entry);
    this.#later(GATHER_MS);
  }

  /** Something of this run is not written. */
  owes(run: number): boolean {
    return (
      this.#dirty.has(run) || (this.#batch?.parts.some(({ writer }) => writer.run === run) ?? false)
    );
  }

  /** Resolves when all that was said of a run is written; with `patient` it waits for a store that is away. */
  async flush(run: number, patient: boolean): Promise<void> {
    while (this.owes(run)) {
      try {
        await this.#write();
      } catch (error) {
        if (!patient || this.#closed || !isAway(error)) throw error;
        await delay(this.#o.clock, AGAIN_AFTER_MS);
      }
    }
  }

  /** Nothing more is expected of it; what is not written yet will be. */
  forget(run: number): void {
    const log = this.#open.get(run);
    if (!log) return;
    log.isOver = true;
    if (!this.owes(run)) this.#open.delete(run);
  }

  /** Lines of a run that are not written are for no reader. */
  drop(run: number): void {
    const log = this.#open.get(run);
    if (log) this.#bytes -= weightOf(log.pending.splice(0));
    this.#dirty.delete(run);
    if (log?.isOver) this.#open.delete(run);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.();
    while (this.#dirty.size > 0 || this.#batch) await this.#write();
  }

  async closeSession(): Promise<void> {
    this.#ended = true;
    // Those who wait for that batch hear of its error.
    await this.#writing?.catch(() => undefined);
    await this.#session?.close();
  }

  #logOf(run: number): OpenLog {
    const log = this.#open.get(run) ?? NEW_LOG();
    this.#open.set(run, log);
    return log;
  }

  #add(run: number, log: OpenLog, entry: Entry<LogLine>): void {
    const text = textOf(entry);
    log.pending.push({ entry, text });
    this.#bytes += text.length;
    this.#dirty.add(run);
  }

  #later(ms: number): void {
    if (this.#closed || this.#timer) return;
    this.#timer = this.#o.clock.after(ms, () => {
      this.#write().catch(this.#o.onError);
    });
  }

  /** One batch, for all who ask meanwhile. */
  #write(): Promise<void> {
    this.#timer?.();
    this.#timer = null;
    this.#writing ??= this.#writeBatch().then(
      () => {
        this.#writing = null;
        if (this.#dirty.size > 0) this.#later(this.#bytes > MOST_BYTES ? 0 : GATHER_MS);
      },
      (error) => {
        this.#writing = null;
        if (this.#dirty.size > 0 || this.#batch) this.#later(AGAIN_AFTER_MS);
        throw error;
      },
    );
    return this.#writing;
  }

  async #writeBatch(): Promise<void> {
    this.#batch ??= await this.#gather();
    const { parts, statement } = this.#batch;
    let held: ReadonlySet<number>;
    try {
      const rows = parts.length === 0 ? [] : await this.#ask<{ run: number }>(statement);
      held = new Set(rows.map(({ run }) => run));
    } catch (error) {
      if (!isAway(error)) this.#refused(parts);
      throw error;
    }
    this.#batch = null;
    for (const { log, writer, after } of parts) {
      const { run, token } = writer;
      if (log.at?.token === token) log.at = held.has(run) ? { ...after, token, anew: false } : null;
      if (log.isOver && log.pending.length === 0) this.#open.delete(run);
    }
    this.#o.written();
  }

  /** The server has said no, and has changed nothing: rows are kept for the next batch. */
  #refused(parts: readonly Part[]): void {
    this.#batch = null;
    for (const { log, writer, pending } of parts) {
      const rows = pending.filter(({ entry }) => !isLine(entry));
      log.lost += pending.length - rows.length;
      log.pending.unshift(...rows);
      this.#bytes += weightOf(rows);
      if (rows.length > 0) this.#dirty.add(writer.run);
    }
  }

  /** Takes what is to be written, once it is known where it goes. */
  async #gather(): Promise<Batch> {
    // Lines of one turn of the loop stand together.
    await new Promise(setImmediate);
    const chosen = this.#chosen();
    await this.#take(chosen.filter(([, { at }]) => at === null));
    const pieces: Piece[] = [];
    const cuts: Cut[] = [];
    const parts: Part[] = [];
    for (const [run, log] of chosen) {
      const { at } = log;
      // An attempt that has begun since is for the next batch.
      if (!at || log.pending.length === 0) continue;
      const pending = log.pending.splice(0);
      this.#bytes -= weightOf(pending);
      this.#dirty.delete(run);
      const placed = placedOf(run, at, pending);
      pieces.push(...placed.pieces);
      cuts.push(...placed.cuts);
      parts.push({ log, writer: { run, token: at.token }, pending, after: placed.after });
    }
    const writers = parts.map(({ writer }) => writer);
    return { parts, statement: appendOf(writers, pieces, cuts) };
  }

  #chosen(): readonly (readonly [run: number, log: OpenLog])[] {
    const chosen: (readonly [number, OpenLog])[] = [];
    let bytes = 0;
    for (const run of this.#dirty) {
      const log = this.#logOf(run);
      bytes += weightOf(log.pending);
      if (chosen.length > 0 && (bytes > MOST_BYTES || chosen.length >= MOST_RUNS)) break;
      chosen.push([run, log]);
    }
    return chosen;
  }

  async #take(all: readonly (readonly [run: number, log: OpenLog])[]): Promise<void> {
    if (all.length === 0) return;
    const asked = all.map(([run, log]) => ({ run, log, token: log.token }));
    const looks = [
      this.#ask<Taken>(takeOf(asked)),
      this.#ask<Extent>(lookOf(asked.map(({ run }) => run))),
    ] as const;
    await Promise.allSettled(looks);
    const [taken, extents] = [await looks[0], await looks[1]];
    for (const { run, log, token } of asked) {
      if (log.token !== token) continue;
      const writer = taken.find((one) => one.run === run);
      // Another one has the run, or it is gone.
      if (!writer) this.drop(run);
      else {
        const reached = reachedOf(extents.filter((one) => one.run === run));
        log.at = { ...reached, token: writer.token, anew: false };
        if (reached.head > MOST_HEAD_BYTES) await this.#withoutVoidRows(run, log, log.at);
      }
    }
  }

  /** Attempts without end that each add a table and save nothing must not fill the store. */
  async #withoutVoidRows(run: number, log: OpenLog, at: Reach): Promise<void> {
    const rows = await this.#ask<Read>(rowsOf(run));
    if (log.at !== at || !log.pending.some(({ entry }) => 'begin' in entry)) return;
    const said = log.pending.filter(({ entry }) => !isLine(entry)).map(({ entry }) => entry);
    const valid = withoutVoidRows([
      ...rows.flatMap(({ body }) => readEntries(RUN_LOG, body)),
      ...said,
    ]).map((entry) => ({ entry, text: textOf(entry) }));
    this.#bytes -= weightOf(log.pending);
    log.pending = [...valid, ...log.pending.filter(({ entry }) => isLine(entry))];
    this.#bytes += weightOf(log.pending);
    const before = rows.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
    const { tail, size } = at.place;
    const place = tail === null ? { ...at.place, size: size - before } : at.place;
    log.at = { ...at, place, anew: true };
  }

  async #ask<Row>(statement: Statement): Promise<readonly Row[]> {
    if (this.#ended)
      throw new JobrunError('store-unreachable', 'the store is closed', 'Start the daemon again.');
    this.#session ??= await this.#o.sessions.open(SETTINGS);
    try {
      return await this.#session.query<Row>(statement);
    } catch (error) {
      if (isAway(error)) {
        const lost = this.#session;
        this.#session = null;
        await lost?.close();
      }
      throw error;
    }
  }
}

const NEW_LOG = (): OpenLog => ({ token: null, at: null, pending: [], lost: 0, isOver: false });

const weightOf = (pending: readonly Pending[]): number =>
  pending.reduce((sum, { text }) => sum + text.length, 0);

interface Placed {
  readonly pieces: readonly Piece[];
  readonly cuts: readonly Cut[];
  readonly after: Newest;
}

/** Lines first, then rows, as on files. */
function placedOf(run: number, at: Reach, pending: readonly Pending[]): Placed {
  const pieces: Piece[] = [];
  const cuts: Cut[] = [];
  let { n, place } = at;
  const add = (part: number, body: string, first: number, lines: number): void => {
    pieces.push({ run, n: ++n, part, first, lines, bytes: Buffer.byteLength(body), body });
  };
  const texts = (ofLines: boolean): readonly string[] =>
    pending.filter(({ entry }) => isLine(entry) === ofLines).map(({ text }) => text);
  for (const { tail, begins, text, first, lines, after } of stepsOf(place, texts(true))) {
    add(partOf(tail), text, first, lines);
    if (begins) cuts.push({ run, part: partOf(tail), below: n });
    place = after;
  }
  const rows = texts(false).join('');
  if (rows === '') return { pieces, cuts, after: { n, place } };
  add(ROWS, rows, place.count, 0);
  if (at.anew) cuts.push({ run, part: ROWS, below: n });
  return { pieces, cuts, after: { n, place: withRows(place, rows) } };
}

const withRows = (place: Place, rows: string): Place =>
  place.tail === null ? { ...place, size: place.size + Buffer.byteLength(rows) } : place;
