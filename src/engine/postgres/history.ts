// Settled runs in the order in which they settled, a page at a time. Each page begins after the last run of the one
// before.
import type { SettledName } from '../../run/run.ts';
import type { History, Period, SettledRun } from '../engine.ts';
import { isAside } from './run-row.ts';
import type { Sessions } from './session.ts';

const PAGE = 1000;

const TEXT = `select id::float8, job, state, settled_at, bytes, ${isAside('doc')} as aside
  from run where (settled_at, id) > ($1::float8, $2::bigint) and settled_at < $3::float8
  order by settled_at, id limit ${PAGE}`;

interface Row {
  readonly id: number;
  readonly job: string;
  readonly state: SettledName;
  readonly settled_at: number;
  readonly bytes: number;
  readonly aside: boolean;
}

export async function* historyOf(
  sessions: Sessions,
  { from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }: Period,
): AsyncGenerator<History> {
  // No run has the id 0.
  for (let after: readonly [at: number, id: number] | null = [from, 0]; after; ) {
    const values = [...after, until];
    const rows: readonly Row[] = await sessions.read({
      name: 'jobrun_history',
      text: TEXT,
      values,
    });
    yield { runs: rows.map(settledOf), damage: [] };
    const last = rows.at(-1);
    after = last && rows.length === PAGE ? [last.settled_at, last.id] : null;
  }
}

const settledOf = ({ id, job, state, settled_at, bytes, aside }: Row): SettledRun => ({
  ...{ id, job, state, bytes, aside },
  settledAt: settled_at,
});
