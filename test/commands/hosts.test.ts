// Which hosts there are and which jobs they have, as it is shown: of daemons that share a store.
import { expect, it } from 'vitest';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { hostsElsewhere, hostView, jobsAnywhere } from '../../src/commands/shared/hosts.ts';
import type { ListedMember } from '../../src/engine/members.ts';
import type { StorePlace } from '../../src/support/store-place.ts';

const member = (more: Partial<ListedMember>): ListedMember => ({
  id: 1,
  host: 'web-1',
  pid: 7,
  since: Date.UTC(2026, 10, 23),
  version: '0.2.0',
  workers: { busy: 1, total: 4 },
  jobs: ['mail'],
  progress: [],
  leaseMs: 30_000,
  beats: 5,
  silentMs: 0,
  ...more,
});
const all = [
  member({}),
  member({ id: 2, host: 'web-2', jobs: ['mail', 'import'] }),
  member({ id: 3, host: 'web-3', jobs: ['old'], silentMs: 20_000 }),
  member({ id: 4, host: 'web-2', jobs: ['import'] }),
];
const self = { id: 9, host: 'web-9' };
const members = { list: async () => all, self };

it('a host that has missed renewals is silent, one that lives is not', () => {
  expect(all.map(hostView)).toMatchObject([
    { id: 1, host: 'web-1', state: 'alive', silentMs: 0, since: '2026-11-23T00:00:00.000Z' },
    { id: 2, state: 'alive' },
    { id: 3, state: 'silent', silentMs: 20_000 },
    { id: 4, host: 'web-2', state: 'alive' },
  ]);
});

it('a job is on the hosts that live and have it, each named once', async () => {
  const config = { store: {} as StorePlace };
  expect(Object.fromEntries(await hostsElsewhere({ config, members }))).toEqual({
    mail: ['web-1', 'web-2'],
    import: ['web-2'],
  });
  const own = { ...members, self: { id: 2, host: 'web-2' } };
  expect(
    Object.fromEntries(await hostsElsewhere({ config, members: own })),
    'of its own jobs a daemon knows itself',
  ).toEqual({ mail: ['web-1'], import: ['web-2'] });
});

it('a job is known that has a file here or that a living host has, and without a store those here alone', async () => {
  const catalog = { names: () => ['here', 'mail'] } as unknown as Catalog;
  const known = async (store: StorePlace | null): Promise<readonly string[]> =>
    [...(await jobsAnywhere({ config: { store }, members, catalog }))].sort();
  expect(await known({} as StorePlace)).toEqual(['here', 'import', 'mail']);
  expect(await known(null)).toEqual(['here', 'mail']);
});
