// When the runs of `every` are due in steady time, which no set clock moves: run/waits.ts tells why. Each schedule is met
// here as soon as it has changed, and keeps its moment as long as it is the same.
import { type Schedule, waitMsOf } from '../../run/schedule.ts';
import type { Clock } from '../../support/clock.ts';
import { SteadyTime } from '../../support/steady-time.ts';

export class Intervals {
  readonly #time: SteadyTime;
  #list: readonly Schedule[] = [];
  #offset = 0;
  /** The moment of each. */
  #until = new Map<Schedule, number>();

  constructor(clock: Clock) {
    this.#time = new SteadyTime(clock);
  }

  /** Those whose next time has another name since the clock was set, each with that. */
  moved(list: readonly Schedule[]): readonly (readonly [Schedule, nextAt: number])[] {
    const { offset } = this.#time;
    if (list !== this.#list) this.#take(list, offset);
    if (offset === this.#offset) return [];
    this.#offset = offset;
    return [...this.#until].flatMap(([schedule, until]) => {
      const nextAt = until + offset;
      return nextAt === schedule.nextAt ? [] : [[schedule, nextAt] as const];
    });
  }

  #take(list: readonly Schedule[], offset: number): void {
    const before = this.#until;
    this.#list = list;
    this.#until = new Map();
    for (const schedule of list) {
      if (waitMsOf(schedule) === null) continue;
      this.#until.set(schedule, before.get(schedule) ?? (schedule.nextAt ?? 0) - offset);
    }
  }
}
