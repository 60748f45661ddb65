// Reports changes: each of all hosts once, in the order of their numbers, without gaps. The own ones are told as they
// are committed; those that others have made before are read first. Others are notified of by the store: with the
// number of the last change, so that it does not matter which notifications are missed.
//
// The table of changes is cut now and then (writes.ts). A listener that was away for longer than that is told of each
// run that has changed since, as it is now.
import { applyDifference, type Difference } from '../../run/difference.ts';
import { keptRun } from '../../run/stored-run.ts';
import type { Clock } from '../../support/clock.ts';
import type { Change, ChangeEvent } from '../engine.ts';
import { PART_BYTES, partsOf } from './listed-runs.ts';
import type { Sessions } from './session.ts';
import { STIRS, type Stir } from './stirs.ts';
import type { Writer } from './writes.ts';

/** Read at once; fewer of large runs. */
const PAGE = 500;
/** Runs whose numbers are looked up at once. */
const MISSED_PAGE = 10_000;
/**
 * Between two reads of what others have changed: the first change is read at once, and what others change one by one is
 * read together. Without it each change cost each other host a read, a third of a millisecond of it and its store.
 */
const READ_EVERY_MS = 20;

/**
 * Between two bounds, so that the planner takes the index: a table that has just grown it would else sort as a whole.
 * How large a change is follows from its run as it is now: to measure the JSON itself is to unpack all of it.
 */
const AFTER = `with page as materialized (
    select n, at, writer, back, doc,
      greatest((select r.bytes from run r where r.id = c.run), pg_column_size(doc)) as bytes
    from change c where n > $1 and n < (select min(n) from change where n > $1) + ${PAGE} order by n limit ${PAGE})
  select n::float8, at, writer::float8, back, doc, size::integer from (
      select *, count(*) over () as size, sum(bytes) over (order by n rows unbounded preceding) - bytes as before
      from page) p
    where before < ${PART_BYTES} order by n`;
/** No index has the numbers of changes: few looks at all runs are better than many. */
const MISSED = `select id::float8, bytes from run where changed > $1 and changed <= $2 order by changed limit ${MISSED_PAGE}`;
const MISSED_RUNS = `select changed::float8 as n, doc from run
  where id = any($1::bigint[]) and changed > $2 and changed <= $3 order by changed`;

interface Row {
  readonly n: number;
  readonly at: number;
  readonly writer: number;
  readonly back: Difference | null;
  readonly doc: unknown;
  /** So many are in the page. Those that are too large for one answer are not given. */
  readonly size: number;
}

interface Missed {
  readonly id: number;
  readonly bytes: number;
}

export interface FeedOptions {
  readonly sessions: Sessions;
  readonly writer: Writer;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  /** A place in the limits of a job may let something start here. */
  readonly hasLimits: () => boolean;
  /** Changes there were when it began. */
  readonly seen: number;
  readonly onError: (error: unknown) => void;
}

export class Feed {
  readonly #o: FeedOptions;
  readonly #listeners = new Set<(change: ChangeEvent) => void>();
  readonly #stirred = new Set<() => void>();
  #seen: number;
  /** One at a time tells. */
  #telling: Promise<void> = Promise.resolve();
  #unlisten: (() => void) | null = null;
  /** The last change that it was notified of; infinite where it may have missed notifications. */
  #latest = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  /** The undo of a read that is to come. */
  #reading: (() => void) | null = null;

  constructor(options: FeedOptions) {
    this.#o = options;
    this.#seen = options.seen;
  }

  onChange(listener: (change: ChangeEvent) => void): () => void {
    this.#listen();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onStir(listener: () => void): () => void {
    this.#listen();
    this.#stirred.add(listener);
    return () => this.#stirred.delete(listener);
  }

  stir(stir: Stir = 'anything'): void {
    if (stir === 'nothing' || (stir === 'place' && !this.#o.hasLimits())) return;
    for (const listener of this.#stirred) listener();
  }

  /** Tells of what this engine has committed, after all that came before. */
  async committed(changes: readonly Change[], stir: Stir): Promise<void> {
    if (changes.length > 0) await this.#inTurn(() => this.#tellOwn(changes));
    this.stir(stir);
  }

  async close(): Promise<void> {
    this.#unlisten?.();
    this.#reading?.();
    await this.#telling;
  }

  #listen(): void {
    const { sessions, writer } = this.#o;
    this.#unlisten ??= sessions.listen(writer.channel, (text) => this.#notified(text));
  }

  #notified(text: string | null): void {
    const [from, last, stir] = (text ?? '').split(' ').map(Number);
    if (from === this.#o.writer.id) return;
    this.#latest = text === null ? Number.POSITIVE_INFINITY : Math.max(this.#latest, last ?? 0);
    this.#readSoon();
    if (text === null || stir === STIRS.anything) this.stir();
    else if (stir === STIRS.place) this.stir('place');
  }

  #readSoon(): void {
    const { clock, onError } = this.#o;
    const read = (): void => {
      this.#reading = null;
      this.#readAt = clock.monotonic();
      // The read for an earlier notification may have had the changes of this one.
      const catchUp = async (): Promise<void> => {
        if (this.#latest <= this.#seen) return;
        if (this.#latest === Number.POSITIVE_INFINITY) this.#latest = 0;
        await this.#catchUp(Number.POSITIVE_INFINITY);
      };
      this.#inTurn(catchUp).catch(onError);
    };
    if (this.#latest <= this.#seen) return;
    const wait = this.#readAt + READ_EVERY_MS - clock.monotonic();
    if (wait > 0) this.#reading ??= clock.after(wait, read);
    else if (this.#reading === null) read();
  }

  #inTurn(tell: () => Promise<void>): Promise<void> {
    const told = this.#telling.then(tell);
    // The listener that asked for it learns of it; what comes after it is told all the same.
    this.#telling = told.catch(() => undefined);
    return told;
  }

  async #tellOwn(changes: readonly Change[]): Promise<void> {
    const first = changes[0]?.n ?? 0;
    try {
      if (this.#listeners.size > 0 && first > this.#seen + 1) await this.#catchUp(first - 1);
    } catch (error) {
      // They are committed all the same, and come with what comes before them, once the store can be asked for that.
      this.#o.onError(error);
      return;
    }
    for (const change of changes) this.#notify({ ...change, own: true });
  }

  async #catchUp(until: number): Promise<void> {
    if (this.#listeners.size === 0) return;
    for (let isLeft = true; isLeft; ) {
      const rows = await this.#after();
      // Numbers have no holes: fewer than a page are the last.
      const [first] = rows;
      isLeft = first !== undefined && (first.size === PAGE || rows.length < first.size);
      if (first && first.n > this.#seen + 1) await this.#tellMissed(first.n);
      for (const { n, at, writer, back, doc } of rows) {
        if (n > until) return;
        const run = keptRun(doc);
        const prev = back && applyDifference(run, back);
        this.#notify({ n, at, prev, run, own: writer === this.#o.writer.id });
      }
    }
  }

  #after(): Promise<readonly Row[]> {
    const { sessions } = this.#o;
    return sessions.read<Row>({ name: 'jobrun_changes', text: AFTER, values: [this.#seen] });
  }

  /** The changes that were cut away before change `until` was read. */
  async #tellMissed(until: number): Promise<void> {
    const { sessions, clock } = this.#o;
    for (let isLeft = true; isLeft; ) {
      const values = [this.#seen, until - 1];
      const missed = await sessions.read<Missed>({ text: MISSED, values });
      isLeft = missed.length === MISSED_PAGE;
      for (const part of partsOf(missed)) {
        const ids = part.map(({ id }) => id);
        const asked = { text: MISSED_RUNS, values: [ids, this.#seen, until - 1] };
        for (const { n, doc } of await sessions.read<Pick<Row, 'n' | 'doc'>>(asked)) {
          const run = keptRun(doc);
          this.#notify({ n, at: clock.now(), prev: run, run, own: false });
        }
      }
    }
    this.#seen = until - 1;
  }

  #notify(change: ChangeEvent): void {
    if (change.n <= this.#seen) return;
    this.#seen = change.n;
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        // The change is durable whatever a listener makes of it, and the others are told too.
        this.#o.onError(error);
      }
    }
  }
}
