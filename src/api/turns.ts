// Decides whose request begins next. Usually each at once. If more than one comes, each begins when all that the one
// before it did at once is done, until the turn of the loop has taken its time. The rest waits for the next turn in
// line, one line for each connection. They are served by weighted fair queueing: as if each had an equal share of the
// loop, the client that would be through first goes first. A client that asks for little is answered soon, however much
// others ask, and none waits for ever. A client that does not read its replies has to wait with its next request until
// it does.
//
// The cost of a request includes that of its reply. A long reply is made after its handler has waited for a page or a
// disk, so it is not part of the turn in which its request began: hundreds that begin together would all be made in one
// later turn. So few long ones are under way at once, and the loop goes round before the next one begins. While clients
// leave much unread, no further long one begins.
import type { Clock } from '../support/clock.ts';
import { MB, SECOND } from '../support/limits.ts';
import { untilQuiet } from '../support/turn-taking.ts';

export interface Asking {
  /** Bytes of replies that it has not taken yet. */
  readonly unread: number;
}

export interface Work {
  /** Its share of the loop, with that of its reply; 1 is a small request. */
  readonly cost: number;
  /** Making its reply takes a good part of a turn. */
  readonly isLong?: boolean;
  /** Begins it; `made` is to be called when its reply is made, or when there will be none. */
  readonly begin: (made: () => void) => void;
}

interface Waiting extends Work {
  /** The share of each with which it would be through. */
  readonly through: number;
}

/**
 * Requests begin in a turn for so long: many cheap ones go into one commit, and of dear ones one holds up the loop. Not
 * longer: while the disk syncs what has begun, and its asker reads the answer and asks anew, the next ones begin.
 */
const BUDGET_MS = 1;
/** And so many: what they read from the disk costs later than in their turn. More where turns are short. */
const FIRST = 64;
const MOST = 256;
/** After a turn that took longer the next one begins fewer. */
const LONG_TURN_MS = 15;
/**
 * Before one that costs so much the loop goes round after a long turn: a client that came meanwhile is let in, and
 * read.
 */
const DEAR = 2;
const ROUNDS = 2;
/** Long ones that are under way at once: while one waits for its disk, another can be made. */
const MOST_LONG = 2;
/** After so long, a long one that waits for its disk or its store no longer keeps others waiting. */
const LONG_PATIENCE_MS = SECOND;
/** Unread replies of one connection, and of all, with which further requests wait: one long list is enough. */
const MOST_UNREAD = 64 * 1024;
const MOST_UNREAD_OF_ALL = 64 * MB;

export class Turns {
  readonly #clock: Clock;
  readonly #lines = new Map<Asking, Waiting[]>();
  /** The share that a client has had by now if it always wanted something. */
  #share = 0;
  /** With which share each has what it has asked for. */
  readonly #asked = new Map<Asking, number>();
  #most = FIRST;
  #begun = 0;
  #long = 0;
  /** When the turn began in which requests were begun last. */
  #since: number | null = null;
  #stepping = false;
  #pausing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** This turn has taken its time: what takes more can wait for another. */
  get isOver(): boolean {
    return this.#since !== null && this.#clock.monotonic() - this.#since > LONG_TURN_MS;
  }

  /** True while clients leave so much unread that no further long reply is begun. */
  get isCrowded(): boolean {
    return this.#unread() > MOST_UNREAD_OF_ALL;
  }

  /** Begins the work now, or when its turn comes. */
  take(who: Asking, work: Work): void {
    const through = Math.max(this.#share, this.#asked.get(who) ?? 0) + work.cost;
    this.#asked.set(who, through);
    const line = this.#lines.get(who);
    // The turn includes the work that a request does at once.
    const now = this.#clock.monotonic();
    const waiting = { ...work, through };
    if (line) line.push(waiting);
    else if (
      this.#begun === 0 &&
      this.#lines.size === 0 &&
      who.unread <= MOST_UNREAD &&
      !this.#mustWait(waiting)
    )
      this.#begin(waiting, 1);
    else this.#lines.set(who, [waiting]);
    this.wake(now);
    this.#step();
  }

  /** Something may have changed: replies were taken. */
  wake(since = this.#clock.monotonic()): void {
    if (this.#pausing || this.#since !== null) return;
    if (this.#lines.size === 0 && this.#begun === 0) return;
    this.#since = since;
    setImmediate(() => this.#turn());
  }

  /** It has gone, and what it asked for with it. */
  forget(who: Asking): void {
    this.#lines.delete(who);
    this.#asked.delete(who);
  }

  #turn(): void {
    const now = this.#clock.monotonic();
    const tookMs = now - (this.#since ?? now);
    this.#most = this.#mostAfter(tookMs);
    this.#since = null;
    this.#begun = 0;
    for (const [who, through] of this.#asked) {
      if (through <= this.#share && who.unread === 0) this.#asked.delete(who);
    }
    if (this.#lines.size === 0) return;
    if (tookMs > LONG_TURN_MS && this.#isNextDear()) this.#pause(ROUNDS);
    else this.#beginTurn();
  }

  #beginTurn(): void {
    const now = this.#clock.monotonic();
    this.#beginNext();
    if (this.#begun === 0) return;
    this.wake(now);
    this.#step();
  }

  #isNextDear(): boolean {
    const who = this.#next();
    const first = who && this.#lines.get(who)?.[0];
    return (first?.cost ?? 0) >= DEAR;
  }

  #pause(rounds: number): void {
    this.#pausing = rounds > 0;
    if (this.#pausing) setImmediate(() => this.#pause(rounds - 1));
    else this.#beginTurn();
  }

  /** Begins more of those that wait, as long as this turn has time. */
  #step(): void {
    if (this.#stepping || this.#lines.size === 0) return;
    this.#stepping = true;
    // A tick that is asked for by a microtask comes after all microtasks: what the last request did at once is done.
    queueMicrotask(() => process.nextTick(() => this.#stepNow()));
  }

  #stepNow(): void {
    this.#stepping = false;
    if (this.#since === null || this.#begun >= this.#most) return;
    if (this.#clock.monotonic() - this.#since > BUDGET_MS) return;
    if (this.#beginNext()) this.#step();
  }

  #beginNext(): boolean {
    const who = this.#next();
    const line = who && this.#lines.get(who);
    const first = line?.shift();
    if (!who || !line || !first) return false;
    const askers = this.#lines.size;
    if (line.length === 0) this.#lines.delete(who);
    this.#begin(first, askers);
    return true;
  }

  #mostAfter(tookMs: number): number {
    if (this.#lines.size === 0) return FIRST;
    return tookMs > LONG_TURN_MS ? Math.max(1, this.#most >> 2) : Math.min(MOST, this.#most * 2);
  }

  #begin({ cost, isLong, begin }: Waiting, askers: number): void {
    this.#begun++;
    this.#share += cost / askers;
    begin(isLong ? this.#beginLong() : nothing);
  }

  /** Returns what ends it. */
  #beginLong(): () => void {
    this.#long++;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      undo();
      // Clients that came while it was made are let in, read and answered before the next one begins.
      void untilQuiet().then(() => {
        this.#long--;
        this.wake();
      });
    };
    const undo = this.#clock.after(LONG_PATIENCE_MS, end, { idle: true });
    return end;
  }

  #mustWait({ isLong }: Waiting): boolean {
    return isLong === true && (this.#long >= MOST_LONG || this.isCrowded);
  }

  #unread(): number {
    let all = 0;
    for (const who of this.#asked.keys()) all += who.unread;
    return all;
  }

  #next(): Asking | null {
    const isCrowded = this.isCrowded;
    const most = isCrowded ? 0 : MOST_UNREAD;
    const mayBeLong = this.#long < MOST_LONG && !isCrowded;
    let next: Asking | null = null;
    let soonest = Number.POSITIVE_INFINITY;
    for (const [who, [first]] of this.#lines) {
      if (!first || who.unread > most || first.through >= soonest) continue;
      if (first.isLong && !mayBeLong) continue;
      soonest = first.through;
      next = who;
    }
    return next;
  }
}

const nothing = (): void => undefined;
