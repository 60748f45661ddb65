// Which hosts there are and which jobs they have, as it is shown: of daemons that share a store.
import { expect, it } from 'vitest';
import { hostsByJob, hostView, isElsewhere } from '../../src/commands/shared/hosts.ts';
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
const members = { list: async () => all };

it('a host that has missed renewals is silent, one that lives is not', () => {
  expect(all.map(hostView)).toMatchObject([
    { id: 1, host: 'web-1', state: 'alive', silentMs: 0, since: '2026-11-23T00:00:00.000Z' },
    { id: 2, state: 'alive' },
    { id: 3, state: 'silent', silentMs: 20_000 },
    { id: 4, host: 'web-2', state: 'alive' },
  ]);
});

it('a job is on the hosts that live and have it, each named once', async () => {
  expect(Object.fromEntries(await hostsByJob(members))).toEqual({
    mail: ['web-1', 'web-2'],
    import: ['web-2'],
  });
});

it('a job is elsewhere where a living host has it, and never without a store', async () => {
  const store = {} as StorePlace;
  const asked = ['mail', 'old', 'none'].map((job) =>
    isElsewhere(job, { config: { store }, members }),
  );
  expect(await Promise.all(asked)).toEqual([true, false, false]);
  expect(await isElsewhere('mail', { config: { store: null }, members })).toBe(false);
});
