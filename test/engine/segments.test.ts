// A journal of many bytes, as large runs make it in a moment: it goes on in further segments, and none of them has to
// fit into a text.
import { constants } from 'node:buffer';
import { afterEach, expect, test, vi } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { inspectState } from '../../src/engine/files/whole-state.ts';
import { systemClock } from '../../src/support/clock.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { all, draft, T0 } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

vi.mock('../../src/support/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/support/limits.ts')>()),
  MAX_SEGMENT_BYTES: 10_000,
}));

const clock = { ...handClock(), after: systemClock.after };
const params = { text: 'x'.repeat(1000) };

/** Runs accepted one by one, and a kill: no fold has made anything smaller. */
async function accepted(runs: number): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(new Map([['/', null]]));
  const process = disk.process();
  const { engine } = await openFileEngine({ disk: process, dir: DIR, clock });
  for (let i = 0; i < runs; i++) await engine.accept([draft(i, null, { params })], T0);
  process.kill();
  return disk;
}

const segmentsOf = (disk: SimulatedDisk): number[] =>
  [...disk.files()].flatMap(([path, bytes]) =>
    path.startsWith(`${DIR}/journal/`) && bytes ? [bytes.length] : [],
  );

afterEach(() => vi.restoreAllMocks());

test('a segment of the journal grows to its limit, and the journal goes on in the next', async () => {
  const disk = await accepted(60);
  const sizes = segmentsOf(disk);
  expect(sizes.length).toBeGreaterThan(5);
  expect(Math.max(...sizes)).toBeLessThan(12_000);
  const { engine, damage } = await openFileEngine({ disk: disk.process(), dir: DIR, clock });
  expect(damage).toEqual([]);
  expect((await all(engine)).total).toBe(60);
  await engine.fold();
  expect(segmentsOf(disk)).toHaveLength(1);
});

test('a segment with more bytes than a text can hold is read, looked at and served', async () => {
  const disk = await accepted(30);
  // As for the real limit, which no test can afford.
  const real = Buffer.prototype.toString;
  const most = 4000;
  vi.spyOn(Buffer.prototype, 'toString').mockImplementation(function (this: Buffer, ...args) {
    if (this.length > most && args[0] === 'utf8')
      throw new RangeError(`over ${constants.MAX_STRING_LENGTH}`);
    return real.apply(this, args);
  });
  expect((await inspectState(disk.process(), DIR, clock)).findings).toEqual([]);
  const { engine, damage } = await openFileEngine({ disk: disk.process(), dir: DIR, clock });
  expect(damage).toEqual([]);
  expect((await all(engine)).total).toBe(30);
});
