// The listeners to changes, and the numbers of changes. Changes are numbered when they are applied, in the order in
// which they will stand in the journal; they are told when that line is durable.
import type { Run } from '../../run/run.ts';
import type { Transaction } from '../../store/table.ts';
import type { ChangeEvent } from '../engine.ts';
import type { RunChange } from './run-table.ts';

export class Announcer {
  readonly #listeners = new Set<(change: ChangeEvent) => void>();
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  #count: number;

  constructor(count: number, now: () => number, onError: (error: unknown) => void) {
    this.#count = count;
    this.#now = now;
    this.#onError = onError;
  }

  /** How many changes there ever were. */
  get count(): number {
    return this.#count;
  }

  listen(listener: (change: ChangeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Numbers the changes of a transaction; what is returned tells of them. */
  number(tx: Transaction, changes: readonly RunChange[]): () => void {
    const before = this.#count;
    this.#count += changes.length;
    tx.onUndo(() => {
      this.#count = before;
    });
    return () => {
      if (this.#listeners.size === 0) return;
      const at = this.#now();
      let n = before;
      for (const { prev, run } of changes) this.#notify({ n: ++n, at, prev, run, own: true });
    };
  }

  /**
   * The operation that announces runs which fell due. No line holds that, so they have the number of the change before
   * them. If that was refused, a run that went with it is not announced: the clock decides it again.
   */
  fallenDue(
    promoted: readonly RunChange[],
    at: number,
    stands: (run: Run) => boolean,
  ): (refused: boolean) => void {
    const before = this.#count;
    return (refused) => {
      const n = refused ? this.#count : before;
      for (const { prev, run } of promoted)
        if (!refused || stands(run)) this.#notify({ n, at, prev, run, own: true });
    };
  }

  #notify(change: ChangeEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        // The change is durable whatever a listener makes of it, and the others are told too.
        this.#onError(error);
      }
    }
  }
}
