// Which schedules are due, found without going through them all: ten thousand of them cost nothing until one has come.
// A heap of their times; an entry counts while its schedule is the very one that the engine has. A schedule that was
// taken and left as it was comes back when it changes, or when all are looked at again.
import { wakeAt } from '../../run/firing.ts';
import { Heap } from '../../run/heap.ts';
import { type Schedule, waitMsOf } from '../../run/schedule.ts';
import type { Clock } from '../../support/clock.ts';
import { SteadyTime } from '../../support/steady-time.ts';

interface Entry {
  readonly at: number;
  readonly schedule: Schedule;
}

export class DueSchedules {
  #list: readonly Schedule[] = [];
  #byName = new Map<string, Schedule>();
  #heap = new Heap<Entry>((a, b) => a.at < b.at);
  readonly #intervals: Intervals;

  constructor(clock: Clock) {
    this.#intervals = new Intervals(clock);
  }

  /** Takes over the engine's list. Returns those that are new or have changed. */
  sync(list: readonly Schedule[]): readonly Schedule[] {
    const before = this.#list;
    if (list === before) return [];
    this.#list = list;
    const changed = list.filter(
      (schedule, i) => before[i] !== schedule && this.#byName.get(schedule.name) !== schedule,
    );
    for (const schedule of changed) {
      this.#intervals.replace(this.find(schedule.name), schedule);
      this.#byName.set(schedule.name, schedule);
      this.#push(schedule);
    }
    if (this.#byName.size > list.length) this.#forgetRemoved(list);
    if (this.#heap.size > 2 * list.length + 100) this.#heap.keep((entry) => this.#counts(entry));
    return changed;
  }

  get all(): readonly Schedule[] {
    return this.#list;
  }

  find(name: string): Schedule | null {
    return this.#byName.get(name) ?? null;
  }

  /** The next one that is due, once; null where none is. */
  take(now: number): Schedule | null {
    const at = this.nextAt();
    return at === null || at > now ? null : (this.#heap.pop()?.schedule ?? null);
  }

  nextAt(): number | null {
    for (let entry = this.#heap.peek(); entry; entry = this.#heap.peek()) {
      if (this.#counts(entry)) return entry.at;
      this.#heap.pop();
    }
    return null;
  }

  /** Those that were taken and left as they were are due again. */
  again(): void {
    this.#heap = new Heap<Entry>((a, b) => a.at < b.at);
    for (const schedule of this.#list) this.#push(schedule);
  }

  /** Those whose next time has another name since the clock was set, each with that. */
  moved(): readonly (readonly [Schedule, nextAt: number])[] {
    return this.#intervals.moved();
  }

  #forgetRemoved(list: readonly Schedule[]): void {
    const before = this.#byName;
    this.#byName = new Map(list.map((schedule) => [schedule.name, schedule]));
    for (const [name, schedule] of before)
      if (!this.#byName.has(name)) this.#intervals.replace(schedule, null);
  }

  #push(schedule: Schedule): void {
    const at = wakeAt(schedule);
    if (at !== null) this.#heap.push({ at, schedule });
  }

  #counts({ schedule }: Entry): boolean {
    return this.#byName.get(schedule.name) === schedule;
  }
}

// When the runs of `every` are due in steady time, which no set clock moves: run/waits.ts tells why. Each schedule is
// met here as soon as it has changed, and keeps its moment as long as it is the same.

class Intervals {
  readonly #time: SteadyTime;
  #offset = 0;
  /** The moment of each. */
  readonly #until = new Map<Schedule, number>();

  constructor(clock: Clock) {
    this.#time = new SteadyTime(clock);
  }

  replace(before: Schedule | null, schedule: Schedule | null): void {
    if (before) this.#until.delete(before);
    if (schedule === null || waitMsOf(schedule) === null) return;
    this.#until.set(schedule, (schedule.nextAt ?? 0) - this.#time.offset);
  }

  moved(): readonly (readonly [Schedule, nextAt: number])[] {
    const { offset } = this.#time;
    if (offset === this.#offset) return [];
    this.#offset = offset;
    return [...this.#until].flatMap(([schedule, until]) => {
      const nextAt = until + offset;
      return nextAt === schedule.nextAt ? [] : [[schedule, nextAt] as const];
    });
  }
}
