// Workers for hooks, few of them. Hooks of one job may share one; those of two jobs never do at the same time: a hook
// that ends its process, or blocks it, takes nothing of another job with it.
import type { Child } from './child.ts';

interface Lane {
  readonly child: Child;
  file: string;
  open: number;
  /** Job files have changed since it was started, or it was given up. */
  spent: boolean;
}

/** Jobs whose hooks run at once; the others wait for a moment. */
const MOST = 4;

export class HookLanes {
  readonly #start: () => Child;
  #lanes: Lane[] = [];

  constructor(start: () => Child) {
    this.#start = start;
  }

  /** A worker for a hook of this file, to be given back; null while hooks of other jobs have all of them. */
  take(file: string): Child | null {
    this.#lanes = this.#lanes.filter(({ child, open }) => child.exit === null || open > 0);
    const usable = this.#lanes.filter(({ child, spent }) => !spent && child.exit === null);
    const lane =
      usable.find((one) => one.open > 0 && one.file === file) ??
      usable.find((one) => one.open === 0) ??
      (this.#lanes.length < MOST ? this.#add(file) : null);
    if (!lane) return null;
    lane.file = file;
    lane.open++;
    return lane.child;
  }

  give(child: Child): void {
    const lane = this.#lanes.find((one) => one.child === child);
    if (!lane) return;
    lane.open--;
    if (lane.spent && lane.open === 0) this.#end(lane);
  }

  /** Nothing more goes to this worker. */
  spend(child: Child): void {
    for (const lane of this.#lanes) if (lane.child === child) lane.spent = true;
  }

  /** Job files have changed: what is idle ends now, the others after the hooks that they are at. */
  renew(): void {
    for (const lane of [...this.#lanes]) {
      lane.spent = true;
      if (lane.open === 0) this.#end(lane);
    }
  }

  async close(): Promise<void> {
    const children = this.#lanes.map(({ child }) => child);
    this.#lanes = [];
    await Promise.all(children.map((child) => child.end({ force: true })));
  }

  #add(file: string): Lane {
    const lane = { child: this.#start(), file, open: 0, spent: false };
    this.#lanes.push(lane);
    return lane;
  }

  #end(lane: Lane): void {
    this.#lanes = this.#lanes.filter((one) => one !== lane);
    void lane.child.end({ force: true });
  }
}
