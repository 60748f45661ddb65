// The runs of a list, read in parts: one answer of the store, which is text and values in memory at the same moment,
// has a few megabytes at most. A list that needs no values keeps none. It remembers large runs without their values by
// the number of their latest change: a client that looks again does not have them read again.
import type { Run } from '../../run/run.ts';
import { keptRun, LARGE_BYTES, withoutValues } from '../../run/stored-run.ts';
import { MB } from '../../support/limits.ts';
import { refuseLongList } from '../list-bytes.ts';
import type { Sessions } from './session.ts';

/** JSON of runs that is read at once. As values it takes several times as much. */
export const PART_BYTES = 4 * MB;

/** Runs that are read at once, however small they are. */
const MOST_IN_PART = 500;

/** Runs that are remembered: a thousand bytes each, and more of those with many attempts. */
const MOST_REMEMBERED = 1000;

/** The row of a run, with its JSON where it was small enough to come with the others. */
export interface ListedRow {
  readonly id: number;
  readonly changed: number;
  readonly bytes: number;
  readonly doc: unknown;
}

/** The JSON of runs `r`, as columns of a `ListedRow`; `most` is how large one may be to come with the others. */
export const listedColumns = (most: string): string =>
  `r.id::float8 as id, r.changed::float8 as changed, r.bytes, case when r.bytes <= ${most}
    and sum(case when r.bytes <= ${most} then r.bytes else 0 end) over (rows unbounded preceding) <= ${PART_BYTES}
    then r.doc end as doc`;

/** The value of `most` in these columns. */
export const mostListed = (isLight: boolean): number => (isLight ? LARGE_BYTES : PART_BYTES);

export class ListedRuns {
  readonly #sessions: Pick<Sessions, 'read'>;
  /** The least recently listed first: a Map keeps the order of insertion. */
  readonly #light = new Map<number, { readonly changed: number; readonly run: Run }>();

  constructor(sessions: Pick<Sessions, 'read'>) {
    this.#sessions = sessions;
  }

  /** The runs of these rows, but for those that have been removed meanwhile. Throws `too-large`. */
  async of(rows: readonly ListedRow[], isLight: boolean): Promise<readonly Run[]> {
    if (!isLight) refuseLongList(rows.map(({ bytes }) => bytes));
    const runs: Run[] = [];
    const missing: ListedRow[] = [];
    for (const row of rows) {
      const known = isLight && row.doc === null ? this.#remembered(row) : null;
      if (known) runs.push(known);
      else if (row.doc === null) missing.push(row);
      else runs.push(isLight ? withoutValues(keptRun(row.doc)) : keptRun(row.doc));
    }
    for (const part of partsOf(missing))
      for (const { changed, doc } of await this.#read(part)) {
        const run = keptRun(doc);
        runs.push(isLight ? this.#remember(changed, run) : run);
      }
    return runs;
  }

  #read(part: readonly ListedRow[]): Promise<readonly { changed: number; doc: unknown }[]> {
    return this.#sessions.read({
      name: 'jobrun_listed',
      text: 'select changed::float8, doc from run where id = any($1::bigint[])',
      values: [part.map(({ id }) => id)],
    });
  }

  #remembered({ id, changed }: ListedRow): Run | null {
    const known = this.#light.get(id);
    return known?.changed === changed ? known.run : null;
  }

  #remember(changed: number, run: Run): Run {
    const light = withoutValues(run);
    this.#light.delete(run.id);
    this.#light.set(run.id, { changed, run: light });
    const [oldest] = this.#light.keys();
    if (this.#light.size > MOST_REMEMBERED && oldest !== undefined) this.#light.delete(oldest);
    return light;
  }
}

/** In parts of so many bytes at most; a row that has more is a part of its own. */
export function* partsOf<Row extends { readonly bytes: number }>(
  rows: readonly Row[],
): Generator<readonly Row[]> {
  let [part, bytes]: [Row[], number] = [[], 0];
  for (const row of rows) {
    const isFull = bytes + row.bytes > PART_BYTES || part.length === MOST_IN_PART;
    if (part.length > 0 && isFull) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(row);
    bytes += row.bytes;
  }
  if (part.length > 0) yield part;
}
