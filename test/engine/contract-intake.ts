// Part of the engine contract: ids, keys, repeated requests, runs that wait for others, schedules.
import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import type { Draft, Run } from '../../src/run/run.ts';
import type { Schedule } from '../../src/run/schedule.ts';
import { retry } from '../../src/run/transitions.ts';
import { HOUR, MAX_BATCH } from '../../src/support/limits.ts';
import { all, DONE, draft, finish, schedule, T0, THREW } from '../helpers/engine-values.ts';
import type { Bench } from './contract.ts';

export function intakeContract(bench: Bench): void {
  const accept = async (...args: Parameters<typeof draft>): Promise<Run> => {
    const [accepted] = await bench.engine.accept([draft(...args)], T0);
    if (!accepted) throw new Error('one run is accepted');
    return accepted.run;
  };

  const put = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) await bench.engine.changeSchedule(name, () => schedule(name));
  };

  test('many runs at once get ids in order, which go on after a reopening and are never used again', async () => {
    const drafts = Array.from({ length: MAX_BATCH }, (_, i) => draft(i));
    const accepted = await bench.engine.accept(drafts, T0);
    expect(accepted.map(({ run }) => run.id)).toEqual(drafts.map((_, i) => i + 1));
    expect(accepted.map(({ run }) => run.params)).toEqual(drafts.map(({ params }) => params));
    const last = await accept(2000);
    await bench.engine.change(last.id, abort);
    await bench.engine.remove([last.id]);
    await bench.reopen();
    expect((await accept(2001)).id).toBe(last.id + 1);
    expect(await bench.engine.find(last.id)).toBeNull();
  });

  test('what is accepted says why it does not start, as it was then and is not later', async () => {
    await bench.engine.pause({ job: 'mail' }, true);
    const accepting = bench.engine.accept([draft(1), draft(2)], T0);
    // It is applied by now, and on the disk only after a turn of the loop.
    for (let i = 0; i < 10; i++) await null;
    const resuming = bench.engine.pause({ job: 'mail' }, false);
    expect((await accepting).map(({ reason }) => reason)).toEqual(['paused', 'paused']);
    await resuming;
    const [free] = await bench.engine.accept([draft(3)], T0, { request: 'once' });
    const [same] = await bench.engine.accept([draft(3)], T0, { request: 'once' });
    expect([free?.reason, same?.reason, same?.run.id]).toEqual([null, null, free?.run.id]);
  });

  test('a batch too large is refused, and nothing of it is there', async () => {
    const drafts = Array.from({ length: MAX_BATCH + 1 }, (_, i) => draft(i));
    await expect(bench.engine.accept(drafts, T0)).rejects.toThrow('batch');
    expect((await all(bench.engine)).total).toBe(0);
  });

  test('a batch of which one draft cannot be written down leaves nothing, not even its ids', async () => {
    const bad = draft(2, null, { params: { i: 2n as unknown as number } });
    await expect(bench.engine.accept([draft(1), bad], T0)).rejects.toThrow();
    expect((await all(bench.engine)).total).toBe(0);
    expect((await bench.engine.counts()).queued).toBe(0);
    expect((await accept(3)).id).toBe(1);
  });

  test('a key gives the unsettled run that has it, over a reopening too; a settled run holds none', async () => {
    const first = await accept(1, { key: 'k' });
    await bench.reopen();
    const [again] = await bench.engine.accept([draft(2, { key: 'k' })], T0);
    expect(again).toMatchObject({ run: first, existing: true });
    await bench.engine.change(first.id, abort);
    expect((await accept(3, { key: 'k' })).id).toBe(first.id + 1);
  });

  test('a settled run does not go on while another one has its key; then it does, and has it again', async () => {
    const first = await accept(1, { key: 'k' });
    await bench.engine.change(first.id, abort);
    const second = await accept(2, { key: 'k' });
    const again = (run: Run): Run => retry(run, DEFAULT_POLICY, T0, false);
    await expect(bench.engine.change(first.id, again)).rejects.toThrow('has the key "k"');
    expect((await bench.engine.find(first.id))?.state.name).toBe('aborted');
    await bench.engine.change(second.id, abort);
    await bench.engine.change(first.id, again);
    expect((await accept(3, { key: 'k' })).id).toBe(first.id);
  });

  test('a key belongs to its job: the same key of another job, and another key, make runs of their own', async () => {
    const runs = [
      await accept(1, { key: 'k' }),
      await accept(2, { key: 'k' }, { job: 'other' }),
      await accept(3, { key: 'l' }),
    ];
    expect(runs.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  test('two drafts with one key in one batch, and two at the same moment, are one run', async () => {
    const both = await bench.engine.accept([draft(1, { key: 'k' }), draft(2, { key: 'k' })], T0);
    expect(both.map(({ run, existing }) => [run.id, existing])).toEqual([
      [1, false],
      [1, true],
    ]);
    const [a, b] = await Promise.all([accept(3, { key: 'l' }), accept(4, { key: 'l' })]);
    expect(a.id).toBe(b.id);
  });

  test('a request that is repeated is one request: later, at the same moment, and over a reopening', async () => {
    const ask = (request: string) => bench.engine.accept([draft(1), draft(2)], T0, { request });
    const idsOf = (accepted: Awaited<ReturnType<typeof ask>>) => accepted.map(({ run }) => run.id);
    const [once, twice] = await Promise.all([ask('a'), ask('a')]);
    expect(idsOf(once)).toEqual([1, 2]);
    expect(idsOf(twice)).toEqual([1, 2]);
    await bench.reopen();
    expect(idsOf(await ask('a'))).toEqual([1, 2]);
    await bench.tidy();
    await bench.reopen();
    expect(idsOf(await ask('a'))).toEqual([1, 2]);
    expect(idsOf(await ask('b'))).toEqual([3, 4]);
    expect(idsOf((await bench.engine.answered('a', T0)) ?? [])).toEqual([1, 2]);
    expect(await bench.engine.answered('c', T0)).toBe(null);
  });

  test('a request that came after the clock had been set back is known over a reopening, as if it had not', async () => {
    const ask = async (request: string, at: number): Promise<number[]> =>
      (await bench.engine.accept([draft(1)], at, { request })).map(({ run }) => run.id);
    await ask('ahead', T0 + 2 * HOUR);
    await ask('later', T0 + 2.5 * HOUR);
    const made = await ask('back', T0);
    for (let i = 0; i < 2; i++) {
      await bench.tidy();
      await bench.reopen();
      expect(await ask('back', T0 + 1000)).toEqual(made);
    }
  });

  test('a repeated request gets its answer also where the run has been removed since, and none is made again', async () => {
    const ask = () => bench.engine.accept([draft(1), draft(2)], T0, { request: 'a' });
    const [first, second] = await ask();
    await bench.engine.change(first?.run.id ?? 0, (run) => abort(run));
    await bench.engine.remove([first?.run.id ?? 0]);
    await bench.reopen();
    const again = await ask();
    expect(again).toMatchObject([
      { existing: false, run: { id: 1, job: 'mail', state: { name: 'queued' }, createdAt: T0 } },
      { existing: false, run: second?.run },
    ]);
    expect(await bench.engine.find(1)).toBe(null);
    expect((await bench.engine.answered('a', T0))?.map(({ run }) => run.id)).toEqual([2]);
  });

  test('a repeated request of which other lines are left gets no run that belongs to another line', async () => {
    const ask = (...drafts: Draft[]) => bench.engine.accept(drafts, T0, { request: 'a' });
    await ask(draft(1), draft(2));
    await expect(ask(draft(2))).rejects.toMatchObject({ code: 'refused' });
    const others = [draft(2), draft(3, null, { job: 'other' })];
    await expect(ask(...others), 'as many, but of other jobs').rejects.toThrow('accepted before');
    await bench.reopen();
    await expect(ask(draft(2))).rejects.toThrow('accepted before as 2 runs (1 to 2)');
    expect((await bench.engine.counts()).queued).toBe(2);
  });

  test('a run waits until all runs before it are done, over a reopening too', async () => {
    const [a, b] = [await accept(1), await accept(2)];
    const waits = await accept(3, { after: [a.id, b.id] });
    expect(waits.state.name).toBe('waiting');
    await settled(bench.engine, a, DONE);
    expect((await bench.engine.find(waits.id))?.state.name).toBe('waiting');
    await bench.reopen();
    await settled(bench.engine, b, DONE);
    expect((await bench.engine.find(waits.id))?.state.name).toBe('queued');
  });

  test('a run after one that is done does not wait; after one that failed, or was just removed, it is aborted at once', async () => {
    const [a, b] = [await accept(1), await accept(2)];
    await settled(bench.engine, a, DONE);
    await settled(bench.engine, b, THREW);
    await bench.tidy();
    await bench.reopen();
    expect((await accept(3, { after: [a.id] })).state.name).toBe('queued');
    const lost = await accept(4, { after: [a.id, b.id] });
    expect(lost.state).toMatchObject({ name: 'aborted', reason: expect.stringContaining('run 2') });
    await bench.engine.remove([b.id]);
    const vain = await accept(5, { after: [a.id, b.id] });
    const reason = 'run 2, which it waited for, was removed';
    expect(vain.state).toMatchObject({ name: 'aborted', reason });
  });

  test('a failure ends all that wait for it, however long the chain, and nothing else', async () => {
    const first = await accept(0);
    const drafts = Array.from({ length: MAX_BATCH - 1 }, (_, i) =>
      draft(i + 1, { after: [i + 1] }),
    );
    for (let i = 0; i < drafts.length; i += 100)
      await bench.engine.accept(drafts.slice(i, i + 100), T0);
    const other = await accept(9999);
    await settled(bench.engine, first, THREW);
    expect(await bench.engine.counts()).toMatchObject({
      failed: 1,
      aborted: MAX_BATCH - 1,
      waiting: 0,
      queued: 1,
    });
    expect((await bench.engine.find(other.id))?.state.name).toBe('queued');
    await bench.reopen();
    expect(await bench.engine.counts()).toMatchObject({
      failed: 1,
      aborted: MAX_BATCH - 1,
      waiting: 0,
      queued: 1,
    });
  });

  test('a schedule moves on together with the runs that it made; both are there after a reopening', async () => {
    await put('s', 't');
    const drafts = [draft(1, { schedule: 's' }), draft(2, { schedule: 's' })];
    const makes = { schedule: schedule('s', 1), drafts };
    const decide = ({ name }: Schedule) => (name === 's' ? makes : null);
    const fired = await bench.engine.fire(['t', 's', 'none'], decide, T0);
    expect(fired.map(({ unsettled }) => unsettled)).toEqual([[]]);
    const runs = fired.flatMap((one) => one.runs);
    const expected = { ...schedule('s', 1), lastRun: runs[1]?.id };
    expect(fired[0]?.schedule).toEqual(expected);
    expect(await bench.engine.schedules()).toEqual([expected, schedule('t')]);
    await bench.reopen();
    expect(await bench.engine.schedules()).toEqual([expected, schedule('t')]);
    expect((await bench.engine.unsettledOf('s')).map(({ id }) => id)).toEqual([1, 2]);
    expect(await bench.engine.unsettledOf('t')).toEqual([]);
  });

  test('a firing that cannot be written down moves no schedule and makes no run', async () => {
    await put('s');
    const drafts = [draft(1), draft(2, null, { params: { i: 2n as unknown as number } })];
    await expect(
      bench.engine.fire(['s'], () => ({ schedule: schedule('s', 1), drafts }), T0),
    ).rejects.toThrow();
    expect(await bench.engine.schedules()).toEqual([schedule('s')]);
    expect((await all(bench.engine)).total).toBe(0);
  });

  test('of two that fire one schedule at the same moment the second one sees what the first one has made of it', async () => {
    await put('s');
    const decide = ({ skipped }: Schedule, unsettled: readonly Run[]) =>
      skipped > 0
        ? null
        : { schedule: schedule('s', 1), drafts: [draft(unsettled.length, { schedule: 's' })] };
    const both = await Promise.all([1, 2].map(() => bench.engine.fire(['s'], decide, T0)));
    expect(both.map((fired) => fired.length)).toEqual([1, 0]);
    expect((await all(bench.engine)).total).toBe(1);
  });

  test('changes of one schedule at the same moment are made one after the other, each on what the one before left', async () => {
    const more = (present: Schedule | null) => schedule('s', (present?.skipped ?? 0) + 1);
    await Promise.all(Array.from({ length: 20 }, () => bench.engine.changeSchedule('s', more)));
    expect(await bench.engine.schedules()).toEqual([schedule('s', 20)]);
    const refuse = () => {
      throw new Error('no such thing');
    };
    await expect(bench.engine.changeSchedule('s', refuse)).rejects.toThrow('no such thing');
    expect(await bench.engine.changeSchedule('s', (present) => present)).toEqual(schedule('s', 20));
    await bench.reopen();
    expect(await bench.engine.schedules()).toEqual([schedule('s', 20)]);
  });

  test('a run that is to be the only one of its job is made once, whatever became of it', async () => {
    const once = () =>
      bench.engine.accept([draft(1), draft(2, null, { job: 'other' })], T0, { once: true });
    const both = await Promise.all([once(), once()]);
    expect(both.map((accepted) => accepted.length)).toEqual([2, 0]);
    await bench.engine.change(1, abort);
    await bench.reopen();
    expect(await once()).toEqual([]);
    await bench.engine.remove([1]);
    expect((await once()).map(({ run }) => run.job)).toEqual(['mail']);
  });

  test('a removed schedule is gone for good', async () => {
    await put('s', 't');
    expect(await bench.engine.changeSchedule('s', () => null)).toBe(null);
    expect(await bench.engine.changeSchedule('s', (present) => present)).toBe(null);
    await bench.reopen();
    expect(await bench.engine.schedules()).toEqual([schedule('t')]);
  });
}

/** Ends a run as an attempt would; the engine looks only at what the run becomes. */
export const settled = (
  engine: Engine,
  run: Run,
  outcome: Parameters<typeof finish>[1],
): Promise<Run> => engine.change(run.id, (now) => finish(now, outcome, T0));

export const abort = (run: Run): Run => ({
  ...run,
  state: { name: 'aborted', dueAt: run.state.dueAt, settledAt: T0, reason: 'asked for' },
});
