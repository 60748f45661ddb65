// Tables that an earlier version has made, and the first command of this one.
import { expect, onTestFinished, test } from 'vitest';
import { openSession } from '../../../src/engine/postgres/connection.ts';
import { FORMAT, prepareSchema } from '../../../src/engine/postgres/schema.ts';
import { draft, T0 } from '../../helpers/engine-values.ts';
import { freshStore, query } from '../../helpers/postgres.ts';
import { openStore, reachOf } from '../../helpers/postgres-engine.ts';
import { storeOfFormat1 } from '../../helpers/store-formats.ts';
import { line, texts } from '../contract-logs.ts';

async function prepare(url: string): Promise<void> {
  const reach = reachOf(url);
  const session = await openSession(reach);
  try {
    await prepareSchema(session, reach.place.schema);
  } finally {
    await session.close();
  }
}

const tables = async (url: string): Promise<string[]> => {
  const text = `select relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and relkind = 'r' order by 1`;
  return (await query(url, text)).map(({ name }) => name);
};

test('many that come to tables of format 1 change them once, and all that is in them stays', async () => {
  const url = await storeOfFormat1();
  await Promise.all(Array.from({ length: 8 }, () => prepare(url)));
  expect(await query(url, 'select format from meta')).toEqual([{ format: FORMAT }]);
  expect(await tables(url)).not.toContain('result');
  const { engine, logs, close } = await openStore(url);
  onTestFinished(close);
  expect((await engine.find(1))?.job).toBe('mail');
  logs.append(1, line('kept'));
  expect(texts(await logs.lines(1))).toEqual(['kept']);
}, 120_000);

test('beside a daemon of the earlier version nothing is touched, and it is named; one that is gone keeps nobody', async () => {
  const url = await storeOfFormat1();
  const member = (id: number, host: string, ageMs: number): Promise<unknown> =>
    query(
      url,
      `insert into member (id, host, state, pid, boot, since, lease_ms, beat_at, info)
        values ($1, $2, '/state', 1, 'b', 0, 30000, extract(epoch from clock_timestamp()) * 1000 - $3, '{}')`,
      [id, host, ageMs],
    );
  await member(900, 'web-1', 100);
  await member(901, 'web-2', 60_000);
  const before = await tables(url);
  await expect(prepare(url)).rejects.toMatchObject({
    code: 'store-newer',
    message: expect.stringMatching(/share the store in schema test_\w+: web-1$/),
  });
  expect(await tables(url)).toEqual(before);
  expect(await query(url, 'select format from meta')).toEqual([{ format: 1 }]);
  await query(url, 'delete from member where id = 900');
  await prepare(url);
  expect(await query(url, 'select format from meta')).toEqual([{ format: FORMAT }]);
}, 120_000);

test('twenty that come to an empty database at once make its tables once, and each gets a number of its own', async () => {
  const url = await freshStore();
  const opened = await Promise.all(Array.from({ length: 20 }, () => openStore(url)));
  onTestFinished(async () => void (await Promise.all(opened.map(({ close }) => close()))));
  expect(new Set(opened.map(({ engine }) => engine.id)).size).toBe(20);
  expect(await query(url, 'select format from meta')).toEqual([{ format: FORMAT }]);
  await Promise.all(opened.map(({ engine }, i) => engine.accept([draft(i)], T0)));
  expect(await query(url, 'select count(*)::int as n, max(id)::int as last from run')).toEqual([
    { n: 20, last: 20 },
  ]);
}, 120_000);
