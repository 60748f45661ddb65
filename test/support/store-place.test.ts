// The URL of a store, read as libpq reads one: what the URL says, what it leaves to the environment, what is refused.
import { userInfo } from 'node:os';
import { expect, it } from 'vitest';
import { type StorePlace, storePlaceOf } from '../../src/support/store-place.ts';

const place = (url: string, env: Record<string, string> = {}): StorePlace => {
  const found = storePlaceOf(url, env);
  if (!found) throw new Error('no store');
  return found;
};

it('json is no store', () => {
  expect(storePlaceOf('json', {})).toBe(null);
});

it('a URL says where, as whom, and how', () => {
  const one = place('postgresql://me:p%40ss@db.example:6000/shop?schema=jobs&sslmode=require');
  expect(one).toEqual({
    hosts: [{ name: 'db.example', port: 6000 }],
    user: 'me',
    database: 'shop',
    schema: 'jobs',
    parameters: { sslmode: 'require' },
    shown: 'postgres://me@db.example:6000/shop?sslmode=require&schema=jobs',
  });
  expect(one.password).toBe('p@ss');
});

it('the environment stands in for what the URL leaves out, and then the defaults', () => {
  const env = { PGHOST: 'there', PGPORT: '7000', PGUSER: 'her', PGDATABASE: 'hers' };
  expect(place('postgres://', env)).toMatchObject({
    hosts: [{ name: 'there', port: 7000 }],
    user: 'her',
    database: 'hers',
    schema: 'jobrun',
  });
  expect(place('postgres://me@here/mine', env)).toMatchObject({
    hosts: [{ name: 'here', port: 7000 }],
    user: 'me',
    database: 'mine',
  });
  const { username } = userInfo();
  expect(place('postgres://')).toMatchObject({
    hosts: [{ name: 'localhost', port: 5432 }],
    user: username,
    database: username,
  });
});

it('there may be several hosts, addresses and sockets', () => {
  expect(place('postgres://a@one:1,two,[::1]:3/x').hosts).toEqual([
    { name: 'one', port: 1 },
    { name: 'two', port: 5432 },
    { name: '::1', port: 3 },
  ]);
  expect(place('postgres://a@/x?host=one,two&port=9').hosts).toEqual([
    { name: 'one', port: 9 },
    { name: 'two', port: 9 },
  ]);
  const socket = place('postgres://a@/x?host=/run/pg&port=9');
  expect(socket.hosts).toEqual([{ name: '/run/pg', port: 9 }]);
  expect(place(socket.shown)).toEqual(socket);
  expect(place('postgres://a@%2Frun%2Fpg/x').hosts).toEqual([{ name: '/run/pg', port: 5432 }]);
});

it.each([
  ['postgres://a@b:0/x', 'its port is none'],
  ['postgres://a@b:70000/x', 'its port is none'],
  ['postgres://a@b/x?schema=', 'cannot be the name of a schema'],
  ['postgres://a@b/x?schema=pg_mine', 'cannot be the name of a schema'],
  [`postgres://a@b/x?schema=${'x'.repeat(64)}`, 'cannot be the name of a schema'],
  ['postgres://a@b/x?sslmode=yes', 'no sslmode "yes"'],
  ['postgres://a%zz@b/x', 'a % that begins no character'],
])('%s is refused', (url, says) => {
  expect(() => place(url)).toThrow(says);
});
