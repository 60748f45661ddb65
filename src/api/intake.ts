// Requests in flight: sent by clients and not answered yet, of all connections together. Each has a bound of its own,
// and hundreds of them would still fill the heap. So above this bound those that hold much are not read on until there
// is room. If requests that have only begun to come take all of it, they are read one at a time: a request can be
// answered only when it is complete. A client that holds little is read at any time.
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

export class Intake {
  readonly #most = Math.min(
    MAX_INTAKE_BYTES,
    getHeapStatistics().heap_size_limit * MAX_INTAKE_SHARE,
  );
  readonly #bytes = { begun: 0, complete: 0 };
  /** In the order in which they are to be read. */
  readonly #waiting = new Set<Sender>();

  /** So much more is held of requests that have begun, or are complete; or less. */
  add(bytes: number, of: 'begun' | 'complete'): void {
    this.#bytes[of] += bytes;
    if (bytes >= 0) return;
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

  /** It waits for something else, or has gone. */
  forget(sender: Sender): void {
    if (this.#waiting.delete(sender) && this.#isFull) this.#next()?.readOn();
  }

  get #isFull(): boolean {
    return this.#bytes.begun + this.#bytes.complete > this.#most;
  }

  #next(): Sender | undefined {
    if (this.#bytes.complete > this.#most) return undefined;
    for (const sender of this.#waiting) if (sender.begun) return sender;
    return undefined;
  }
}
