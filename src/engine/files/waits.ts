// Runs that wait for a duration, by the moment in steady time at which that is over; run/waits.ts tells why. The heap
// is lazy, as that of instants. A run that waits for other runs first has its moment too, which it keeps once they are
// done.
import { Heap } from '../../run/heap.ts';
import type { Run } from '../../run/run.ts';
import { type Entry, entryOf, runOf } from '../../run/run-heap.ts';
import { cut, lengthOf } from '../../run/waits.ts';

interface Wait {
  readonly entry: Entry;
  readonly until: number;
}

interface Waiting {
  readonly run: Run;
  readonly until: number;
}

export class Waits {
  #heap = newHeap();
  /** The index of runs that wait for other runs. */
  readonly #held = new Map<number, Waiting>();
  readonly #isCurrent: (run: Run) => boolean;

  constructor(isCurrent: (run: Run) => boolean) {
    this.#isCurrent = isCurrent;
  }

  /** Takes in a scheduled or waiting run whose wait has a length. */
  add(run: Run, offset: number): void {
    const before = this.#held.get(run.id);
    const kept = before?.run.state.dueAt === run.state.dueAt ? before : null;
    this.#held.delete(run.id);
    this.#put({ run, until: kept?.until ?? run.state.dueAt - offset });
  }

  /** It waits for no time any more. */
  forget(id: number): void {
    if (this.#held.size > 0) this.#held.delete(id);
  }

  first(): Waiting | undefined {
    for (let wait = this.#heap.peek(); wait; wait = this.#heap.peek()) {
      const run = this.#currentOf(wait);
      if (run) return { run, until: wait.until };
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
    this.#heap = newHeap();
    for (const { run, until } of all)
      this.#put({ run, until: cut(until, lengthOf(run) ?? 0, now) });
  }

  #put({ run, until }: Waiting): void {
    if (run.state.name === 'waiting') this.#held.set(run.id, { run, until });
    else this.#heap.push({ entry: entryOf(run), until });
  }

  #all(): Waiting[] {
    const all = [...this.#held.values()];
    this.#heap.keep((wait) => {
      const run = this.#currentOf(wait);
      if (run) all.push({ run, until: wait.until });
      return run !== undefined;
    });
    return all;
  }

  #currentOf({ entry }: Wait): Run | undefined {
    const run = runOf(entry);
    return run && this.#isCurrent(run) ? run : undefined;
  }
}

const newHeap = (): Heap<Wait> => new Heap((a, b) => a.until < b.until);
