// Part of the engine contract: changes decided from outside, several at one moment, removal, durability.
import { expect, test } from 'vitest';
import type { Run } from '../../src/run/run.ts';
import { all, DONE, draft, T0 } from '../helpers/engine-values.ts';
import type { Bench } from './contract.ts';
import { abort, settled } from './contract-intake.ts';

export function changesContract(bench: Bench): void {
  const accept = (...is: number[]) =>
    bench.engine.accept(
      is.map((i) => draft(i)),
      T0,
    );
  const raise = (run: Run): Run => ({ ...run, priority: run.priority + 1 });

  test('a change gives the run as it now is, and it is that after a reopening', async () => {
    await accept(1);
    const next = await bench.engine.change(1, raise);
    expect(next.priority).toBe(2);
    expect(await bench.engine.find(1)).toEqual(next);
    await bench.reopen();
    expect(await bench.engine.find(1)).toEqual(next);
  });

  test('a decision that throws is passed on, and nothing has changed', async () => {
    await accept(1);
    const before = await bench.engine.find(1);
    const refuse = (): Run => {
      throw new Error('no such thing');
    };
    await expect(bench.engine.change(1, refuse)).rejects.toThrow('no such thing');
    expect(await bench.engine.find(1)).toEqual(before);
    await bench.reopen();
    expect(await bench.engine.find(1)).toEqual(before);
  });

  test('a run that is not there cannot be changed or removed', async () => {
    await expect(bench.engine.change(7, raise)).rejects.toMatchObject({ code: 'unknown-run' });
    await expect(bench.engine.remove([7])).rejects.toMatchObject({ code: 'unknown-run' });
    expect(await bench.engine.find(7)).toBeNull();
    expect(await bench.engine.find(0)).toBeNull();
  });

  test('changes at the same moment are made one after the other, each on what the one before left', async () => {
    await accept(1);
    await Promise.all(Array.from({ length: 20 }, () => bench.engine.change(1, raise)));
    expect((await bench.engine.find(1))?.priority).toBe(21);
    expect((await bench.engine.counts()).queued).toBe(1);
    await bench.reopen();
    expect((await bench.engine.find(1))?.priority).toBe(21);
  });

  test('the same for a settled run that only its page knows', async () => {
    await accept(1, 2);
    const [run] = (await all(bench.engine)).runs.slice(-1);
    await settled(bench.engine, run as Run, DONE);
    await bench.tidy();
    await bench.reopen();
    await Promise.all(Array.from({ length: 5 }, () => bench.engine.change(1, raise)));
    expect((await bench.engine.find(1))?.priority).toBe(6);
    expect(await bench.engine.counts()).toMatchObject({ done: 1, queued: 1 });
  });

  test('settled runs are removed all or none; one that is not settled is refused', async () => {
    await accept(1, 2, 3);
    await bench.engine.change(1, abort);
    await bench.engine.change(2, abort);
    await expect(bench.engine.remove([1, 2, 3])).rejects.toMatchObject({ code: 'refused' });
    expect((await all(bench.engine)).total).toBe(3);
    await bench.engine.remove([1, 2, 2]);
    expect((await all(bench.engine)).runs.map(({ id }) => id)).toEqual([3]);
    expect(await bench.engine.counts()).toMatchObject({ aborted: 0, queued: 1 });
    await bench.reopen();
    expect((await all(bench.engine)).runs.map(({ id }) => id)).toEqual([3]);
    expect(await bench.engine.find(1)).toBeNull();
  });

  test('two removals of one run at the same moment count it once', async () => {
    await accept(1, 2);
    await bench.engine.change(1, abort);
    const both = await Promise.allSettled([bench.engine.remove([1]), bench.engine.remove([1])]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await bench.engine.counts()).toMatchObject({ aborted: 0, queued: 1 });
    expect((await all(bench.engine)).total).toBe(1);
  });

  test('a removal and a change at the same moment: one of them wins, and no half of either is left', async () => {
    await accept(1);
    await bench.engine.change(1, abort);
    await Promise.allSettled([bench.engine.remove([1]), bench.engine.change(1, raise)]);
    const { runs, total } = await all(bench.engine);
    expect(total).toBe(runs.length);
    expect((await bench.engine.counts()).aborted).toBe(runs.length);
    await bench.reopen();
    expect((await all(bench.engine)).runs).toEqual(runs);
  });

  test('changes go on during a fold, and none is lost or made twice', async () => {
    await accept(...Array.from({ length: 300 }, (_, i) => i));
    const folding = bench.tidy();
    const changing = Array.from({ length: 100 }, async (_, i) => {
      await bench.engine.change(i + 1, i % 2 === 0 ? abort : raise);
      if (i % 4 === 0) await bench.engine.remove([i + 1]);
      await accept(1000 + i);
    });
    await Promise.all([folding, bench.tidy(), ...changing]);
    await bench.tidy();
    const before = await all(bench.engine);
    expect(before.total).toBe(375);
    expect(await bench.engine.counts()).toMatchObject({ aborted: 25, queued: 350 });
    await bench.reopen();
    expect(await all(bench.engine)).toEqual(before);
  });

  test('an answer comes when the change is durable, not before; nothing hangs where nothing waits', async () => {
    await bench.engine.durable();
    let answered = false;
    const accepting = accept(1).then(() => {
      answered = true;
    });
    for (let turns = 0; turns < 5; turns++) await Promise.resolve();
    expect(answered).toBe(false);
    await bench.engine.durable();
    await new Promise(setImmediate);
    expect(answered).toBe(true);
    await accepting;
  });
}
