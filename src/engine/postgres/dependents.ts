// Which runs wait for which others, as far as a turn has read it. Very many may wait for one run. No more of those are
// read than it takes to have enough to do for one turn, and a chain of those that wait for each other is read at once.
import { MAX_TOLD } from '../../support/limits.ts';
import { type Found, MOST_IN_CHAIN, type RunFound, type Wanted } from './wanted.ts';

interface Known {
  readonly ids: Set<number>;
  /** There may be more than these. */
  most: number;
}

const NONE: Known = { ids: new Set(), most: Number.POSITIVE_INFINITY };

/** More than one turn tells. */
const FIRST = 2 * MAX_TOLD;

export class Dependents {
  readonly #known = new Map<number, Known>();
  /** Those that wait for nothing else: true until another operation has changed something. */
  readonly #free = new Map<number, Known>();
  readonly #chains = new Set<number>();

  next(): void {
    this.#free.clear();
  }

  /** A run that is done only needs those that wait for nothing else. */
  of(
    id: number,
    isDone: boolean,
    waits: (id: number) => boolean,
    missing: Wanted,
  ): readonly number[] {
    const known = this.#known.get(id) ?? (isDone ? this.#free.get(id) : undefined);
    const ids = [...(known?.ids ?? [])].filter(waits);
    const isEnough = known && (known.ids.size < known.most || ids.length > MAX_TOLD);
    if (isEnough) return ids;
    if (isDone) missing.free.set(id, 4 * (known?.most ?? FIRST / 4));
    else if (!this.#chains.has(id)) missing.chains.add(id);
    else missing.dependents.set(id, 4 * (known?.most ?? FIRST / 4));
    return ids;
  }

  take(wanted: Wanted, rows: readonly Found[]): void {
    for (const [id, most] of wanted.dependents) this.#known.set(id, { ids: new Set(), most });
    for (const [id, most] of wanted.free) this.#free.set(id, { ids: new Set(), most });
    const chain = rows.filter(({ kind }) => kind === 'chain');
    const isWhole = chain.length < MOST_IN_CHAIN;
    const waiting = childrenOf(rows.filter(isDependent) as RunFound[]);
    for (const [id, ids] of waiting)
      for (const one of ids)
        for (const known of [this.#free.get(id), wanted.dependents.has(id) && this.#known.get(id)])
          if (known) known.ids.add(one);
    for (const id of wanted.chains) {
      this.#chains.add(id);
      if (isWhole) this.#complete(id, waiting);
    }
    for (const { id, awaited } of chain)
      if (isWhole || waiting.get(id)?.size === awaited) this.#complete(id, waiting);
    for (const { id, kind, awaited } of rows)
      if (isRun(kind) && awaited === 0 && !this.#known.has(id)) this.#known.set(id, NONE);
  }

  #complete(id: number, waiting: ReadonlyMap<number, Set<number>>): void {
    if (!this.#known.has(id)) this.#known.set(id, { ...NONE, ids: waiting.get(id) ?? NONE.ids });
  }
}

export const isDependent = ({ kind }: Found): boolean => kind === 'dependent' || kind === 'chain';

const isRun = (kind: Found['kind']): boolean =>
  ['run', 'bare', 'key', 'slot', 'dependent', 'chain'].includes(kind);

function childrenOf(rows: readonly RunFound[]): ReadonlyMap<number, Set<number>> {
  const children = new Map<number, Set<number>>();
  for (const { id, doc } of rows)
    for (const other of doc.origin?.after ?? []) {
      const ids = children.get(other);
      if (ids) ids.add(id);
      else children.set(other, new Set([id]));
    }
  return children;
}
