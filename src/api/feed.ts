// Events from one source to many readers. A reader that does not keep up loses events, is told so by one
// `{ gap: true }`, and goes on with the newest: it can never slow the source or the other readers, nor grow memory.
import { MAX_EVENTS_KEPT } from '../support/limits.ts';

export interface Gap {
  readonly gap: true;
}

export interface Numbered {
  readonly n: number;
}

/** Events that wait for one reader: a burst of a second; more of them mean that it does not read. */
const MAX_WAITING = 5_000;

export class Feed<Item extends Numbered> {
  readonly #kept: Item[] = [];
  /** Where the oldest kept one stands, once the ring is full. */
  #oldest = 0;
  readonly #readers = new Set<Reader<Item>>();

  publish(item: Item): void {
    if (this.#kept.length < MAX_EVENTS_KEPT) this.#kept.push(item);
    else {
      this.#kept[this.#oldest] = item;
      this.#oldest = (this.#oldest + 1) % MAX_EVENTS_KEPT;
    }
    for (const reader of this.#readers) reader.put(item);
  }

  /** Everything published from now on, after the kept ones with a number above `since`. Ends with the signal. */
  async *read(since: number | null, signal: AbortSignal): AsyncGenerator<Item | Gap> {
    const reader = new Reader<Item>();
    const end = (): void => reader.end();
    this.#readers.add(reader);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) reader.end();
    try {
      if (since !== null) yield* this.#after(since);
      yield* reader.items();
    } finally {
      signal.removeEventListener('abort', end);
      this.#readers.delete(reader);
    }
  }

  #after(since: number): (Item | Gap)[] {
    const ring = [...this.#kept.slice(this.#oldest), ...this.#kept.slice(0, this.#oldest)];
    const missed = ring.filter((item) => item.n > since);
    const first = missed[0];
    return first && first.n > since + 1 ? [{ gap: true }, ...missed] : missed;
  }
}

class Reader<Item> {
  #waiting: Item[] = [];
  #lost = false;
  #ended = false;
  #wake: () => void = () => undefined;

  put(item: Item): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting = [];
      this.#lost = true;
    }
    this.#waiting.push(item);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *items(): AsyncGenerator<Item | Gap> {
    while (!this.#ended) {
      if (this.#lost) {
        this.#lost = false;
        yield { gap: true };
      }
      const batch = this.#waiting;
      this.#waiting = [];
      yield* batch;
      if (this.#waiting.length === 0 && !this.#ended) await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
