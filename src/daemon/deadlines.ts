// What may run out on an attempt: its whole time, and the time since its last sign of life. All of its timers are here,
// so that one call takes them back. A sign of life moves an instant and no timer: the timer looks again only when the
// lock would have run out.
import type { Clock } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';

export class Deadlines {
  readonly #clock: Clock;
  /** Longest silence; null for none. */
  readonly #lockTimeMs: number | null;
  readonly #onOver: (kind: 'timeout' | 'stale', reason: string) => void;
  /** Null where there was never a timer: most attempts have none. */
  #undos: Set<() => void> | null = null;
  #lockUntil = 0;

  constructor(
    clock: Clock,
    lockTimeMs: number | null,
    onOver: (kind: 'timeout' | 'stale', reason: string) => void,
  ) {
    this.#clock = clock;
    this.#lockTimeMs = lockTimeMs;
    this.#onOver = onOver;
  }

  /** The attempt begins, and may take this long; null: as long as it likes. */
  begin(timeoutMs: number | null): void {
    if (timeoutMs !== null) {
      const reason = `took longer than ${showDuration(timeoutMs)}`;
      this.after(timeoutMs, () => this.#onOver('timeout', reason));
    }
    this.signOfLife();
    if (this.#lockTimeMs !== null) this.#look();
  }

  signOfLife(): void {
    if (this.#lockTimeMs === null) return;
    this.#lockUntil = Math.max(this.#lockUntil, this.#clock.monotonic() + this.#lockTimeMs);
  }

  /** The lock ends this long from now, sooner or later than it would have. */
  extendLock(ms: number): void {
    const sooner = this.#clock.monotonic() + ms < this.#lockUntil;
    this.#lockUntil = this.#clock.monotonic() + ms;
    if (sooner && this.#lockTimeMs !== null) this.#look();
  }

  after(ms: number, fn: () => void): void {
    const undo = this.#clock.after(ms, () => {
      this.#undos?.delete(undo);
      fn();
    });
    this.#undos ??= new Set();
    this.#undos.add(undo);
  }

  cancel(): void {
    for (const undo of this.#undos ?? []) undo();
    this.#undos = null;
  }

  /** Where this process was held up, a sign of life may have come and lie unread: it is read between two looks. */
  #look(again = false): void {
    const left = this.#lockUntil - this.#clock.monotonic();
    if (left > 0) this.after(left, () => this.#look());
    else if (!again) this.after(1, () => this.#look(true));
    else this.#onOver('stale', `gave no sign of life for ${showDuration(this.#lockTimeMs ?? 0)}`);
  }
}
