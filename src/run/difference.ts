// The difference between a run and what it becomes, as the journal keeps it. What a run has saved may be megabytes, and
// most changes leave it as it is: a step is written down once, when it is saved. To apply a difference again changes
// nothing: a repair may have to, where it does not know what a page includes.
import { fits } from '../support/schema.ts';
import type { Life, Run } from './run.ts';
import { Steps } from './steps.ts';
import { STEP_VALUES } from './stored-run.ts';

export interface Difference extends Partial<Omit<Run, 'life'>> {
  /** All of it, but for what `kept` names. */
  readonly life?: (Omit<Partial<Life>, 'steps'> & { readonly steps?: unknown }) | null;
  /** What `life` has from before. Of `steps` those that are in `life` are new. */
  readonly kept?: readonly Large[];
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
export function applyDifference(prev: Run, { kept, ...changed }: Difference): Run {
  const next = { ...prev, ...changed } as Run;
  const before = prev.life;
  if (!kept || !before || !next.life) return next;
  const life: Record<string, unknown> = { ...next.life };
  for (const name of kept) {
    if (!(name in life)) continue;
    const value = name === 'steps' ? withSteps(before.steps, life.steps) : before[name];
    if (value === undefined) delete life[name];
    else life[name] = value;
  }
  // As it stands in a file: the reader of the run says whether it makes sense.
  return { ...next, life: life as unknown as Life };
}

/** What makes no sense stays as it is, for the reader of the run. */
const withSteps = (before: Steps | undefined, added: unknown): unknown => {
  if (added === null) return before;
  return fits(STEP_VALUES, added) ? (Steps.of(added, before) ?? undefined) : added;
};

/** What is kept leaves its place empty. */
function lifeDifference(prev: Life, next: Life): Pick<Difference, 'life' | 'kept'> {
  const kept = LARGE.filter((name) => next[name] !== undefined && next[name] === prev[name]);
  const added = prev.steps && next.steps !== prev.steps && next.steps?.since(prev.steps);
  if (kept.length === 0 && !added) return { life: next };
  const life = {
    ...next,
    ...Object.fromEntries(kept.map((name) => [name, null])),
    ...(added && { steps: added }),
  };
  const all = added ? [...kept, 'steps' as const] : kept;
  return all.length > 0 ? { life, kept: all } : { life };
}
