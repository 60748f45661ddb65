// Part of the engine contract: lists over many runs, counts at every moment, events and their order.
import { expect, test } from 'vitest';
import type { Change, Query } from '../../src/engine/engine.ts';
import type { Outcome } from '../../src/run/outcome.ts';
import { type Run, STATE_NAMES } from '../../src/run/run.ts';
import type { Json } from '../../src/support/json.ts';
import { all, DONE, draft, finish, T0 } from '../helpers/engine-values.ts';
import { randomFrom } from '../helpers/random.ts';
import type { Bench } from './contract.ts';
import { abort, settled } from './contract-intake.ts';

const MANY = 2500;

export function listsContract(bench: Bench): void {
  /** Several pages: the oldest all settled, the newest all queued, mixed between; folded and opened again. */
  async function fill(): Promise<readonly Run[]> {
    for (let from = 0; from < MANY; from += 500) {
      const drafts = Array.from({ length: 500 }, (_, i) =>
        draft(from + i, (from + i) % 50 === 0 ? { key: `key-${from + i}` } : null, {
          job: (from + i) % 3 === 0 ? 'mail' : 'import',
        }),
      );
      await bench.engine.accept(drafts, T0 + from);
    }
    const toSettle = Array.from({ length: 1700 }, (_, i) => i + 1).filter(
      (id) => id < 1200 || id % 2 === 0,
    );
    await Promise.all(
      toSettle.map((id) =>
        bench.engine.change(id, id % 5 === 0 ? abort : (run) => finish(run, DONE, T0)),
      ),
    );
    await bench.tidy();
    await bench.reopen();
    const { runs } = await all(bench.engine);
    return runs;
  }

  test('lists are newest first and whole; windows, filters and totals agree with all there is', async () => {
    const runs = await fill();
    expect(runs.map(({ id }) => id)).toEqual(Array.from({ length: MANY }, (_, i) => MANY - i));
    const chance = randomFrom(7);
    const filters: { query: Omit<Query, 'limit'>; fits: (run: Run) => boolean }[] = [
      { query: {}, fits: () => true },
      { query: { states: ['done'] }, fits: (run) => run.state.name === 'done' },
      {
        query: { states: ['aborted', 'queued'] },
        fits: (run) => /aborted|queued/.test(run.state.name),
      },
      { query: { jobs: ['mail'] }, fits: (run) => run.job === 'mail' },
      { query: { jobs: ['mail'], states: ['failed'] }, fits: () => false },
      { query: { key: 'key-50' }, fits: (run) => run.origin?.key === 'key-50' },
      { query: { since: T0 + 1500 }, fits: (run) => run.createdAt >= T0 + 1500 },
      { query: { below: 1700 }, fits: (run) => run.id < 1700 },
      {
        query: { below: 1500, states: ['queued'] },
        fits: (run) => run.id < 1500 && run.state.name === 'queued',
      },
      { query: { below: 1000, key: 'key-50' }, fits: (run) => run.origin?.key === 'key-50' },
      { query: { below: 1 }, fits: () => false },
      {
        query: { below: Number.POSITIVE_INFINITY, states: ['queued'] },
        fits: (run) => run.state.name === 'queued',
      },
      { query: { words: ['KEY-1'] }, fits: (run) => run.origin?.key?.startsWith('key-1') ?? false },
      {
        query: { words: ['77'], jobs: ['import'] },
        fits: (run) => run.job === 'import' && (run.id === 77 || `${run.id - 1}`.includes('77')),
      },
      { query: { words: ['#77'] }, fits: ({ id }) => id === 77 },
      { query: { words: ['mai', 'IL'] }, fits: ({ job }) => job === 'mail' },
      { query: { words: ['mai', 'key'] }, fits: ({ job, origin }) => job === 'mail' && !!origin },
      { query: { without: ['mai'] }, fits: ({ job }) => job !== 'mail' },
      {
        query: { words: ['i'], without: ['key-1', 'no such'] },
        fits: (run) => !run.origin?.key?.startsWith('key-1'),
      },
    ];
    for (const { query, fits } of filters) {
      const expected = runs.filter(fits);
      for (let i = 0; i < 6; i++) {
        const offset = chance.whole(0, i < 3 ? 30 : MANY);
        const limit = chance.whole(0, i < 3 ? 60 : MANY);
        const listed = await bench.engine.list({ ...query, offset, limit });
        expect(listed.total, JSON.stringify(query)).toBe(expected.length);
        expect(listed.runs).toEqual(expected.slice(offset, offset + limit));
      }
    }
  });

  test('each order gives every run once, says where a run stands, and stays right while runs change', async () => {
    await fill();
    const chance = randomFrom(13);
    const byDue = (a: Run, b: Run): number => a.state.dueAt - b.state.dueAt || a.id - b.id;
    const waits = ({ state }: Run): boolean => /scheduled|waiting|queued/.test(state.name);
    const filters: { query: Omit<Query, 'limit' | 'order'>; fits: (run: Run) => boolean }[] = [
      { query: {}, fits: () => true },
      { query: { jobs: ['mail'] }, fits: (run) => run.job === 'mail' },
      {
        query: { states: ['scheduled', 'queued'] },
        fits: (run) => /scheduled|queued/.test(run.state.name),
      },
      { query: { key: 'key-2450' }, fits: (run) => run.origin?.key === 'key-2450' },
      { query: { since: T0 + 1500 }, fits: (run) => run.createdAt >= T0 + 1500 },
    ];
    for (let round = 0; round < 4; round++) {
      const runs = (await bench.engine.list({ limit: MANY * 2 })).runs;
      for (const { query, fits } of filters) {
        const orders = {
          newest: runs.filter(fits),
          oldest: runs.filter(fits).toReversed(),
          due: runs.filter((run) => fits(run) && waits(run)).toSorted(byDue),
        };
        for (const [order, expected] of Object.entries(orders)) {
          const asked = { ...query, order: order as 'due', limit: chance.whole(1, 80) };
          const offset = chance.whole(0, expected.length);
          const around = chance.of(runs).id;
          const at = expected.findIndex(({ id }) => id === around);
          const listed = await bench.engine.list({ ...asked, offset, around });
          const what = JSON.stringify([round, asked, offset, around]);
          expect(listed.total, what).toBe(expected.length);
          expect(listed.runs, what).toEqual(expected.slice(offset, offset + asked.limit));
          expect(listed.at, what).toBe(at < 0 ? null : at);
        }
      }
      for (let i = 0; i < 40; i++) {
        const run = chance.of(runs);
        const later = (prev: Run): Run => ({
          ...prev,
          state: { name: 'scheduled', dueAt: T0 + chance.whole(0, 9000) },
        });
        if (waits(run)) await bench.engine.change(run.id, chance.of([later, abort]));
        else await bench.engine.remove([run.id]).catch(() => undefined);
      }
      await bench.engine.accept([draft(round, null, { dueAt: T0 + chance.whole(1, 9000) })], T0);
      if (round === 1) await bench.tidy();
    }
  });

  test('a search shows what it has found before it is over, and can be left', async () => {
    await fill();
    const parts: { found: number; total: number; complete: boolean }[] = [];
    const query: Query = { key: 'key-0', limit: 10 };
    for await (const { runs, total, complete } of bench.engine.search({
      ...query,
      key: 'key-2450',
    }))
      parts.push({ found: runs.length, total, complete });
    expect(parts[0]).toEqual({ found: 1, total: 1, complete: false });
    expect(parts.at(-1)).toEqual({ found: 1, total: 1, complete: true });
    for await (const { runs } of bench.engine.search({ limit: 5 })) {
      expect(runs).toHaveLength(5);
      break;
    }
    expect((await bench.engine.list(query)).runs.map(({ id }) => id)).toEqual([1]);
  });

  test('words are found in key, error and params, large ones of settled runs too, and in nothing that is hidden', async () => {
    const large = 'z'.repeat(40_000);
    const params: readonly Json[] = [
      { file: 'Spring.csv', limit: 5000 },
      { deep: [{ name: 'spring', large }] },
      { password: 'spring', user: 'ada' },
      { large, password: { inner: 'spring' } },
      { file: 'autumn.csv' },
      null,
    ];
    const drafts = params.map((one, i) =>
      draft(i, i === 4 ? { key: 'SPRING-4' } : null, { params: one }),
    );
    await bench.engine.accept(drafts, T0);
    const filters: readonly (readonly [Omit<Query, 'limit'>, readonly number[]])[] = [
      [{ words: ['spring'] }, [6, 5, 4, 3, 2, 1]],
      [{ words: ['spring'], hidden: ['password'] }, [6, 5, 2, 1]],
      [{ words: ['spring', 'zz'], hidden: ['password'] }, [2]],
      [{ words: ['password'], hidden: ['password'] }, [4, 3]],
      [{ words: ['spring', '5000'] }, [1]],
      [{ without: ['spring'], words: ['mail'] }, []],
      [{ without: ['spring'], hidden: ['password'] }, [4, 3]],
      [{ without: ['zzz'] }, [6, 5, 3, 1]],
      [{ words: ['null'] }, []],
      [{ params: [{ path: 'file', value: 'Spring.csv' }] }, [1]],
      [{ params: [{ path: 'file', value: 'Spring' }] }, []],
      [{ params: [{ path: 'limit', value: '5000.0' }], words: ['autumn'] }, []],
      [{ params: [{ path: 'limit', value: '5000.0' }], words: ['spring'] }, [1]],
      [{ params: [{ path: 'deep.0.name', value: 'spring' }] }, [2]],
      [{ params: [{ path: 'deep.0.large', value: large }] }, [2]],
      [{ params: [{ path: 'deep', value: 'spring' }] }, []],
      [
        { params: [{ path: 'user', value: 'ada' }], without: ['spring'], hidden: ['password'] },
        [3],
      ],
      [{ params: [{ path: 'user', value: 'ada' }], without: ['spring'] }, []],
      [{ params: [{ path: 'password', value: 'spring' }] }, [3]],
      [{ params: [{ path: 'password', value: 'spring' }], hidden: ['password'] }, []],
      [{ params: [{ path: 'password.inner', value: 'spring' }], hidden: ['password'] }, []],
      [{ params: [{ path: 'constructor', value: 'null' }] }, []],
    ];
    const look = async (): Promise<void> => {
      for (const [query, ids] of filters)
        for (const order of ['newest', 'settled'] as const) {
          const found = await bench.engine.list({ ...query, order, limit: 10 });
          expect(
            found.runs.map(({ id }) => id),
            JSON.stringify(query),
          ).toEqual(ids);
          expect(found.total).toBe(ids.length);
        }
    };
    const spring: Outcome = { kind: 'threw', error: { name: 'Spring', message: 'no', stack: '' } };
    for (const [i] of params.entries())
      await bench.engine.change(i + 1, (run) => finish(run, i === 5 ? spring : DONE, T0 + i));
    await look();
    await bench.tidy();
    await bench.reopen();
    await look();
    // Asked for alone, and not to be shown whole.
    const { runs } = await bench.engine.list({ words: ['spring', 'zz'], limit: 9, light: true });
    expect(runs.map(({ id }) => id)).toEqual([4, 2]);
  });

  test('a filter that is typed on finds what it finds when it is typed at once, also after changes', async () => {
    await fill();
    const typed = ['k', 'ke', 'key', 'key-1', 'key-12', 'key-125'];
    for (const word of [...typed, ...typed.toReversed(), '1', '12', '#12', '#1']) {
      const asked: Query = { words: [word], limit: 3000 };
      const found = await bench.engine.list(asked);
      const { runs } = await bench.engine.list({ limit: 3000 });
      const fits = (run: Run): boolean =>
        run.origin?.key?.includes(word) ||
        `#${run.id}` === word ||
        `${run.id}` === word ||
        `${(run.params as { i: number }).i}`.includes(word);
      expect(
        found.runs.map(({ id }) => id),
        word,
      ).toEqual(runs.filter(fits).map(({ id }) => id));
      await bench.engine.accept([draft(3000, { key: `${word.replace('#', '')}-key-125` })], T0);
    }
  });

  test('a run is found by its id alone, however old, and not after it was removed', async () => {
    const runs = await fill();
    for (const id of [1, 999, 1000, 1001, 1999, 2000, 2500]) {
      expect(await bench.engine.find(id)).toEqual(runs[MANY - id]);
    }
    expect(await bench.engine.find(2501)).toBeNull();
    await bench.engine.remove([1, 500]);
    expect(await bench.engine.find(500)).toBeNull();
    await bench.tidy();
    await bench.reopen();
    expect(await bench.engine.find(500)).toBeNull();
    expect((await bench.engine.find(501))?.id).toBe(501);
  });

  test('runs of a whole page are removed, and do not come back over folds and reopenings', async () => {
    await fill();
    const first = Array.from({ length: 999 }, (_, i) => i + 1);
    await bench.engine.remove(first);
    for (let i = 0; i < 3; i++) {
      expect((await all(bench.engine)).total).toBe(MANY - 999);
      expect(await bench.engine.find(3)).toBeNull();
      await bench.tidy();
      await bench.reopen();
    }
  });

  test('counts add up at every moment of a busy life', async () => {
    const addUp = async (): Promise<void> => {
      const counts = await bench.engine.counts();
      const jobs = [...(await bench.engine.countsByJob()).values()];
      const { runs, total } = await all(bench.engine);
      expect(STATE_NAMES.reduce((sum, name) => sum + counts[name], 0)).toBe(total);
      for (const name of STATE_NAMES) {
        expect(counts[name]).toBe(runs.filter((run) => run.state.name === name).length);
        expect(jobs.reduce((sum, of) => sum + of[name], 0)).toBe(counts[name]);
      }
    };
    const chance = randomFrom(11);
    for (let step = 0; step < 60; step++) {
      const job = chance.of(['mail', 'import']);
      await bench.engine.accept([draft(step, null, { job, dueAt: T0 + chance.whole(0, 9) })], T0);
      await bench.engine.advance(T0 + chance.whole(0, 9));
      const [claimed] = await bench.engine.claim(
        { workerKind: 'dedicated', most: 1 },
        () => ({ mark: 'w', pid: 1 }),
        T0,
      );
      await addUp();
      if (claimed && chance.chance(0.7)) await settled(bench.engine, claimed.run, DONE);
      if (claimed && chance.chance(0.2))
        await bench.engine.remove([claimed.run.id]).catch(() => undefined);
      await addUp();
      if (chance.chance(0.1)) await bench.tidy();
      if (chance.chance(0.1)) await bench.reopen();
    }
    await addUp();
  });

  test('runs since a time are all found, also those that a clock in advance has dated before it was set right', async () => {
    const early = [draft(1), draft(2), draft(3)];
    await bench.engine.accept(early, T0 + 10_000);
    const many = Array.from({ length: 1000 }, (_, i) => draft(i + 4));
    await bench.engine.accept(many, T0);
    await bench.engine.accept(many, T0);
    await bench.engine.accept([draft(5000)], T0 + 6000);
    for (const order of ['newest', 'oldest'] as const) {
      const { runs, total } = await bench.engine.list({ since: T0 + 5000, limit: 10, order });
      expect([total, runs.map(({ id }) => id).sort((a, b) => a - b)]).toEqual([4, [1, 2, 3, 2004]]);
    }
  });

  test('changes are told once durable, in order, each from what it was; numbers go on after a reopening', async () => {
    const told: Change[] = [];
    bench.engine.onChange((change) => told.push(change));
    await bench.engine.accept([draft(1), draft(2)], T0);
    await bench.engine.change(1, abort);
    await bench.tidy();
    const before = told.length;
    await bench.reopen();
    expect(await bench.engine.changes()).toBe(3);
    bench.engine.onChange((change) => told.push(change));
    await bench.engine.change(2, abort);
    expect(before).toBe(3);
    expect(told.map(({ n }) => n)).toEqual([1, 2, 3, 4]);
    expect(told.map(({ prev, run }) => [run.id, prev?.state.name ?? null, run.state.name])).toEqual(
      [
        [1, null, 'queued'],
        [2, null, 'queued'],
        [1, 'queued', 'aborted'],
        [2, 'queued', 'aborted'],
      ],
    );
  });

  test('each change is told before its answer; a refused one, and one after the undo, is not told', async () => {
    const told: number[] = [];
    const undo = bench.engine.onChange(({ run }) => told.push(run.id));
    await bench.engine.accept([draft(1)], T0);
    expect(told).toEqual([1]);
    const refuse = (): Run => {
      throw new Error('no');
    };
    await bench.engine.change(1, refuse).catch(() => undefined);
    expect(told).toEqual([1]);
    undo();
    await bench.engine.accept([draft(2)], T0);
    expect(told).toEqual([1]);
  });

  test('a listener that throws stops neither the change nor the other listeners', async () => {
    const told: number[] = [];
    bench.engine.onChange(() => {
      throw new Error('a poor listener');
    });
    bench.engine.onChange(({ run }) => told.push(run.id));
    await bench.engine.accept([draft(1)], T0);
    await bench.engine.accept([draft(2)], T0);
    expect(told).toEqual([1, 2]);
  });
}
