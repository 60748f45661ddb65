// Turns whose session is lost, whose commit is in doubt, and of which the server refuses a part: nothing is done twice,
// nothing is lost, and nobody answers for another.
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Run } from '../../../src/run/run.ts';
import { JobrunError } from '../../../src/support/errors.ts';
import { type Cut, CuttingProxy } from '../../helpers/cutting-proxy.ts';
import { all, DONE, draft, finish, T0 } from '../../helpers/engine-values.ts';
import {
  clientOf,
  freshSchema,
  freshStore,
  query,
  Server,
  storeUrl,
} from '../../helpers/postgres.ts';
import { openStore } from '../../helpers/postgres-engine.ts';
import { eventually } from '../../helpers/project.ts';

const raise = (run: Run): Run => ({ ...run, priority: run.priority + 1 });
const claim = (engine: Engine, most: number) =>
  engine.claim({ workerKind: 'dedicated', most }, () => ({ mark: 'w1', pid: 7 }), T0);

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

async function opened(url: string): Promise<Engine> {
  const { engine, close } = await openStore(url);
  onTestFinished(close);
  return engine;
}

/** A row that nobody else can lock or write until it is released. */
async function lockedRow(url: string, table: string, row: string) {
  const client = await clientOf(url);
  await client.query('begin');
  await client.query(`select from ${table} where ${row} for update`);
  const pid = (await client.query('select pg_backend_pid() as pid')).rows[0]?.pid;
  /** Sessions that wait for it. */
  const waiting = async (): Promise<number[]> => {
    const text = 'select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid))';
    return (await query<{ pid: number }>(url, text, [pid])).map((row) => row.pid);
  };
  return { waiting, release: () => client.end() };
}

/** Runs, changes and counts fit each other, and nothing is missing or there twice. */
async function expectWhole(url: string, runs: number): Promise<void> {
  const [{ ids = null, changes = null, counted = null } = {}] = await query<Record<string, string>>(
    url,
    `select (select count(*) from run where id <= ${runs}) as ids, (select sum(n) from tally) as counted,
      (select count(*) = max(n) and max(n) = (select changes from meta) from change)::text as changes`,
  );
  expect([Number(ids), changes, Number(counted)]).toEqual([runs, 'true', runs]);
}

test('a turn whose session the server ends is made again: everything is done once', async () => {
  const url = await freshStore();
  const engine = await opened(url);
  const told: number[] = [];
  engine.onChange(({ n }) => told.push(n));
  const ending = (async () => {
    for (let ended = 0; ended < 8; ) {
      const rows = await query(
        url,
        `select pg_terminate_backend(pid) from pg_locks where pid <> pg_backend_pid()
          and mode = 'RowShareLock' and relation = 'meta'::regclass`,
      );
      ended += rows.length;
    }
  })();
  const accepting = Array.from({ length: 150 }, async (_, i) => {
    for (let turns = 0; turns < i % 15; turns++) await new Promise(setImmediate);
    const [accepted] = await engine.accept([draft(i, { key: `${i}` })], T0);
    await engine.change(accepted?.run.id ?? 0, raise);
  });
  await Promise.all(accepting);
  // Those that are left for it to end.
  const idle = setInterval(() => void engine.change(1, (run) => run), 5);
  await ending;
  clearInterval(idle);
  const { runs } = await all(engine);
  expect(runs.map(({ priority }) => priority)).toEqual(runs.map(() => 2));
  await expectWhole(url, 150);
  expect(told).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
}, 120_000);

test.each<[Cut, string, number]>([
  ['answer', 'made: it is not made again, and its answer comes', 1],
  ['request', 'not made: it is made in the next session', 2],
])('a commit whose %s is lost was %s', async (cut, _what, decisions) => {
  const direct = await freshStore();
  const { port, searchParams } = new URL(direct);
  const proxy = await CuttingProxy.to(Number(port));
  const engine = await opened(storeUrl(proxy.port, searchParams.get('schema') ?? ''));
  await engine.accept([draft(1), draft(2)], T0);
  let asked = 0;
  const decide = (run: Run): Run => {
    asked++;
    return raise(run);
  };
  proxy.next = cut;
  const both = await Promise.all([engine.change(1, decide), engine.accept([draft(3)], T0)]);
  expect([proxy.cuts, asked]).toEqual([1, decisions]);
  expect([both[0].priority, both[1][0]?.run.id]).toEqual([2, 3]);
  proxy.next = cut;
  const [held] = await claim(engine, 1);
  expect(held?.run.id).toBe(1);
  expect((await claim(engine, 9)).map(({ run }) => run.id)).toEqual([2, 3]);
  await expectWhole(direct, 3);
});

test('what was claimed in doubt is handed out even where nothing but turns reaches the store', async () => {
  const direct = await freshStore();
  const { port, searchParams } = new URL(direct);
  const proxy = await CuttingProxy.to(Number(port));
  const opened = await openStore(storeUrl(proxy.port, searchParams.get('schema') ?? ''));
  onTestFinished(opened.close);
  const { engine, sessions } = opened;
  await engine.accept([draft(1), draft(2)], T0);
  const { read } = sessions;
  sessions.read = () => Promise.reject(new JobrunError('store-unreachable', 'cut off', ''));
  proxy.next = 'answer';
  const [held] = await claim(engine, 1);
  sessions.read = read;
  expect([proxy.cuts, held?.run.id]).toEqual([1, 1]);
  expect((await claim(engine, 9)).map(({ run }) => run.id)).toEqual([2]);
});

test.each([
  ['before it has looked', 'meta', 'true'],
  ['as it writes', 'run', 'id = 1'],
])(
  'a claim whose session the server ends %s is made again at once, for the same worker',
  async (_when, table, row) => {
    const url = await freshStore();
    const engine = await opened(url);
    await engine.accept([draft(1), draft(2)], T0);
    const asked: number[] = [];
    const workerFor = ({ id }: Run) => {
      asked.push(id);
      return { mark: `w${id}`, pid: 7 };
    };
    const want = { workerKind: 'dedicated', most: 1 } as const;
    const { release, waiting } = await lockedRow(url, table, row);
    const claiming = engine.claim(want, workerFor, T0);
    await eventually(async () => (await waiting()).length > 0);
    await query(url, 'select pg_terminate_backend(pid) from unnest($1::int[]) pid', [
      await waiting(),
    ]);
    await release();
    const [held] = await claiming;
    expect([held?.run.id, held?.worker.mark, asked]).toEqual([1, 'w1', [1]]);
    expect((await claim(engine, 9)).map(({ run }) => run.id)).toEqual([2]);
    await expectWhole(url, 2);
  },
);

test('what the server refuses rejects alone; what came with it is done', async () => {
  const url = await freshStore();
  const engine = await opened(url);
  const bad = draft(2, null, { priority: Number.POSITIVE_INFINITY });
  const came = await Promise.allSettled([
    engine.accept([draft(1)], T0),
    engine.accept([bad], T0),
    engine.accept([draft(3)], T0),
  ]);
  expect(came.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await expectWhole(url, 2);
});

test('texts that no column takes stay different, and what holds them is found', async () => {
  const engine = await opened(await freshStore());
  const odd = ['a\0b', 'a\\u0000b', 'a\ud800', 'a\ud801', 'a�', '\\', '"'];
  for (const key of odd) {
    const origin = { key, lock: key };
    const [made] = await engine.accept([draft(1, origin, { params: { key } })], T0);
    const [again] = await engine.accept([draft(1, origin)], T0, { request: key });
    expect([made?.existing, again?.existing, again?.run]).toEqual([false, true, made?.run]);
    expect((await engine.list({ key, limit: 9 })).runs).toEqual([made?.run]);
    expect((await engine.answered(key, T0))?.length).toBe(1);
  }
  expect((await claim(engine, 99)).length).toBe(odd.length);
  expect(await engine.why((await all(engine)).runs, T0)).toEqual(odd.map(() => null));
});

test('while the store is away a claim rejects at once, a request after a while, and what an attempt has come to waits', async () => {
  const server = await Server.start();
  const engine = await opened(storeUrl(server.port, freshSchema()));
  await engine.accept([draft(1), draft(2)], T0);
  const [held] = await claim(engine, 1);
  await server.kill();
  const over: string[] = [];
  const note = (what: string) => (): void => void over.push(what);
  const ending = engine
    .changeHeld(1, held?.token ?? [0, 0], (run) => finish(run, DONE, T0))
    .finally(note('end'));
  const accepting = engine.accept([draft(3)], T0).finally(note('request'));
  const claiming = claim(engine, 1).finally(note('claim'));
  await expect(claiming).rejects.toMatchObject({ code: 'store-unreachable' });
  await expect(accepting).rejects.toMatchObject({ code: 'store-unreachable' });
  expect(over).toEqual(['claim', 'request']);
  await server.restart();
  expect((await ending)?.state.name).toBe('done');
  expect((await claim(engine, 9)).map(({ run }) => run.id)).toEqual([2]);
}, 60_000);
