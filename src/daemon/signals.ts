// Signals to the daemon. The first SIGTERM or SIGINT drains, the second ends what runs, the third ends the daemon on
// the spot, as kill -9 would: nothing is lost by that either. A hangup stops a daemon whose log is a terminal, which is
// being closed; any other daemon opens its log anew.
import { looksStopped, type Outcome } from '../run/outcome.ts';
import { type Clock, delay } from '../support/clock.ts';
import { STOP_SIGNAL_MS } from '../support/limits.ts';

export interface Signals {
  /** Hands signals on from now on, also those that came before. `now`: not the first. */
  stop(handler: (now: boolean) => void): void;
  close(): void;
}

/** `hangup`: null where the log is a terminal. */
export function listenToSignals(clock: Clock, hangup: (() => void) | null): Signals {
  let handler: ((now: boolean) => void) | null = null;
  let counted = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  const received = (): void => {
    // Ctrl-C reaches `npx` and the daemon, and `npx` passes it on: that is one wish, told twice.
    const again = clock.monotonic() - lastAt < STOP_SIGNAL_MS;
    if (again) return;
    lastAt = clock.monotonic();
    counted++;
    if (counted > 2) process.kill(process.pid, 'SIGKILL');
    handler?.(counted > 1);
  };
  const onHangup = hangup ?? received;
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, received);
  process.on('SIGHUP', onHangup);
  return {
    stop(given) {
      handler = given;
      if (counted > 0) given(counted > 1);
    },
    close() {
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.off(name, received);
      process.off('SIGHUP', onHangup);
    },
  };
}

/**
 * When a signal told the daemon to stop, and which failures that explains. The signal that stops it often reaches its
 * children as well, now and then a moment sooner. An attempt that dies of it is stopped, not failed, and goes on at the
 * next start. Before the stop only failures that look like the work of such a signal are held back for a moment. After
 * it, for as long, any failure is, for a job may end in its own way when its children die.
 */
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

  /** True if a failure is the work of the signal that stops the daemon, which may still be on its way. */
  async explains(outcome: Outcome): Promise<boolean> {
    if (outcome.kind !== 'threw' || outcome.fatal || outcome.unloaded) return false;
    const looks = looksStopped(outcome);
    if (looks) await delay(this.#clock, STOP_SIGNAL_MS, this.#came.signal);
    if (!this.#came.signal.aborted) return false;
    return looks || this.#clock.monotonic() - this.#at < STOP_SIGNAL_MS;
  }
}
