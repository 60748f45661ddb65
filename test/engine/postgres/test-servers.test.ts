// The servers that tests of the store stand on: they start, are apart from each other, and die and come back when
// asked.
import { expect, it } from 'vitest';
import { freshStore, query, Server, storeUrl, WITH_PASSWORD } from '../../helpers/postgres.ts';

const settingOf = async (store: string, name: string): Promise<unknown> =>
  (await query(store, `show ${name}`))[0]?.[name];

it('each test gets a schema that nobody has used, on one server', async () => {
  const [one, two] = [await freshStore(), await freshStore()];
  expect(one).not.toBe(two);
  await query(one, 'create schema test_first; create table test_first.t()');
  expect(new URL(one).port).toBe(new URL(two).port);
  expect(await settingOf(one, 'fsync')).toBe('off');
  expect(await settingOf(await freshStore({ fsync: true }), 'fsync')).toBe('on');
});

it('a server of its own is killed, paused and started again with what was committed', async () => {
  const server = await Server.start({ fsync: true });
  const store = server.store('public');
  await query(store, 'create table kept(n int)');
  await query(store, 'insert into kept values(1)');
  await server.kill();
  await expect(query(store, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  await server.restart();
  expect(await query(store, 'select n from kept')).toEqual([{ n: 1 }]);
  server.signal('SIGSTOP');
  const late = query<{ n: number }>(store, 'select n from kept');
  const isQuick = await Promise.race([
    late.then(() => true),
    new Promise((resolve) => setTimeout(() => resolve(false), 300)),
  ]);
  expect(isQuick).toBe(false);
  server.signal('SIGCONT');
  expect(await late).toEqual([{ n: 1 }]);
});

it('one role has to give a password', async () => {
  const store = await freshStore();
  const { user, password } = WITH_PASSWORD;
  const as = (word: string): string =>
    storeUrl(Number(new URL(store).port), 'public').replace(
      'jobrun@',
      `${user}:${encodeURIComponent(word)}@`,
    );
  expect(await query(as(password), 'select 1 as n')).toEqual([{ n: 1 }]);
  await expect(query(as('wrong'), 'select 1')).rejects.toThrow(/password/);
});
