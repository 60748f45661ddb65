// The memory that runs may take: above it new ones are refused, whatever brings them, while all that was accepted goes
// on to its end. What settles makes room again.
import { expect, test } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import type { Draft } from '../../src/run/run.ts';
import { retry } from '../../src/run/transitions.ts';
import { FREE } from '../helpers/core.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { DONE, draft, finish, schedule, T0, THREW, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const HEAP = 100_000;
const REFUSED = { code: 'refused', message: expect.stringMatching(/limit is/) };

async function open(disk = new SimulatedDisk(), heap = HEAP): Promise<FileEngine> {
  const { engine } = await openFileEngine({
    disk: disk.process(),
    dir: DIR,
    clock: handClock(),
    heap,
  });
  engine.configure(
    () => FREE,
    () => DEFAULT_POLICY,
  );
  engine.members.putWorker(worker(1));
  return engine;
}

const large = (i: number, key?: string): Draft =>
  draft(i, key === undefined ? null : { key }, { params: { text: 'x'.repeat(10_000) } });

/** Accepts large runs until one is refused; returns how many there are. */
async function fill(engine: FileEngine): Promise<number> {
  for (let count = 0; ; count++) {
    try {
      await engine.accept([large(count, `key ${count}`)], T0);
    } catch (error) {
      expect(error).toMatchObject(REFUSED);
      return count;
    }
  }
}

async function settleAll(engine: FileEngine, outcome = DONE): Promise<void> {
  const claimed = await engine.claim(
    { workerKind: 'dedicated', most: 1000 },
    () => ({ mark: 'w1', pid: 1001 }),
    T0,
  );
  for (const { run, token } of claimed)
    await engine.changeHeld(run.id, token, (now) => finish(now, outcome, T0));
}

const total = async (engine: FileEngine): Promise<number> =>
  (await engine.list({ limit: 0 })).total;

test('above the limit a new run is refused with nothing changed, and one that is there is given again', async () => {
  const engine = await open();
  const count = await fill(engine);
  expect(count).toBeGreaterThan(8);
  expect(count).toBeLessThan(12);
  await expect(engine.accept([large(0, 'key 0'), large(99)], T0)).rejects.toMatchObject(REFUSED);
  expect(await total(engine)).toBe(count);
  const [again] = await engine.accept([large(0, 'key 0')], T0);
  expect(again).toMatchObject({ existing: true, run: { id: 1 } });
});

test('what was accepted is started and settled, and then there is room again, without a restart', async () => {
  const engine = await open();
  for (let round = 1; round < 5; round++) {
    const count = await fill(engine);
    expect(count).toBeGreaterThan(8);
    await settleAll(engine);
    expect(await engine.counts()).toMatchObject({ queued: 0, done: round * count });
  }
  // The first may have been under way while the last ones settled.
  await engine.fold();
  await engine.fold();
  expect(await engine.memoryUse()).toEqual({ bytes: 0, limit: HEAP });
});

test('below the limit nothing is refused, however many have come and gone', async () => {
  const engine = await open();
  for (let i = 0; i < 60; i++) {
    await engine.accept([large(i), large(i), large(i)], T0);
    await settleAll(engine);
  }
  expect(await engine.counts()).toMatchObject({ done: 180 });
});

test('a schedule fires once there is room, and one that only moves is not held up', async () => {
  const engine = await open();
  for (const name of ['a', 'b']) await engine.changeSchedule(name, () => schedule(name));
  await fill(engine);
  const fire = (name: string, drafts: readonly Draft[]) =>
    engine.fire([name], (present) => ({ schedule: { ...present, skipped: 1 }, drafts }), T0);
  await fire('a', []);
  await expect(fire('b', [large(1)])).rejects.toMatchObject(REFUSED);
  expect((await engine.schedules()).map(({ skipped }) => skipped)).toEqual([1, 0]);
  await settleAll(engine);
  expect(await fire('b', [large(1)])).toMatchObject([{ schedule: { name: 'b' }, runs: [{}] }]);
});

test('a settled run does not go on, and a small one gets no other params, above the limit', async () => {
  const engine = await open();
  await engine.accept([large(0)], T0);
  await settleAll(engine, THREW);
  await engine.fold();
  await engine.accept([draft(0)], T0);
  await fill(engine);
  const goOn = engine.change(1, (run) => retry(run, DEFAULT_POLICY, T0, false));
  await expect(goOn).rejects.toMatchObject(REFUSED);
  const other = engine.change(2, (run) => ({ ...run, params: large(0).params }));
  await expect(other).rejects.toMatchObject(REFUSED);
  await expect(engine.change(2, (run) => ({ ...run, priority: 9 }))).resolves.toBeDefined();
});

test('a start takes in all there is, though it is more than this process accepts', async () => {
  const disk = new SimulatedDisk();
  const before = await open(disk);
  const count = await fill(before);
  await before.close();
  const engine = await open(disk, HEAP / 4);
  expect(await engine.counts()).toMatchObject({ queued: count });
  await expect(engine.accept([draft(1)], T0)).rejects.toMatchObject(REFUSED);
  await settleAll(engine);
  await expect(engine.accept([draft(1)], T0)).resolves.toHaveLength(1);
});

test('params of schedules count, and above the limit no schedule is made; one that is there is paused and removed', async () => {
  const engine = await open();
  const made = (i: number) => ({
    ...schedule(`s${i}`),
    params: { text: 'x'.repeat(10_000) },
  });
  const make = (i: number) => engine.changeSchedule(`s${i}`, () => made(i));
  let count = 0;
  const making = async (): Promise<void> => {
    for (; ; count++) await make(count);
  };
  await expect(making()).rejects.toMatchObject(REFUSED);
  expect(count).toBeGreaterThan(8);
  expect(count).toBeLessThan(12);
  expect((await engine.memoryUse()).bytes).toBeGreaterThan(HEAP);
  await expect(engine.accept([draft(1)], T0)).rejects.toMatchObject(REFUSED);
  const paused = await engine.changeSchedule('s0', (one) => one && { ...one, paused: true });
  expect(paused?.paused).toBe(true);
  for (let i = 0; i < count; i++) await engine.changeSchedule(`s${i}`, () => null);
  expect((await engine.memoryUse()).bytes).toBe(0);
  await engine.accept([draft(1)], T0);
});
