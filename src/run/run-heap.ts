// Runs in the order in which they may start: priority, due time, id. The heap is lazy: a run that has left, or is another
// version of itself by now, is dropped when it comes up, or with many others where most of the heap is out of date. That
// keeps every change at O(log n) without positions to maintain, and the heap no larger than twice what is true. (One
// that stands aside for a lock is not told what leaves it: it is looked through when the lock is free.)
import { Heap } from './heap.ts';
import type { Run } from './run.ts';

export const before = (a: Run, b: Run): boolean =>
  a.priority !== b.priority
    ? a.priority > b.priority
    : a.state.dueAt !== b.state.dueAt
      ? a.state.dueAt < b.state.dueAt
      : a.id < b.id;

/** So few that are out of date are not worth a look at all. */
const FEW = 100;

export class RunHeap {
  readonly #runs = new Heap<Run>(before);
  readonly #isCurrent: (run: Run) => boolean;
  /** How many in it have left, as far as is known. */
  #gone = 0;

  constructor(isCurrent: (run: Run) => boolean) {
    this.#isCurrent = isCurrent;
  }

  /** True where it is the first now. */
  add(run: Run): boolean {
    this.#runs.push(run);
    return this.#runs.peek() === run;
  }

  /** One of them is current no longer. */
  left(): void {
    this.#gone++;
    if (this.#gone <= FEW || this.#gone * 2 <= this.#runs.size) return;
    this.#runs.keep(this.#isCurrent);
    this.#gone = 0;
  }

  first(): Run | undefined {
    for (let run = this.#runs.peek(); run; run = this.#runs.peek()) {
      if (this.#isCurrent(run)) return run;
      this.#runs.pop();
      if (this.#gone > 0) this.#gone--;
    }
    return undefined;
  }

  /** The first, which is in it no longer. */
  take(): Run | undefined {
    const run = this.first();
    if (run) this.#runs.pop();
    return run;
  }
}
