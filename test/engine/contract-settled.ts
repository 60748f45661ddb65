// Part of the engine contract: lists of settled runs, the last settled first, whatever became of the runs before.
import { expect, test } from 'vitest';
import type { Period, Query, SettledRun } from '../../src/engine/engine.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import { isSettled, type Run, SETTLED } from '../../src/run/run.ts';
import { retry } from '../../src/run/transitions.ts';
import { DONE, draft, finish, T0, THREW } from '../helpers/engine-values.ts';
import { type Random, randomFrom } from '../helpers/random.ts';
import type { Bench } from './contract.ts';

const MANY = 3500;

const settledAt = ({ state }: Run): number => ('settledAt' in state ? state.settledAt : 0);
const bySettled = (a: Run, b: Run): number => settledAt(b) - settledAt(a) || b.id - a.id;
const again = (run: Run): Run => retry(run, DEFAULT_POLICY, T0, false);
const abortAt =
  (now: number) =>
  (run: Run): Run => ({
    ...run,
    state: { name: 'aborted', dueAt: run.state.dueAt, settledAt: now, reason: 'asked for' },
  });
const idsOf = (runs: readonly { readonly id: number }[]): number[] => runs.map(({ id }) => id);

export function settledContract(bench: Bench): void {
  const accept = async (many: number): Promise<void> => {
    for (let from = 0; from < many; from += 500) {
      const drafts = Array.from({ length: Math.min(500, many - from) }, (_, i) =>
        draft(from + i, (from + i) % 40 === 0 ? { key: `key-${from + i}` } : null, {
          job: (from + i) % 3 === 0 ? 'mail' : 'import',
        }),
      );
      await bench.engine.accept(drafts, T0 + from);
    }
  };
  const settle = (id: number, now: number): Promise<Run> =>
    bench.engine.change(id, (run) => finish(run, id % 7 === 0 ? THREW : DONE, now));
  const settleAll = (many: number, instant: (id: number) => number): Promise<unknown> =>
    Promise.all(Array.from({ length: many }, (_, i) => settle(i + 1, instant(i + 1))));
  /** All runs, one by one: a list of all would tell the engine what it may have forgotten. */
  const eachRun = async (): Promise<readonly Run[]> => {
    const runs = Array.from({ length: MANY }, (_, i) => bench.engine.find(i + 1));
    return (await Promise.all(runs)).filter((run) => run !== null);
  };
  const ids = async (query: Partial<Query> = {}): Promise<number[]> =>
    idsOf((await bench.engine.list({ order: 'settled', limit: 4, ...query })).runs);

  const history = async (period?: Period): Promise<SettledRun[]> => {
    const all: SettledRun[] = [];
    for await (const { runs, damage } of bench.engine.history(period)) {
      expect(damage).toEqual([]);
      all.push(...runs);
    }
    return all;
  };

  const HISTORIES: Readonly<Record<string, (id: number, chance: Random) => number>> = {
    'about in the order of their ids': (id, chance) => T0 + 10 * id + chance.whole(0, 900),
    'here and there long after their neighbours': (id, chance) =>
      T0 + 10 * id + (chance.chance(0.01) ? chance.whole(0, 90_000) : chance.whole(0, 50)),
    'against the order of their ids': (id) => T0 + 10 * (MANY - id),
    'in no order, many of them at once': (_id, chance) => T0 + chance.whole(0, 60),
    'all at once': () => T0,
  };

  test.each(Object.entries(HISTORIES))(
    'runs that settled %s come last settled first, through retries, removals, folds and reopenings',
    async (_name, instant) => {
      const chance = randomFrom(17);
      await accept(MANY);
      const ended = Array.from({ length: MANY }, (_, i) => i + 1).filter(
        (id) => id < 2200 || chance.chance(0.5),
      );
      await Promise.all(ended.map((id) => settle(id, instant(id, chance))));
      const filters: { query: Omit<Query, 'limit'>; fits: (run: Run) => boolean }[] = [
        { query: {}, fits: () => true },
        { query: { states: SETTLED, jobs: ['mail'] }, fits: ({ job }) => job === 'mail' },
        { query: { states: ['failed'] }, fits: ({ state }) => state.name === 'failed' },
        {
          query: { states: ['done', 'aborted'] },
          fits: ({ state }) => /done|aborted/.test(state.name),
        },
        { query: { states: ['queued'] }, fits: () => false },
        { query: { key: 'key-80' }, fits: ({ origin }) => origin?.key === 'key-80' },
        { query: { since: T0 + 1500 }, fits: ({ createdAt }) => createdAt >= T0 + 1500 },
        {
          query: { words: ['KEY-1'] },
          fits: ({ origin }) => origin?.key?.startsWith('key-1') ?? false,
        },
      ];
      for (let round = 0; round < 6; round++) {
        if (round === 2 || round === 4) await bench.tidy();
        if (round === 3 || round === 4) await bench.reopen();
        const runs = await eachRun();
        for (const { query, fits } of filters) {
          const expected = runs.filter((run) => isSettled(run) && fits(run)).sort(bySettled);
          for (const deep of [0, expected.length]) {
            const asked = { ...query, order: 'settled' as const, limit: chance.whole(0, 80) };
            const offset = chance.whole(0, deep);
            const around = chance.of(runs).id;
            const at = expected.findIndex(({ id }) => id === around);
            const listed = await bench.engine.list({ ...asked, offset, around });
            const what = JSON.stringify([round, asked, offset, around]);
            expect(listed.total, what).toBe(expected.length);
            expect(idsOf(listed.runs), what).toEqual(
              idsOf(expected.slice(offset, offset + asked.limit)),
            );
            expect(listed.at, what).toBe(at < 0 ? null : at);
            expect(listed.complete).toBe(true);
          }
        }
        const past = runs.filter(isSettled).sort(bySettled).reverse();
        expect(idsOf(await history()), `round ${round}`).toEqual(idsOf(past));
        const [from = 0, until = 0] = [chance.of(past), chance.of(past)].map(settledAt).sort();
        expect(idsOf(await history({ from, until })), `${from} to ${until}`).toEqual(
          idsOf(past.filter((run) => settledAt(run) >= from && settledAt(run) < until)),
        );
        for (let i = 0; i < 30; i++) {
          const run = chance.of(runs);
          const now = instant(chance.whole(1, MANY), chance);
          const changed = !isSettled(run)
            ? settle(run.id, now)
            : run.state.name === 'failed'
              ? bench.engine.change(run.id, again)
              : bench.engine.remove([run.id]);
          // One that is chosen twice may be gone, or settled.
          await changed.catch(() => undefined);
        }
      }
    },
    60_000,
  );

  test('a run that settles long after its neighbours comes first; started again it is in no list, and removed it leaves no trace', async () => {
    await accept(3000);
    await settleAll(3000, (id) => T0 + (id === 1 ? 9000 : id));
    for (let i = 0; i < 3; i++) {
      expect(await ids()).toEqual([1, 3000, 2999, 2998]);
      expect(await ids({ offset: 2998 })).toEqual([3, 2]);
      await bench.tidy();
      await bench.reopen();
    }
    await bench.engine.change(7, again);
    expect(await ids({ offset: 2993 })).toEqual([8, 6, 5, 4]);
    await bench.engine.change(7, abortAt(T0 + 9500));
    expect(await ids()).toEqual([7, 1, 3000, 2999]);
    expect(await ids({ states: ['aborted'] })).toEqual([7]);
    await bench.engine.remove([7, 1]);
    expect(await ids()).toEqual([3000, 2999, 2998, 2997]);
    await bench.tidy();
    await bench.reopen();
    expect(await ids()).toEqual([3000, 2999, 2998, 2997]);
    expect(await ids({ offset: 2996 })).toEqual([3, 2]);
  });

  test('what settles while a search goes on is left to the next one, and none comes twice', async () => {
    await accept(3000);
    await settleAll(3000, (id) => T0 + (id % 1000));
    await bench.tidy();
    await bench.reopen();
    let last: readonly Run[] = [];
    let late = T0 + 5000;
    for await (const { runs } of bench.engine.search({ order: 'settled', limit: 3000 })) {
      last = runs;
      const [failed] = (await bench.engine.list({ states: ['failed'], limit: 1 })).runs;
      if (!failed) continue;
      await bench.engine.change(failed.id, again);
      await settle(failed.id, ++late);
    }
    expect(new Set(idsOf(last)).size).toBe(last.length);
    expect(last).toEqual([...last].sort(bySettled));
    expect(late, 'some did').toBeGreaterThan(T0 + 5000);
  });

  test('the history tells of each settled run what its keeping depends on, and of no other', async () => {
    await accept(10);
    await settle(7, T0 + 5);
    await settle(2, T0 + 9);
    await bench.engine.change(4, abortAt(T0 + 9));
    for (let i = 0; i < 2; i++) {
      expect(await history()).toMatchObject([
        { id: 7, job: 'mail', state: 'failed', settledAt: T0 + 5, aside: false },
        { id: 2, job: 'import', state: 'done', settledAt: T0 + 9, aside: false },
        { id: 4, job: 'mail', state: 'aborted', settledAt: T0 + 9, aside: false },
      ]);
      expect(await history({ from: T0 + 6, until: T0 + 9 })).toEqual([]);
      await bench.tidy();
      await bench.reopen();
    }
    const [one] = await history({ sized: true });
    const whole = JSON.stringify(await bench.engine.find(7)).length;
    expect((one?.bytes ?? 0) / whole, 'about what it takes').toBeGreaterThan(0.5);
    expect((one?.bytes ?? 0) / whole).toBeLessThan(2);
  });

  test('what is removed, started again or settles while the history is gone through disturbs no other, and none comes twice', async () => {
    await accept(3000);
    await settleAll(2500, (id) => T0 + (id % 1000));
    await bench.tidy();
    await bench.reopen();
    const seen: number[] = [];
    let late = T0 + 5000;
    for await (const { runs } of bench.engine.history()) {
      seen.push(...idsOf(runs));
      if (seen.length >= 2400) break;
      await bench.engine.remove(idsOf(runs));
      if (late < T0 + 5010) await settle(2900 + (late - T0 - 5000), ++late);
    }
    const asWas = Array.from({ length: 2500 }, (_, i) => i + 1).sort(
      (a, b) => (a % 1000) - (b % 1000) || a - b,
    );
    const before = seen.filter((id) => id <= 2500);
    expect(new Set(seen).size).toBe(seen.length);
    expect(before).toEqual(asWas.slice(0, before.length));
    expect(before.length).toBeGreaterThanOrEqual(2390);
  });
}
