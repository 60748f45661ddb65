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

  /** Takes over the engine's list. Returns those that are new or have changed. */
  sync(list: readonly Schedule[]): readonly Schedule[] {
    const before = this.#list;
    if (list === before) return [];
    this.#list = list;
    const changed = list.filter(
      (schedule, i) => before[i] !== schedule && this.#byName.get(schedule.name) !== schedule,
    );
    for (const schedule of changed) this.#byName.set(schedule.name, schedule);
    if (this.#byName.size > list.length)
      this.#byName = new Map(list.map((schedule) => [schedule.name, schedule]));
    for (const schedule of changed) this.#push(schedule);
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

  #push(schedule: Schedule): void {
    const at = wakeAt(schedule);
    if (at !== null) this.#heap.push({ at, schedule });
  }

  #counts({ schedule }: Entry): boolean {
    return this.#byName.get(schedule.name) === schedule;
  }
}

// When the runs of `every` are due in steady time, which no set clock moves: run/waits.ts tells why. Each schedule is met
// here as soon as it has changed, and keeps its moment as long as it is the same.

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
