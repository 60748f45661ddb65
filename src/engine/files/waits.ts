// Runs that wait for a duration, by the moment in steady time at which that is over; run/waits.ts tells why. The heap is
// lazy, as that of instants. A run that waits for other runs first has its moment too, which it keeps once they are done.
import { Heap } from '../../run/heap.ts';
import type { Run } from '../../run/run.ts';
import { cut, lengthOf } from '../../run/waits.ts';

interface Wait {
  readonly run: Run;
  readonly until: number;
}

export class Waits {
  #heap = new Heap<Wait>((a, b) => a.until < b.until);
  /** Of those that wait for other runs. */
  readonly #held = new Map<number, Wait>();
  readonly #isCurrent: (run: Run) => boolean;

  constructor(isCurrent: (run: Run) => boolean) {
    this.#isCurrent = isCurrent;
  }

  /** Takes in a scheduled or waiting run whose wait has a length. */
  add(run: Run, offset: number): void {
    const before = this.#held.get(run.id);
    const kept = before?.run.state.dueAt === run.state.dueAt ? before : null;
    const wait = { run, until: kept?.until ?? run.state.dueAt - offset };
    this.#held.delete(run.id);
    if (run.state.name === 'waiting') this.#held.set(run.id, wait);
    else this.#heap.push(wait);
  }

  /** It waits for no time any more. */
  forget(id: number): void {
    if (this.#held.size > 0) this.#held.delete(id);
  }

  first(): Wait | undefined {
    for (let wait = this.#heap.peek(); wait; wait = this.#heap.peek()) {
      if (this.#isCurrent(wait.run)) return wait;
      this.#heap.pop();
    }
    return undefined;
  }

  takeFirst(): void {
    this.#heap.pop();
  }

  /** Those whose records show another instant than the one at which they end, each with that instant. */
  moved(offset: number): { readonly run: Run; readonly dueAt: number }[] {
    return this.#all().flatMap(({ run, until }) => {
      const dueAt = Math.round(until + offset);
      return dueAt === run.state.dueAt ? [] : [{ run, dueAt }];
    });
  }

  /** After a start: nothing that is left may last longer than it was to last in all. */
  cut(now: number): void {
    const all = this.#all();
    this.#heap = new Heap<Wait>((a, b) => a.until < b.until);
    for (const { run, until } of all) {
      const wait = { run, until: cut(until, lengthOf(run) ?? 0, now) };
      if (run.state.name === 'waiting') this.#held.set(run.id, wait);
      else this.#heap.push(wait);
    }
  }

  #all(): Wait[] {
    const all = [...this.#held.values()];
    this.#heap.keep((wait) => {
      const stands = this.#isCurrent(wait.run);
      if (stands) all.push(wait);
      return stands;
    });
    return all;
  }
}
