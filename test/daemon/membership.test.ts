// A daemon and its lease: what it does when the store does not answer, when others have given it up, and when others
// fall silent. The store is one table in memory, time is a clock that the test moves.
import { expect, it } from 'vitest';
import { Membership } from '../../src/daemon/membership.ts';
import type { Cluster, OtherMember } from '../../src/engine/cluster.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const LEASE = 30_000;

interface Row {
  beats: number;
  leaseMs: number;
  silentMs: number;
}

/** What all members share, and what each of them can reach. */
class Store {
  readonly members = new Map<number, Row>();
  /** Runs that are held, by their holder. */
  readonly held = new Map<number, number>();
  #last = 0;

  join(leaseMs: number): number {
    this.members.set(++this.#last, { beats: 0, leaseMs, silentMs: 0 });
    return this.#last;
  }
}

const away = (): JobrunError => new JobrunError('store-unreachable', 'no way to it', 'Wait.');

function daemonOn(store: Store, clock: FakeClock, leaseMs = LEASE) {
  let id = store.join(leaseMs);
  const said: string[] = [];
  const world = {
    ...{ reaches: true, answersMs: 0, endsMs: 0, said, takenOver: [] as number[], leftMs: 0 },
    trouble: (): void => {},
  };
  const reach = (): void => {
    if (!world.reaches) throw away();
  };
  const cluster: Cluster = {
    get self() {
      return { id, host: 'here' };
    },
    joinedAt: clock.monotonic(),
    async renew() {
      reach();
      if (world.answersMs > 0)
        await new Promise<void>((resolve) => clock.after(world.answersMs, resolve));
      const own = store.members.get(id);
      if (own) own.beats++;
      const others = [...store.members].flatMap(([other, row]): OtherMember[] =>
        other === id ? [] : [{ id: other, host: 'there', pid: 1, ...row }],
      );
      const hasAbandoned = [...store.held.values()].some((holder) => !store.members.has(holder));
      return { isMember: own !== undefined, others, hasAbandoned };
    },
    async rejoin() {
      reach();
      id = store.join(leaseMs);
    },
    async giveUp(other, beats) {
      reach();
      return store.members.get(other)?.beats === beats && store.members.delete(other);
    },
    inherited: async () => undefined,
    onTrouble: (listener) => {
      world.trouble = listener;
    },
    leave: async () => void store.members.delete(id),
  };
  const membership = new Membership(
    {
      cluster,
      clock,
      leaseMs,
      info: () => ({ version: '', workers: { busy: 0, total: 1 }, jobs: [], progress: [] }),
      endAttempts: async () => {
        said.push('ends attempts');
        await new Promise<void>((resolve) => clock.after(world.endsMs, resolve));
        said.push('all dead');
      },
      beat: (leftMs) => {
        world.leftMs = leftMs;
      },
      takeOver: async (gone) => {
        world.takenOver.push(...gone.map((one) => one.id));
        for (const [run, holder] of store.held)
          if (!store.members.has(holder)) store.held.delete(run);
      },
      onAway: () => said.push('away'),
      onBack: () => said.push('back'),
      onFenced: () => said.push('fenced'),
      onError: (error) => said.push(String(error)),
    },
    clock.monotonic(),
  );
  membership.start();
  return { membership, world, id: () => id };
}

const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

it('a member that is answered goes on, and its reaper with it', async () => {
  const clock = new FakeClock(0);
  const { membership, world } = daemonOn(new Store(), clock);
  await clock.advance(10 * LEASE, quiet);
  expect([membership.mayBegin, membership.isFenced, world.said]).toEqual([true, false, []]);
  expect(world.leftMs).toBe(22_500);
});

it('a store that is away is told of once; what runs goes on, nothing begins; once back, it is told of once', async () => {
  const clock = new FakeClock(0);
  const { membership, world } = daemonOn(new Store(), clock);
  await clock.advance(1000, quiet);
  world.reaches = false;
  await clock.advance(10_000, quiet);
  expect([membership.mayBegin, membership.isFenced, world.said]).toEqual([false, false, ['away']]);
  world.reaches = true;
  await clock.advance(1000, quiet);
  expect([membership.mayBegin, world.said]).toEqual([true, ['away', 'back']]);
});

it('a sign that the store is away is looked into at once, and not only with the next renewal', async () => {
  const clock = new FakeClock(0);
  const { world } = daemonOn(new Store(), clock);
  await clock.advance(100, quiet);
  world.reaches = false;
  world.trouble();
  await clock.advance(10, quiet);
  expect(world.said).toEqual(['away']);
});

it('six tenths of the lease after the last renewal that was answered its attempts are ended, and no moment before', async () => {
  const clock = new FakeClock(0);
  const { membership, world } = daemonOn(new Store(), clock);
  await clock.advance(100, quiet);
  world.reaches = false;
  await clock.advance(17_800, quiet);
  expect([membership.isFenced, world.said]).toEqual([false, ['away']]);
  await clock.advance(300, quiet);
  expect([membership.isFenced, membership.mayBegin]).toEqual([true, false]);
  expect(world.said).toEqual(['away', 'fenced', 'ends attempts', 'all dead']);
  world.reaches = true;
  await clock.advance(1000, quiet);
  expect([membership.isFenced, membership.mayBegin, world.said.at(-1)]).toEqual([
    false,
    true,
    'back',
  ]);
});

it('a process that stood still is fenced by the clock before anything else has happened', async () => {
  const clock = new FakeClock(0);
  const { membership } = daemonOn(new Store(), clock);
  await clock.advance(100, quiet);
  clock.sleep(20_000);
  expect([membership.isFenced, membership.mayBegin]).toEqual([true, false]);
});

it('one that was given up joins under a new number, and only when nothing of its attempts lives', async () => {
  const clock = new FakeClock(0);
  const store = new Store();
  const { membership, world, id } = daemonOn(store, clock);
  await clock.advance(100, quiet);
  store.members.delete(1);
  world.endsMs = 5000;
  await clock.advance(8000, quiet);
  expect([id(), membership.mayBegin, membership.isFenced]).toEqual([1, false, true]);
  await clock.advance(5000, quiet);
  expect([id(), membership.mayBegin, world.said]).toEqual([2, true, ['ends attempts', 'all dead']]);
});

it('who falls silent is given up after its whole lease, by one of the others, and what it held is taken over once', async () => {
  const clock = new FakeClock(0);
  const store = new Store();
  const silent = store.join(LEASE);
  store.held.set(12, silent);
  const [one, two] = [daemonOn(store, clock), daemonOn(store, clock)];
  await clock.advance(LEASE - 1, quiet);
  expect(store.members.has(silent)).toBe(true);
  await clock.advance(LEASE / 5, quiet);
  expect([...one.world.takenOver, ...two.world.takenOver]).toEqual([silent]);
  expect([store.members.has(silent), store.held.size]).toEqual([false, 0]);
});

it('one that is gone is found when its lease is over, not with the renewal after that', async () => {
  const clock = new FakeClock(0);
  const store = new Store();
  const silent = store.join(LEASE);
  const { world } = daemonOn(store, clock);
  world.answersMs = 1000;
  await clock.advance(1000 + LEASE - 1, quiet);
  expect(world.takenOver).toEqual([]);
  await clock.advance(1100, quiet);
  expect(world.takenOver).toEqual([silent]);
});

it('after an outage for all nobody is given up before another whole lease', async () => {
  const clock = new FakeClock(0);
  const store = new Store();
  const { world } = daemonOn(store, clock);
  const silent = store.join(LEASE);
  await clock.advance(20_000, quiet);
  world.reaches = false;
  await clock.advance(60_000, quiet);
  world.reaches = true;
  await clock.advance(LEASE - 1000, quiet);
  expect(store.members.has(silent)).toBe(true);
  await clock.advance(8000, quiet);
  expect(store.members.has(silent)).toBe(false);
});

it('what a daemon left that took over and died halfway is found by the next one', async () => {
  const clock = new FakeClock(0);
  const store = new Store();
  store.held.set(12, 99);
  daemonOn(store, clock);
  await clock.advance(100, quiet);
  expect(store.held.size).toBe(0);
});

it('a shorter lease of another one is looked at as often as that asks for', async () => {
  const clock = new FakeClock(0);
  const store = new Store();
  const hasty = store.join(3000);
  daemonOn(store, clock);
  await clock.advance(100 + 3000 + 700, quiet);
  expect(store.members.has(hasty)).toBe(false);
});
