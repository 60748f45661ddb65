// Part of the engine contract: who is handed out next, leases and their tokens, pauses, promotion.
import { expect, test } from 'vitest';
import type { Claimed } from '../../src/engine/engine.ts';
import type { Token } from '../../src/engine/members.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import type { Origin, Run } from '../../src/run/run.ts';
import { update } from '../../src/run/transitions.ts';
import { DONE, draft, finish, schedule, T0, THREW, worker } from '../helpers/engine-values.ts';
import type { Bench } from './contract.ts';
import { abort } from './contract-intake.ts';

const FREE = {
  workerKind: 'dedicated',
  concurrency: null,
  rateLimit: null,
  blocked: null,
} as const;

export function claimsContract(bench: Bench): void {
  const claim = (
    most: number,
    workerKind: 'dedicated' | 'shared' = 'dedicated',
    now = T0,
  ): Promise<Claimed[]> =>
    bench.engine.claim({ workerKind, most }, () => ({ mark: 'w1', pid: 1001 }), now);
  const accept = (i: number, more: object = {}, origin: Origin | null = null) =>
    bench.engine.accept([draft(i, origin, more)], T0);
  const ids = (claimed: readonly Claimed[]) => claimed.map(({ run }) => run.id);

  test('higher priority goes first, then earlier due time, then lower id; never one that is not due', async () => {
    await accept(1);
    await accept(2, { priority: 5 });
    await accept(3, { dueAt: T0 - 1 });
    await accept(4, { dueAt: T0 + 1 });
    await accept(5);
    await bench.reopen();
    expect(ids(await claim(10))).toEqual([2, 3, 1, 5]);
    expect(await claim(10)).toEqual([]);
  });

  test('at most as many as asked for are handed out, each once, to whoever asks at the same moment', async () => {
    await bench.engine.accept(
      [1, 2, 3, 4, 5].map((i) => draft(i)),
      T0,
    );
    expect(await claim(0)).toEqual([]);
    const [a, b] = await Promise.all([claim(2), claim(2)]);
    expect([...ids(a), ...ids(b)].sort()).toEqual([1, 2, 3, 4]);
    expect(ids(await claim(9))).toEqual([5]);
  });

  test('claims that are asked for at the same moment share the free workers, however late each is decided', async () => {
    await bench.engine.accept(
      [1, 2, 3, 4, 5].map((i) => draft(i)),
      T0,
    );
    let free = 2;
    const workerFor = () => ({ mark: `w${free--}`, pid: 1001 });
    const want = { workerKind: 'dedicated', most: () => free } as const;
    const both = await Promise.all([1, 2].map(() => bench.engine.claim(want, workerFor, T0)));
    expect(both.flatMap(ids).sort()).toEqual([1, 2]);
  });

  test('each workerKind hands out its own jobs, and each job goes to the worker named for it', async () => {
    bench.engine.configure(
      (job) => ({ ...FREE, workerKind: job === 'io' ? 'shared' : 'dedicated' }),
      () => DEFAULT_POLICY,
    );
    await bench.engine.accept([draft(1), draft(2, null, { job: 'io' })], T0);
    expect(ids(await claim(9, 'shared'))).toEqual([2]);
    const workerFor = ({ job }: Run) => ({ mark: `for ${job}`, pid: 7 });
    const [one] = await bench.engine.claim({ workerKind: 'dedicated', most: 9 }, workerFor, T0);
    expect(one?.worker.mark).toBe('for mail');
    expect(one?.run).toMatchObject({ id: 1, state: { name: 'running' }, life: { attempt: 1 } });
  });

  test('concurrency holds, over a reopening too, and frees its place at the end of a run', async () => {
    const limits = () => ({ ...FREE, concurrency: 1 });
    bench.engine.configure(limits, () => DEFAULT_POLICY);
    await bench.engine.accept([draft(1), draft(2)], T0);
    const [one] = await claim(9);
    expect(await claim(9)).toEqual([]);
    await bench.reopen();
    bench.engine.configure(limits, () => DEFAULT_POLICY);
    expect(await claim(9)).toEqual([]);
    await bench.engine.changeHeld(1, one?.token as Token, (run) => finish(run, DONE, T0));
    expect(ids(await claim(9))).toEqual([2]);
  });

  test('the run behind one that stands aside for a lock keeps its place before others', async () => {
    bench.engine.configure(
      (job) => ({ ...FREE, concurrency: job === 'narrow' ? 1 : null }),
      () => DEFAULT_POLICY,
    );
    await accept(1, { priority: 3 }, { lock: 'a' });
    await accept(2, { priority: 3, job: 'narrow' }, { lock: 'a' });
    await accept(3, { priority: 2, job: 'narrow' });
    await accept(4, { priority: 1 });
    expect(ids(await claim(3))).toEqual([1, 3, 4]);
  });

  test('a lock keeps a second run with the same text waiting, one with another text not', async () => {
    await accept(1, {}, { lock: 'a' });
    await accept(2, { job: 'other' }, { lock: 'a' });
    await accept(3, {}, { lock: 'b' });
    const [one, three] = await claim(9);
    expect([one?.run.id, three?.run.id]).toEqual([1, 3]);
    await bench.engine.changeHeld(1, one?.token as Token, (run) => finish(run, DONE, T0));
    expect(ids(await claim(9))).toEqual([2]);
  });

  test('a lease names its process, and is there from the claim until the run is no longer running', async () => {
    bench.members.putWorker(worker(1));
    await accept(1);
    const [one] = await claim(1);
    const token = one?.token as Token;
    const { host, id } = bench.members.self;
    const lease = { run: 1, token, ...worker(1), member: id, host };
    expect(await bench.members.leases()).toMatchObject([lease]);
    await bench.reopen();
    expect(await bench.members.leases()).toMatchObject([lease]);
    await bench.engine.changeHeld(1, one?.token as Token, (run) => finish(run, DONE, T0));
    expect(await bench.members.leases()).toEqual([]);
    await bench.reopen();
    expect(await bench.members.leases()).toEqual([]);
  });

  test('tokens only grow, from claim to claim and over every reopening', async () => {
    const tokens: Token[] = [];
    for (let i = 1; i <= 6; i++) {
      await accept(i);
      tokens.push((await claim(1))[0]?.token as Token);
      if (i % 2 === 0) await bench.reopen();
    }
    const sorted = [...tokens].sort(([e, n], [f, m]) => e - f || n - m);
    expect(tokens).toEqual(sorted);
    expect(new Set(tokens.map(String)).size).toBe(6);
    expect(tokens[2]?.[0]).toBeGreaterThan(tokens[1]?.[0] as number);
  });

  test('a token that is no longer in force changes nothing: the decision is not even asked for', async () => {
    await accept(1);
    const [old] = await claim(1);
    await bench.engine.changeHeld(1, old?.token as Token, (run) =>
      finish(run, { kind: 'lost' }, T0),
    );
    const [young] = await claim(1);
    const never = () => {
      throw new Error('asked');
    };
    if (!old || !young) throw new Error('both are claimed');
    const [epoch, n] = young.token;
    for (const token of [old.token, [epoch, n + 1], [epoch + 1, n], [epoch - 1, n]] as Token[]) {
      expect(await bench.engine.changeHeld(1, token, never)).toBeNull();
    }
    expect(await bench.engine.changeHeld(99, [epoch, n], never)).toBeNull();
    expect(await bench.engine.find(1)).toEqual(young.run);
    expect(
      await bench.engine.changeHeld(1, [epoch, n], (run) => finish(run, DONE, T0)),
    ).not.toBeNull();
    expect(await bench.engine.changeHeld(1, [epoch, n], never)).toBeNull();
  });

  test('what has come due is queued by a look at the time and by nothing else, which tells the next due time', async () => {
    await accept(1, { dueAt: T0 + 100 });
    await accept(2, { dueAt: T0 + 50 });
    expect(await bench.engine.advance(T0)).toBe(T0 + 50);
    expect(await bench.engine.advance(T0 + 49)).toBe(T0 + 50);
    expect(await claim(9, 'dedicated', T0 + 60)).toEqual([]);
    expect(await bench.engine.advance(T0 + 60)).toBe(T0 + 100);
    expect(await bench.engine.counts()).toMatchObject({ scheduled: 1, queued: 1 });
    await bench.reopen();
    expect(await bench.engine.advance(T0 + 60)).toBe(T0 + 100);
    expect(ids(await claim(9, 'dedicated', T0 + 60))).toEqual([2]);
  });

  test('a scheduled run that was aborted is not queued, and is no next due time', async () => {
    await accept(1, { dueAt: T0 + 50 });
    await bench.engine.change(1, abort);
    expect(await bench.engine.advance(T0)).toBeNull();
    expect(await bench.engine.advance(T0 + 60)).toBeNull();
    expect(await bench.engine.counts()).toMatchObject({ aborted: 1, queued: 0 });
  });

  test('whoever hands out is told when something may be able to start or to fire, and not of each change', async () => {
    const limited = () => ({ ...FREE, concurrency: 9 });
    bench.engine.configure(limited, () => DEFAULT_POLICY);
    await bench.listening();
    let stirs = 0;
    const undo = bench.engine.onStir(() => stirs++);
    const stirsAt = async (what: string, work: () => Promise<unknown>, is = true) => {
      stirs = 0;
      await work();
      expect(stirs > 0, what).toBe(is);
    };
    let held: Claimed | undefined;
    await stirsAt('a run that is due', () => accept(1));
    await stirsAt('a run that will be due', () => accept(2, { dueAt: T0 + 50 }));
    await stirsAt('its start', async () => ([held] = await claim(1)), false);
    const { run, token } = held as Claimed;
    const save = (held: Run): Run => ({ ...held, priority: 7 });
    await stirsAt('a save', () => bench.engine.changeHeld(run.id, token, save), false);
    const end = (held: Run): Run => finish(held, DONE, T0);
    await stirsAt('its end', () => bench.engine.changeHeld(run.id, token, end));
    await stirsAt('a removal', () => bench.engine.remove([run.id]), false);
    await stirsAt('a pause that ends', () => bench.engine.pause({ all: true }, false));
    await stirsAt('a schedule', () => bench.engine.changeSchedule('s', () => schedule('s')));
    await stirsAt('none', () => bench.engine.changeSchedule('s', (present) => present), false);
    await stirsAt('other limits', async () =>
      bench.engine.configure(
        () => FREE,
        () => DEFAULT_POLICY,
      ),
    );
    undo();
    await stirsAt('nobody listens', () => accept(3), false);
  });

  test('a start that keeps others of its job from starting tells when one of them may', async () => {
    const limits = () => ({ ...FREE, rateLimit: { limit: 1, perMs: 1000 } });
    bench.engine.configure(limits, () => DEFAULT_POLICY);
    await bench.engine.accept([draft(1), draft(2)], T0);
    let stirs = 0;
    bench.engine.onStir(() => stirs++);
    expect(await bench.engine.advance(T0)).toBeNull();
    expect(ids(await claim(9))).toEqual([1]);
    // A store that has just been reached stirs as well, for it may have missed something.
    expect(stirs).toBeGreaterThan(0);
    expect(await bench.engine.advance(T0)).toBe(T0 + 1000);
    expect(ids(await claim(9, 'dedicated', T0 + 999))).toEqual([]);
    expect(ids(await claim(9, 'dedicated', T0 + 1000))).toEqual([2]);
  });

  test('a pause, of all or of one job, holds over a reopening until it is let go', async () => {
    await bench.engine.accept([draft(1), draft(2, null, { job: 'other' })], T0);
    await bench.engine.pause({ job: 'mail' }, true);
    await bench.reopen();
    expect([...(await bench.engine.pauses()).jobs]).toEqual(['mail']);
    expect(ids(await claim(9))).toEqual([2]);
    await bench.engine.pause({ job: 'mail' }, false);
    await bench.engine.pause({ all: true }, true);
    await bench.tidy();
    await bench.reopen();
    expect(await claim(9)).toEqual([]);
    expect((await bench.engine.pauses()).all).toBe(true);
    await bench.engine.pause({ all: true }, false);
    expect(ids(await claim(9))).toEqual([1]);
  });

  test('once a pause is answered none of its runs is handed out: no new one, and none that had begun before', async () => {
    await bench.engine.accept([draft(1), draft(2), draft(3, null, { job: 'other' })], T0);
    const [begun] = await claim(1);
    const pausing = bench.engine.pause({ job: 'mail' }, true);
    // Asked at the same moment, it stands before the pause or behind it.
    const [beside] = await Promise.all([claim(1), pausing]);
    const giveBack = ({ run: { id }, token }: Claimed) =>
      bench.engine.changeHeld(id, token, (run) => finish(run, { kind: 'stopped' }, T0));
    for (const one of [begun, ...beside]) if (one?.run.job === 'mail') await giveBack(one);
    const late = (await Promise.all([claim(9), claim(9)])).flat();
    expect([...beside, ...late].filter(({ run }) => run.job === 'other')).toHaveLength(1);
    expect(late.filter(({ run }) => run.job === 'mail')).toEqual([]);
    await bench.engine.pause({ job: 'mail' }, false);
    expect(ids(await claim(9))).toEqual([1, 2]);
  });

  test('an update that is answered is in force for every later start; beside a claim it is in force, or is refused', async () => {
    let n = 0;
    const change = async (id: number): Promise<number> => {
      const params = { n: ++n };
      await bench.engine.change(id, (held) => update(held, { params }, T0));
      return params.n;
    };
    for (const isFirst of [true, false]) {
      const [accepted] = await accept(1);
      const id = accepted?.run.id ?? 0;
      const before = await change(id);
      const claiming = isFirst ? null : claim(1);
      const [changed, found] = await Promise.allSettled([change(id), claiming ?? claim(1)]);
      if (found.status === 'rejected') throw found.reason;
      const [one] = found.value.length > 0 ? found.value : await claim(1);
      const answered = changed.status === 'fulfilled' ? changed.value : before;
      expect(one?.run).toMatchObject({ id, params: { n: answered } });
      await expect(change(id)).rejects.toMatchObject({ code: 'refused' });
      await bench.engine.changeHeld(id, one?.token as Token, (run) =>
        finish(run, { kind: 'stopped' }, T0),
      );
      const last = await change(id);
      await bench.reopen();
      const [again] = await claim(1);
      expect(again?.run).toMatchObject({ id, params: { n: last } });
    }
  });

  test('why says what a run waits for, and nothing of one that only waits for a worker', async () => {
    const [one] = await accept(1);
    const [two] = await accept(2, {}, { after: [1] });
    if (!one || !two) throw new Error('two runs are accepted');
    expect(await bench.engine.why([one.run, two.run], T0)).toEqual([null, 'waits for 1']);
    await bench.engine.pause({ all: true }, true);
    expect(await bench.engine.why([one.run], T0)).toEqual(['paused']);
  });

  test('a list of those that wait for a retry has a run after its failed attempt, and none that is over', async () => {
    await accept(1, {}, { retries: 2 });
    await accept(2, { dueAt: T0 + 1 });
    const retrying = async (light: boolean): Promise<number[]> =>
      (await bench.engine.list({ retrying: true, limit: 9, light })).runs.map(({ id }) => id);
    expect(await retrying(false)).toEqual([]);
    const [one] = await claim(1);
    expect(await retrying(false)).toEqual([]);
    await bench.engine.changeHeld(1, one?.token as Token, (run) => finish(run, THREW, T0));
    for (const light of [true, false]) expect(await retrying(light)).toEqual([1]);
    const due = await bench.engine.list({ retrying: true, order: 'due', limit: 9 });
    expect([due.total, due.runs.map(({ id }) => id)]).toEqual([1, [1]]);
    await bench.reopen();
    expect(await retrying(true)).toEqual([1]);
    await bench.engine.change(1, (run) => abort(run));
    expect(await retrying(true)).toEqual([]);
  });
}
