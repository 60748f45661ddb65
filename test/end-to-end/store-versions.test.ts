// Hosts with different versions of jobrun on one store: a later one changes the tables when no earlier one is alive,
// and an earlier one touches nothing of a later one's.
import { beforeAll, expect, it } from 'vitest';
import { FORMAT } from '../../src/engine/postgres/schema.ts';
import { hosts } from '../helpers/cluster.ts';
import { freshStore, query } from '../helpers/postgres.ts';
import type { Result } from '../helpers/project.ts';
import { storeOfFormat1 } from '../helpers/store-formats.ts';

beforeAll(async () => void (await freshStore({ fsync: true })), 120_000);

const FILES = { 'jobs/mail.js': 'export default () => 1;\n' };
const told = ({ code, stderr }: Result): string => `${code} ${stderr}`;
const formatOf = async (store: string): Promise<unknown> =>
  (await query(store, 'select format from meta'))[0]?.format;

it('commands and daemons leave a store of a later version as it is: exit 8', async () => {
  const store = await freshStore({ fsync: true });
  const { here } = await hosts(['here'], { store, files: FILES });
  await here.json('schedule', 'mail');
  await query(store, `update meta set format = ${FORMAT + 1}`);
  for (const args of [['list'], ['schedule', 'mail'], ['daemon', '--until-idle']])
    expect(told(await here.cli(args))).toMatch(/^8 .*format/);
  expect(await query(store, 'select state from run')).toEqual([{ state: 'queued' }]);
  expect(await formatOf(store)).toBe(FORMAT + 1);
}, 60_000);

it('beside a live host of an earlier version it is exit 8 with its name; without one the tables are changed and the run goes on', async () => {
  const store = await storeOfFormat1({ fsync: true });
  const { here } = await hosts(['here'], { store, files: FILES });
  await query(
    store,
    `insert into member (id, host, state, pid, boot, since, lease_ms, beat_at, info)
      values (900, 'web-1', '/state', 1, 'b', 0, 30000, extract(epoch from clock_timestamp()) * 1000, '{}')`,
  );
  for (const args of [['list'], ['daemon', '--until-idle']])
    expect(told(await here.cli(args))).toMatch(/^8 .*web-1/);
  expect(await formatOf(store)).toBe(1);
  await query(store, 'delete from member');
  expect((await here.cli(['daemon', '--until-idle'])).code).toBe(0);
  expect((await here.show('1')).state).toBe('done');
  expect(await formatOf(store)).toBe(FORMAT);
}, 60_000);
