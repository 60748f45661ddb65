// Runs with a lock, told in prose:
//
// A million runs may wait for one lock. A claim must not go over them, so of the queued runs with one lock only the
// best of each line (a job, and whether it runs alone) can be claimed; the others are parked, and no index of those to
// claim has them. While a run holds the lock, all of them are.
//
// A run is parked whenever it is written as queued. Then, in the same turn, the lines of each lock that the turn has
// touched are put right.
import type { Run } from '../../run/run.ts';
import type { Made } from './decided.ts';
import { columnOf } from './run-row.ts';
import type { Statement } from './session.ts';

/** Goes from line to line of each free lock, and takes the first of each: it does not look at the others. */
const TEXT = `with recursive free as (
    select distinct l.lock from unnest($1::text[]) as l (lock)
    where not exists (select from run h where h.lock = l.lock and h.state = 'running')),
  line (lock, job, alone) as (
    select f.lock, n.job, n.alone from free f, lateral (
      select r.job, r.alone from run r where r.lock = f.lock and r.state = 'queued'
      order by r.job, r.alone limit 1) n
    union all
    select l.lock, n.job, n.alone from line l, lateral (
      select r.job, r.alone from run r
      where r.lock = l.lock and r.state = 'queued' and (r.job, r.alone) > (l.job, l.alone)
      order by r.job, r.alone limit 1) n),
  first as materialized (
    select n.id, n.parked from line l, lateral (
      select r.id, r.parked from run r
      where r.lock = l.lock and r.job = l.job and r.alone = l.alone and r.state = 'queued'
      order by r.priority desc, r.due_at, r.id limit 1) n)
  update run set parked = not run.parked where run.id in (
    select id from first where parked
    union all
    select r.id from run r
    where r.lock = any($1::text[]) and r.state = 'queued' and not r.parked
      and r.id not in (select id from first))`;

/** Null where the changes have touched no lock. */
export function linesOf(changes: readonly Made[]): Statement | null {
  const locks = new Set<string>();
  for (const { prev, run } of changes)
    for (const one of [prev, run])
      if (one && counts(one)) locks.add(columnOf(one.origin?.lock ?? ''));
  return locks.size === 0 ? null : linesOfLocks([...locks]);
}

/** Puts the lines of these locks right, as their columns have them. */
export const linesOfLocks = (locks: readonly string[]): Statement => ({
  name: 'jobrun_lines',
  text: TEXT,
  values: [locks],
});

const counts = ({ state, origin }: Run): boolean =>
  origin?.lock !== undefined && (state.name === 'queued' || state.name === 'running');
