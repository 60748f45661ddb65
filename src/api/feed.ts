// Events from one source to many readers. A reader that does not keep up loses events, is told so by one
// `{ type: 'gap' }`, and continues with the newest. It can never slow the source or the other readers, nor grow memory.
// The history is bounded by number and by bytes, for readers that were away and come back.

import { getHeapStatistics } from 'node:v8';
import { onAbort } from '../support/aborts.ts';
import { MAX_EVENT_BYTES, MAX_EVENT_SHARE, MAX_EVENTS_KEPT } from '../support/limits.ts';
import { Wakeup } from '../support/wakeup.ts';

/** Some events were missed: the reader was too slow, or the daemon that kept them has ended. */
export interface Gap {
  readonly type: 'gap';
}

export interface Numbered {
  readonly n: number;
}

/** Events that wait for one reader: a burst of a second; more of them mean that it does not read. */
const MAX_WAITING = 5_000;

/** The bytes that events may hold in a heap of this size. */
export const eventBytes = (heap: number): number =>
  Math.min(MAX_EVENT_BYTES, heap * MAX_EVENT_SHARE);

interface Weighed<Item> {
  readonly item: Item;
  readonly bytes: number;
}

export class Feed<Item extends Numbered> {
  readonly #weigh: (item: Item) => number;
  readonly #most: number;
  #last: number;
  /** The oldest that is kept stands at `#first`; what was before it is null until the list is cut. */
  #kept: (Weighed<Item> | null)[] = [];
  #first = 0;
  #bytes = 0;
  readonly #readers = new Set<Reader<Item>>();

  /**
   * `weigh` tells about how many bytes an event holds, of which `most` are kept; `last` is the number of the last one
   * before this feed began.
   */
  constructor(
    weigh: (item: Item) => number,
    last: number,
    most = eventBytes(getHeapStatistics().heap_size_limit),
  ) {
    this.#weigh = weigh;
    this.#most = most;
    this.#last = last;
  }

  /** The number of the last event. */
  get last(): number {
    return this.#last;
  }

  /** A client reads it. */
  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  publish(item: Item): void {
    const weighed = { item, bytes: this.#weigh(item) };
    this.#last = item.n;
    this.#kept.push(weighed);
    this.#bytes += weighed.bytes;
    while (this.#kept.length - this.#first > MAX_EVENTS_KEPT || this.#bytes > this.#most) {
      this.#bytes -= this.#kept[this.#first]?.bytes ?? 0;
      this.#kept[this.#first++] = null;
    }
    if (this.#first > MAX_EVENTS_KEPT) this.#kept = this.#kept.slice(this.#first);
    if (this.#first > MAX_EVENTS_KEPT) this.#first = 0;
    for (const reader of this.#readers) reader.put(weighed);
  }

  /** Everything published from now on, after the kept ones with a number above `since`. Ends with the signal. */
  async *read(since: number | null, signal: AbortSignal): AsyncGenerator<Item | Gap> {
    const reader = new Reader<Item>(this.#most);
    this.#readers.add(reader);
    const unlisten = onAbort(signal, () => reader.end());
    if (signal.aborted) reader.end();
    try {
      if (since !== null) yield* this.#after(since);
      yield* reader.items();
    } finally {
      unlisten();
      this.#readers.delete(reader);
    }
  }

  #after(since: number): (Item | Gap)[] {
    // From the end: thousands of readers may come, and most have seen nearly all.
    let from = this.#kept.length;
    while (from > this.#first && (this.#kept[from - 1]?.item.n ?? 0) > since) from--;
    const missed = this.#kept.slice(from).flatMap((one) => one?.item ?? []);
    const next = missed[0]?.n ?? this.#last + 1;
    return next > since + 1 ? [{ type: 'gap' }, ...missed] : missed;
  }
}

class Reader<Item> {
  readonly #most: number;
  #waiting: Item[] = [];
  #bytes = 0;
  #lost = false;
  #ended = false;
  readonly #arrivals = new Wakeup();

  constructor(most: number) {
    this.#most = most;
  }

  put({ item, bytes }: Weighed<Item>): void {
    if (this.#waiting.length >= MAX_WAITING || this.#bytes > this.#most) {
      this.#take();
      this.#lost = true;
    }
    this.#waiting.push(item);
    this.#bytes += bytes;
    this.#arrivals.wake();
  }

  end(): void {
    this.#ended = true;
    this.#arrivals.wake();
  }

  async *items(): AsyncGenerator<Item | Gap> {
    while (!this.#ended) {
      if (this.#lost) {
        this.#lost = false;
        yield { type: 'gap' };
      }
      yield* this.#take();
      if (this.#waiting.length === 0 && !this.#ended) await this.#arrivals.sleepInTurn();
    }
  }

  #take(): Item[] {
    const taken = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return taken;
  }
}
