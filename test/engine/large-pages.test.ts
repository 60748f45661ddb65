// Pages that are larger than any text may be: written and read in pieces, with the loop free in between. The bytes here
// are few, and cut much smaller than a disk would.

import { expect, test } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { Memory } from '../../src/engine/files/memory.ts';
import { inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import { Steps } from '../../src/run/steps.ts';
import type { Document } from '../../src/store/document.ts';
import { readDocument, writeDocument } from '../../src/store/document.ts';
import { bytesOf, Reading } from '../../src/store/document-bytes.ts';
import { Pages } from '../../src/store/pages.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { all, DONE, draft, finish, T0, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk, SimulatedProcess } from '../helpers/simulated-disk.ts';

const MB = 1024 * 1024;
const DOCUMENT = {
  format: 1,
  seq: 7,
  none: [],
  many: Array.from({ length: 3000 }, (_, i) => ({ i, text: `ä€😀 ${'x'.repeat(i % 900)} "]}` })),
  paused: { all: false, jobs: ['a', 'b'] },
  lists: [[0, { a: [1] }], [], ['['], [']']],
  last: null,
};

const pieces = (): Buffer[] => Array.from(bytesOf(DOCUMENT), (piece) => Buffer.from(piece));

function withoutSums(data: object): object {
  const { sums: _, sum: __, ...rest } = data as Record<string, unknown>;
  return rest;
}

function readIn(bytes: Buffer, size: number): { data: unknown; fits: boolean } {
  const reading = new Reading();
  for (let at = 0; at < bytes.length; at += size) reading.take(bytes.subarray(at, at + size));
  return { data: reading.data(), fits: reading.fits };
}

test('a document is written in pieces of about a megabyte, and is the same however it is cut when it is read', () => {
  const written = pieces();
  const bytes = Buffer.concat(written);
  expect(written.map(({ length }) => length < 1.1 * MB)).toEqual([true, true]);
  for (const size of [bytes.length, 1000, 997, 100_003]) {
    const { data, fits } = readIn(bytes, size);
    expect([size, fits, withoutSums(data as object)]).toEqual([size, true, DOCUMENT]);
  }
  expect(readIn(bytes.subarray(0, -1), 997).fits).toBe(true);
});

test('whatever is wrong with one byte of it is seen, however it is cut', () => {
  const bytes = Buffer.concat(pieces());
  for (let at = 0; at < bytes.length - 1; at += 14_983) {
    const wrong = Buffer.from(bytes);
    wrong[at] = (wrong[at] ?? 0) ^ (1 << (at % 8));
    for (const size of [bytes.length, 100_003]) {
      const { data, fits } = readIn(wrong, size);
      expect([at, size, data === null || !fits]).toEqual([at, size, true]);
    }
  }
  for (const end of [0, 1, 500_000, bytes.length - 2])
    expect(readIn(bytes.subarray(0, end), 100_003)).toMatchObject({ fits: false });
});

/** Runs of 3 MB each, settled, in one page. */
async function large(engine: FileEngine): Promise<void> {
  const accepted = await engine.accept([draft(1), draft(2), draft(3), draft(4)], T0);
  engine.members.putWorker(worker(1));
  const claimed = await engine.claim(
    { workerKind: 'dedicated', most: 3 },
    () => ({ mark: 'w1', pid: 1001 }),
    T0,
  );
  for (const { run, token } of claimed)
    await engine.changeHeld(run.id, token, (now) => {
      const saved = Object.fromEntries(['a', 'b', 'c'].map((step) => [step, step.repeat(MB)]));
      const steps = Steps.of(saved);
      const life = now.life && { ...now.life, ...(steps && { steps }) };
      return { ...finish(now, DONE, T0), life };
    });
  expect(accepted).toHaveLength(4);
}

test('a page of large runs is folded and read again while others are answered, and is repaired without a loss beside', async () => {
  const clock = handClock();
  const disk = new SimulatedDisk();
  const { engine } = await openFileEngine({ disk: disk.process(), dir: DIR, clock });
  await large(engine);
  const before = disk.operations.length;
  let turns = 0;
  let isFolding = true;
  const folding = engine.fold().finally(() => {
    isFolding = false;
  });
  while (isFolding) {
    turns++;
    await engine.find(4);
    await new Promise(setImmediate);
  }
  await folding;
  const path = `${DIR}/runs/000000.json`;
  const writes = disk.operations.slice(before).filter(({ kind }) => kind === 'write');
  const page = disk.files().get(path) as Buffer;
  expect(page.length).toBeGreaterThan(9 * MB);
  expect(writes.length).toBeGreaterThan(3);
  expect(turns).toBeGreaterThan(writes.length);
  const { runs } = await all(engine);
  const again = await openFileEngine({ disk: disk.process(), dir: DIR, clock });
  expect((await all(again.engine)).runs).toEqual(runs);
  const rotten = Buffer.from(page);
  rotten.fill('\0', page.indexOf('{"id":2'), page.indexOf('{"id":2') + 512);
  const other = new SimulatedDisk(new Map(disk.files()).set(path, rotten)).process();
  const atOnce = (_: number, fn: () => void) => {
    const timer = setImmediate(fn);
    return () => clearImmediate(timer);
  };
  const found = await inspectState(other, DIR, { ...clock, after: atOnce });
  const { lost } = await repairState({ disk: other, dir: DIR, clock }, found);
  expect(lost.map(({ ids, more }) => [ids, more])).toEqual([[[], 1]]);
  const repaired = await openFileEngine({ disk: other, dir: DIR, clock });
  expect((await all(repaired.engine)).runs).toEqual(runs.filter(({ id }) => id !== 2));
});

test('a document that comes back from a disk in pieces is what was written, and says how large it is', async () => {
  const disk = new SimulatedDisk().process();
  const bytes = await writeDocument<Document>(disk, '/state/one.json', DOCUMENT);
  expect(bytes).toBe((await disk.read('/state/one.json'))?.length);
  expect(withoutSums((await readDocument(disk, '/state/one.json')) ?? {})).toEqual(DOCUMENT);
});

test('a page that is removed while it is read has no runs; one that is missing is damage', async () => {
  let gate = Promise.resolve();
  class Gated extends SimulatedProcess {
    override async pieces(path: string): Promise<AsyncIterable<Buffer> | null> {
      await gate;
      return super.pieces(path);
    }
  }
  const gated = new Gated(new SimulatedDisk(), Number.POSITIVE_INFINITY, []);
  await gated.makeFolder('/state/runs');
  await new Pages(gated, DIR, new Memory()).write(0, 1, []);
  const pages = new Pages(gated, DIR, new Memory());
  pages.filed.add(0).add(1);
  const { promise, resolve } = deferred();
  gate = promise;
  const reading = pages.filedIn(0);
  await pages.remove(0);
  resolve();
  expect((await reading).size).toBe(0);
  await expect(pages.filedIn(1)).rejects.toMatchObject({ code: 'state-damaged' });
});

test('a large settled run is whole wherever it is shown or changed, and stays so over folds and starts', async () => {
  const clock = handClock();
  const disk = new SimulatedDisk();
  const open = async () => (await openFileEngine({ disk: disk.process(), dir: DIR, clock })).engine;
  let engine = await open();
  await large(engine);
  const before = (await all(engine)).runs;
  for (let start = 0; start < 3; start++) {
    await engine.fold();
    expect((await all(engine)).runs).toEqual(before);
    expect(await engine.find(2)).toEqual(before.find(({ id }) => id === 2));
    // A change beside them writes their page anew.
    await engine.change(4, (run) => ({ ...run, priority: run.priority + 1 }));
    await engine.change(4, (run) => ({ ...run, priority: run.priority - 1 }));
    if (start === 1) engine = await open();
  }
  for await (const { runs } of engine.history({ sized: true }))
    expect(runs.map(({ bytes }) => Math.round(bytes / MB))).toEqual([3, 3, 3]);
  const changed = await engine.change(1, (run) => ({ ...run, priority: 7 }));
  expect(changed).toEqual({ ...before.find(({ id }) => id === 1), priority: 7 });
  engine = await open();
  expect(await engine.find(1)).toEqual(changed);
  await engine.remove([2]);
  await engine.fold();
  const left = before.filter(({ id }) => id !== 2).map((run) => (run.id === 1 ? changed : run));
  expect((await all(engine)).runs).toEqual(left);
});

test('a large run whose removal the disk refused is whole', async () => {
  const disk = new SimulatedDisk();
  const { engine } = await openFileEngine({ disk: disk.process(), dir: DIR, clock: handClock() });
  await large(engine);
  await engine.fold();
  const run = await engine.find(2);
  disk.capacity = 1;
  await expect(engine.remove([2])).rejects.toMatchObject({ code: 'disk-full' });
  disk.capacity = Number.POSITIVE_INFINITY;
  expect(await engine.find(2)).toEqual(run);
  const changed = await engine.change(2, (one) => ({ ...one, priority: 7 }));
  await engine.fold();
  expect(await engine.find(2)).toEqual({ ...run, priority: 7 });
  expect(changed).toEqual({ ...run, priority: 7 });
});

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
