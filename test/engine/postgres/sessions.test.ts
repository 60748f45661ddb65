// Sessions that were lost are replaced: a read goes on, a channel is listened to again, and who asks late is told so.
import { expect, it, onTestFinished } from 'vitest';
import { openSession, type Reach } from '../../../src/engine/postgres/connection.ts';
import { loadDriver } from '../../../src/engine/postgres/driver.ts';
import { StoreSessions } from '../../../src/engine/postgres/sessions.ts';
import { systemClock } from '../../../src/support/clock.ts';
import { type StorePlace, storePlaceOf } from '../../../src/support/store-place.ts';
import { freshStore, query, Server } from '../../helpers/postgres.ts';
import { eventually } from '../../helpers/project.ts';
import { ROOT } from '../../helpers/source.ts';

async function sessionsOn(store: string): Promise<StoreSessions> {
  const place = storePlaceOf(store, {}) as StorePlace;
  const reach: Reach = { driver: loadDriver(ROOT), place, clock: systemClock, env: {} };
  const sessions = new StoreSessions(reach, await openSession(reach), () => undefined);
  onTestFinished(() => sessions.close());
  return sessions;
}

const ENDED = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`;

const named = (store: string, name: string): string => `${store}&application_name=${name}`;

it('statements of a session are answered in order, each by itself', async () => {
  const sessions = await sessionsOn(await freshStore());
  const session = await sessions.open({ statement_timeout: '7s' });
  onTestFinished(() => session.close());
  const [one, wrong, timeout] = await Promise.allSettled([
    session.query({ name: 'n', text: 'select $1::int as n', values: [1] }),
    session.query({ text: 'select nothing' }),
    session.query({ text: `select current_setting('statement_timeout') as ms` }),
  ]);
  expect(one).toMatchObject({ value: [{ n: 1 }] });
  expect(wrong).toMatchObject({ reason: { code: '42703' } });
  expect(timeout).toMatchObject({ value: [{ ms: '7s' }] });
  await session.close();
  await expect(session.query({ text: 'select' })).rejects.toMatchObject({
    code: 'store-unreachable',
  });
});

it('more reads than sessions wait for their turn, and a lost session costs none of them', async () => {
  const store = await freshStore();
  const sessions = await sessionsOn(named(store, 'reads'));
  const read = async (n: number): Promise<number> =>
    (await sessions.read<{ n: number }>({ text: 'select $1::int as n', values: [n] }))[0]?.n ?? 0;
  const all = Array.from({ length: 20 }, (_, n) => n);
  expect(await Promise.all(all.map(read))).toEqual(all);
  expect(
    await query(store, 'select 1 from pg_stat_activity where application_name = $1', ['reads']),
  ).toHaveLength(3);
  await query(store, ENDED, ['reads']);
  expect(await Promise.all(all.map(read))).toEqual(all);
  await expect(sessions.read({ text: 'select nothing' })).rejects.toMatchObject({ code: '42703' });
  expect(await read(1)).toBe(1);
});

it('who listens is told when it begins, of each text, and again when texts may have been missed', async () => {
  const store = await freshStore();
  const sessions = await sessionsOn(named(store, 'listens'));
  const told: (string | null)[] = [];
  const undo = sessions.listen('Some "channel"', (text) => told.push(text));
  const tell = (text: string) => query(store, `select pg_notify('Some "channel"', $1)`, [text]);
  await eventually(() => told.length === 1);
  await tell('one');
  await eventually(() => told.length === 2);
  await query(store, ENDED, ['listens']);
  await eventually(() => told.length === 3);
  await tell('two');
  await eventually(() => told.length === 4);
  expect(told).toEqual([null, 'one', null, 'two']);
  undo();
  const mine = `select 1 from pg_stat_activity where application_name = $1 and query like 'listen%'`;
  await eventually(async () => (await query(store, mine, ['listens'])).length === 0);
  await tell('three');
  expect(told).toHaveLength(4);
});

it('a server that hangs, and one that is gone, end what waits; one that is back serves again', async () => {
  const server = await Server.start();
  const sessions = await sessionsOn(server.store());
  const session = await sessions.open();
  onTestFinished(() => session.close());
  const waits = session.query({ text: 'select pg_sleep(60)' }).catch((error) => error);
  await server.kill();
  expect(await waits).toMatchObject({ code: 'store-unreachable' });
  await expect(sessions.read({ text: 'select' })).rejects.toMatchObject({
    code: 'store-unreachable',
  });
  await server.restart();
  expect(await sessions.read({ text: 'select 1 as n' })).toEqual([{ n: 1 }]);
});
