// What output costs the daemon, so that a flood of it stays cheap. Every job may print a log's worth at full speed and
// some more, again and again; what goes on beyond that is read at a pace that all floods share. The job waits at its
// pipe meanwhile: nothing of what it prints is dropped here, and nobody else waits.
import type { Clock } from '../support/clock.ts';
import { SECOND } from '../support/limits.ts';

/** A line costs about as much time as so many bytes of a long one. */
const LINE_BYTES = 3000;
/** Some 40,000 short lines, which are a fifth of a core. */
const BYTES_PER_SECOND = 120_000_000;
/** Some 80,000 short lines, about what the log of a run keeps. */
const FREE_BYTES = 240_000_000;

/** Those that wait: each gets its part of the pace. */
const waiting = new Set<Flow>();

export class Flow {
  readonly #clock: Clock;
  #credit = FREE_BYTES;
  #at: number;
  #waits: { readonly resume: () => void; readonly undo: () => void } | null = null;
  #free = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.monotonic();
  }

  /** So much has been read. */
  took(lines: number, bytes: number): void {
    this.#credit -= lines * LINE_BYTES + bytes;
  }

  /** Calls back when more may be read. False, and no call, where that is now. */
  wait(resume: () => void): boolean {
    const now = this.#clock.monotonic();
    const perMs = BYTES_PER_SECOND / SECOND / (waiting.size + 1);
    this.#credit = Math.min(FREE_BYTES, this.#credit + (now - this.#at) * perMs);
    this.#at = now;
    if (this.#credit >= 0 || this.#free) return false;
    waiting.add(this);
    const undo = this.#clock.after(-this.#credit / perMs, () => this.#resume());
    this.#waits = { resume, undo };
    return true;
  }

  /** What is left is little, and read at once: its process has ended, or the run that printed it. */
  free(free: boolean): void {
    this.#free = free;
    this.#waits?.undo();
    this.#resume();
  }

  #resume(): void {
    const waits = this.#waits;
    this.#waits = null;
    waiting.delete(this);
    waits?.resume();
  }
}
