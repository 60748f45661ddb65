// A value that components watch: its users are drawn again when it becomes another one.
import { useLayoutEffect, useState } from 'preact/hooks';

export class Observable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(next: T): void {
    if (Object.is(next, this.#value)) return;
    this.#value = next;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back with each change. Returns its undo. */
  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Watched from the moment that it is shown: what changes before the next frame is not missed. */
export function useObservable<T>(observable: Observable<T>): T {
  const [, draw] = useState({});
  useLayoutEffect(() => observable.on(() => draw({})), [observable]);
  return observable.value;
}
