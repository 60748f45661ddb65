// Whose request is begun next. Usually each at once. Where more come than a turn of the loop can take, they wait in line,
// one line for each connection, and whoever was served least in the last second and wants least goes first: somebody who
// asks once is answered soon, however much others ask. Who does not read its replies has to wait with its next request until it does.
import type { Clock } from '../support/clock.ts';
import { SECOND } from '../support/limits.ts';

export interface Asking {
  /** Bytes of replies that it has not taken yet. */
  readonly unread: number;
}

/** Requests begun in one turn of the loop: a few at first, for nobody knows what they cost, more where turns are short. */
const FIRST = 8;
const MOST = 256;
/** After a turn that took longer the next one begins fewer. */
const LONG_TURN_MS = 15;
/** Unread replies of one connection, and of all, with which further requests wait: one long list is enough. */
const MOST_UNREAD = 64 * 1024;
const MOST_UNREAD_OF_ALL = 64 * 1024 * 1024;

export class Turns {
  readonly #clock: Clock;
  readonly #lines = new Map<Asking, (() => void)[]>();
  #served = new Map<Asking, number>();
  #servedSince = 0;
  #most = FIRST;
  #begun = 0;
  #since: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins the work now, or when its turn comes. */
  take(who: Asking, begin: () => void): void {
    const line = this.#lines.get(who);
    if (line) line.push(begin);
    else if (this.#begun < this.#most && this.#lines.size === 0 && who.unread <= MOST_UNREAD)
      this.#begin(who, begin);
    else this.#lines.set(who, [begin]);
    this.wake();
  }

  /** Something may have changed: replies were taken. */
  wake(): void {
    if (this.#since !== null || (this.#lines.size === 0 && this.#begun === 0)) return;
    this.#since = this.#clock.monotonic();
    setImmediate(() => this.#turn());
  }

  /** It has gone, and what it asked for with it. */
  forget(who: Asking): void {
    this.#lines.delete(who);
    this.#served.delete(who);
  }

  #turn(): void {
    const now = this.#clock.monotonic();
    this.#most = this.#mostAfter(now - (this.#since ?? now));
    this.#since = null;
    this.#begun = 0;
    if (now - this.#servedSince > SECOND) {
      this.#served = new Map();
      this.#servedSince = now;
    }
    while (this.#begun < this.#most) {
      const who = this.#next();
      if (!who) break;
      const line = this.#lines.get(who) ?? [];
      const begin = line.shift();
      if (line.length === 0) this.#lines.delete(who);
      if (begin) this.#begin(who, begin);
    }
    if (this.#begun > 0) this.wake();
  }

  #mostAfter(tookMs: number): number {
    if (this.#lines.size === 0) return FIRST;
    return tookMs > LONG_TURN_MS ? Math.max(1, this.#most >> 2) : Math.min(MOST, this.#most * 2);
  }

  #begin(who: Asking, begin: () => void): void {
    this.#begun++;
    this.#served.set(who, (this.#served.get(who) ?? 0) + 1);
    begin();
  }

  #next(): Asking | null {
    let all = 0;
    for (const who of this.#served.keys()) all += who.unread;
    const most = all > MOST_UNREAD_OF_ALL ? 0 : MOST_UNREAD;
    let next: Asking | null = null;
    for (const who of this.#lines.keys()) {
      if (who.unread > most) continue;
      if (!next || this.#weightOf(who) < this.#weightOf(next)) next = who;
    }
    return next;
  }

  /** What it had in the last second, and what it still wants. Twice the one, so that equals take turns. */
  #weightOf(who: Asking): number {
    return 2 * (this.#served.get(who) ?? 0) + (this.#lines.get(who)?.length ?? 0);
  }
}
