// A store that is looked at and set right, as somebody does it at a terminal.
import { chmodSync, closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freshStore, query, Server, WITH_PASSWORD } from '../helpers/postgres.ts';
import { openStore } from '../helpers/postgres-engine.ts';
import { type Doc, Project } from '../helpers/project.ts';

const JOBS = { 'jobs/hello.js': 'export default { run: async () => 1 };' };

const projectOn = (engine: string): Project =>
  new Project({ ...JOBS, 'jobrun.config.json': JSON.stringify({ engine, host: 'here' }) });

interface Told {
  readonly code: number | null;
  readonly doc: Doc;
  /** What was found of this check, as one text. */
  readonly of: (name: string) => string;
}

async function doctor(project: Project, ...args: string[]): Promise<Told> {
  const { code, stdout, stderr } = await project.cli(['doctor', '--json', ...args]);
  expect(stderr).toBe('');
  const doc = JSON.parse(stdout);
  const of = (name: string): string => {
    const check = doc.checks.find((one: Doc) => one.name === name);
    if (!check) return 'none';
    const found = check.findings.map(({ message }: Doc) => message).join(' | ');
    return `${check.status}: ${check.summary}${found && `: ${found}`}`;
  };
  return { code, doc, of };
}

const draft = (job: string) => ({ job, params: {}, priority: 1, dueAt: 0, origin: null });

/** The header of the first page becomes nonsense. */
function rot(file: string): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(24, 0x77), 0, 24, 0);
  closeSync(fd);
}

/** A store with two queued runs of `hello`. */
async function lived(): Promise<string> {
  const store = await freshStore({ fsync: true });
  const { engine, members, close } = await openStore(store);
  await engine.accept([draft('hello'), draft('hello')], Date.now());
  await members.leave();
  await close();
  return store;
}

const memberIn = (
  store: string,
  id: number,
  host: string,
  given: object = {},
): Promise<unknown> => {
  const { silentMs, version, jobs } = {
    ...{ silentMs: 0, version: '1.0.0', jobs: ['hello'] },
    ...given,
  };
  const info = JSON.stringify({ version, jobs, workers: { busy: 0, total: 4 }, progress: [] });
  return query(
    store,
    `insert into member (id, host, state, pid, boot, since, lease_ms, beat_at, info)
      values ($1, $2, '/state', 7, 'boot', 0, 30000, extract(epoch from now()) * 1000 - $3::float8, $4)`,
    [id, host, silentMs, info],
  );
};

it('a sound store is told with its server, its rights and what it has', async () => {
  const store = await lived();
  await memberIn(store, 9001, 'web-1');
  const { code, doc, of } = await doctor(projectOn(store));
  expect({ code, sound: doc.sound, state: doc.state }).toEqual({
    code: 0,
    sound: true,
    state: store,
  });
  expect(of('store')).toMatch(
    /^ok: reached in \d+ ms, PostgreSQL \d+\.\d+, primary, schema test_\w+, format \d+$/,
  );
  expect(of('durability')).toBe('ok: fsync on, synchronous_commit on');
  expect(of('rights')).toBe('ok: jobrun has all it needs');
  expect(of('clock')).toMatch(/^ok: /);
  expect(of('members')).toBe('ok: 1 alive, 0 silent; web-1 (member 9001, 1.0.0, lease 30s)');
  expect(of('leases')).toBe('ok: 0 running runs, 0 held by nobody');
  expect(of('counts')).toBe('ok: those of 2 rows');
  expect(of('size')).toMatch(/^ok: \d+ MB, 2 runs$/);
  expect(of('awaited')).toBe('ok: each job with work has a member');
  for (const name of ['permissions', 'lock', 'processes', 'config', 'jobs'])
    expect(of(name)).toMatch(/^ok: /);
  expect(of('files')).toBe('none');
}, 60_000);

it('a store without tables is sound, and a look makes none', async () => {
  const store = await freshStore({ fsync: true });
  const { code, of } = await doctor(projectOn(store));
  expect(code).toBe(0);
  expect(of('store')).toMatch(/no tables yet: the first command makes them$/);
  expect(
    await query(store, 'select from pg_namespace where nspname = $1', [
      new URL(store).searchParams.get('schema'),
    ]),
  ).toEqual([]);
}, 60_000);

it('what makes a store unfit is a problem: nobody answers, it forgets, it is newer', async () => {
  const away = await doctor(projectOn('postgres://u:secret@127.0.0.1:1/x'));
  expect(away.code).toBe(8);
  expect(away.of('store')).toMatch(
    /^problem: cannot be used: the store at 127\.0\.0\.1:1 cannot be reached/,
  );
  expect(away.of('lock')).toBe('ok: free');
  expect(JSON.stringify(away.doc)).not.toContain('secret');
  const forgets = await doctor(projectOn(await freshStore()));
  expect(forgets.code).toBe(8);
  expect(forgets.of('durability')).toMatch(/^problem: fsync off, .* has fsync off$/);
  const store = await lived();
  await query(store, 'update meta set format = 99');
  const newer = await doctor(projectOn(store));
  expect(newer.code).toBe(8);
  expect(newer.of('store')).toMatch(/^problem: cannot be used: the store has format 99/);
}, 60_000);

it('silent members, two with one name, other versions and jobs that nobody has are warnings: exit 0', async () => {
  const store = await lived();
  await memberIn(store, 9001, 'web-1', { jobs: ['other'] });
  await memberIn(store, 9002, 'web-1', { version: '1.1.0', jobs: [] });
  await memberIn(store, 9003, 'web-2', { silentMs: 20_000 });
  await query(
    store,
    `update run set state = 'running', member = 9003, doc = replace(doc::text, '"queued"', '"running"')::json where id = 1`,
  );
  await query(
    store,
    `update run set state = 'running', member = 77, doc = replace(doc::text, '"queued"', '"running"')::json where id = 2`,
  );
  await query(store, `insert into schedule (name, doc) values ('s', '{"name":"s","job":"hello"}')`);
  await query(store, `update tally set state = 'running'`);
  const { code, of } = await doctor(projectOn(store));
  expect(code).toBe(0);
  expect(of('members')).toMatch(/^warning: 2 alive, 1 silent; /);
  expect(of('members')).toMatch(
    /web-2 \(member 9003, pid 7\) has been silent for 2\ds, and holds 1 run/,
  );
  expect(of('members')).toContain('2 members have the host name web-1: 9001, 9002');
  expect(of('members')).toContain('the members have different versions: 1.0.0, 1.1.0');
  expect(of('leases')).toBe(
    'warning: 2 running runs, 1 held by nobody: run 2: running, and held by nobody',
  );
  expect(of('awaited')).toBe(
    'warning: 1 job without a member: no live member has the job hello, and it has 1 schedule',
  );
}, 60_000);

it('counts that are not those of the rows are a problem, and --repair sets them right', async () => {
  const store = await lived();
  await query(store, 'update tally set n = 7');
  const project = projectOn(store);
  const before = await doctor(project);
  expect(before.code).toBe(8);
  expect(before.of('counts')).toBe(
    'problem: not those of the rows: hello: 7 queued are counted, and there are 2',
  );
  const repaired = await doctor(project, '--repair');
  expect(repaired.code).toBe(0);
  expect(repaired.doc.repaired.notes).toEqual(['the count of queued runs of hello: 2, not 7']);
  expect(repaired.of('counts')).toBe('ok: those of 2 rows');
  expect(await query(store, 'select job, state, n::int from tally')).toEqual([
    { job: 'hello', state: 'queued', n: 2 },
  ]);
  expect((await doctor(project, '--repair')).doc.repaired).toBe(null);
}, 60_000);

it('rights that the role lacks are named', async () => {
  const store = await lived();
  const schema = new URL(store).searchParams.get('schema');
  const { user, password } = WITH_PASSWORD;
  await query(store, `grant usage on schema ${schema} to ${user}`);
  await query(store, `grant select on all tables in schema ${schema} to ${user}`);
  const as = store.replace('jobrun@', `${user}:${encodeURIComponent(password)}@`);
  const { code, doc, of } = await doctor(projectOn(as));
  expect(code).toBe(8);
  expect(of('rights')).toMatch(
    /^problem: guarded lacks some: .*the role guarded lacks update on run \|/,
  );
  expect(of('counts')).toMatch(/^ok/);
  expect(JSON.stringify(doc)).not.toContain('pa55');
}, 60_000);

it('damage is named in the words of the database, and nothing is guessed', async () => {
  const store = await lived();
  await query(store, `update run set doc = '{"id":5,"state":{"name":"done"}}' where id = 1`);
  const odd = await doctor(projectOn(store));
  expect(odd.code).toBe(8);
  expect(odd.of('store')).toContain(': run 1: the columns do not fit the JSON beside them');
  await query(store, 'drop table log');
  const { code, doc, of } = await doctor(projectOn(store));
  expect(code).toBe(8);
  expect(of('store')).toMatch(/the table log cannot be read: relation ".*" does not exist/);
  expect(doc.checks[0].findings[0].hint).toMatch(/^Nothing is guessed here\. Restore/);
}, 60_000);

it('a file of the database that has rotten is told', async () => {
  const server = await Server.start({ fsync: true });
  const store = server.store();
  const { engine, close } = await openStore(store);
  await engine.accept([draft('hello')], Date.now());
  await close();
  const [row] = await query(store, `select pg_relation_filepath('run') as path`);
  await query(store, 'checkpoint');
  await server.stop();
  rot(join(server.data, String(row?.path)));
  await server.restart();
  const { code, of } = await doctor(projectOn(store));
  expect(code).toBe(8);
  expect(of('store')).toMatch(/the table run cannot be read: invalid page in block 0/);
}, 60_000);

it('a config with a password that others can read is a warning', async () => {
  const store = await lived();
  const project = projectOn(store.replace('jobrun@', 'jobrun:secret@'));
  const file = join(project.dir, 'jobrun.config.json');
  chmodSync(file, 0o644);
  const open = await doctor(project);
  expect(open.code).toBe(0);
  expect(open.of('config')).toMatch(
    /^warning: readable: .*jobrun\.config\.json has the password of the store in it, and others can read it$/,
  );
  chmodSync(file, 0o600);
  expect((await doctor(project)).of('config')).toBe('ok: readable');
}, 60_000);

it.each(['without a daemon', 'with one'])(
  'a clock of the store that was set is told, and --repair takes it as right, %s',
  async (how) => {
    const store = await lived();
    const project = projectOn(store);
    await project.json('schedule', 'hello', '--every', '1h', '--name', 'hourly');
    await project.json('schedule', 'hello', '--cron', '0 5 * * *', '--name', 'daily');
    expect((await doctor(project)).of('clock')).toMatch(/^ok: /);
    const day = 86_400_000;
    const [{ now = 0 } = {}] = await query<{ now: number }>(
      store,
      'select (extract(epoch from now()) * 1000)::float8 as now',
    );
    const mark = { trusted: now - 400 * day, leapAt: now - 1000 };
    await query(store, 'update meta set clock_mark = $1', [JSON.stringify(mark)]);
    await query(
      store,
      `update schedule set doc = (doc::jsonb || jsonb_build_object('lastAt', $1::float8))::json where name = 'daily'`,
      [now + 30 * day],
    );
    await query(store, 'update meta set schedules = schedules + 1');
    if (how === 'with one') await project.daemon();
    const told = await doctor(project);
    expect(told.code).toBe(0);
    expect(told.of('clock')).toMatch(
      /^warning: .*daily waits until it has caught up.*leapt ahead by \d+d/,
    );
    const repaired = await doctor(project, '--repair');
    expect(repaired.doc.clock.schedules).toEqual(['daily']);
    expect(repaired.doc.clock.keptMs).toBeGreaterThan(390 * day);
    expect(repaired.of('clock')).toMatch(/^ok: /);
    expect((await doctor(project, '--repair')).doc.clock).toBe(null);
    const { schedules } = await project.json('schedules');
    expect(Date.parse(schedules.find(({ name }: Doc) => name === 'daily').nextAt)).toBeLessThan(
      now + 2 * day,
    );
  },
  90_000,
);
