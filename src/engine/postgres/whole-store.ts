// All of a store as a stream, out and in: the same lines as the engine on files has. The tables of that engine are what
// both sides read and check them by.
//
// Out: one session sees the store as it is at one moment, beside daemons that go on. In: one transaction, under the
// lock that every change takes. So a store takes in all of a stream or nothing, and no reader sees half of it.
import type { News } from '../../run/intake.ts';
import type { Run } from '../../run/run.ts';
import { type Import, StreamReader, type StreamSink, streamOf } from '../../store/stream-format.ts';
import { type Clock, isoOf } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import { assert, JobrunError } from '../../support/errors.ts';
import { HOUR, MB } from '../../support/limits.ts';
import type { Fields } from '../../support/schema.ts';
import type { StorePlace } from '../../support/store-place.ts';
import { count } from '../../support/text.ts';
import { newTables, type Tables } from '../files/tables.ts';
import { packed, unpacked } from '../ids.ts';
import { openOne } from './connect-store.ts';
import type { Meta } from './decided.ts';
import { linesOfLocks } from './locks.ts';
import { COLUMNS, columnOf, isAside, lookedInto, type RunRow, rowOf, textIn } from './run-row.ts';
import { COUNT_BYTES, quoted } from './schema.ts';
import type { Session } from './session.ts';
import { LogSink, logsIn } from './whole-logs.ts';

/** The reader or writer of the stream may be slow. */
const SLOWLY = {
  set: { statement_timeout: '0', idle_in_transaction_session_timeout: '0' },
  answerMs: 24 * HOUR,
};

/** Runs that are read or written at once. */
const MOST_RUNS = 500;
const MOST_BYTES = 8 * MB;

export async function* exportStore(
  config: Pick<Config, 'dir'>,
  place: StorePlace,
  clock: Clock,
  version: string,
): AsyncGenerator<string> {
  const session = await openOne(config, place, clock, SLOWLY);
  try {
    await session.query({ text: 'begin isolation level repeatable read read only' });
    const meta = await metaOf(session);
    const tables = await tablesOf(session, meta);
    const { next_id: nextId, changes } = meta;
    const header = { version, at: isoOf(clock.now()), nextId, changes };
    yield* streamOf(header, tables, itemsOf(session));
  } finally {
    await session.close();
  }
}

async function metaOf(session: Session, how = ''): Promise<Meta> {
  const text = `select turn::float8, next_id::float8, changes::float8, schedules::float8, pauses, untold, clock_mark
    from meta ${how}`;
  const [meta] = await session.query<Meta>({ text });
  assert(meta, 'meta has a row');
  return meta;
}

/** The records beside the runs, as the engine on files has them. */
async function tablesOf(session: Session, { pauses, untold }: Meta): Promise<Tables> {
  const tables = newTables();
  const load = (line: string, record: unknown): void => {
    const isKnown = tables.documents.loadLine(line, record, (what) => {
      throw new JobrunError('state-damaged', `the store: ${what}`, 'See: jobrun doctor');
    });
    assert(isKnown, `there are lines of ${line}`);
  };
  const schedules = await session.query<{ doc: unknown }>({
    text: 'select doc from schedule order by place',
  });
  for (const { doc } of schedules) load('schedule', doc);
  load('paused', pauses);
  const requests = await session.query<{ id: string; ids: number[]; at: number }>({
    text: 'select id, ids, at from request order by at, id',
  });
  for (const { id, ids, at } of requests) load('request', [textIn(id), packed(ids), at]);
  const starts = await session.query<{ job: string; at: number[] }>({
    text: 'select job, json_agg(at order by at) as at from start group by job order by job',
  });
  for (const { job, at } of starts) load('starts', [textIn(job), at]);
  for (const news of untold) load('untold', news);
  return tables;
}

async function* itemsOf(session: Session): AsyncGenerator<Fields> {
  yield* runsOf(session);
  yield* logsIn(session);
}

async function* runsOf(session: Session): AsyncGenerator<Fields> {
  const text = `select id::float8, doc from (
      select id, doc, sum(bytes) over (order by id) - bytes as before
      from (select id, bytes, doc from run where id > $1 order by id limit ${MOST_RUNS}) r) r
    where before < ${MOST_BYTES} order by id`;
  for (let after = 0; ; ) {
    const rows = await session.query<{ id: number; doc: Run }>({ text, values: [after] });
    for (const { doc } of rows) yield { run: doc };
    const last = rows.at(-1);
    if (!last) return;
    after = last.id;
  }
}

/** Throws `store-in-use` where the store is not empty, or a daemon shares it. */
export async function importIntoStore(
  config: Pick<Config, 'dir'>,
  place: StorePlace,
  clock: Clock,
  lines: AsyncIterable<string>,
): Promise<Import> {
  const session = await openOne(config, place, clock, SLOWLY);
  try {
    await session.query({ text: 'begin isolation level read committed' });
    const meta = await metaOf(session, 'for update');
    await refuseInUse(session, place);
    await clear(session, place.schema);
    const tables = newTables();
    const sink = new StoreSink(session);
    const reader = new StreamReader(tables, sink);
    const taken = await reader.takeAll(lines);
    await sink.end();
    const nextId = Math.max(meta.next_id, reader.header.nextId);
    const changes = Math.max(meta.changes, reader.header.changes);
    await putTables(session, tables, nextId, changes);
    await session.query({ text: 'commit' });
    return taken;
  } finally {
    await session.close();
  }
}

/** Schedules that stand in files of jobs come by themselves, wherever a daemon once ran. */
async function refuseInUse(session: Session, place: StorePlace): Promise<void> {
  const [found] = await session.query<{ runs: number; schedules: boolean; hosts: string[] }>({
    text: `select (select count(*)::float8 from run) as runs,
      exists (select from schedule where ${lookedInto('doc')}->>'source' = 'made') as schedules,
      (select coalesce(json_agg(host order by id), '[]') from member
        where beat_at > extract(epoch from clock_timestamp()) * 1000 - lease_ms) as hosts`,
  });
  const { runs = 0, schedules = false, hosts = [] } = found ?? {};
  if (hosts.length > 0) {
    const message = `daemons share the store ${place.shown}: ${hosts.join(', ')}`;
    throw new JobrunError('store-in-use', message, 'Stop them first: jobrun stop');
  }
  if (runs === 0 && !schedules) return;
  const what = runs > 0 ? count(runs, 'run') : 'schedules';
  const hint = 'Import into another schema: …?schema=<name> in the URL of the engine.';
  throw new JobrunError(
    'store-in-use',
    `the store ${place.shown} is not empty: it has ${what}`,
    hint,
  );
}

/** The remains of a store whose runs have been removed. */
async function clear(session: Session, schema: string): Promise<void> {
  const tables = 'run dependency tally start change request schedule member worker log log_writer';
  for (const table of tables.split(' '))
    await session.query({ text: `delete from ${quoted(schema)}.${table}` });
}

const COLUMN_NAMES = Object.keys(COLUMNS).join(', ');
const COLUMN_TYPES = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`);

const INSERT = `insert into run (${COLUMN_NAMES}, doc) select ${COLUMN_NAMES}, doc::json
  from json_to_recordset($1::json) as r (${COLUMN_TYPES.join(', ')}, doc text)`;

class StoreSink implements StreamSink<Run> {
  readonly #session: Session;
  #rows: RunRow[] = [];
  #bytes = 0;
  readonly #logs: LogSink;

  constructor(session: Session) {
    this.#session = session;
    this.#logs = new LogSink(session);
  }

  async record(run: Run): Promise<void> {
    // No member has this number: a daemon that looks finds no holder, and takes it back as lost.
    const held = { token: [0, run.id], mark: `gone-${run.id}`, member: 0 } as const;
    const row = rowOf(run, held, JSON.stringify(run), 0);
    this.#rows.push(row);
    this.#bytes += Number(row.bytes);
    if (this.#rows.length >= MOST_RUNS || this.#bytes >= MOST_BYTES) await this.#write();
  }

  log(name: string, text: string): Promise<void> {
    return this.#logs.take(name, text);
  }

  async end(): Promise<void> {
    await this.#write();
    await this.#logs.end();
  }

  /** Writes the runs that were gathered. */
  async #write(): Promise<void> {
    const rows = JSON.stringify(this.#rows);
    this.#rows = [];
    this.#bytes = 0;
    await this.#session.query({ text: INSERT, values: [rows] });
  }
}

/**
 * A waiting run waits for those that are not over, that were set aside before they were, or whose end it has not heard.
 */
const EDGES = `insert into dependency (run, other)
  select distinct r.id, o.id from run r
    cross join lateral json_array_elements_text(${lookedInto('r.doc')}->'origin'->'after') as a (id)
    join run o on o.id = a.id::bigint
  where r.state = 'waiting' and ${lookedInto('r.doc')}->'state'->>'for' = 'runs'
    and (o.settled_at is null or ${isAside('o.doc')} or o.id = any($1::bigint[]))`;

async function putTables(
  session: Session,
  tables: Tables,
  nextId: number,
  changes: number,
): Promise<void> {
  const put = async (text: string, ...values: unknown[]): Promise<void> => {
    await session.query({ text, values });
  };
  const schedules = tables.schedules.values();
  const requests = tables.requests.values();
  const starts = tables.paged.starts();
  const untold: readonly News[] = tables.untold.values();
  await put(
    `insert into schedule (name, doc) select name, doc::json
      from rows from (json_to_recordset($1::json) as (name text, doc text)) with ordinality as s (name, doc, n)
      order by n`,
    JSON.stringify(
      schedules.map((one) => ({ name: columnOf(one.name), doc: JSON.stringify(one) })),
    ),
  );
  await put(
    `insert into request (id, ids, at) select id, ids::json, at
      from json_to_recordset($1::json) as q (id text, ids text, at float8)`,
    JSON.stringify(
      requests.map(([id, ids, at]) => ({
        ...{ id: columnOf(id), ids: JSON.stringify(unpacked(ids)), at },
      })),
    ),
  );
  await put(
    'insert into start (job, at) select * from json_to_recordset($1::json) as s (job text, at float8)',
    JSON.stringify(starts.flatMap(([job, all]) => all.map((at) => ({ job: columnOf(job), at })))),
  );
  await put(
    EDGES,
    untold.map(({ run }) => run),
  );
  await put('insert into tally (job, state, n) select job, state, count(*) from run group by 1, 2');
  await put(COUNT_BYTES);
  const locks = await session.query<{ lock: string }>({
    text: 'select distinct lock from run where lock is not null',
  });
  await session.query(linesOfLocks(locks.map(({ lock }) => lock)));
  const { all, jobs } = tables.paused.pauses;
  await put(
    `update meta set turn = turn + 1, next_id = $1::bigint, changes = $2::bigint, schedules = schedules + 1,
      pauses = $3::json, untold = $4::json`,
    ...[nextId, changes, JSON.stringify({ all, jobs: [...jobs].sort() }), JSON.stringify(untold)],
  );
}
