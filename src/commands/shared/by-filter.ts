// Doing one thing to every run that fits a filter, for `abort` and `retry`: what a page or a program asks for that has
// no list of ids. The runs are chosen first, by when they were accepted: what comes while the first ones are done is
// left alone. Then they are done some at a time, and it is told how far it is.
import type { Run, StateName } from '../../run/run.ts';
import { LIST_NAMES } from '../../run/run-lists.ts';
import { isoOf } from '../../support/clock.ts';
import type { Context } from './command.ts';
import { FILTER } from './filter.ts';
import { choice, instant } from './kinds.ts';
import { type Checked, field, yesOrNo } from './options.ts';
import { queryOf } from './run-list.ts';
import { each, idsOf, isRefused } from './several.ts';

/** A stop lets the part under way finish: few enough runs for that to be soon, and enough to share a commit. */
const AT_ONCE = 200;

export const BY_FILTER = {
  q: FILTER,
  list: field(choice(LIST_NAMES), 'only what this list of the dashboard shows'),
  until: field(instant, 'only what was accepted before then; a dry run replies with its own'),
  dryRun: field(yesOrNo, 'tell how many runs fit, and change nothing'),
};

export type ByFilter = Checked<typeof BY_FILTER>;

/** How far it is. Without `done` and `failed` nothing was to be changed. */
export interface Matched {
  readonly matched: number;
  readonly done?: number;
  readonly failed?: number;
  /** The time before which the counted runs were accepted; only in the reply of a dry run. */
  readonly until?: string;
}

export const isByFilter = ({ q, list }: Pick<ByFilter, 'q' | 'list'>): boolean =>
  q !== undefined || list !== undefined;

/** The runs in these states that fit, once all of them are known, and then how many were done, some at a time. */
export async function* eachMatching(
  request: ByFilter,
  states: readonly StateName[],
  doer: (ids: readonly number[]) => (id: number) => Promise<object>,
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<Matched> {
  // By this clock, which stamps the runs: that of a client may be another one.
  const until = request.until ?? (request.dryRun ? context.clock.now() : Infinity);
  const ids = await matchingIds({ ...request, until }, states, context);
  const matched = ids.length;
  if (request.dryRun) return yield { matched, until: isoOf(until) };
  const act = doer(ids);
  let [done, failed] = [0, 0];
  yield { matched, done, failed };
  for (let at = 0; at < matched && !signal.aborted; at += AT_ONCE) {
    const results = await each(ids.slice(at, at + AT_ONCE), act);
    const refused = results.filter(isRefused).length;
    failed += refused;
    done += results.length - refused;
    yield { matched, done, failed };
  }
}

/** Newest first: in that order runs can be gone through while they change. */
async function matchingIds(
  { q, list, until = Infinity }: ByFilter,
  states: readonly StateName[],
  context: Context,
): Promise<readonly number[]> {
  const asked = {
    states,
    limit: 0,
    offset: 0,
    ...(q !== undefined && { q }),
    ...(list && { list }),
  };
  const { order: _, limit: _limit, light: _light, ...query } = await queryOf(asked, context);
  return idsOf(query, context, (run: Run) => run.createdAt < until);
}
