// Requests in flight: sent by clients and not answered yet, of all connections together. Each has a bound of its own,
// and hundreds of them would still fill the heap. So above this bound those that hold much are not read on until there
// is room, and a large one that is complete is parsed only when there is room for its values, which take up to twenty
// times its bytes. If requests that have only begun to come take all of it, they are read one at a time: a request can
// be answered only when it is complete. A client that holds little is read at any time.
import { getHeapStatistics } from 'node:v8';
import { MAX_INTAKE_BYTES, MAX_INTAKE_SHARE } from '../support/limits.ts';

export interface Sender {
  /** Bytes that it has sent and that are not answered yet. */
  readonly held: number;
  /** A request of it is not complete. */
  readonly begun: boolean;
  /** Called where it need not wait for the others any more. */
  readonly readOn: () => void;
}

/** A client that holds no more is never made to wait. */
const LITTLE = 64 * 1024;
/** The part of the bound that has to be free for a request, however large it is. */
const LARGEST_SHARE = 3 / 4;

export class Intake {
  readonly #most = Math.min(
    MAX_INTAKE_BYTES,
    getHeapStatistics().heap_size_limit * MAX_INTAKE_SHARE,
  );
  readonly #bytes = { begun: 0, complete: 0 };
  /** In the order in which they are to be read. */
  readonly #waiting = new Set<Sender>();
  /** Those with a complete request for whose values there is no room, in the order in which they are to be parsed. */
  readonly #unparsed = new Set<Sender>();

  /** So much more is held of requests that have begun, or are complete; or less. */
  add(bytes: number, of: 'begun' | 'complete'): void {
    this.#bytes[of] += bytes;
    if (bytes >= 0) return;
    this.#first()?.readOn();
    if (this.#isFull) this.#next()?.readOn();
    else for (const sender of [...this.#waiting]) sender.readOn();
  }

  mustWait(sender: Sender): boolean {
    if (!this.#isFull || sender.held <= LITTLE) {
      this.forget(sender);
      return false;
    }
    this.#waiting.add(sender);
    return this.#next() !== sender;
  }

  /** True where a complete request that takes so much heap may be parsed. Else its sender reads on when it may. */
  hasRoom(sender: Sender, heap: number): boolean {
    if (heap <= LITTLE) return true;
    // A request as large as the bound waits only until the others hold little.
    const fits = this.#bytes.complete + Math.min(heap, this.#most * LARGEST_SHARE) <= this.#most;
    if (fits && (this.#first() ?? sender) === sender) return true;
    this.#unparsed.add(sender);
    return false;
  }

  /** It waits for something else, or has gone. */
  forget(sender: Sender): void {
    const wasUnparsed = this.#unparsed.delete(sender);
    const waited = this.#waiting.delete(sender);
    if (wasUnparsed) this.#first()?.readOn();
    if ((wasUnparsed || waited) && this.#isFull) this.#next()?.readOn();
  }

  get #isFull(): boolean {
    return this.#bytes.begun + this.#bytes.complete > this.#most;
  }

  #first(): Sender | undefined {
    for (const sender of this.#unparsed) return sender;
    return undefined;
  }

  #next(): Sender | undefined {
    if (this.#bytes.complete > this.#most || this.#unparsed.size > 0) return undefined;
    for (const sender of this.#waiting) if (sender.begun) return sender;
    return undefined;
  }
}
