// A query as it is carried out: which runs fit, what the tally knows of that without a look at them, and which part of
// them is asked for.
import { isSettledName, type Run, STATE_NAMES, type StateName } from '../../run/run.ts';
import { isNarrower, isSearched, WordFilter } from '../../run/words.ts';
import type { Query } from '../engine.ts';

export interface Plan {
  readonly states: readonly StateName[] | null;
  readonly jobs: ReadonlySet<string> | null;
  /** Jobs whose runs have all the words by their name alone; null where nothing can be told from that. */
  readonly sure: ReadonlySet<string> | null;
  /** The only run that can fit, where it is asked for by its id. */
  readonly only: number | null;
  /** Only unsettled runs: memory has all of them, and no page is read. */
  readonly live: boolean;
  /** The tally can count what fits. */
  readonly counted: boolean;
  readonly words: WordFilter | null;
  /** All but the words. */
  readonly fitsBut: (run: Run) => boolean;
  /** For a run with all its values. */
  readonly fits: (run: Run) => boolean;
  readonly from: number;
  readonly until: number;
  readonly below: number;
  readonly around: number | null;
  readonly since: number | null;
  /** But for the time the tally could count. */
  readonly onlySince: boolean;
}

/** `names`: of all jobs that have runs. */
export function planOf(query: Query, names: () => Iterable<string>): Plan {
  const { key, since, around = null, offset: from = 0, below } = query;
  const states = query.states?.length ? query.states : null;
  const wanted = new Set<string>(states ?? STATE_NAMES);
  const words = isSearched(query) ? new WordFilter(query) : null;
  const all = words && [...names()];
  const may = all?.filter((name) => !words?.excludesJob(name));
  const given = query.jobs && new Set(query.jobs);
  const jobs = may ? new Set(may.filter((name) => !given || given.has(name))) : (given ?? null);
  const sure = all && key === undefined && since === undefined;
  const fitsBut = (run: Run): boolean =>
    wanted.has(run.state.name) &&
    (!jobs || jobs.has(run.job)) &&
    (key === undefined || run.origin?.key === key) &&
    (since === undefined || run.createdAt >= since);
  return {
    states,
    jobs,
    sure: sure ? new Set(all.filter((name) => jobs?.has(name) && words?.fitsJob(name))) : null,
    only: words?.only ?? null,
    live: states?.every((name) => !isSettledName(name)) ?? false,
    counted: key === undefined && words === null && since === undefined,
    words,
    fitsBut,
    fits: (run) => fitsBut(run) && (words === null || words.fits(run) === true),
    from,
    until: from + query.limit,
    below: below ?? Number.POSITIVE_INFINITY,
    around,
    since: since ?? null,
    onlySince: key === undefined && words === null,
  };
}

/** True where every run that fits the second query fits the first one, and that for its words alone. */
export function isWithin(wide: Omit<Query, 'limit'>, narrow: Omit<Query, 'limit'>): boolean {
  const { states, jobs, key, since } = wide;
  const isSame =
    JSON.stringify([states, jobs, key, since]) ===
    JSON.stringify([narrow.states, narrow.jobs, narrow.key, narrow.since]);
  return isSame && isNarrower(wide, narrow);
}
