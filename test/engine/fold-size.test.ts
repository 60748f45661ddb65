// When a fold is worth it: the journal against what would be written anew, which is what the pages really take.
import { expect, test, vi } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, T0 } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const KB = 1024;
vi.mock('../../src/support/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/support/limits.ts')>()),
  FOLD_BYTES: 20 * 1024,
  MAX_FOLD_BYTES: 400 * 1024,
}));

/** Changes a run by so much until its page is written anew; returns the bytes of the journal that it took. */
async function untilFolded(runs: number, each: number, change: number): Promise<number> {
  const disk = new SimulatedDisk();
  const { engine } = await openFileEngine({ disk: disk.process(), dir: DIR, clock: handClock() });
  const params = { text: 'x'.repeat(each) };
  await engine.accept(
    Array.from({ length: runs }, (_, i) => draft(i, null, { params })),
    T0,
  );
  await engine.fold();
  const text = 'y'.repeat(change);
  const folded = (): boolean =>
    disk.operations.some((one) => one.kind === 'rename' && one.to === `${DIR}/runs/000000.json`);
  disk.forget();
  for (let bytes = change; ; bytes += change) {
    await engine.change(1, (run) => ({ ...run, params: { text, bytes } }));
    for (let turns = 0; turns < 40; turns++) await new Promise(setImmediate);
    if (folded()) return bytes;
  }
}

test('small pages are written anew as soon as the journal is long enough', async () => {
  expect(await untilFolded(10, 100, 3 * KB)).toBeLessThanOrEqual(22 * KB);
});

test('a page of large runs is written anew once the journal is a quarter of it, and not before', async () => {
  const bytes = await untilFolded(10, 40 * KB, 5 * KB);
  expect(bytes).toBeGreaterThan(90 * KB);
  expect(bytes).toBeLessThan(110 * KB);
});

test('a journal that a start would read for long is folded however large the pages are', async () => {
  const bytes = await untilFolded(40, 60 * KB, 20 * KB);
  expect(bytes).toBeGreaterThan(380 * KB);
  expect(bytes).toBeLessThan(440 * KB);
});
