// Sessions that were lost are replaced: a read goes on, a channel is listened to again, and who asks late is told so.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import {
  openSession,
  type Reach,
  type ServerSession,
} from '../../../src/engine/postgres/connection.ts';
import { loadDriver } from '../../../src/engine/postgres/driver.ts';
import { StoreSessions } from '../../../src/engine/postgres/sessions.ts';
import { systemClock } from '../../../src/support/clock.ts';
import { type StorePlace, storePlaceOf } from '../../../src/support/store-place.ts';
import { freshStore, query, Server, WITH_PASSWORD } from '../../helpers/postgres.ts';
import { eventually } from '../../helpers/project.ts';
import { ROOT } from '../../helpers/source.ts';

function reachOf(store: string, monotonic = systemClock.monotonic): Reach {
  const place = storePlaceOf(store, {}) as StorePlace;
  return { driver: loadDriver(ROOT), place, clock: { ...systemClock, monotonic }, env: {} };
}

function sessionsFrom(first: ServerSession, reach: Reach): StoreSessions {
  const sessions = new StoreSessions(reach, first, () => undefined);
  onTestFinished(() => sessions.close());
  return sessions;
}

async function sessionsOn(store: string, monotonic?: () => number): Promise<StoreSessions> {
  const reach = reachOf(store, monotonic);
  return sessionsFrom(await openSession(reach), reach);
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

it('a server that hangs, and one that is gone, end what waits; reads wait for one that comes back, as long as a command does', async () => {
  const server = await Server.start();
  let now = 0;
  const sessions = await sessionsOn(server.store(), () => now);
  const session = await sessions.open();
  onTestFinished(() => session.close());
  const hangs = session.query({ text: 'select pg_sleep(60)' }).catch((error) => error);
  await server.kill();
  expect(await hangs).toMatchObject({ code: 'store-unreachable' });
  const statement = { text: 'select 1 as n' };
  const away = { code: 'store-unreachable', message: expect.stringContaining('ECONNREFUSED') };
  await expect(sessions.read(statement, { isPatient: false })).rejects.toMatchObject(away);
  const reads = [1, 2, 3, 4, 5].map(() => sessions.read(statement));
  await server.restart();
  for (const read of reads) expect(await read).toEqual([{ n: 1 }]);

  await server.kill();
  const late = sessions.read(statement).catch((error) => error);
  await sleep(300);
  now += 5000;
  expect(await late).toMatchObject(away);
}, 90_000);

it('a login that the server refuses ends a read at once', async () => {
  const store = await freshStore();
  const first = await openSession(reachOf(store));
  await first.close();
  const guarded = store.replace('jobrun@', `${WITH_PASSWORD.user}:wrong@`);
  const sessions = sessionsFrom(
    first,
    reachOf(guarded, () => 0),
  );
  await expect(sessions.read({ text: 'select' })).rejects.toMatchObject({
    code: 'store-unreachable',
    message: expect.stringContaining('password'),
  });
});
