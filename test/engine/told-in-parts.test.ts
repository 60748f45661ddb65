// A run that very many wait for ends: they are let go, or end with it, in several commits. Between two of these others
// are answered, a kill forgets nobody, and nobody begins that is to end.
import { expect, test } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import type { Outcome } from '../../src/run/outcome.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import { retry } from '../../src/run/transitions.ts';
import { MAX_BATCH, MAX_TOLD } from '../../src/support/limits.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { DONE, draft, finish, T0, THREW } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const clock = handClock();
/** Told in five commits, with the one that waits for both. */
const MANY = 4 * MAX_TOLD;

async function opened(disk: SimulatedDisk) {
  const process = disk.process();
  const { engine, damage } = await openFileEngine({ disk: process, dir: DIR, clock });
  expect(damage).toEqual([]);
  return { process, engine };
}

/** The runs 1 and 2, and so many that wait for 1; `last` waits for both. */
async function waiting(many: number) {
  const disk = new SimulatedDisk(new Map([['/', null]]));
  const { process, engine } = await opened(disk);
  await engine.accept([draft(1), draft(2)], T0);
  for (let from = 0; from < many; from += MAX_BATCH) {
    const size = Math.min(MAX_BATCH, many - from);
    await engine.accept(
      Array.from({ length: size }, (_, i) => draft(from + i, { after: [1] })),
      T0,
    );
  }
  const [last] = await engine.accept([draft(0, { after: [1, 2] })], T0);
  return { disk, process, engine, last: last?.run.id ?? 0 };
}

const end = (engine: FileEngine, id: number, outcome: Outcome) =>
  engine.change(id, (run) => finish(run, outcome, T0));

async function untilWaiting(engine: FileEngine, runs: number): Promise<void> {
  while ((await engine.counts()).waiting > runs) await new Promise(setImmediate);
  await engine.durable();
}

test.each([
  ['fails', THREW, 'aborted'],
  ['is done', DONE, 'queued'],
] as const)(
  'others are answered before the last of very many hears that a run %s',
  async (_, outcome, then) => {
    const { engine, last } = await waiting(MANY);
    await end(engine, 1, outcome);
    const [other] = await engine.accept([draft(3)], T0);
    expect((await engine.counts()).waiting).toBeGreaterThan(1);
    const isOver = then === 'aborted';
    await untilWaiting(engine, isOver ? 0 : 1);
    expect(await engine.counts()).toMatchObject({
      aborted: isOver ? MANY + 1 : 0,
      queued: isOver ? 2 : MANY + 2,
      waiting: isOver ? 0 : 1,
    });
    expect((await engine.find(other?.run.id ?? 0))?.state.name).toBe('queued');
    expect((await engine.find(last))?.state.name).toBe(isOver ? 'aborted' : 'waiting');
  },
);

test('a few have all heard it when it is answered', async () => {
  const { engine } = await waiting(MAX_TOLD - 1);
  await end(engine, 1, THREW);
  expect(await engine.counts()).toMatchObject({ aborted: MAX_TOLD, waiting: 0 });
});

test('a kill between two commits forgets nobody, a fold or none', async () => {
  for (const folds of [false, true]) {
    const { disk, process, engine } = await waiting(MANY);
    await end(engine, 1, THREW);
    if (folds) await engine.fold();
    process.kill();
    const { engine: next } = await opened(disk);
    await next.advance(T0);
    await untilWaiting(next, 0);
    expect(await next.counts()).toMatchObject({ failed: 1, aborted: MANY + 1, waiting: 0 });
    await next.close();
    const { engine: again } = await opened(disk);
    expect(await again.counts()).toMatchObject({ failed: 1, aborted: MANY + 1, waiting: 0 });
  }
}, 60_000);

test('one that is to end does not begin because another that it waited for is done', async () => {
  const { engine, last } = await waiting(MANY);
  await end(engine, 1, THREW);
  expect((await engine.find(last))?.state.name).toBe('waiting');
  await end(engine, 2, DONE);
  expect((await engine.find(last))?.state).toMatchObject({
    name: 'aborted',
    reason: expect.stringContaining('run 1'),
  });
});

test('who has not heard of the end of a run that goes on waits for it again', async () => {
  const { engine, last } = await waiting(MANY);
  await end(engine, 1, THREW);
  await engine.change(1, (run) => retry(run, DEFAULT_POLICY, T0, false));
  await end(engine, 2, DONE);
  const { aborted, waiting: waits } = await engine.counts();
  expect(aborted + waits).toBe(MANY + 1);
  expect((await engine.find(last))?.state.name).toBe('waiting');
  await end(engine, 1, DONE);
  await untilWaiting(engine, 0);
  expect((await engine.find(last))?.state.name).toBe('queued');
});

test('a stop tells the rest first', async () => {
  const { disk, engine } = await waiting(MANY);
  await end(engine, 1, THREW);
  await engine.close();
  const { engine: next } = await opened(disk);
  expect(await next.counts()).toMatchObject({ aborted: MANY + 1, waiting: 0 });
});
