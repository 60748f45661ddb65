// The data of a page: asked for when the page opens, and again when something has changed. One look at a time, and the
// slower the answers the fewer looks, so that pages cost the daemon a tenth of its time at most. A hidden page asks for
// nothing. Shown data stays until there is something newer: a daemon that is gone leaves its last picture.
import { useEffect, useRef, useState } from 'preact/hooks';
import { after, monotonic } from '../support/page-clock.ts';
import { askParts, errorIn } from './api.ts';
import type { ApiError } from './api-error.ts';
import { changes, isVisible } from './live.ts';

const SOON_MS = 100;
const PACE = 9;
const SLOWEST_MS = 1000;
const AGAIN_MS = 2000;
const TRY_AGAIN = ['no-daemon', 'refused'];

export interface Loaded<T> {
  /** The data of this path, or of the one before while this one is asked for. */
  readonly data: T | null;
  readonly error: ApiError | null;
  /** `data` is of another path. */
  readonly isOld: boolean;
}

interface Shown<T> {
  readonly path: string | null;
  readonly data: T | null;
  readonly error: ApiError | null;
}

/** `every`: also so often, for what changes without being told of, as progress does; null for not at all. */
export function useLoaded<T>(
  path: string | null,
  every: (data: T) => number | null = () => null,
): Loaded<T> {
  const [shown, show] = useState<Shown<T>>({ path: null, data: null, error: null });
  const paced = useRef(every);
  paced.current = every;
  useEffect(() => {
    if (path === null) return undefined;
    const present = lookAt<T>(path, (data) => paced.current(data), show);
    present.now();
    const undo = changes.on(present.soon);
    return () => {
      undo();
      present.close();
    };
  }, [path]);
  const isOld = shown.path !== path;
  return { data: shown.data, error: isOld ? null : shown.error, isOld };
}

interface Looker {
  readonly now: () => void;
  readonly soon: () => void;
  readonly close: () => void;
}

function lookAt<T>(
  path: string,
  every: (data: T) => number | null,
  show: (change: (before: Shown<T>) => Shown<T>) => void,
): Looker {
  const ending = new AbortController();
  const { signal } = ending;
  let isLooking = false;
  let isWanted = false;
  let again: number | null = null;
  // After the first whole reply no part is shown in its place.
  let isWhole = false;
  let undo = (): void => undefined;
  const want = (ms: number): void => {
    isWanted = isLooking;
    if (isLooking || signal.aborted) return;
    undo();
    undo = after(ms, () => void look());
  };
  const look = async (): Promise<void> => {
    // It is asked again when it is seen again.
    if (!isVisible()) return;
    isLooking = true;
    isWanted = false;
    const began = monotonic();
    try {
      const data = await askParts<T>(path, signal, (part) => {
        if (!isWhole) show(() => ({ path, data: part, error: null }));
      });
      isWhole = true;
      again = every(data);
      show(() => ({ path, data, error: null }));
    } catch (thrown) {
      const error = errorIn(thrown);
      // No change tells of an answer that is there by then.
      again = TRY_AGAIN.includes(error.code) ? AGAIN_MS : null;
      if (!signal.aborted)
        show((before) => ({ path, data: before.path === path ? before.data : null, error }));
    }
    isLooking = false;
    const wait = Math.min(SLOWEST_MS, PACE * (monotonic() - began));
    if (isWanted) want(Math.max(SOON_MS, wait));
    else if (again !== null) want(Math.max(again, wait));
  };
  return {
    now: () => want(0),
    soon: () => want(SOON_MS),
    close() {
      undo();
      ending.abort();
    },
  };
}
