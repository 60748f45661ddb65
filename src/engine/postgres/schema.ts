// The tables of the store, all of them, and how they come to be. A run is its JSON (`doc`) and, beside it, the columns
// that are asked for; the JSON is the truth. `meta` has one row. A change of a run holds the lock of that row.
//
// Texts are compared byte by byte ("C"): the order of a locale may change with an update of the system, and would leave
// the indexes wrong. Instants are double precision, as in JavaScript.
import { JobrunError } from '../../support/errors.ts';
import type { Session } from './session.ts';

/** Grows with each change of the tables. */
export const FORMAT = 3;

const UNSETTLED = `state in ('scheduled', 'waiting', 'queued', 'running')`;

const RUNS = `
create table run (
  id bigint primary key,
  job text collate "C" not null,
  state text collate "C" not null,
  priority double precision not null,
  due_at double precision not null,
  created_at double precision not null,
  settled_at double precision,
  -- When the wait of a scheduled or waiting run began, where it has a length.
  wait_from double precision,
  -- It gets a process of its own whatever the workerKind of its job.
  alone boolean not null,
  -- Another queued run goes before it for their lock, or the lock is held.
  parked boolean not null,
  key text collate "C",
  lock text collate "C",
  schedule text collate "C",
  -- The lease of a running one.
  token_turn bigint,
  token_n integer,
  member bigint,
  mark text,
  -- The number of its latest change, and the length of its JSON.
  changed bigint not null,
  bytes integer not null,
  doc json not null
) with (fillfactor = 85);
create index run_next on run (job, alone, priority desc, due_at, id) where state = 'queued' and not parked;
create index run_due on run (due_at) where state = 'scheduled';
create index run_wait on run (wait_from) where wait_from is not null;
create index run_running on run (job, id) where state = 'running';
create index run_lock on run (lock, job, alone, priority desc, due_at, id) where state = 'queued' and lock is not null;
create index run_front on run (lock) where lock is not null and (state = 'running' or (state = 'queued' and not parked));
create index run_held_key on run (job, key) where key is not null and ${UNSETTLED};
create index run_key on run (key, id) where key is not null;
create index run_schedule on run (schedule, id) where schedule is not null and ${UNSETTLED};
create index run_waiting on run (due_at, id) where state in ('scheduled', 'waiting', 'queued');
create index run_settled on run (settled_at, id) where settled_at is not null;
create index run_state on run (state, id);
create index run_job on run (job, state, id);
-- Which unsettled runs a waiting one waits for.
create table dependency (run bigint not null, other bigint not null);
create index dependency_run on dependency (run);
create index dependency_other on dependency (other, run);
create table tally (
  job text collate "C" not null,
  state text collate "C" not null,
  n bigint not null,
  primary key (job, state)
) with (fillfactor = 50);
-- When attempts of jobs with a rate began.
create table start (job text collate "C" not null, at double precision not null);
create index start_at on start (job, at);
create table change (
  n bigint primary key,
  at double precision not null,
  run bigint not null,
  writer bigint not null,
  -- What turns the run into what it was before; null where it was not there.
  back json,
  doc json not null
);
create table request (
  id text collate "C" primary key,
  ids json not null,
  at double precision not null
);
create index request_at on request (at);
create table schedule (
  name text collate "C" primary key,
  place bigserial,
  doc json not null
);`;

const MEMBERS = `
-- Each opening of the store, with the number of the last turn that it committed.
create table writer (
  id bigint primary key,
  turn bigint not null,
  at double precision not null
);
create table member (
  id bigint primary key,
  host text not null,
  state text not null,
  pid integer not null,
  boot text not null,
  since double precision not null,
  lease_ms double precision not null,
  beats bigint not null default 0,
  -- When it renewed its lease last, by the clock of the store.
  beat_at double precision not null,
  info json not null
);
create table worker (
  mark text primary key,
  member bigint not null,
  pid integer not null,
  start_time text not null,
  boot text not null
);
create index worker_member on worker (member);`;

/** Logs and result tables, in pieces of text: log-table.ts. The columns that find a piece stand in the index. */
const LOGS = `
create table log (
  run bigint not null,
  n bigint not null,
  part smallint not null,
  first bigint not null,
  lines integer not null,
  bytes integer not null,
  body text not null,
  primary key (run, n) include (part, first, lines, bytes)
);
-- Under which lease the log of a run was written last: an earlier one writes no more.
create table log_writer (
  run bigint primary key,
  token_turn bigint not null,
  token_n integer not null
);`;

const META = `
create table meta (
  one boolean primary key default true check (one),
  format integer not null,
  turn bigint not null default 0,
  next_id bigint not null default 1,
  changes bigint not null default 0,
  -- Grows with each change of a schedule.
  schedules bigint not null default 0,
  pauses json not null default '{"all":false,"jobs":[]}',
  -- Runs that are over, of which not all have heard that waited for them.
  untold json not null default '[]',
  clock_mark json,
  -- What the rows of run hold: the sum of their bytes.
  bytes bigint not null default 0
);
insert into meta (format) values (${FORMAT});`;

/** The sum of bytes as the rows are. */
export const COUNT_BYTES = 'update meta set bytes = (select coalesce(sum(bytes), 0) from run);';

/** The steps that make each format of the one before. In format 1 nothing was kept of logs. */
const STEPS: Readonly<Record<number, string>> = {
  1: `drop table log, result;${LOGS}`,
  2: `alter table meta add column bytes bigint not null default 0;${COUNT_BYTES}`,
};

/** The names of all tables. */
export const TABLES: readonly string[] = [
  ...`${RUNS}${MEMBERS}${LOGS}${META}`.matchAll(/create table (\w+)/g),
].map(([, name = '']) => name);

/**
 * Makes the tables where there are none, and today's of those of an earlier version. Many that come at the same moment
 * do it once: the first one does, the others wait for it. Throws `store-newer` where a later version has made them, or
 * where daemons are at work on earlier ones.
 */
export async function prepareSchema(session: Session, schema: string): Promise<void> {
  const found = await formatOf(session, schema);
  if (found === null || found < FORMAT) await makeTables(session, schema);
  refuseNewer(found ?? (await formatOf(session, schema)) ?? FORMAT, schema);
}

async function makeTables(session: Session, schema: string): Promise<void> {
  await session.query({ text: 'begin isolation level read committed' });
  try {
    const key = `jobrun schema ${schema}`;
    const lock = 'select pg_advisory_xact_lock(hashtextextended($1, 0))';
    await session.query({ text: lock, values: [key] });
    const found = await formatOf(session, schema);
    if (found === null) await create(session, schema);
    else if (found < FORMAT) await migrate(session, schema, found);
    await session.query({ text: 'commit' });
  } catch (error) {
    // The first error says what is wrong; a session that is lost has been rolled back.
    await session.query({ text: 'rollback' }).catch(() => undefined);
    throw error;
  }
}

async function create(session: Session, schema: string): Promise<void> {
  // "if not exists" asks for the right to make one also where there is one.
  const named = 'select 1 from pg_namespace where nspname = $1';
  const { length } = await session.query({ text: named, values: [schema] });
  const make = length === 0 ? `create schema ${quoted(schema)};` : '';
  await session.query({ text: `${make}${pathOf(schema)}${RUNS}${MEMBERS}${LOGS}${META}` });
}

async function migrate(session: Session, schema: string, from: number): Promise<void> {
  await session.query({ text: `${pathOf(schema)}select from meta for update` });
  // Each member by now has opened the tables as they are: one that came later would have changed them.
  const members = await session.query<{ host: string }>({
    text: `select distinct host from member
      where beat_at > extract(epoch from clock_timestamp()) * 1000 - lease_ms order by host`,
  });
  if (members.length > 0) {
    const hosts = members.map(({ host }) => host).join(', ');
    const message = `daemons of an earlier jobrun share the store in schema ${schema}: ${hosts}`;
    throw new JobrunError('store-newer', message, 'Stop them first, on each host: jobrun stop');
  }
  let steps = '';
  for (let format = from; format < FORMAT; format++) steps += STEPS[format] ?? '';
  const text = `${steps}update meta set format = ${FORMAT}`;
  await session.query({ text });
}

const pathOf = (schema: string): string => `set local search_path = ${quoted(schema)};`;

/** Null where there are no tables. */
export async function formatOf(session: Session, schema: string): Promise<number | null> {
  // A look at the catalog itself: by name, a session may be told of what it has not found a moment ago.
  const text = `select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = 'meta'`;
  const { length } = await session.query({ text, values: [schema] });
  if (length === 0) return null;
  const [row] = await session.query<{ format: number }>({
    text: `select format from ${quoted(schema)}.meta`,
  });
  return row?.format ?? null;
}

/** Throws `store-newer` where a later version has made the tables. */
export function refuseNewer(format: number, schema: string): void {
  if (format <= FORMAT) return;
  const message = `the store has format ${format} in schema ${schema}, and this version of jobrun knows ${FORMAT}`;
  throw new JobrunError(
    'store-newer',
    message,
    'Install the version of jobrun that the other hosts have.',
  );
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
