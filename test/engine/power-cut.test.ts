// What a power cut can leave, at every moment of a history, in every combination of what was not synced: recovered,
// and held against what had been answered by then. And the same check of weaker engines, each of which it must catch.
import { basename, dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { begin, fullHistory, type History, judge } from '../helpers/engine-history.ts';
import { DIR, untilCrash } from '../helpers/engine-session.ts';
import type { SimulatedProcess } from '../helpers/simulated-disk.ts';

const zlib = vi.hoisted(() => ({ blind: false }));
vi.mock('node:zlib', async (original) => {
  const real = await original<typeof import('node:zlib')>();
  const crc32: typeof real.crc32 = (data, value) => (zlib.blind ? 7 : real.crc32(data, value));
  return { ...real, crc32 };
});

/** Small pages and segments, so that a short history begins, fills and empties several. */
vi.mock('../../src/support/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/support/limits.ts')>()),
  PAGE_SIZE: 4,
  MAX_SEGMENT_BYTES: 1500,
}));

interface Found {
  readonly states: number;
  readonly broken: readonly string[];
}

/** Judges the states of a history, all of them or until one is broken in the way that is looked for. */
async function survey({ disk, ledger }: History, lookFor?: RegExp): Promise<Found> {
  const broken: string[] = [];
  let states = 0;
  const keyOf = (at: number): string => String(ledger.answersBy(at));
  for (const { at, files } of disk.powerCuts({ keyOf, random: 4 })) {
    states++;
    const wrong = await judge(files, at, ledger, !lookFor).catch((error: unknown) => [
      String(error),
    ]);
    if (wrong[0]) broken.push(`after operation ${at}: ${wrong[0]}`);
    if (wrong[0] && lookFor?.test(wrong[0])) break;
  }
  return { states, broken };
}

/** An answered run is gone or older than answered. */
const LOST = /, answered was \{/;
/** What is needed is gone: not silent, but no less lost. */
const UNREADABLE = /journal.* (is missing|is not there)$/;
/** A run is there that nobody asked for. */
const GHOST = /was never asked for/;

test('a power cut at any moment loses nothing that was answered, invents nothing and raises no false alarm', async () => {
  const history = await fullHistory({ weakness: { slowJournal: 8 } });
  const { states, broken } = await survey(history);
  expect(broken.slice(0, 5)).toEqual([]);
  expect(states).toBeGreaterThan(1000);
}, 180_000);

test('a kill at any moment, a new start, and a power cut at any moment of that, lose nothing', async () => {
  let states = 0;
  for (let kill = 0, alive = true; alive; kill++) {
    const { disk, ledger, open, first } = begin({ crashAt: kill + 1 });
    await untilCrash(async () => {
      const one = await open(first);
      await one.accept([1, 2, 3, 4, 5]);
      await Promise.all([one.engine.fold(), one.accept([6]), one.accept([7])]);
      for (const i of [9, 10]) {
        await one.accept([i]);
        await one.engine.fold();
      }
      alive = false;
    });
    first.kill();
    const from = disk.operations.length;
    const two = await open(disk.process());
    await two.accept([8]);
    await two.engine.close();
    for (const { at, files } of disk.powerCuts({ from, onlyCertain: true })) {
      states++;
      const broken = await judge(files, at, ledger);
      expect({ kill, at, broken }).toEqual({ kill, at, broken: [] });
    }
  }
  expect(states).toBeGreaterThan(500);
}, 60_000);

test('the check notices an engine whose files are not synced', async () => {
  const { broken } = await survey(await fullHistory({ weakness: { noSync: true } }), LOST);
  expect(broken.at(-1)).toMatch(LOST);
});

test('the check notices an engine whose folders are not synced', async () => {
  const { broken } = await survey(await fullHistory({ weakness: { noFolderSync: true } }), LOST);
  expect(broken.at(-1)).toMatch(LOST);
});

test('the check notices an engine that answers before the sync is done', async () => {
  const { broken } = await survey(await fullHistory({ weakness: { earlyAnswer: true } }), LOST);
  expect(broken.at(-1)).toMatch(LOST);
});

test('the check notices an engine that removes the old journal before the manifest is durable', async () => {
  const { broken } = await survey(await fullHistory({ wrap: removingEarly }), UNREADABLE);
  expect(broken.at(-1)).toMatch(UNREADABLE);
});

test('the check notices an engine that takes any line that parses, whatever its checksum', async () => {
  zlib.blind = true;
  try {
    const { broken } = await survey(await fullHistory(), GHOST);
    expect(broken.at(-1)).toMatch(GHOST);
  } finally {
    zlib.blind = false;
  }
});

/** Removes all segments but the last as soon as a new manifest is begun. */
function removingEarly(process: SimulatedProcess): SimulatedProcess {
  const create = process.create.bind(process);
  process.create = async (path, how) => {
    const journal = join(DIR, 'journal');
    const segments = (await process.list(journal)).sort();
    const isManifest = dirname(path) === DIR && basename(path).startsWith('.manifest');
    for (const old of isManifest ? segments.slice(0, -1) : [])
      await process.remove(join(journal, old));
    return create(path, how);
  };
  return process;
}
