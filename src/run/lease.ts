// The lease of a daemon that shares a store with others: how long others trust it, and which daemons are gone.
//
// A member renews its lease in the store. Its runs are safe from the others for a whole lease after it *asked* for the
// last renewal that it got. Before that time is over it ends its attempts by itself: that is its fence. Another one
// takes over when the last renewal that it has seen is a whole lease old, which is later, for none is made before it
// was asked for. Both measure how long something took, each by its own monotonic clock: no host's clock is compared
// with another's.
//
// A renewal is seen up to a fifth of a lease after it was made, and the store says how old it is, by its one clock. If
// that clock was set meanwhile the age is wrong. So at most a fifth is believed: a take-over comes after four fifths at
// the earliest, and the reaper before that.
//
// A daemon that could not look for a while knows nothing of that time, in which no daemon may have been able to renew.
// It begins to count anew, so that after an outage of the store no daemon is given up before another whole lease.

/** Shares of a lease: how often a member renews, */
const RENEW_SHARE = 1 / 5;
/** after what time without an answer it ends its attempts, so that they are dead before another one begins, */
const FENCE_SHARE = 3 / 5;
/** and when the reaper ends them for a daemon that stands still. */
const REAPER_SHARE = 3 / 4;
/** A member that has missed this many renewals is shown as silent. */
const SILENT_RENEWALS = 2;

export const renewEveryMs = (leaseMs: number): number => leaseMs * RENEW_SHARE;
export const fenceMs = (leaseMs: number): number => leaseMs * FENCE_SHARE;
export const reaperMs = (leaseMs: number): number => leaseMs * REAPER_SHARE;

export const isSilent = (silentMs: number, leaseMs: number): boolean =>
  silentMs > renewEveryMs(leaseMs) * (SILENT_RENEWALS + 1 / 2);

/** The fields of a member that are compared: `beats` grows with each renewal. */
export interface Beating {
  readonly id: number;
  readonly beats: number;
  readonly leaseMs: number;
  /** The age of its latest renewal, by the clock of the store. */
  readonly silentMs: number;
}

interface Seen {
  readonly beats: number;
  readonly since: number;
}

/** One member's record of the others. All times are monotonic and its own. */
export class Watch {
  /** Between two looks that far apart a renewal may have come and its member have gone silent again. */
  readonly #mostApartMs: number;
  readonly #seen = new Map<number, Seen>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  /**
   * When the first of those that are watched will have been silent for its whole lease, if it does not renew before.
   */
  goneAt = Number.POSITIVE_INFINITY;

  constructor(leaseMs: number) {
    this.#mostApartMs = 2 * renewEveryMs(leaseMs);
  }

  /** A look failed: what comes is counted anew. */
  lost(): void {
    this.#seen.clear();
    this.goneAt = Number.POSITIVE_INFINITY;
  }

  /**
   * Takes in a look at the others, and returns those that are gone: silent for their whole lease, while looks followed
   * each other without a gap.
   */
  look<T extends Beating>(others: readonly T[], askedAt: number, answeredAt: number): readonly T[] {
    if (askedAt - this.#lookedAt > this.#mostApartMs) this.#seen.clear();
    this.#lookedAt = answeredAt;
    const there = new Set(others.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!there.has(id)) this.#seen.delete(id);
    this.goneAt = Number.POSITIVE_INFINITY;
    return others.filter(({ id, beats, leaseMs, silentMs }) => {
      const before = this.#seen.get(id);
      const isNew = before?.beats !== beats;
      // Nothing is believed of the time before the first look.
      const ageMs = before ? Math.min(Math.max(silentMs, 0), renewEveryMs(leaseMs)) : 0;
      const since = isNew ? answeredAt - ageMs : before.since;
      if (isNew) this.#seen.set(id, { beats, since });
      if (askedAt - since >= leaseMs) return true;
      this.goneAt = Math.min(this.goneAt, since + leaseMs);
      return false;
    });
  }
}
