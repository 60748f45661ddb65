// The effect of a request on other runs. A draft becomes a run, or is answered with the one that holds its key. A run
// that settles releases those that waited for it, or ends them with it. An engine carries it out in one commit, or in
// several if very many waited. The remainder is kept with the first, so that a crash forgets none.
import { JobrunError } from '../support/errors.ts';
import { MAX_TOLD } from '../support/limits.ts';
import { type Draft, isSettled, newRun, type Run } from './run.ts';
import { abortIdle, release } from './transitions.ts';

/** The news that a run is over, for those that waited for it. */
export interface News {
  readonly run: number;
  readonly at: number;
  /** Why they end with it; null where they may begin. */
  readonly why: string | null;
}

/** The runs that a change may read and write, as they are inside its commit. */
export interface UnitOfWork {
  /** Undefined where there is none. */
  find(id: number): Run | undefined;
  /** The unsettled run of a job that has this key. */
  withKey(job: string, key: string): Run | null;
  /** The runs that wait for it. */
  dependentsOf(id: number): readonly number[];
  /** News that not all have heard. */
  untold(): readonly News[];
  keep(news: News): void;
  forget(news: News): void;
  /** An id for a new run. Throws where no more may come. */
  newId(): number;
  add(run: Run): void;
  set(prev: Run, next: Run): void;
  remove(run: Run): void;
}

export interface Taken {
  readonly run: Run;
  /** Set where an unsettled run has the key already: then it is that one. */
  readonly existing: boolean;
}

export function takeIn(unit: UnitOfWork, draft: Draft, now: number): Taken {
  const key = draft.origin?.key;
  const existing = key === undefined ? null : unit.withKey(draft.job, key);
  if (existing) return { run: existing, existing: true };
  const id = unit.newId();
  const after = draft.origin?.after;
  const run = newRun(id, draft, now, after?.some((other) => isUnsettled(unit, other)) ?? false);
  const reason = after && whyInVain(unit, after);
  const taken = reason ? abortIdle(run, reason, now) : run;
  unit.add(taken);
  return { run: taken, existing: false };
}

/** A run that was removed since the draft was checked may have failed, so nothing begins after it. */
function whyInVain(unit: UnitOfWork, after: readonly number[]): string | undefined {
  for (const id of after) {
    const run = unit.find(id);
    if (!run) return becauseRemoved(id);
    if (isLost(run)) return becauseOf(run);
  }
  return undefined;
}

/**
 * The runs of a request that came before. A run that was removed since was accepted all the same. Drafts, if given, say
 * which line each run was asked for by. With another number of them, or of other jobs, that is no longer known. As many
 * lines of the same jobs are taken for the same lines, though others of them may have been refused the first time.
 */
export function repeatedRuns(
  ids: readonly number[],
  found: readonly (Run | null)[],
  drafts: readonly Draft[] | null,
  at: number,
): readonly Run[] {
  if (drafts && drafts.length !== ids.length) throw otherLines(ids);
  if (drafts?.some(({ job }, i) => (found[i]?.job ?? job) !== job)) throw otherLines(ids);
  return ids.flatMap((id, i) => {
    const draft = drafts?.[i];
    return found[i] ?? (draft ? newRun(id, draft, at, false) : []);
  });
}

function otherLines(ids: readonly number[]): JobrunError {
  const [first, last] = [ids[0], ids.at(-1)];
  const message = `this request was accepted before as ${ids.length} runs (${first} to ${last}), and others of its lines are refused now`;
  return new JobrunError('refused', message, 'See what became of them: jobrun list');
}

/** Replaces a run, and what follows from it for the runs that wait for it, and for those that wait for these. */
export function replaceRun(unit: UnitOfWork, run: Run, wanted: Run): Run {
  if (wanted === run) return run;
  refuseTakenKey(unit, run, wanted);
  const next = waitingAgain(unit, run, wanted);
  unit.set(run, next);
  if (isSettled(next)) tell(unit, [newsOf(next, becauseOf(next))]);
  return next;
}

/** Tells it to more of those that have not heard it. */
export const tellMore = (unit: UnitOfWork): void => tell(unit, unit.untold());

function tell(unit: UnitOfWork, news: readonly News[]): void {
  const left = new Set(tellSome(unit, news));
  for (const one of news) if (!left.has(one)) unit.forget(one);
  for (const one of left) unit.keep(one);
}

const newsOf = ({ id, state }: Run, why: string): News => ({
  run: id,
  at: 'settledAt' in state ? state.settledAt : state.dueAt,
  why: state.name === 'done' ? null : why,
});

/**
 * Lets go the runs that waited, or ends them, and those that wait for these. Returns what is left to tell. A list, not
 * a recursion: a chain of runs may be longer than the stack is deep.
 */
function tellSome(unit: UnitOfWork, news: readonly News[]): readonly News[] {
  const left = [...news];
  let room = MAX_TOLD;
  for (let next = left.pop(); next; next = left.pop()) {
    // A retry lets it go on: who has not heard of its end waits again.
    if (isUnsettled(unit, next.run)) continue;
    const ended: News[] = [];
    for (const id of unit.dependentsOf(next.run)) {
      if (room === 0) return [...left, next, ...ended];
      const run = unit.find(id);
      const told = run && hearing(unit, run, next);
      if (!run || told === run || !told) continue;
      unit.set(run, told);
      room--;
      if (isSettled(told) && unit.dependentsOf(id).length > 0)
        ended.push(newsOf(told, becauseOf(told)));
    }
    left.push(...ended);
  }
  return left;
}

/** The effect of the news on a run that waits. */
function hearing(unit: UnitOfWork, run: Run, { why, at }: News): Run {
  if (isSettled(run)) return run;
  if (why !== null) return abortIdle(run, why, at);
  if (isPending(unit, run)) return run;
  const after = run.origin?.after ?? [];
  // It may have to hear yet that another of them was lost.
  const bad = unit.untold().find((one) => one.why !== null && after.includes(one.run));
  return bad?.why ? abortIdle(run, bad.why, at) : release(run, at);
}

/** Removes settled runs. Only for one that was set aside others may still wait: they end with it. */
export function removeRuns(unit: UnitOfWork, runs: readonly Run[]): void {
  const busy = runs.find((run) => !isSettled(run));
  if (busy) throw notSettled(busy);
  for (const run of runs) {
    unit.remove(run);
    tell(unit, [newsOf(run, becauseRemoved(run.id))]);
  }
}

function notSettled(run: Run): JobrunError {
  const hint = `Abort it first: jobrun abort ${run.id}`;
  return new JobrunError(
    'refused',
    `run ${run.id} is ${run.state.name} and cannot be removed`,
    hint,
  );
}

/** A run that never began and is released by `retry` still waits for those of its runs that are not over. */
function waitingAgain(unit: UnitOfWork, run: Run, next: Run): Run {
  const goesOn = isSettled(run) && next.state.name === 'queued' && next.life === null;
  if (!goesOn || !isPending(unit, next)) return next;
  return { ...next, state: { name: 'waiting', dueAt: next.state.dueAt, for: 'runs' } };
}

/** A run that goes on needs its key again, which another run may have by now. */
function refuseTakenKey(unit: UnitOfWork, run: Run, next: Run): void {
  const key = run.origin?.key;
  if (key === undefined || !isSettled(run) || isSettled(next)) return;
  const holder = unit.withKey(run.job, key);
  if (!holder) return;
  const hint = `See it: jobrun show ${holder.id}; or start a new run: jobrun rerun ${run.id}`;
  throw new JobrunError(
    'refused',
    `run ${holder.id} has the key "${key}" of run ${run.id} now`,
    hint,
  );
}

/** True if it waits for any run. From the end, for the last of many are mostly the last to end: few are looked at. */
const isPending = (unit: UnitOfWork, run: Run): boolean =>
  (run.origin?.after ?? []).findLastIndex((id) => isUnsettled(unit, id)) >= 0;

function isUnsettled(unit: UnitOfWork, id: number): boolean {
  const run = unit.find(id);
  return run !== undefined && !isSettled(run);
}

const isLost = (run: Run): boolean => run.state.name === 'failed' || run.state.name === 'aborted';

const becauseRemoved = (id: number): string => `run ${id}, which it waited for, was removed`;

function becauseOf(run: Run): string {
  const how = run.state.name === 'failed' ? 'failed' : 'was aborted';
  return `run ${run.id} (${run.job}), which it waited for, ${how}`;
}
