// What must hold of the tables of a store at any moment, asked of the database itself. Each question finds what is
// wrong.
import { query } from './postgres.ts';

const UNSETTLED = `('scheduled', 'waiting', 'queued', 'running')`;

const QUESTIONS: Readonly<Record<string, string>> = {
  'counts that are not those of the rows': `
    select job, state, coalesce(t.n, 0) as tally, coalesce(r.n, 0) as rows
    from (select job, state, n from tally where n <> 0) t
    full join (select job, state, count(*) as n from run group by job, state) r using (job, state)
    where t.n is distinct from r.n`,
  'bytes that are not those of the rows': `
    select bytes from meta where bytes <> (select coalesce(sum(bytes), 0) from run)`,
  'columns that say something else than their run': `
    select id from run where doc->>'id' <> id::text or doc->>'job' <> job or doc->'state'->>'name' <> state
      or (doc->'state'->>'dueAt')::float8 <> due_at or (doc->>'priority')::float8 <> priority
      or (doc->'state'->>'settledAt')::float8 is distinct from settled_at
      or doc->'origin'->>'key' is distinct from key or doc->'origin'->>'lock' is distinct from lock
      or octet_length(doc::text) <> bytes`,
  'leases without a running run, or the other way round': `
    select id from run where (state = 'running') <> (token_turn is not null and member is not null)`,
  'two runs with one lock': `
    select lock from run where state = 'running' and lock is not null group by lock having count(*) > 1`,
  'two unsettled runs with one key': `
    select job, key from run where key is not null and state in ${UNSETTLED} group by job, key having count(*) > 1`,
  'runs that are parked and should not be, or the other way round': `
    select id from (
      select id, parked,
        lock is not null and (exists (select from run h where h.lock = run.lock and h.state = 'running')
          or row_number() over (partition by lock, job, alone order by priority desc, due_at, id) > 1) as should
      from run where state = 'queued') q
    where parked <> should`,
  'runs that wait for nothing': `
    select r.id from run r where r.state = 'waiting' and r.doc->'state'->>'for' = 'runs'
      and not exists (select from dependency d where d.run = r.id)
      and (select json_array_length(untold) from meta) = 0`,
  'dependencies of what is over, or does not wait': `
    select d.run, d.other from dependency d left join run r on r.id = d.run left join run o on o.id = d.other
    where (select json_array_length(untold) from meta) = 0
      and (r.state is distinct from 'waiting' or o.state is null or o.state not in ${UNSETTLED})`,
  'numbers of changes that are missing': `
    select changes from meta where changes <> (select count(*) + coalesce(min(n) - 1, 0) from change) or next_id <= (select max(id) from run)`,
};

/** All that is wrong; nothing where all is well. */
export async function faultsOf(
  store: string,
  ask: (text: string) => Promise<readonly unknown[]> = (text) => query(store, text),
): Promise<Readonly<Record<string, unknown>>> {
  const faults: Record<string, unknown> = {};
  for (const [what, text] of Object.entries(QUESTIONS)) {
    const rows = await ask(text);
    if (rows.length > 0) faults[what] = rows;
  }
  return faults;
}
