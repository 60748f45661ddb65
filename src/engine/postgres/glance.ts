// The one look at the store of each pass of the scheduler: what is due, which jobs have runs that may start, and
// whether a schedule has changed. It goes ahead of a turn, in its session, and takes no lock.
import { CLOCK_JUMP_MS } from '../../support/limits.ts';
import type { Meta } from './decided.ts';
import { columnOf } from './run-row.ts';
import type { Statement } from './session.ts';

/** A job with runs in the queue that stand aside for no lock. */
export type InQueue = readonly [job: string, ordinary: boolean, alone: boolean];

export interface Glance {
  /** The version of the schedules. */
  readonly schedules: number;
  readonly pauses: Meta['pauses'];
  readonly queued: readonly InQueue[];
  /** When the next scheduled run becomes due. */
  readonly next: number | null;
  /** Some are due, or seem to wait longer than their wait is long. */
  readonly isDue: boolean;
  /** When the first of the jobs that have reached their rate gets a place. */
  readonly place: number | null;
  /** News that not all have heard. */
  readonly untold: number;
}

export interface Rate {
  readonly job: string;
  readonly limit: number;
  readonly perMs: number;
}

const stands = (alone: boolean): string => `exists (select from run r
  where r.job = t.job and r.alone = ${alone} and r.state = 'queued' and not r.parked)`;

const GLANCE = `select m.schedules::float8 as schedules, m.pauses, json_array_length(m.untold) as untold,
  (select coalesce(json_agg(json_build_array(t.job, ${stands(false)}, ${stands(true)})), '[]')
    from tally t where t.state = 'queued' and t.n > 0) as queued,
  (select min(due_at) from run where state = 'scheduled') as next,
  (exists (select from run where state = 'scheduled' and due_at <= $4::float8)
    or exists (select from run where wait_from > $5::float8)) as "isDue",
  (select min(s.at + j.per) from unnest($1::text[], $2::integer[], $3::float8[]) as j (job, most, per),
    lateral (select at from start where job = j.job and at > $4::float8 - j.per and at <= $5::float8
      order by at desc offset j.most - 1 limit 1) s
    where exists (select from tally t where t.job = j.job and t.state = 'queued' and t.n > 0)) as place
  from meta m`;

/** Tells the places in these rates. */
export const glanceOf = (rates: readonly Rate[], now: number): Statement => ({
  name: 'jobrun_glance',
  text: GLANCE,
  values: [
    rates.map(({ job }) => columnOf(job)),
    rates.map(({ limit }) => limit),
    rates.map(({ perMs }) => perMs),
    now,
    now + CLOCK_JUMP_MS,
  ],
});
