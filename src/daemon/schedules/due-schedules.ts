// Which schedules are due, found without going through them all: ten thousand of them cost nothing until one has come.
// A heap of their times; an entry counts while its schedule is the very one that the engine has. One that was taken
// and left as it was comes back when it changes, or when all are looked at again.
import { wakeAt } from '../../run/firing.ts';
import { Heap } from '../../run/heap.ts';
import type { Schedule } from '../../run/schedule.ts';

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
