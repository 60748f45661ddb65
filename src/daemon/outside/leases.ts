// The leases of workers outside that this daemon knows: until when each may be silent, and until when its attempt may
// last. It learns of them from changes of runs, on any daemon. So a lease that another daemon gave or renewed is
// watched here too. It also learns of them from messages that are not written down.
//
// All is measured by time that this process was there to see: while it stood still, no message could reach it. A lease
// whose messages go to another daemon, or went to the one before, ends later here, by as much as that one may leave
// unwritten.
import type { Token } from '../../engine/members.ts';
import { isHeldOutside, leaseOf, leftAtStart, marginMs, noteEveryMs } from '../../run/external.ts';
import type { Policy } from '../../run/policy.ts';
import type { Progress, Run, Taken } from '../../run/run.ts';
import type { Clock } from '../../support/clock.ts';
import { showDuration } from '../../support/durations.ts';
import { type SeenTime, seenTime } from '../../support/seen-time.ts';

export type Overdue = 'stale' | 'timeout';

export interface LeasesParts {
  readonly clock: Clock;
  readonly policyOf: (job: string) => Policy;
  /** A lease is over: its worker was silent for too long, or its attempt takes too long. */
  readonly onOver: (held: Held, kind: Overdue, reason: string) => void;
}

/** A run that a worker outside has. */
export interface Held {
  readonly run: number;
  readonly job: string;
  readonly worker: string;
  readonly lease: string;
  /** In seen time, the margin left out. */
  until: number;
  /** As it was noted last. */
  taken: Taken;
  /** Its messages come to another daemon. */
  isElsewhere: boolean;
  progress: Progress | null;
  /** The token of the engine; null until it is asked for. */
  token: Token | null;
  /** Log and rows of this attempt have begun here. */
  hasLog: boolean;
  readonly undos: Set<() => void>;
}

export class Leases {
  readonly #p: LeasesParts;
  readonly #time: SeenTime;
  readonly #held = new Map<number, Held>();

  constructor(parts: LeasesParts) {
    this.#p = parts;
    this.#time = seenTime(parts.clock);
  }

  get size(): number {
    return this.#held.size;
  }

  all(): Iterable<Held> {
    return this.#held.values();
  }

  find(run: number): Held | null {
    return this.#held.get(run) ?? null;
  }

  /** A run has changed, or was found at the start. */
  follow(run: Run, how: 'here' | 'elsewhere' | 'found'): Held | null {
    const taken = run.life?.taken;
    const before = this.#held.get(run.id);
    if (!taken || !isHeldOutside(run)) {
      if (before) this.#forget(before);
      return null;
    }
    const lease = leaseOf(run) ?? '';
    if (before?.lease !== lease) return this.#begin(run, lease, taken, how);
    if (taken.heardAt !== before.taken.heardAt) {
      before.taken = taken;
      before.isElsewhere = how === 'elsewhere';
      this.#silentFor(before, taken.until - taken.heardAt);
    }
    return before;
  }

  /** The worker is heard: it may be silent for its whole time again, or for as long as it asks. */
  heard(held: Held, extendMs?: number): number {
    held.isElsewhere = false;
    const silentMs = extendMs ?? Math.max(this.#lockTimeOf(held), this.leftMs(held));
    this.#silentFor(held, silentMs);
    return silentMs;
  }

  /** The margin left out. */
  leftMs(held: Held): number {
    return Math.max(0, held.until - this.#time.monotonic());
  }

  /** True where its worker was silent for too long. */
  isOver(held: Held): boolean {
    return held.until + this.#graceOf(held) <= this.#time.monotonic();
  }

  /** It was found to go on after all. */
  watch(held: Held): void {
    if (this.#held.get(held.run) === held) this.#look(held);
  }

  forget(held: Held): void {
    if (this.#held.get(held.run) === held) this.#forget(held);
  }

  /** True where what is noted of the lease is so old that another message is written down. */
  isNoteOld(held: Held): boolean {
    // The clock may have been set back.
    const ageMs = Math.abs(this.#p.clock.now() - held.taken.heardAt);
    return ageMs >= noteEveryMs(this.#lockTimeOf(held));
  }

  close(): void {
    for (const held of [...this.#held.values()]) this.#forget(held);
  }

  #begin(run: Run, lease: string, taken: Taken, how: 'here' | 'elsewhere' | 'found'): Held {
    const { clock } = this.#p;
    const left = how === 'found' ? leftAtStart(taken, clock.now()) : taken.until - taken.heardAt;
    const before = this.#held.get(run.id);
    if (before) this.#forget(before);
    const held: Held = {
      ...{ run: run.id, job: run.job, worker: taken.worker, lease, taken },
      ...{ isElsewhere: how !== 'here', progress: null, token: null, hasLog: false },
      until: this.#time.monotonic() + left,
      undos: new Set(),
    };
    this.#held.set(run.id, held);
    this.#look(held);
    const timeoutMs = run.origin?.timeoutMs ?? this.#p.policyOf(run.job).timeoutMs;
    if (timeoutMs !== null) {
      const age = Math.max(0, clock.now() - (run.life?.startedAt ?? clock.now()));
      const reason = `took longer than ${showDuration(timeoutMs)}`;
      this.#after(held, timeoutMs - age, () => this.#p.onOver(held, 'timeout', reason));
    }
    return held;
  }

  /** A lease that ends sooner than before needs another look; one that ends later is found to by the look there is. */
  #silentFor(held: Held, ms: number): void {
    const until = this.#time.monotonic() + ms;
    const isSooner = until < held.until;
    held.until = until;
    if (isSooner) this.#look(held);
  }

  #look(held: Held, again = false): void {
    const left = held.until + this.#graceOf(held) - this.#time.monotonic();
    if (left > 0) this.#after(held, left, () => this.#look(held));
    // A message may lie unread in a socket: the loop gets to it before this lease is over.
    else if (!again) this.#after(held, 1, () => setImmediate(() => this.#look(held, true)));
    else if (this.#held.get(held.run) === held) {
      const silent = showDuration(held.taken.until - held.taken.heardAt);
      const reason = `the worker ${held.worker} was silent for longer than ${silent}`;
      this.#p.onOver(held, 'stale', reason);
    }
  }

  #graceOf(held: Held): number {
    const lockTimeMs = this.#lockTimeOf(held);
    return marginMs(lockTimeMs) + (held.isElsewhere ? noteEveryMs(lockTimeMs) : 0);
  }

  /** A job whose file is gone, or is not read yet, has the time that the run was taken with. */
  #lockTimeOf({ job, taken }: Held): number {
    return this.#p.policyOf(job).lockTimeMs ?? taken.until - taken.heardAt;
  }

  #after(held: Held, ms: number, fn: () => void): void {
    const undo = this.#time.after(Math.max(1, ms), () => {
      held.undos.delete(undo);
      fn();
    });
    held.undos.add(undo);
  }

  #forget(held: Held): void {
    for (const undo of held.undos) undo();
    held.undos.clear();
    this.#held.delete(held.run);
  }
}
