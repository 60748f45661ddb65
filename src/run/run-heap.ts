// Runs in an order, the first one at hand. The heap is lazy. A run that has left, or has been replaced by a later
// version of itself, is dropped when it comes up, or with many others if most of the heap is out of date. So every
// change stays at O(log n) without positions to maintain, and the heap is no larger than twice what is true. (A run
// that stands aside for a lock is not told what leaves it: it is looked through when the lock is free.)
//
// An entry may outlive its run by hours, so a large run is held weakly: its memory is free once it has left.
import { Heap } from './heap.ts';
import type { Run } from './run.ts';
import { weightOf } from './weight.ts';

/** A run in a lazy heap: the run itself, or what orders it with a weak reference. */
export interface Entry {
  readonly id: number;
  readonly priority: number;
  readonly state: { readonly dueAt: number };
  readonly weak?: WeakRef<Run>;
}

/** Smaller runs are held as they are, which costs a million of them nothing. */
const LARGE_BYTES = 4096;

export function entryOf(run: Run): Entry {
  if (weightOf(run) <= LARGE_BYTES) return run;
  const { id, priority, state } = run;
  return { id, priority, state: { dueAt: state.dueAt }, weak: new WeakRef(run) };
}

/** The run of an entry; undefined once its memory is free. */
export const runOf = (entry: Entry): Run | undefined =>
  // The run itself is not held weakly.
  entry.weak ? entry.weak.deref() : (entry as Run);

/** The order in which runs may start: priority, due time, id. */
export const before = (a: Entry, b: Entry): boolean =>
  a.priority !== b.priority
    ? a.priority > b.priority
    : a.state.dueAt !== b.state.dueAt
      ? a.state.dueAt < b.state.dueAt
      : a.id < b.id;

/** So few that are out of date are not worth a look at all. */
const FEW = 100;

export class RunHeap {
  readonly #entries: Heap<Entry>;
  readonly #isCurrent: (run: Run) => boolean;
  /** How many in it have left, as far as is known. */
  #gone = 0;

  constructor(order: (a: Entry, b: Entry) => boolean, isCurrent: (run: Run) => boolean) {
    this.#entries = new Heap(order);
    this.#isCurrent = isCurrent;
  }

  /** True where it is the first now. */
  add(run: Run): boolean {
    const entry = entryOf(run);
    this.#entries.push(entry);
    return this.#entries.peek() === entry;
  }

  /** One of them is current no longer. */
  left(): void {
    this.#gone++;
    if (this.#gone <= FEW || this.#gone * 2 <= this.#entries.size) return;
    this.#entries.keep((entry) => this.#isCurrentEntry(entry));
    this.#gone = 0;
  }

  first(): Run | undefined {
    const entry = this.firstEntry();
    return entry && runOf(entry);
  }

  firstEntry(): Entry | undefined {
    for (let entry = this.#entries.peek(); entry; entry = this.#entries.peek()) {
      if (this.#isCurrentEntry(entry)) return entry;
      this.#entries.pop();
      if (this.#gone > 0) this.#gone--;
    }
    return undefined;
  }

  /** The first, which is in it no longer. */
  take(): Run | undefined {
    const run = this.first();
    if (run) this.#entries.pop();
    return run;
  }

  #isCurrentEntry(entry: Entry): boolean {
    const run = runOf(entry);
    return run !== undefined && this.#isCurrent(run);
  }
}
