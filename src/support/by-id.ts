// Values kept for each of many runs, by id. A Map of a million has one table. Each removal leaves a hole in it, and
// when it is full of holes it is made anew, as large or twice as large, while everything waits (a tenth of a second,
// and some ninety megabytes for that moment). Here ids lie in blocks of their neighbours: no step is longer than a
// block, and replacing a value is a write to its place. Runs that are far from each other cost a block each, so blocks
// are short.

const BLOCK = 32;

interface Block<V> {
  readonly values: (V | undefined)[];
  count: number;
}

export class ById<V> {
  readonly #blocks = new Map<number, Block<V>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): V | undefined {
    return this.#blocks.get(Math.floor(id / BLOCK))?.values[id % BLOCK];
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  set(id: number, value: V): void {
    const block = this.#blocks.get(Math.floor(id / BLOCK)) ?? this.#begin(Math.floor(id / BLOCK));
    if (block.values[id % BLOCK] === undefined) {
      block.count++;
      this.#size++;
    }
    block.values[id % BLOCK] = value;
  }

  delete(id: number): void {
    const at = Math.floor(id / BLOCK);
    const block = this.#blocks.get(at);
    if (block?.values[id % BLOCK] === undefined) return;
    block.values[id % BLOCK] = undefined;
    this.#size--;
    if (--block.count === 0) this.#blocks.delete(at);
  }

  /**
   * Neighbours in the order of their ids. While it is gone through, values may come and go; a new block is met as well.
   */
  *values(): Generator<V> {
    for (const { values } of this.#blocks.values())
      for (const value of values) if (value !== undefined) yield value;
  }

  #begin(at: number): Block<V> {
    const block = { values: new Array<V | undefined>(BLOCK).fill(undefined), count: 0 };
    this.#blocks.set(at, block);
    return block;
  }
}
