// Time as a page in a browser has it: `support/clock` is Node's. The daemon's clock decides what is shown, so a page
// tells how far its own is from that one.

let ahead = 0;

/** Milliseconds since 1970, by the daemon's clock as far as it is known. */
export const now = (): number => Date.now() + ahead;

/** The daemon's clock showed `there` between these two readings of `ownClock`. */
export function setClock(there: number, sent: number, received: number): void {
  ahead = there - (sent + received) / 2;
}

/** The page's own clock, for setting the other one. */
export const ownClock = (): number => Date.now();

/** For measuring how long something took. */
export const monotonic = (): number => performance.now();

/** Calls back in `ms`. Returns its undo. */
export function after(ms: number, fn: () => void): () => void {
  const timer = setTimeout(fn, ms);
  return () => clearTimeout(timer);
}

export const delay = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    after(ms, resolve);
  });
