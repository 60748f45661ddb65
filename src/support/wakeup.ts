// Waiting for another part's work: a promise with the means to settle it, and the sleep of a loop until something has
// come for it.

import { myTurn } from './turn-taking.ts';

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** As `Promise.withResolvers`, which Node 20 does not have. */
export function deferred<T = void>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> = { resolve: () => undefined, reject: () => undefined };
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
}

/**
 * A wake that comes while the loop is busy is kept: its next sleep ends at once, so that nothing is missed between two
 * looks.
 */
export class Wakeup {
  #woken = false;
  #resolve: (() => void) | null = null;

  readonly wake = (): void => {
    this.#woken = true;
    this.#resolve?.();
  };

  async sleep(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.forget();
  }

  /** The same, for one of many that are woken at once. */
  async sleepInTurn(): Promise<void> {
    await this.sleep();
    await myTurn();
    this.forget();
  }

  /** All values that have come so far have been seen. */
  forget(): void {
    this.#woken = false;
    this.#resolve = null;
  }
}
