// Settled runs in the order in which they settled, the first one first; of the same millisecond the lower id first.
//
// Pages are read in the order in which their spans begin (settled-order.ts), each once. A run has its place when no page
// that is left can hold one before it. Until then it is held, light; where too many are, the last of them are left to
// another pass. So a history that is about in the order of its ids costs one look at each page, and none costs more
// memory than that.
import type { Run } from '../../run/run.ts';
import { asideOf } from '../../run/stored-run.ts';
import { type Pages, readable } from '../../store/pages.ts';
import { type Tally, UNKNOWN } from '../../store/tally.ts';
import type { JobrunError } from '../../support/errors.ts';
import { PAGE_SIZE } from '../../support/limits.ts';
import type { History, Period, SettledRun } from '../engine.ts';

/** Runs held until they have their place, at most: some megabytes. */
const HELD = 65_536;
const BATCH = 1000;

type Counts = Pick<Tally<Run, string>, 'pages' | 'spanOf'>;
type Place = Pick<SettledRun, 'settledAt' | 'id'>;

const isBefore = (a: Place, b: Place): boolean =>
  a.settledAt !== b.settledAt ? a.settledAt < b.settledAt : a.id < b.id;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function* history(
  tally: Counts,
  pages: Pages<Run>,
  { from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }: Period,
  held = HELD,
): AsyncGenerator<History> {
  const damage: JobrunError[] = [];
  const batch = (runs: readonly SettledRun[]): History => ({ runs, damage: damage.splice(0) });
  for await (const _ of measured(tally, pages, damage)) yield batch([]);
  let begin: Place = { settledAt: from, id: 0 };
  for (let isOver = false; !isOver; ) {
    isOver = true;
    let end: Place = { settledAt: until, id: 0 };
    let waiting: SettledRun[] = [];
    const left = beginnings(tally, begin.settledAt);
    for (const [i, { page, place }] of left.entries()) {
      if (!isBefore(place, end)) break;
      for (const run of (await readable(pages.current(page), damage)) ?? []) {
        const one = settledOf(run, pages);
        if (one && !isBefore(one, begin) && isBefore(one, end)) waiting.push(one);
      }
      waiting.sort((a, b) => (isBefore(a, b) ? -1 : 1));
      const next = left[i + 1]?.place;
      const at = next ? waiting.findIndex((one) => !isBefore(one, next)) : -1;
      const placed = waiting.splice(0, at < 0 ? waiting.length : at);
      for (let n = 0; n === 0 || n < placed.length; n += BATCH)
        yield batch(placed.slice(n, n + BATCH));
      begin = placed.at(-1) ?? begin;
      const over = waiting[held];
      if (over) [end, waiting, isOver] = [over, waiting.slice(0, held), false];
      await turn();
    }
    begin = end;
  }
}

/** Looks once into the pages of which it is not known when their runs settled: the manifest does not always tell. */
export async function* measured(
  tally: Counts,
  pages: Pages<Run>,
  damage: JobrunError[],
): AsyncGenerator<void> {
  for (const page of tally.pages()) {
    if (tally.spanOf(page).first > UNKNOWN.first) continue;
    await readable(pages.current(page), damage);
    yield;
    await turn();
  }
}

/** The pages with a run that settled at this time or later, each with the place before which it has none. */
function beginnings(tally: Counts, from: number): { page: number; place: Place }[] {
  const beginning = (page: number): { page: number; place: Place }[] => {
    const { first, last } = tally.spanOf(page);
    const isThere = Number.isFinite(first) && last >= from;
    return isThere ? [{ page, place: { settledAt: first, id: page * PAGE_SIZE } }] : [];
  };
  return tally
    .pages()
    .flatMap(beginning)
    .sort((a, b) => (isBefore(a.place, b.place) ? -1 : 1));
}

function settledOf(run: Run, pages: Pages<Run>): SettledRun | null {
  const { id, job, state } = run;
  if (!('settledAt' in state)) return null;
  const { name, settledAt } = state;
  return {
    id,
    job,
    state: name,
    settledAt,
    bytes: pages.sizeOf(run),
    aside: asideOf(run) !== null,
  };
}
