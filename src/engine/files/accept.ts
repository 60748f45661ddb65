// What happens to runs inside a transaction beyond the one that was asked for: a draft becomes a run, or is answered
// with the one that holds its key; a run that settles lets go those that waited for it, or ends them with it.
import { type Draft, isSettled, newRun, type Run } from '../../run/run.ts';
import { abortIdle, release } from '../../run/transitions.ts';
import type { Transaction } from '../../store/table.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Accepted, Engine } from '../engine.ts';
import type { RunTable } from './run-table.ts';
import { type Answered, unpacked } from './tables.ts';

export interface Intake {
  readonly runs: RunTable;
  /** Refuses new runs, where those in memory take all that they may. */
  readonly refuse: (() => never) | null;
  /** The id of the next run: taken here. */
  readonly ids: { next: number };
}

/** `others`: settled runs that drafts wait for, where only a page file knows them. */
export function acceptDraft(
  tx: Transaction,
  draft: Draft,
  now: number,
  { runs, refuse, ids }: Intake,
  others: ReadonlyMap<number, Run> | null = null,
): Omit<Accepted, 'reason'> {
  const { memory } = runs;
  const key = draft.origin?.key;
  const existing = key === undefined ? null : memory.findKey(draft.job, key);
  if (existing) return { run: existing, existing: true };
  refuse?.();
  const id = ids.next++;
  const after = draft.origin?.after;
  const waits = after?.some((other) => memory.live.has(other)) ?? false;
  const run = newRun(id, draft, now, waits);
  const reason = after && whyInVain(after, (other) => memory.known(other) ?? others?.get(other));
  const accepted = reason ? abortIdle(run, reason, now) : run;
  tx.put(runs, accepted);
  return { run: accepted, existing: false };
}

/** One that was removed since the draft was checked may have failed: nobody knows, so nothing begins after it. */
function whyInVain(
  after: readonly number[],
  find: (id: number) => Run | undefined,
): string | undefined {
  for (const id of after) {
    const run = find(id);
    if (!run) return becauseRemoved(id);
    if (isLost(run)) return becauseOf(run);
  }
  return undefined;
}

/** Gives back the ids that are taken from now on, should the transaction fail. */
export function lendIds(tx: Transaction, ids: Intake['ids']): void {
  const { next } = ids;
  tx.onUndo(() => {
    ids.next = next;
  });
}

/**
 * The answer of a request that came before. A run that was removed since was accepted all the same. Drafts, where given,
 * say which line each run was asked for by: with another number of them, or of other jobs, nobody knows that any more. As
 * many lines of the same jobs are taken for the same lines, though others of them may have been refused the first time.
 */
export async function repeated(
  [, asked, at]: Answered,
  drafts: readonly Draft[] | null,
  engine: Pick<Engine, 'find' | 'why' | 'durable'>,
  now: number,
): Promise<Accepted[]> {
  const ids = unpacked(asked);
  if (drafts && drafts.length !== ids.length) throw otherLines(ids);
  const found = await Promise.all(ids.map((id) => engine.find(id)));
  if (drafts?.some(({ job }, i) => (found[i]?.job ?? job) !== job)) throw otherLines(ids);
  await engine.durable();
  const runs = ids.flatMap((id, i) => {
    const draft = drafts?.[i];
    return found[i] ?? (draft ? newRun(id, draft, at, false) : []);
  });
  const reasons = await engine.why(runs, now);
  return runs.map((run, i) => ({ run, existing: false, reason: reasons[i] ?? null }));
}

function otherLines(ids: readonly number[]): JobrunError {
  const [first, last] = [ids[0], ids.at(-1)];
  const message = `this request was accepted before as ${ids.length} runs (${first} to ${last}), and others of its lines are refused now`;
  return new JobrunError('refused', message, 'See what became of them: jobrun list');
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

/** Replaces a run, and what follows from it for the runs that wait for it, and for those that wait for these. */
export function replaceRun(tx: Transaction, runs: RunTable, run: Run, wanted: Run): Run {
  if (wanted === run) return run;
  refuseTakenKey(runs, run, wanted);
  const next = waitingAgain(runs, run, wanted);
  runs.patch(tx, run, next);
  if (isSettled(next)) tellAll(tx, runs, next, becauseOf(next));
  return next;
}

/** A list, not a recursion: a chain of runs may be longer than the stack is deep. */
function tellAll(tx: Transaction, runs: RunTable, first: Run, why: string): void {
  const ended = tellDependents(tx, runs, first, why);
  for (const run of ended) ended.push(...tellDependents(tx, runs, run, becauseOf(run)));
}

/** Removes a settled run. Only for one that was set aside others may still wait: they end with it. */
export function removeRun(tx: Transaction, runs: RunTable, run: Run): void {
  runs.remove(tx, run);
  tellAll(tx, runs, run, becauseRemoved(run.id));
}

/** One that never began and is let go on by `retry` still waits for those of its runs that are not over. */
function waitingAgain({ memory }: RunTable, run: Run, next: Run): Run {
  const goesOn = isSettled(run) && next.state.name === 'queued' && next.life === null;
  if (!goesOn || !memory.isPending(next)) return next;
  return { ...next, state: { name: 'waiting', dueAt: next.state.dueAt, for: 'runs' } };
}

/** A run that goes on needs its key again, which another run may have by now. */
function refuseTakenKey({ memory }: RunTable, run: Run, next: Run): void {
  const key = run.origin?.key;
  if (key === undefined || !isSettled(run) || isSettled(next)) return;
  const holder = memory.findKey(run.job, key);
  if (!holder) return;
  const hint = `See it: jobrun show ${holder.id}; or start a new run: jobrun rerun ${run.id}`;
  throw new JobrunError(
    'refused',
    `run ${holder.id} has the key "${key}" of run ${run.id} now`,
    hint,
  );
}

/** Lets go the runs that waited for this one, or ends them with it; returns those that ended. */
function tellDependents(tx: Transaction, runs: RunTable, settled: Run, why: string): Run[] {
  const now = 'settledAt' in settled.state ? settled.state.settledAt : settled.state.dueAt;
  const { memory } = runs;
  const ended: Run[] = [];
  for (const id of [...(memory.dependents.get(settled.id) ?? [])]) {
    const run = memory.live.get(id);
    if (!run) continue;
    if (settled.state.name !== 'done') {
      const next = abortIdle(run, why, now);
      runs.patch(tx, run, next);
      ended.push(next);
    } else if (!memory.isPending(run)) runs.patch(tx, run, release(run, now));
  }
  return ended;
}

const isLost = (run: Run): boolean => run.state.name === 'failed' || run.state.name === 'aborted';

const becauseRemoved = (id: number): string => `run ${id}, which it waited for, was removed`;

function becauseOf(run: Run): string {
  const how = run.state.name === 'failed' ? 'failed' : 'was aborted';
  return `run ${run.id} (${run.job}), which it waited for, ${how}`;
}
