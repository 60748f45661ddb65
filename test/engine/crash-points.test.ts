// The process is killed before each single operation on the disk, in everything that the engine does; the next one
// must find what was answered, and nothing that was not asked for. What a killed process wrote is there, synced or not.
import { expect, test, vi } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { begin, emptyPages, judge, work, workUnderFold } from '../helpers/engine-history.ts';
import type { Ledger } from '../helpers/engine-ledger.ts';
import type { Files } from '../helpers/engine-platter.ts';
import { DIR, handClock, type Session, untilCrash } from '../helpers/engine-session.ts';
import { DONE, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

vi.mock('../../src/support/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/support/limits.ts')>()),
  PAGE_SIZE: 4,
  MAX_SEGMENT_BYTES: 1500,
}));

type Step = (session: Session) => Promise<unknown>;

interface Killed {
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
  readonly finished: boolean;
}

/** Does `before`, then `step` with a kill before its n-th operation. */
async function killedAt(n: number, before: Step, step: Step): Promise<Killed> {
  const { disk, ledger, open, first } = begin();
  const one = await open(first);
  await before(one);
  await one.engine.durable();
  await one.engine.close();
  const process = disk.process();
  const two = await open(process);
  process.killAfter(n);
  let finished = false;
  await untilCrash(async () => {
    await step(two);
    finished = true;
  });
  process.kill();
  return { disk, ledger, finished };
}

/** Kills at every operation of `step`; returns how many there were. */
async function killEverywhere(before: Step, step: Step): Promise<number> {
  for (let n = 0; ; n++) {
    const { disk, ledger, finished } = await killedAt(n, before, step);
    const wrong = await judge(disk.files(), disk.operations.length, ledger);
    expect({ n, wrong }).toEqual({ n, wrong: [] });
    if (finished) return n;
  }
}

const nothing: Step = async () => undefined;
const threeRuns: Step = (session) => session.accept([1, 2, 3]);
const claimThree: Step = async (session) => {
  session.engine.members.putWorker(worker(1));
  return session.claim(3, 'w1', [1, 2, 3]);
};

test('a kill at any moment while runs are accepted keeps those that were answered, and no half of a batch', async () => {
  const accepts: Step = (session) =>
    Promise.all([session.accept([11]), session.accept([12, 13, 14]), session.accept([15])]);
  expect(await killEverywhere(nothing, accepts)).toBeGreaterThan(1);
});

test('a kill at any moment of a claim leaves a run queued without a lease, or running with one', async () => {
  expect(await killEverywhere(threeRuns, claimThree)).toBeGreaterThan(1);
});

test('a kill at any moment of a settlement leaves a run that was answered as settled settled', async () => {
  const settles: Step = async (session) => {
    session.engine.members.putWorker(worker(1));
    const claimed = await session.claim(3, 'w1', [1, 2, 3]);
    for (const held of claimed) await session.settle(held, DONE);
  };
  expect(await killEverywhere(threeRuns, settles)).toBeGreaterThan(6);
});

test('a kill at any moment of a fold loses nothing, with and without changes beside it', async () => {
  expect(await killEverywhere(work, (session) => session.engine.fold())).toBeGreaterThan(15);
  expect(await killEverywhere(work, workUnderFold)).toBeGreaterThan(40);
}, 60_000);

test('a kill at any moment while pages are emptied and dropped brings no removed run back', async () => {
  expect(await killEverywhere(threeRuns, emptyPages)).toBeGreaterThan(60);
}, 60_000);

test('a kill at any moment of the closing loses nothing', async () => {
  const closes: Step = async (session) => {
    await session.engine.fold();
    await session.engine.close();
  };
  expect(await killEverywhere(threeRuns, closes)).toBeGreaterThan(15);
});

test('a kill at any moment of a recovery, of the one after it, and of the third, loses nothing', async () => {
  const { disk, ledger, open, first } = begin();
  const one = await open(first);
  await work(one);
  await one.engine.fold();
  await one.accept([90, 91]);
  first.kill();
  const at = disk.operations.length;
  const start = disk.files();
  const deep = await killRecoveries(start, 3, async (files) => {
    const wrong = await judge(files, at, ledger);
    expect(wrong).toEqual([]);
  });
  expect(deep).toBeGreaterThan(100);
}, 60_000);

/** Kills a recovery at each operation, and from each of those the next one, thinned out below the first. */
async function killRecoveries(
  start: Files,
  depth: number,
  check: (files: Files) => Promise<void>,
): Promise<number> {
  let checked = 0;
  for (let n = 0; ; n += [15, 7, 1][depth - 1] ?? 1) {
    const disk = new SimulatedDisk(start);
    let finished = false;
    await untilCrash(async () => {
      await openFileEngine({ disk: disk.process(n), dir: DIR, clock: handClock() });
      finished = true;
    });
    await check(disk.files());
    checked++;
    if (finished) return checked;
    if (depth > 1) checked += await killRecoveries(disk.files(), depth - 1, check);
  }
}
