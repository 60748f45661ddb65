// A backend that calls of the same time share. Files are given back by whoever leaves them last, for other processes
// want them as well; a connection to a daemon stays until it is retired and its last call has left. Either way it is
// closed once, and nothing that was opened is ever out of sight.
import { assert } from '../support/errors.ts';
import type { Backend } from './backend.ts';

export class Shared {
  /** Resolves when it is closed, or could not be opened and nobody waits for that any more. */
  readonly over: Promise<void>;
  #tellOver: () => void = () => undefined;
  readonly #opening: Promise<Backend>;
  #opened: Backend | null = null;
  #calls = 0;
  #retired = false;
  #closing: Promise<void> | null = null;

  constructor(opening: Promise<Backend>) {
    this.#opening = opening;
    this.over = new Promise((resolve) => {
      this.#tellOver = resolve;
    });
  }

  /** Whether a further call may enter. */
  get isOpen(): boolean {
    return !this.#retired;
  }

  /** For who has entered. */
  get backend(): Backend {
    assert(this.#opened, 'a backend is used before it is open');
    return this.#opened;
  }

  /** One call more, which has to leave again; not where this rejects with what keeps it from being opened. */
  async enter(): Promise<Backend> {
    this.#calls++;
    try {
      this.#opened = await this.#opening;
      return this.#opened;
    } catch (error) {
      this.#retired = true;
      if (--this.#calls === 0) this.#tellOver();
      throw error;
    }
  }

  async leave(): Promise<void> {
    this.#calls--;
    if (this.#calls === 0 && (this.#retired || this.backend.offline)) await this.#close();
  }

  /** Nobody enters any more. Only for who has entered: the last one that leaves closes it. */
  retire(): void {
    this.#retired = true;
  }

  /** Cuts off what waits for a daemon; what is done on the files is done to its end. */
  async end(): Promise<void> {
    this.#retired = true;
    if (this.#opened && (this.#calls === 0 || !this.#opened.offline)) await this.#close();
    await this.over;
  }

  #close(): Promise<void> {
    this.#retired = true;
    this.#closing ??= this.backend.close().finally(() => this.#tellOver());
    return this.#closing;
  }
}
