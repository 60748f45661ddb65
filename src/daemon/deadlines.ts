// The time limits of one attempt, all in seen time (support/seen-time). Starting its process and loading its file have
// a limit of their own. The timeout and the lock time count from the first line of the job's own code, which the worker
// reports. So a slow import or a busy machine cannot use them up. Every timer is here, so that one call takes them
// back. A heartbeat moves an instant and no timer: the timer looks again only when the lock would have run out.
import type { Clock } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';
import { type SeenTime, seenTime } from '../support/seen-time.ts';

export interface TimeLimits {
  /** Null: as long as it likes. */
  readonly timeoutMs: number | null;
  /** Longest time without a heartbeat; null for none. */
  readonly lockTimeMs: number | null;
  /** Null where nothing can hold up the start: its process is idle, and the file is loaded there. */
  readonly startMs: number | null;
}

export type Overdue = 'start' | 'timeout' | 'stale';

export class Deadlines {
  readonly #time: SeenTime;
  readonly #limits: TimeLimits;
  readonly #onOver: (kind: Overdue, reason: string) => void;
  /** Null where there was never such a timer: most attempts have none. */
  #undos: Set<() => void> | null = null;
  #undoStart: (() => void) | null = null;
  #lockUntil = 0;

  /** The attempt is being started. */
  constructor(clock: Clock, limits: TimeLimits, onOver: (kind: Overdue, reason: string) => void) {
    this.#time = seenTime(clock);
    this.#limits = limits;
    this.#onOver = onOver;
    const { startMs } = limits;
    if (startMs === null) return;
    this.#undoStart = this.#time.after(startMs, () => {
      const reason = `did not start within ${showDuration(startMs)}: its process was not ready, or its file was still loading`;
      this.#onOver('start', reason);
    });
  }

  /** The job's own code begins. */
  begin(): void {
    if (this.#undoStart === null) return;
    this.#undoStart();
    this.#undoStart = null;
    const { timeoutMs, lockTimeMs } = this.#limits;
    if (timeoutMs !== null) {
      const reason = `took longer than ${showDuration(timeoutMs)}`;
      this.after(timeoutMs, () => this.#onOver('timeout', reason));
    }
    this.heartbeat();
    if (lockTimeMs !== null) this.#look(lockTimeMs);
  }

  heartbeat(): void {
    const { lockTimeMs } = this.#limits;
    if (lockTimeMs === null) return;
    this.#lockUntil = Math.max(this.#lockUntil, this.#time.monotonic() + lockTimeMs);
  }

  /** The lock ends this long from now, sooner or later than it would have. */
  extendLock(ms: number): void {
    const until = this.#time.monotonic() + ms;
    const sooner = until < this.#lockUntil;
    this.#lockUntil = until;
    if (sooner && this.#limits.lockTimeMs !== null) this.#look(this.#limits.lockTimeMs);
  }

  after(ms: number, fn: () => void): void {
    const undo = this.#time.after(ms, () => {
      this.#undos?.delete(undo);
      fn();
    });
    this.#undos ??= new Set();
    this.#undos.add(undo);
  }

  cancel(): void {
    this.#undoStart?.();
    this.#undoStart = null;
    for (const undo of this.#undos ?? []) undo();
    this.#undos = null;
  }

  #look(lockTimeMs: number, again = false): void {
    const left = this.#lockUntil - this.#time.monotonic();
    if (left > 0) this.after(left, () => this.#look(lockTimeMs));
    else if (!again) this.#afterReading(() => this.#look(lockTimeMs, true));
    else this.#onOver('stale', `sent no heartbeat for ${showDuration(lockTimeMs)}`);
  }

  /**
   * If this process was busy or stopped, a heartbeat may lie unread in a pipe. A timer alone does not wait for it: Node
   * may end one in the pass in which it was made, before it reads any pipe. An immediate comes after that.
   */
  #afterReading(fn: () => void): void {
    this.after(1, () => {
      const immediate = setImmediate(() => {
        this.#undos?.delete(undo);
        fn();
      });
      const undo = (): void => clearImmediate(immediate);
      this.#undos?.add(undo);
    });
  }
}
