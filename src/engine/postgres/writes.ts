// The one statement by which a turn writes what it has decided. Everything in it sees the tables as they were before
// it, so no two parts of it touch the same row.
import { differenceOf, LARGE } from '../../run/difference.ts';
import type { Life, Run } from '../../run/run.ts';
import { DAY, MAX_EVENTS_KEPT, REQUEST_MEMORY_MS } from '../../support/limits.ts';
import type { Made, Meta } from './decided.ts';
import { awaitsRuns, COLUMNS, columnOf, isOver, rowOf } from './run-row.ts';
import type { Statement } from './session.ts';
import { composed, type Part } from './statement.ts';
import { STIRS, stirOf } from './stirs.ts';
import type { Unit } from './unit.ts';

/** The connection that writes, and the one that it notifies. */
export interface Writer {
  readonly id: number;
  readonly channel: string;
}

const NAMES = Object.keys(COLUMNS).join(', ');
const TYPED = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`);
const FIXED = ['id', 'job', 'created_at', 'key', 'schedule'];
const CHANGES = [...Object.keys(COLUMNS), 'doc']
  .filter((name) => !FIXED.includes(name))
  .map((name) => `${name} = excluded.${name}`);

const RUNS = `rows as materialized (
    select * from json_to_recordset($1::json) as r (${TYPED.join(', ')}, doc text, fed boolean, back text)),
  put as (insert into run (${NAMES}, doc) select ${NAMES}, doc::json from rows
    on conflict (id) do update set ${CHANGES.join(', ')})`;

const REMOVED = `removed as (delete from run where id = any($1::bigint[]))`;

const EDGES = `edges as (insert into dependency (run, other)
    select * from unnest($1::bigint[], $2::bigint[]))`;

const NO_EDGES = `no_edges as (delete from dependency where run = any($1::bigint[]) or other = any($2::bigint[]))`;

const TALLY = `counted as (insert into tally (job, state, n)
    select * from json_to_recordset($1::json) as t (job text, state text, n bigint)
    on conflict (job, state) do update set n = tally.n + excluded.n)`;

/**
 * The latest change of a run is in the feed with its row, so that its JSON is sent once and nothing has to be joined: a
 * turn joins by nested loops (TURN_SETTINGS), and a thousand rows with a thousand changes took six times all else.
 */
const FEED = `feed as (insert into change (n, at, run, writer, back, doc)
    select changed, $2::float8, id, $3::bigint, back::json, doc::json from rows where fed
    union all select n, $2::float8, run, $3::bigint, back::json, doc::json
      from json_to_recordset($1::json) as c (n bigint, run bigint, back text, doc text))`;

const SCHEDULES = `rules as (insert into schedule (name, doc)
    select name, doc::json from json_to_recordset($1::json) as s (name text, doc text)
    on conflict (name) do update set doc = excluded.doc)`;

const NO_SCHEDULES = `no_rules as (delete from schedule where name = any($1::text[]))`;

const REQUESTS = `asked as (insert into request (id, ids, at)
    select id, ids::json, at from json_to_recordset($1::json) as q (id text, ids text, at float8)
    on conflict (id) do update set ids = excluded.ids, at = excluded.at)`;

const STARTS = `begun as (insert into start (job, at)
    select job, at from json_to_recordset($1::json) as b (job text, at float8)),
  stale as (delete from start s using json_to_recordset($1::json) as b (job text, since float8)
    where s.job = b.job and s.at <= b.since)`;

const META = `counters as (update meta set turn = $1::bigint, next_id = $2::bigint, changes = $3::bigint,
    schedules = $4::bigint, pauses = $5::json, clock_mark = $6::json, untold = $9::json, bytes = bytes + $10::bigint),
  done as (insert into writer (id, turn, at) values ($7::bigint, $1::bigint, $8::float8)
    on conflict (id) do update set turn = excluded.turn, at = excluded.at)`;

/** Records that are no longer asked for. */
const CUT = `old_changes as (delete from change where n <= $1::bigint),
  old_requests as (delete from request where at < $2::float8),
  old_writers as (delete from writer where at < $3::float8),
  old_starts as (delete from start where at < $3::float8)`;

/** So many changes apart. */
const CUT_EVERY = 1000;

const TELL = `told as (select pg_notify($1::text, $2::text))`;

/**
 * Runs, what they wait for and how many there are: what claims of the same turn have to see. Null where nothing
 * changed.
 */
export function rowsOf(unit: Unit, meta: Meta): Statement | null {
  const parts = rowParts(unit, meta);
  return parts.length === 0 ? null : statementOf(parts);
}

/** The rest of it, with what was not written before. `at` is the time of its changes. */
export function lastOf(unit: Unit, meta: Meta, { id, channel }: Writer, at: number): Statement {
  const { changes } = unit;
  const last = meta.changes + changes.length;
  const earlier = earlierOf(unit, meta.changes);
  const parts = rowParts(unit, meta);
  // The feed takes from the rows: they are there, were they none.
  if (parts[0]?.name !== 'runs') parts.unshift({ name: 'runs', text: RUNS, values: [null] });
  const add = (name: string, text: string, ...values: unknown[]): void => {
    parts.push({ name, text, values });
  };
  if (changes.length > 0)
    add('feed', FEED, earlier.length > 0 ? JSON.stringify(earlier) : null, at, id);
  const schedules = [...unit.changedSchedules].map(
    (name) => [name, unit.schedules.get(name)] as const,
  );
  const put = schedules.filter(([, schedule]) => schedule);
  const gone = schedules.filter(([, schedule]) => !schedule).map(([name]) => columnOf(name));
  const docs = put.map(([name, doc]) => ({ name: columnOf(name), doc: JSON.stringify(doc) }));
  if (docs.length > 0) add('rules', SCHEDULES, JSON.stringify(docs));
  if (gone.length > 0) add('norules', NO_SCHEDULES, gone);
  const asked = unit.asked.map((one) => ({
    ...one,
    id: columnOf(one.id),
    ids: JSON.stringify(one.ids),
  }));
  if (asked.length > 0) add('asked', REQUESTS, JSON.stringify(asked));
  const pauses = JSON.stringify({ all: unit.pauses.all, jobs: [...unit.pauses.jobs].sort() });
  const mark = unit.clockMark === null ? null : JSON.stringify(unit.clockMark);
  const untold = JSON.stringify(unit.untold());
  const counters = [
    meta.turn + 1,
    unit.nextId,
    last,
    versionOf(unit, meta),
    pauses,
    mark,
    id,
    at,
    untold,
  ];
  add('meta', META, ...counters, unit.grown);
  const isDue = Math.floor(meta.changes / CUT_EVERY) !== Math.floor(last / CUT_EVERY);
  if (isDue) add('cut', CUT, last - 2 * MAX_EVENTS_KEPT, at - REQUEST_MEMORY_MS, at - DAY);
  const stir = STIRS[stirOf(unit)];
  if (changes.length > 0 || stir > 0) add('tell', TELL, channel, `${id} ${last} ${stir}`);
  return statementOf(parts);
}

/** The version of the schedules as the turn leaves them. */
export const versionOf = ({ changedSchedules }: Unit, { schedules }: Meta): number =>
  schedules + (changedSchedules.size > 0 ? 1 : 0);

const statementOf = (parts: readonly Part[]): Statement =>
  composed('write', parts, (texts) => {
    const last = parts.at(-1)?.name === 'tell' ? 'select * from told' : 'select 1';
    return `with ${texts.join(',\n')} ${last}`;
  });

/** Counts what the rows grow by: each is written once. */
function rowParts(unit: Unit, { changes }: Meta): Part[] {
  const parts: Part[] = [];
  const latest = new Map(
    unit.changes.map((made, i) => [made.run.id, { made, n: changes + i + 1 }]),
  );
  const rows: unknown[] = [];
  const removed: number[] = [];
  const tally = new Map<string, { job: string; state: string; n: number }>();
  const edges: { run: number; other: number }[] = [];
  const free: number[] = [];
  const told = new Set(unit.told);
  const count = ({ job, state }: Run, by: number): void => {
    const at = `${state.name} ${job}`;
    const cell = tally.get(at) ?? { job: columnOf(job), state: state.name, n: 0 };
    tally.set(at, { ...cell, n: cell.n + by });
  };
  for (const id of unit.dirty) {
    const { run, held, text } = unit.runs.get(id) ?? { run: null, held: null, text: '' };
    const before = unit.written.get(id) ?? null;
    const { made, n = changes } = latest.get(id) ?? {};
    const row = run && rowOf(run, held, text || JSON.stringify(run), n);
    if (row) rows.push(made?.run === run ? { ...row, fed: true, back: backOf(made) } : row);
    else if (before) removed.push(id);
    const bytes = row?.bytes ?? 0;
    unit.grown += bytes - (unit.sizes.get(id) ?? 0);
    unit.sizes.set(id, bytes);
    if (before) count(before, -1);
    if (run) count(run, 1);
    if (awaitsRuns(run) && !awaitsRuns(before))
      for (const other of run.origin?.after ?? [])
        if (unit.isPending(other)) edges.push({ run: id, other });
    if (awaitsRuns(before) && !awaitsRuns(run)) free.push(id);
    if (before && (run === null || isOver(run)) && !unit.isUntold(id)) told.add(id);
  }
  const add = (name: string, text: string, ...values: unknown[]): void => {
    parts.push({ name, text, values });
  };
  if (rows.length > 0) add('runs', RUNS, JSON.stringify(rows));
  if (removed.length > 0) add('removed', REMOVED, removed);
  if (edges.length > 0)
    add(
      'edges',
      EDGES,
      edges.map(({ run }) => run),
      edges.map(({ other }) => other),
    );
  if (free.length + told.size > 0) add('noedges', NO_EDGES, free, [...told]);
  const starts = unit.started
    .slice(unit.startsWritten)
    .map((one) => ({ ...one, job: columnOf(one.job) }));
  if (starts.length > 0) add('starts', STARTS, JSON.stringify(starts));
  const counts = [...tally.values()].filter(({ n }) => n !== 0);
  if (counts.length > 0) add('tally', TALLY, JSON.stringify(counts));
  return parts;
}

interface Fed {
  readonly n: number;
  readonly run: number;
  readonly back: string | null;
  readonly doc: string;
}

/**
 * The changes of a turn that no row stands for, as others read them; `before` is the number of the last change before
 * it.
 */
function earlierOf(unit: Unit, before: number): readonly Fed[] {
  return unit.changes.flatMap((made, i) => {
    const { run, text } = made;
    const isRow = unit.dirty.has(run.id) && unit.runs.get(run.id)?.run === run;
    return isRow ? [] : { n: before + i + 1, run: run.id, back: backOf(made), doc: text };
  });
}

const backOf = ({ prev, run }: Made): string | null =>
  prev && JSON.stringify(differenceOf(run, withoutSaved(prev, run)) ?? {});

/**
 * The values that a run had saved before may be megabytes: it only matters that they were something else, or not there.
 */
function withoutSaved(prev: Run, { life }: Run): Run {
  if (!prev.life || !life) return prev;
  const kept = Object.entries(prev.life).filter(
    ([name, value]) => !isLarge(name) || value === life[name],
  );
  // No life has to have what is left out.
  return { ...prev, life: Object.fromEntries(kept) as unknown as Life };
}

const isLarge = (name: string): name is (typeof LARGE)[number] =>
  (LARGE as readonly string[]).includes(name);

/** The rows are in the database as they are now. */
export function wereWritten(unit: Unit): void {
  for (const id of unit.dirty) unit.written.set(id, unit.runs.get(id)?.run ?? null);
  unit.dirty.clear();
  unit.startsWritten = unit.started.length;
}
