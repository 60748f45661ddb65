// How many pages a list of settled runs reads: those that can hold a part of its window, whatever settled late; and all
// of them once, where the manifest of an earlier version does not tell when their runs settled.
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Query } from '../../src/engine/engine.ts';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { history } from '../../src/engine/files/settled-order.ts';
import { newTables } from '../../src/engine/files/tables.ts';
import { type Manifest, readManifest, writeManifest } from '../../src/store/manifest.ts';
import { readSteadily } from '../../src/store/steady-reader.ts';
import { systemClock } from '../../src/support/clock.ts';
import { type Disk, realDisk } from '../../src/support/files.ts';
import { T0 } from '../helpers/engine-values.ts';
import { settledRun, writeRuns } from '../helpers/many-runs.ts';

const PAGES = 30;
const MANY = PAGES * 1000 - 1;
const LATE = 5500;

/** A state in which every run took a little, and these a very long time. */
async function state(
  change: (manifest: Manifest) => Manifest = (same) => same,
  late: readonly number[] = [LATE],
): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-settled-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const settledAt = (id: number): number => T0 + 100 * id + ((id * 7919) % 3000);
  await writeRuns(dir, MANY, (id) =>
    settledRun(id, settledAt(late.includes(id) ? MANY - 500 : id)),
  );
  const manifest = (await readManifest(realDisk, dir)) as Manifest;
  await writeManifest(realDisk, dir, change(manifest));
  return dir;
}

/** An engine on it, and the pages that it has read since it was asked last. */
async function opened(dir: string): Promise<{ engine: FileEngine; read: () => number }> {
  let read = 0;
  const disk: Disk = {
    ...realDisk,
    pieces: (path) => {
      if (path.includes('/runs/')) read++;
      return realDisk.pieces(path);
    },
  };
  const { engine } = await openFileEngine({ disk, dir, clock: systemClock });
  onTestFinished(() => engine.close());
  const since = (): number => {
    const before = read;
    read = 0;
    return before;
  };
  since();
  return { engine, read: since };
}

const DONE: Omit<Query, 'limit'> = { states: ['done', 'failed'], order: 'settled' };

test('a window reads the pages that it is in and no others, also where a run of an old page settled late', async () => {
  const { engine, read } = await opened(await state());
  for (const offset of [0, 3000, 14_950, MANY - 50]) {
    const { runs, total } = await engine.list({ ...DONE, offset, limit: 50 });
    expect(total).toBe(MANY);
    expect(runs).toHaveLength(50);
    expect(read(), `at ${offset}`).toBeLessThanOrEqual(4);
  }
  const { at } = await engine.list({ ...DONE, limit: 1, around: LATE });
  expect(at).toBeGreaterThan(400);
  expect(at).toBeLessThan(600);
  expect(read(), 'around the late one').toBeLessThanOrEqual(4);
  const job = 'sync-stock';
  const { runs } = await engine.list({ ...DONE, jobs: [job], offset: 2000, limit: 50 });
  expect(new Set(runs.map((run) => run.job))).toEqual(new Set([job]));
  expect(read(), 'of one job').toBeLessThanOrEqual(4);
});

test('where a run of each old page settled late, a window that is full reads none of those that are left', async () => {
  const late = Array.from({ length: PAGES - 2 }, (_, page) => page * 1000 + 500);
  const { engine, read } = await opened(await state(undefined, late));
  const first = await engine.list({ ...DONE, limit: 4 });
  expect(read()).toBeLessThanOrEqual(6);
  const { runs } = await engine.list({ ...DONE, limit: 2000 });
  expect(runs.slice(0, 4)).toEqual(first.runs);
  expect(runs.filter(({ id }) => late.includes(id))).toHaveLength(late.length);
});

test.each([
  ['does not tell', ({ settled: _, ...rest }: Manifest) => rest],
  ['tells nonsense of', (manifest: Manifest) => ({ ...manifest, settled: [[3, 9, 1]] as const })],
])(
  'where the manifest %s when runs settled, pages are read for it once, and the next fold keeps it',
  async (_name, change) => {
    const dir = await state(change);
    const plain = await opened(await state());
    const expected = await plain.engine.list({ ...DONE, offset: 300, limit: 300 });
    for (const asked of ['first', 'again', 'after a fold']) {
      const { engine, read } = await opened(dir);
      const { runs } = await engine.list({ ...DONE, offset: 300, limit: 300 });
      expect(runs, asked).toEqual(expected.runs);
      if (asked === 'after a fold') expect(read()).toBeLessThanOrEqual(4);
      else expect(read(), asked).toBeGreaterThanOrEqual(PAGES - 1);
      await engine.list({ ...DONE, offset: 20_000, limit: 50 });
      expect(read(), asked).toBeLessThanOrEqual(4);
      if (asked === 'again') await engine.fold();
      await engine.close();
    }
  },
);

test.each([
  ['tells', (same: Manifest) => same],
  ['does not tell', ({ settled: _, ...rest }: Manifest) => rest],
])(
  'a page that cannot be read is told once and costs its own runs alone, where the manifest %s when they settled',
  async (_name, change) => {
    const dir = await state(change);
    truncateSync(join(dir, 'runs/000020.json'), 50_000);
    const { engine } = await opened(dir);
    for (const offset of [7000, 0]) {
      const { runs, total, damage = [] } = await engine.list({ ...DONE, offset, limit: 5000 });
      expect(total).toBe(MANY);
      const ids = runs.map(({ id }) => id);
      expect(ids.filter((id) => Math.floor(id / 1000) === 20)).toEqual([]);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.length).toBeGreaterThanOrEqual(4000);
      expect(damage.length).toBeLessThanOrEqual(1);
      if (offset === 7000) expect(damage[0]?.message).toContain('000020.json');
    }
  },
);

test('who leaves the history early reads the first pages alone, and a period those that it touches', async () => {
  const { engine, read } = await opened(await state());
  for await (const { runs } of engine.history()) if (runs.length > 0) break;
  expect(read()).toBeLessThanOrEqual(4);
  let many = 0;
  const from = T0 + 100 * 20_000;
  for await (const { runs } of engine.history({ from, until: from + 100_000 })) many += runs.length;
  expect(many).toBeGreaterThan(900);
  expect(read(), 'two pages, those around them, and the one with the late run').toBeLessThanOrEqual(
    5,
  );
});

test('a history in no order comes in its order, however few runs are held until they have their place', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-settled-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const settledAt = (id: number): number => T0 + ((id * 7919) % 5003);
  await writeRuns(dir, 4999, (id) => settledRun(id, settledAt(id)));
  const tables = newTables();
  const { pages } = await readSteadily(realDisk, dir, systemClock, () => tables);
  const ids: number[] = [];
  for await (const { runs } of history(tables.paged.tally, pages, {}, 700))
    ids.push(...runs.map(({ id }) => id));
  const expected = Array.from({ length: 4999 }, (_, i) => i + 1);
  expect(ids).toEqual(expected.sort((a, b) => settledAt(a) - settledAt(b) || a - b));
});

test('a page that cannot be read is told of once in a history, and costs its own runs alone', async () => {
  const dir = await state();
  truncateSync(join(dir, 'runs/000020.json'), 50_000);
  const { engine } = await opened(dir);
  const told: string[] = [];
  const ids = new Set<number>();
  for await (const { runs, damage } of engine.history()) {
    told.push(...damage.map(({ message }) => message));
    for (const { id } of runs) ids.add(id);
  }
  expect(told).toEqual([expect.stringContaining('000020.json')]);
  expect(ids.size).toBe(MANY - 1000);
});
