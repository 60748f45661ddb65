// A transaction as the rules of taking in runs see it.
import type { News, UnitOfWork } from '../../run/intake.ts';
import type { Draft, Run } from '../../run/run.ts';
import type { KeyedTable, Transaction } from '../../store/table.ts';
import type { RunTable } from './run-table.ts';

export interface UnitParts {
  readonly runs: RunTable;
  readonly untold: KeyedTable<number, News>;
  /** The id of the next run. */
  readonly ids: { next: number };
  /** Refuses new runs, where those in memory take all that they may. */
  readonly refuse: (() => never) | null;
}

const NONE: readonly number[] = [];

export class Unit implements UnitOfWork {
  readonly #tx: Transaction;
  readonly #p: UnitParts;
  readonly #others: ReadonlyMap<number, Run> | null;
  #hasIds = false;

  /** `others`: settled runs that drafts wait for, where only a page file knows them. */
  constructor(tx: Transaction, parts: UnitParts, others: ReadonlyMap<number, Run> | null = null) {
    this.#tx = tx;
    this.#p = parts;
    this.#others = others;
  }

  find(id: number): Run | undefined {
    return this.#p.runs.memory.known(id) ?? this.#others?.get(id);
  }

  withKey(job: string, key: string): Run | null {
    return this.#p.runs.memory.findKey(job, key);
  }

  dependentsOf(id: number): readonly number[] {
    const dependents = this.#p.runs.memory.dependents.get(id);
    return dependents ? [...dependents] : NONE;
  }

  untold(): readonly News[] {
    return this.#p.untold.values();
  }

  keep(news: News): void {
    if (this.#p.untold.get(news.run) !== news) this.#tx.put(this.#p.untold, news);
  }

  forget(news: News): void {
    if (this.#p.untold.get(news.run) === news) this.#tx.delete(this.#p.untold, news.run);
  }

  newId(): number {
    const { ids, refuse } = this.#p;
    refuse?.();
    if (!this.#hasIds) this.#lendIds();
    return ids.next++;
  }

  /** Ids that are taken from now on are given back should the transaction fail. */
  #lendIds(): void {
    const { ids } = this.#p;
    const { next } = ids;
    this.#hasIds = true;
    this.#tx.onUndo(() => {
      ids.next = next;
    });
  }

  add(run: Run): void {
    this.#tx.put(this.#p.runs, run);
  }

  set(prev: Run, next: Run): void {
    this.#p.runs.patch(this.#tx, prev, next);
  }

  remove(run: Run): void {
    this.#p.runs.remove(this.#tx, run);
  }
}

/** The runs that drafts wait for, where only a page file knows them; null where none waits for any. */
export function othersOf(
  drafts: readonly Draft[],
  find: (id: number) => Promise<Run | null>,
): Promise<ReadonlyMap<number, Run>> | null {
  return drafts.some((draft) => draft.origin?.after) ? readOthers(drafts, find) : null;
}

async function readOthers(
  drafts: readonly Draft[],
  find: (id: number) => Promise<Run | null>,
): Promise<ReadonlyMap<number, Run>> {
  const others = new Map<number, Run>();
  for (const id of new Set(drafts.flatMap((draft) => draft.origin?.after ?? []))) {
    const run = await find(id);
    if (run) others.set(id, run);
  }
  return others;
}
