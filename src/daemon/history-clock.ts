// The clock by which upkeep removes history, as run/keep-clock tells. It looks at the wall clock and at the time that
// has passed since the look before, and keeps the mark that the next daemon goes on from.
import type { Engine } from '../engine/engine.ts';
import type { Members } from '../engine/members.ts';
import {
  afterwards,
  type Boot,
  type ClockMark,
  clockOf,
  hasLeapt,
  type KeepClock,
  keepTime,
  markOf,
  resumed,
  trusting,
} from '../run/keep-clock.ts';
import { type Clock, elapsedOf } from '../support/clock.ts';
import { HOUR, MINUTE } from '../support/limits.ts';
import { bootId } from '../workers/processes.ts';

export interface HistoryClockParts {
  readonly engine: Pick<Engine, 'clockMark' | 'putClockMark'>;
  readonly members: Pick<Members, 'lastBeat'>;
  readonly clock: Clock;
  /** The clock has leapt ahead: history is removed as of before until it is confirmed. */
  readonly onLeap?: (ms: number) => void;
}

/** The clock that is believed is noted this often, so that a restart knows of a leap. */
const MARK_EVERY_MS = HOUR;

interface Look {
  readonly clock: KeepClock;
  /** The mark that was there then. */
  readonly mark: ClockMark | null;
  readonly elapsed: number;
}

export class HistoryClock {
  readonly #p: HistoryClockParts;
  #last: Look | null = null;

  constructor(parts: HistoryClockParts) {
    this.#p = parts;
  }

  /** Returns the time by which history is removed now. */
  async look(): Promise<number> {
    const { engine, clock, onLeap } = this.#p;
    const mark = await engine.clockMark();
    const now = clock.now();
    const elapsed = elapsedOf(clock);
    const present = this.#last
      ? afterwards(known(this.#last, mark, now), now, elapsed - this.#last.elapsed)
      : await this.#first(mark, now);
    // The write below may fail on a full disk; this memory of the clock stays.
    this.#last = { clock: present, mark, elapsed };
    if (hasLeapt(present, now) && present.ahead?.stoodMs === 0) onLeap?.(now - present.believed);
    const next = markOf(present, now, bootOf(clock));
    if (mark === null || differs(mark, next)) {
      await engine.putClockMark(next);
      this.#last = { clock: present, mark: next, elapsed };
    }
    return keepTime(present, now);
  }

  async #first(mark: ClockMark | null, now: number): Promise<KeepClock> {
    const before = mark ?? trusting((await this.#p.members.lastBeat()) ?? now);
    return resumed(before, now, bootOf(this.#p.clock));
  }
}

/** Null where the system does not tell which life of the machine this is. */
export function bootOf({ uptime }: Pick<Clock, 'uptime'>): Boot | null {
  const boot = bootId();
  return uptime && boot !== '' ? { boot, upMs: uptime() } : null;
}

/** Another daemon of a store, or a person, may have put a mark since. */
function known(last: Look, mark: ClockMark | null, now: number): KeepClock {
  const isOwn =
    mark === null || (mark.trusted === last.mark?.trusted && mark.leapAt === last.mark.leapAt);
  return isOwn ? last.clock : clockOf(mark, now);
}

/** While nothing leaps it only goes on; a small jump of a clock that has leapt moves both of its times. */
function differs(mark: ClockMark, next: ClockMark): boolean {
  if (mark.leapAt === null || next.leapAt === null)
    return mark.leapAt !== next.leapAt || Math.abs(next.trusted - mark.trusted) > MARK_EVERY_MS;
  return (
    Math.abs(next.leapAt - mark.leapAt) > MINUTE || Math.abs(next.trusted - mark.trusted) > MINUTE
  );
}
