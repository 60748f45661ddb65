// The table of runs: its operations, and what they do to a run, its lease and the starts of its job. A run lies in the
// page of its id (pages.ts), and in memory as long as it has not settled (memory.ts).
import * as v from 'valibot';
import { applyDifference, type Difference, differenceOf, LARGE } from '../../run/difference.ts';
import type { News, UnitOfWork } from '../../run/intake.ts';
import type { Draft, Run } from '../../run/run.ts';
import { RUN_ID } from '../../run/stored-run.ts';
import type { Note, Op } from '../../store/folder.ts';
import type { PagedOperations } from '../../store/pages.ts';
import {
  type KeyedTable,
  operands,
  type Reads,
  type Replay,
  type Rows,
  readAs,
  type Transaction,
  type Writable,
} from '../../store/table.ts';
import { faultOf, list, object, oneOf, textUpTo, tuple, whole } from '../../support/schema.ts';
import type { Token } from '../members.ts';
import { type Memory, runOf } from './memory.ts';

/** A lease, as the journal has it beside the change of its run. */
export interface Held {
  readonly token: Token;
  readonly mark: string;
}

export interface RunChange {
  readonly prev: Run | null;
  readonly run: Run;
}

export type LeaseRow = Held & { readonly run: number };

export const rowOf = (run: number, { token, mark }: Held): LeaseRow => ({ run, token, mark });

/** Never empty: processes are found, and ended, by it. */
export const MARK = textUpTo(1000);
export const TOKEN = tuple(whole(0), whole(0));
const HELD = object({ token: TOKEN, mark: MARK });
const DIFFERENCE = object({
  kept: v.optional(list(oneOf(LARGE))),
  attemptsFrom: v.optional(whole(0)),
});

export class RunTable implements Writable<number, Run>, PagedOperations<Run> {
  readonly is = { put: 'run', drop: 'remove', key: ({ id }: Run) => id };
  readonly reads: Reads = {
    run: ([kind, raw], note) => readAs(kind, runOf(raw, note)),
    set: readSet,
    remove: operands(RUN_ID),
  };
  readonly memory: Memory;
  readonly #leases: KeyedTable<number, LeaseRow>;
  readonly #starts: Rows<string, number>;

  constructor(memory: Memory, leases: KeyedTable<number, LeaseRow>, starts: Rows<string, number>) {
    this.memory = memory;
    this.#leases = leases;
    this.#starts = starts;
  }

  idOf([kind, first]: Op): number | null {
    if (kind === 'run') return (first as Run).id;
    return kind === 'set' || kind === 'remove' ? Number(first) : null;
  }

  makes([kind]: Op): boolean {
    return kind === 'run';
  }

  whole(run: Run): Op {
    return ['run', run];
  }

  counts([kind]: Op): boolean {
    return kind === 'run' || kind === 'set';
  }

  get(id: number): Run | undefined {
    return this.memory.known(id) ?? undefined;
  }

  swap(id: number, before: Run | null, after: Run | null): void {
    // Its time may have come meanwhile: that is no change of its own, and goes with this one.
    this.memory.put(this.memory.live.get(id) ?? before, after);
  }

  /** Replaces a run; a `lease` begins with it, and none outlives the state `running`. */
  patch(tx: Transaction, prev: Run, next: Run, lease?: Held): void {
    const { id } = prev;
    const difference = differenceOf(prev, next);
    if (difference === null && !lease) return;
    const before = this.#leases.get(id) ?? null;
    if (lease) {
      tx.write(['set', id, difference ?? {}, lease]);
      tx.change(this.#leases, id, before, rowOf(id, lease));
      const beganAt = next.life?.startedAt ?? next.state.dueAt;
      tx.change(this.#starts, next.job, null, this.memory.steady(beganAt));
    } else {
      tx.write(['set', id, difference]);
      if (before && next.state.name !== 'running') tx.change(this.#leases, id, before, null);
    }
    tx.change(this, id, prev, next);
  }

  /** Removes a run, which only its page may hold. */
  remove(tx: Transaction, run: Run): void {
    tx.write(['remove', run.id]);
    tx.change(this, run.id, run, null);
  }

  /** Returns the changes of runs in a transaction, but for those that were removed. */
  changesIn(tx: Transaction): readonly RunChange[] {
    const changes: RunChange[] = [];
    for (const { before, after } of tx.changesOf(this))
      if (after) changes.push({ prev: before, run: after });
    return changes;
  }

  /** A change keeps large values of the run, or tells its life anew. */
  leans([kind, , change]: Op): boolean | null {
    const { life, kept } = kind === 'set' ? (change as Difference) : {};
    return kept ? true : life ? false : null;
  }

  /** Throws if the operation cannot fit what came before it. */
  replay(op: Op, { find, note, again }: Replay): void {
    const id = this.idOf(op);
    if (id === null) return;
    const prev = find(id) as Run | null;
    const [kind, first, change] = op;
    if (kind === 'run') {
      // The same one may be written again as a whole: see the fold of a page that was removed.
      if (prev && !again && prev.createdAt !== (first as Run).createdAt)
        note(`a run makes no sense: there is another run ${id}`);
      else this.memory.put(prev, first as Run);
    } else if (prev) this.memory.put(prev, kind === 'set' ? changed(prev, change, note) : null);
    else if (kind === 'set' || !again) throw new Error(`it changes run ${id}, which is not there`);
  }
}

/** It has a number: what makes no sense is set aside under it. */
const changed = (prev: Run, change: unknown, note: Note): Run =>
  runOf({ ...applyDifference(prev, change as Difference), id: prev.id }, note) as Run;

function readSet([, id, patch, lease]: Op, note: Note): Op | string {
  const nobody = faultOf(RUN_ID, id);
  if (nobody !== null) return `set: its number ${nobody}`;
  // The fate of the run is not known then: that makes no sense of the run.
  const unread = faultOf(DIFFERENCE, patch);
  const change = unread === null ? patch : { state: unread };
  if (lease === undefined || lease === null) return ['set', id, change];
  const wrong = faultOf(HELD, lease);
  if (wrong === null) return ['set', id, change, lease];
  note(`the lease of run ${id} makes no sense: ${wrong}`);
  return ['set', id, change];
}

// ------------------------------------------------------------------------- a transaction as the rules of intake see it

/** The data that the rules need beside the transaction. */
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

// ----------------------------------------------------------------------------------------------- after a repair

const WHY =
  'the newest state of this run was in a damaged part of the state folder: it may have ended. Look what it did, then: jobrun retry';

/** Settles the runs, and those that wait for one of them. Returns their ids. */
export function failDoubted(memory: Memory, doubted: readonly Run[], now: number): number[] {
  const ids: number[] = [];
  let next = [...new Set([...doubted, ...inVain(memory)])];
  while (next.length > 0) {
    for (const run of next) memory.put(run, failed(run, now));
    ids.push(...next.map(({ id }) => id));
    next = inVain(memory);
  }
  return ids.sort((a, b) => a - b);
}

const inVain = (memory: Memory): Run[] =>
  [...memory.live.values()].filter((run) => waitsForNone(memory, run));

/** Released runs are no longer waiting: a run that waits for none waited for one that is lost, or failed above. */
const waitsForNone = (memory: Memory, run: Run): boolean =>
  run.state.name === 'waiting' && run.state.for === 'runs' && memory.pendingOf(run).length === 0;

function failed(run: Run, now: number): Run {
  const error = { name: 'StateDamaged', message: WHY, stack: '' };
  const last = run.life?.attempts.at(-1);
  const open = run.state.name === 'running' && last && last.endedAt === undefined;
  const life =
    run.life && open
      ? {
          ...run.life,
          attempts: [
            ...run.life.attempts.slice(0, -1),
            { ...last, endedAt: now, outcome: 'lost' as const },
          ],
        }
      : run.life;
  const { dueAt } = run.state;
  return { ...run, life, state: { name: 'failed', dueAt, settledAt: now, error } };
}
