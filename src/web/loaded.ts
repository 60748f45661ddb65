// What a page shows of the API: asked for when the page opens, and again when something has changed. One look at a time,
// and the slower the answers the fewer looks, so that pages cost the daemon a tenth of its time at most. A page that nobody
// sees asks for nothing. What was shown stays until there is something newer: a daemon that is gone leaves its last picture.
import { useEffect, useRef, useState } from 'preact/hooks';
import { type JobrunError, toJobrunError } from '../support/errors.ts';
import { after, monotonic } from '../support/page-clock.ts';
import { ask } from './api.ts';
import { changes, isVisible } from './live.ts';

const SOON_MS = 100;
const PACE = 9;
const SLOWEST_MS = 1000;

export interface Loaded<T> {
  /** Of this path, or of the one before while this one is asked for. */
  readonly data: T | null;
  readonly error: JobrunError | null;
  /** `data` is of another path. */
  readonly isOld: boolean;
  readonly reload: () => void;
}

interface Shown<T> {
  readonly path: string | null;
  readonly data: T | null;
  readonly error: JobrunError | null;
}

/** `every`: also so often, for what changes without being told of, as progress does. */
export function useLoaded<T>(path: string | null, every: number | null = null): Loaded<T> {
  const [shown, show] = useState<Shown<T>>({ path: null, data: null, error: null });
  const look = useRef<() => void>(() => undefined);
  const pause = useRef(every);
  pause.current = every;
  useEffect(() => {
    if (path === null) return undefined;
    const looker = new Looker<T>(path, () => pause.current, show);
    look.current = looker.now;
    looker.now();
    const undo = changes.on(looker.soon);
    return () => {
      undo();
      looker.close();
    };
  }, [path]);
  useEffect(() => {
    if (every !== null) look.current();
  }, [every]);
  const isOld = shown.path !== path;
  return {
    data: shown.data,
    error: isOld ? null : shown.error,
    isOld,
    reload: () => look.current(),
  };
}

class Looker<T> {
  readonly #path: string;
  readonly #every: () => number | null;
  readonly #show: (change: (before: Shown<T>) => Shown<T>) => void;
  readonly #ending = new AbortController();
  #isLooking = false;
  #isWanted = false;
  #undo = (): void => undefined;

  constructor(
    path: string,
    every: () => number | null,
    show: (change: (before: Shown<T>) => Shown<T>) => void,
  ) {
    this.#path = path;
    this.#every = every;
    this.#show = show;
  }

  readonly now = (): void => {
    this.#want(0);
  };

  readonly soon = (): void => {
    this.#want(SOON_MS);
  };

  close(): void {
    this.#undo();
    this.#ending.abort();
  }

  #want(ms: number): void {
    if (this.#isLooking || this.#ending.signal.aborted) {
      this.#isWanted = true;
      return;
    }
    this.#undo();
    this.#undo = after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    // It is asked again when it is seen again.
    if (!isVisible()) return;
    this.#isLooking = true;
    this.#isWanted = false;
    const began = monotonic();
    const { signal } = this.#ending;
    try {
      const data = await ask<T>(this.#path, { signal });
      this.#show(() => ({ path: this.#path, data, error: null }));
    } catch (thrown) {
      if (!signal.aborted) this.#fail(toJobrunError(thrown));
    }
    this.#isLooking = false;
    if (signal.aborted) return;
    const wait = Math.min(SLOWEST_MS, PACE * (monotonic() - began));
    const every = this.#every();
    if (this.#isWanted) this.#want(Math.max(SOON_MS, wait));
    else if (every !== null) this.#want(Math.max(every, wait));
  }

  #fail(error: JobrunError): void {
    this.#show((before) => {
      const isSame = before.path === this.#path;
      return { path: this.#path, data: isSame ? before.data : null, error };
    });
  }
}
