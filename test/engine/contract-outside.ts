// Part of the engine contract: runs that workers outside take, and what is theirs over a reopening.
import { expect, test } from 'vitest';
import type { Claimed } from '../../src/engine/engine.ts';
import { OUTSIDE } from '../../src/engine/members.ts';
import { isHeldUnder, leaseOf } from '../../src/run/external.ts';
import type { JobLimits } from '../../src/run/pick.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import { all, DONE, draft, finish, T0 } from '../helpers/engine-values.ts';
import type { Bench } from './contract.ts';

const EXTERNAL: JobLimits = {
  workerKind: 'external',
  concurrency: null,
  rateLimit: null,
  blocked: null,
};
const POLICY = { ...DEFAULT_POLICY, lockTimeMs: 60_000 };

export function outsideContract(bench: Bench): void {
  const configure = (more: Partial<JobLimits> = {}): void =>
    bench.engine.configure(
      (job) => ({ ...EXTERNAL, ...(job === 'own' && { workerKind: 'dedicated' }), ...more }),
      () => POLICY,
    );
  const take = (jobs: readonly string[], most = 9, now = T0): Promise<Claimed[]> =>
    bench.engine.claim(
      { workerKind: 'external', jobs, most },
      () => ({ mark: OUTSIDE, pid: 0, outside: 'w1' }),
      now,
    );
  const own = (): Promise<Claimed[]> =>
    bench.engine.claim({ workerKind: 'dedicated', most: 9 }, () => ({ mark: 'w', pid: 7 }), T0);
  const ids = (claimed: readonly Claimed[]) => claimed.map(({ run }) => run.id);
  const ofJob = (i: number, job: string, more: object = {}, lock?: string) =>
    draft(i, lock === undefined ? null : { lock }, { job, ...more });

  test('a worker outside gets runs of the jobs that it names, the best of them first, and no other worker does', async () => {
    configure();
    await bench.engine.accept(
      [
        ofJob(1, 'a'),
        ofJob(2, 'b', { priority: 3 }),
        ofJob(3, 'c', { priority: 9 }),
        ofJob(4, 'own'),
        ofJob(5, 'a', { dueAt: T0 - 5 }),
        ofJob(6, 'a', { dueAt: T0 + 5 }),
      ],
      T0,
    );
    expect(await take(['own', 'none'])).toEqual([]);
    expect(ids(await own())).toEqual([4]);
    expect(ids(await take(['b', 'a', 'a'], 2))).toEqual([2, 5]);
    await bench.reopen();
    configure();
    expect(ids(await take(['a', 'b']))).toEqual([1]);
    expect(ids(await take(['c', 'a']))).toEqual([3]);
  });

  test('concurrency, locks, rates and pauses hold for them', async () => {
    configure({ concurrency: 2 });
    await bench.engine.accept(
      [ofJob(1, 'a', {}, 'l'), ofJob(2, 'b', {}, 'l'), ofJob(3, 'b'), ofJob(4, 'b'), ofJob(5, 'b')],
      T0,
    );
    expect(ids(await take(['a', 'b']))).toEqual([1, 3, 4]);
    await bench.engine.change(1, (run) => finish(run, DONE, T0));
    await bench.engine.change(3, (run) => finish(run, DONE, T0));
    expect(ids(await take(['b']))).toEqual([2]);
    await bench.engine.pause({ job: 'b' }, true);
    await bench.engine.change(4, (run) => finish(run, DONE, T0));
    expect(await take(['b'])).toEqual([]);
    await bench.engine.pause({ job: 'b' }, false);
    expect(ids(await take(['b']))).toEqual([5]);
    configure({ rateLimit: { limit: 1, perMs: 1000 } });
    await bench.engine.accept([ofJob(6, 'c'), ofJob(7, 'c')], T0);
    expect(ids(await take(['c']))).toEqual([6]);
    await bench.reopen();
    configure({ rateLimit: { limit: 1, perMs: 1000 } });
    expect(await take(['c'], 9, T0 + 500)).toEqual([]);
    expect(ids(await take(['c'], 9, T0 + 1001))).toEqual([7]);
  });

  test("what a worker outside holds is nobody's to take back: its lease and its token are those of before a reopening", async () => {
    configure();
    await bench.engine.accept([ofJob(1, 'a'), ofJob(2, 'own')], T0);
    const [taken] = await take(['a']);
    await own();
    await bench.reopen();
    configure();
    expect((await bench.members.abandoned()).map(({ run }) => run)).toEqual([2]);
    const lease = await bench.members.leaseOf(1);
    expect(lease).toMatchObject({ run: 1, mark: OUTSIDE, token: taken?.token });
    const run = await bench.engine.find(1);
    expect(run?.life?.attempts).toMatchObject([{ number: 1, worker: 'w1', pid: 0 }]);
    expect(run && leaseOf(run)).toBe('1.1');
    const done = await bench.engine.changeHeld(1, lease?.token ?? [0, 0], (held) => {
      expect(isHeldUnder(held, '1.1')).toBe(true);
      return finish(held, DONE, T0);
    });
    expect(done?.state.name).toBe('done');
    expect(await bench.members.leaseOf(1)).toBe(null);
  });

  test('runs are accepted under a lease, or none of them where it is no longer in force', async () => {
    configure();
    await bench.engine.accept([ofJob(1, 'a')], T0);
    await take(['a']);
    const check = (run: Parameters<typeof isHeldUnder>[0] | null): void => {
      if (run === null || !isHeldUnder(run, '1.1')) throw new Error('lost');
    };
    const under = { run: 1, check };
    const [one] = await bench.engine.accept([ofJob(2, 'b')], T0, { under, request: 'r' });
    expect(one?.run.id).toBe(2);
    await bench.engine.change(1, (run) => finish(run, DONE, T0));
    await expect(bench.engine.accept([ofJob(3, 'b')], T0, { under })).rejects.toThrow('lost');
    const [same] = await bench.engine.accept([ofJob(2, 'b')], T0, { under, request: 'r' });
    expect(same?.run.id, 'what was accepted before is told again').toBe(2);
    await expect(
      bench.engine.accept([ofJob(3, 'b')], T0, { under: { ...under, run: 99 } }),
    ).rejects.toThrow('lost');
    expect((await all(bench.engine)).total).toBe(2);
  });
}
