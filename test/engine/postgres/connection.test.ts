// How a session with a store is opened: as whom, with which password, over TLS or not, and what is said where it cannot
// be.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  openSession,
  type Reach,
  reachStore,
  refuseForgetful,
  type ServerSession,
} from '../../../src/engine/postgres/connection.ts';
import { loadDriver } from '../../../src/engine/postgres/driver.ts';
import { systemClock } from '../../../src/support/clock.ts';
import type { JobrunError } from '../../../src/support/errors.ts';
import { type StorePlace, storePlaceOf } from '../../../src/support/store-place.ts';
import { needProgram } from '../../helpers/platform.ts';
import { freshStore, query, Server, WITH_PASSWORD } from '../../helpers/postgres.ts';
import { ROOT } from '../../helpers/source.ts';

const driver = loadDriver(ROOT);

function folder(): string {
  const home = mkdtempSync(join(tmpdir(), 'jobrun-login-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  return home;
}

function reach(url: string, env: Record<string, string> = {}): Reach {
  const place = storePlaceOf(url, env) as StorePlace;
  return { driver, place, clock: systemClock, env: { HOME: '/nowhere', ...env } };
}

async function session(url: string, env: Record<string, string> = {}): Promise<ServerSession> {
  const opened = await openSession(reach(url, env));
  onTestFinished(() => opened.close());
  return opened;
}

const refusal = (url: string, env: Record<string, string> = {}): Promise<JobrunError> =>
  session(url, env).then(
    () => Promise.reject(new Error('it was let in')),
    (error) => error,
  );

const asGuarded = (store: string, password = ''): string =>
  store.replace('jobrun@', `${WITH_PASSWORD.user}${password && `:${password}`}@`);

it('a session has its schema, and an end to every wait', async () => {
  const { client } = await session(await freshStore());
  const { rows } = await client.query(
    `select current_setting('search_path') as path, current_setting('statement_timeout') as statement,
       current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle,
       7::bigint as big, array[1, 2]::bigint[] as list`,
  );
  expect(rows[0]).toMatchObject({
    statement: '20s',
    lock: '10s',
    idle: '3s',
    big: 7,
    list: [1, 2],
  });
  expect(rows[0].path).toMatch(/^"?test_/);
});

it('the password comes from the URL, else PGPASSWORD, else the password file', async () => {
  const store = await freshStore();
  const { password } = WITH_PASSWORD;
  await session(asGuarded(store, encodeURIComponent(password)));
  await session(asGuarded(store), { PGPASSWORD: password });
  const home = folder();
  const file = join(home, '.pgpass');
  const { port } = new URL(store);
  const lines = [
    '# mine',
    `other:*:*:*:wrong`,
    `127.0.0.1:${port}:*:${WITH_PASSWORD.user}:${password}`,
  ];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  await session(asGuarded(store), { HOME: home });
  await session(asGuarded(store), { PGPASSFILE: file });
  // As libpq: what others can read is not used.
  chmodSync(file, 0o644);
  const refused = await refusal(asGuarded(store), { HOME: home });
  expect(refused.message).toContain('it asks for a password, and none is given');
});

it('what is refused is told with host, port and the reason of the server, and no password', async () => {
  const store = await freshStore();
  const { port } = new URL(store);
  const wrong = await refusal(asGuarded(store, 'secret'));
  expect([wrong.code, wrong.message]).toEqual([
    'store-unreachable',
    `the store at 127.0.0.1:${port} cannot be reached: password authentication failed for user "guarded"`,
  ]);
  const missing = await refusal(store.replace('/postgres?', '/nowhere?'));
  expect(missing.message).toContain('database "nowhere" does not exist');
  expect(missing.code).toBe('store-unreachable');
});

it('a store that is away is waited for 5 s, one that refuses is not', async () => {
  let now = 0;
  const clock = {
    ...systemClock,
    monotonic: () => now,
    after: (ms: number, fn: () => void) => {
      now += ms;
      setImmediate(fn);
      return () => undefined;
    },
  };
  const away = { ...reach('postgres://a@127.0.0.1:1/x'), clock };
  const error = await reachStore(away).catch((thrown) => thrown);
  expect([error.code, error.message]).toEqual([
    'store-unreachable',
    'the store at 127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
  ]);
  expect(error.hint).toBe('Look at it: pg_isready -h 127.0.0.1 -p 1');
  expect(now).toBeGreaterThanOrEqual(4500);
  now = 0;
  const refusing = { ...reach(asGuarded(await freshStore(), 'secret')), clock };
  await expect(reachStore(refusing)).rejects.toThrow(/password/);
  expect(now).toBe(0);
});

it('of several hosts the first that is a primary is taken', async () => {
  const server = await Server.start();
  const store = server.store();
  await server.stop();
  writeFileSync(join(server.data, 'standby.signal'), '');
  await server.restart();
  const replica = await refusal(store);
  expect([replica.code, replica.message]).toEqual([
    'store-unsafe',
    `the store at 127.0.0.1:${server.port} is a replica`,
  ]);
  const { port } = new URL(await freshStore());
  const both = `postgres://jobrun@127.0.0.1:1,127.0.0.1:${server.port},127.0.0.1:${port}/postgres`;
  const { client } = await session(both);
  expect((await client.query('show port')).rows).toEqual([{ port }]);
});

it('a server that forgets is refused where it counts, also where only this role does', async () => {
  const fast = await freshStore();
  const forgetful = await session(fast);
  expect(() => refuseForgetful(forgetful)).toThrow(/has fsync off/);
  const durable = await freshStore({ fsync: true });
  const sound = await session(durable);
  expect(() => refuseForgetful(sound)).not.toThrow();
  await query(durable, 'create role hasty login; alter role hasty set synchronous_commit = off');
  const hasty = await session(durable.replace('jobrun@', 'hasty@'));
  expect(() => refuseForgetful(hasty)).toThrow(/has synchronous_commit off/);
});

it('TLS is used as libpq uses it', async () => {
  needProgram('openssl');
  const plain = await freshStore();
  const isEncrypted = async ({ client }: ServerSession): Promise<boolean> => {
    const asked = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
    return (await client.query(asked)).rows[0].ssl;
  };
  expect(await isEncrypted(await session(plain))).toBe(false);
  expect((await refusal(`${plain}&sslmode=require`)).message).toContain('does not support SSL');

  const home = folder();
  const [cert, key] = [join(home, 'root.crt'), join(home, 'server.key')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const openssl = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names];
  execFileSync('openssl', [...openssl, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const server = await Server.start({ tls: { cert: readFileSync(cert), key: readFileSync(key) } });
  const by = (host: string, more: string): string =>
    `${server.store().replace('127.0.0.1', host)}${more}`;
  expect(await isEncrypted(await session(by('127.0.0.1', '')))).toBe(true);
  expect(await isEncrypted(await session(by('127.0.0.1', '&sslmode=disable')))).toBe(false);
  expect(await isEncrypted(await session(by('127.0.0.1', '&sslmode=require')))).toBe(true);
  const verified = `&sslmode=verify-full&sslrootcert=${cert}`;
  expect(await isEncrypted(await session(by('localhost', verified)))).toBe(true);
  expect((await refusal(by('127.0.0.1', verified))).message).toContain('altnames');
  const byAuthority = `&sslmode=verify-ca&sslrootcert=${cert}`;
  expect(await isEncrypted(await session(by('127.0.0.1', byAuthority)))).toBe(true);
  expect((await refusal(by('localhost', '&sslmode=verify-full'))).message).toContain(
    'root certificate',
  );
});
