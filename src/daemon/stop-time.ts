// When a signal told the daemon to stop, and which failures that explains. The signal that stops it often reaches what it
// runs as well, now and then a moment sooner: an attempt that dies of it is stopped, not failed, and goes on at the next
// start. Before the stop only what looks like the work of such a signal is held back for a moment; after it, for as long,
// any failure is, for a job may end in its own way when its children die.
import type { Outcome } from '../run/outcome.ts';
import { looksStopped } from '../run/stop-signal.ts';
import { type Clock, delay } from '../support/clock.ts';
import { STOP_SIGNAL_MS } from '../support/limits.ts';

export class StopTime {
  readonly #clock: Clock;
  readonly #came = new AbortController();
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A signal told the daemon to stop. */
  came(): void {
    this.#at = Math.min(this.#at, this.#clock.monotonic());
    this.#came.abort();
  }

  /** Whether a failure is the work of the signal that stops the daemon, which may still be on its way. */
  async explains(outcome: Outcome): Promise<boolean> {
    if (outcome.kind !== 'threw' || outcome.fatal || outcome.unloaded) return false;
    const looks = looksStopped(outcome);
    if (looks) await delay(this.#clock, STOP_SIGNAL_MS, this.#came.signal);
    if (!this.#came.signal.aborted) return false;
    return looks || this.#clock.monotonic() - this.#at < STOP_SIGNAL_MS;
  }
}
