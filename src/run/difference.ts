// The difference between a run and what it becomes, as the journal keeps it. The values that a run has saved may be
// megabytes, and most changes leave them as they are. So a step is written down once, when it is saved, and of many
// past attempts only those that have changed. To apply a difference again changes nothing: a repair may have to, where
// it does not know what a page includes.
import { fits } from '../support/schema.ts';
import type { Life, Run, RunError } from './run.ts';
import { Steps } from './steps.ts';
import { STEP_VALUES } from './stored-run.ts';

export interface Difference extends Partial<Omit<Run, 'life'>> {
  /** All of it, but for what `kept` names. */
  readonly life?: (Omit<Partial<Life>, 'steps'> & { readonly steps?: unknown }) | null;
  /** The part that `life` has from before. Only the steps in `life` are new. */
  readonly kept?: readonly Large[];
  /**
   * The attempts of `life` begin with this one, counted from 0 over all that have begun. Those before it are as before.
   */
  readonly attemptsFrom?: number;
}

const FIELDS = ['params', 'priority', 'state', 'origin', 'life'] as const;
export const LARGE = ['checkpoint', 'output', 'steps'] as const;
type Large = (typeof LARGE)[number];

/** Null where nothing changed. */
export function differenceOf(prev: Run, next: Run): Difference | null {
  const changed: Record<string, unknown> = {};
  for (const field of FIELDS) if (prev[field] !== next[field]) changed[field] = next[field];
  if (Object.keys(changed).length === 0) return null;
  if (changed.life && prev.life && next.life)
    Object.assign(changed, lifeDifference(prev.life, next.life));
  return changed;
}

/** The run that `prev` became, its fields in their order. */
export function applyDifference(prev: Run, difference: Difference): Run {
  const { kept, attemptsFrom, ...changed } = difference;
  const next = { ...prev, ...changed } as Run;
  const before = prev.life;
  if (!before || !next.life || (!kept && attemptsFrom === undefined)) return next;
  const life: Record<string, unknown> = { ...next.life };
  if (attemptsFrom !== undefined) Object.assign(life, withEarlier(before, next.life, attemptsFrom));
  for (const name of kept ?? []) {
    if (!(name in life)) continue;
    const value = name === 'steps' ? withSteps(before.steps, life.steps) : before[name];
    if (value === undefined) delete life[name];
    else life[name] = value;
  }
  // As it stands in a file: the reader of the run says whether it makes sense.
  return { ...next, life: life as unknown as Life };
}

/** Values that make no sense stay as they are, for the reader of the run. */
const withSteps = (before: Steps | undefined, added: unknown): unknown => {
  if (added === null) return before;
  return fits(STEP_VALUES, added) ? (Steps.of(added, before) ?? undefined) : added;
};

/** A field that is kept leaves its place empty. */
function lifeDifference(prev: Life, next: Life): Omit<Difference, 'state'> {
  const kept = LARGE.filter((name) => next[name] !== undefined && next[name] === prev[name]);
  const added = prev.steps && next.steps !== prev.steps && next.steps?.since(prev.steps);
  const same = sameAttempts(prev, next);
  if (kept.length === 0 && !added && same === 0) return { life: next };
  const life = {
    ...next,
    ...Object.fromEntries(kept.map((name) => [name, null])),
    ...(added && { steps: added }),
    ...(same > 0 && { attempts: next.attempts.slice(same) }),
  };
  const all = added ? [...kept, 'steps' as const] : kept;
  return {
    life,
    ...(all.length > 0 && { kept: all }),
    ...(same > 0 && { attemptsFrom: same + (next.dropped ?? 0) }),
  };
}

/** Fewer characters of errors are written again rather than left to what was written before. */
const FEW = 4096;

/** How many attempts, from the first on, are the same in both; 0 where they are no more than a few lines. */
function sameAttempts(prev: Life, next: Life): number {
  // The second is not the one after the first where some were dropped in between.
  const shift = (next.dropped ?? 0) - (prev.dropped ?? 0);
  let characters = 0;
  const differs = next.attempts.findIndex((attempt, i) => {
    if (attempt !== prev.attempts[i === 0 ? 0 : i + shift]) return true;
    characters += OF_AN_ATTEMPT + lengthOf(attempt.error);
    return false;
  });
  if (characters <= FEW) return 0;
  return differs === -1 ? next.attempts.length : differs;
}

const OF_AN_ATTEMPT = 100;

const lengthOf = (error: RunError | undefined): number =>
  error === undefined ? 0 : error.message.length + error.stack.length;

/** The attempts before these ones, as many as are still kept. */
function withEarlier(
  { attempts: before, dropped = 0 }: Life,
  { attempts, dropped: droppedNow = 0 }: Partial<Life>,
  from: number,
): object {
  // Values that make no sense are left to the reader of the run.
  if (!Array.isArray(attempts) || !Array.isArray(before)) return {};
  const isKept = (i: number): boolean =>
    i === 0 ? from > 0 : i + dropped > droppedNow && i + dropped < from;
  const all = [...before.filter((_, i) => isKept(i)), ...attempts];
  // If the one before was not the very same run, fewer may be there: the next attempt counts on from the right number.
  const missing = from + attempts.length - all.length;
  return { attempts: all, ...(missing > 0 && { dropped: missing }) };
}
