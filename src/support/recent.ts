// Recent values, by name: at least the latest half of `most` that are younger than `ageMs`, and never more than `most`,
// in number and in bytes. Kept as two generations, the older of which goes at once. A map from which the oldest is
// deleted one by one walks over all that it has deleted to find the next.

export class Recent<V> {
  readonly #most: number;
  readonly #ageMs: number;
  readonly #mostBytes: number;
  #youngBytes = 0;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  #youngSince = Number.NEGATIVE_INFINITY;

  constructor(most: number, ageMs: number, mostBytes = Number.POSITIVE_INFINITY) {
    this.#most = most;
    this.#mostBytes = mostBytes;
    this.#ageMs = ageMs;
  }

  get(name: string): V | undefined {
    return this.#young.get(name) ?? this.#old.get(name);
  }

  set(name: string, value: V, at: number, bytes = 0): void {
    const isMuch = this.#young.size >= this.#most / 2 || this.#youngBytes > this.#mostBytes / 2;
    if (isMuch || at - this.#youngSince > this.#ageMs) {
      this.#youngBytes = 0;
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngSince = at;
    }
    this.#young.set(name, value);
    this.#youngBytes += bytes;
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  /** Oldest first. */
  values(): readonly V[] {
    return [...this.#old.values(), ...this.#young.values()];
  }
}
