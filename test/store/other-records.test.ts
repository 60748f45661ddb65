// The store knows no run: tables of letters, which lie in pages and are open or read, and of shelves, in a document.
// Start, fold, export, import, doctor and repair serve them as they are declared here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { inspect, repair } from '../../src/store/doctor.ts';
import type { Op } from '../../src/store/folder.ts';
import { readManifest } from '../../src/store/manifest.ts';
import type { PagedOperations, PagedTable, Tables } from '../../src/store/pages.ts';
import { openState } from '../../src/store/recovery.ts';
import type { Store } from '../../src/store/store.ts';
import { exportState, importState } from '../../src/store/stream.ts';
import {
  Documents,
  fitting,
  KeyedTable,
  type Replay,
  type Rows,
  readAs,
  Transaction,
} from '../../src/store/table.ts';
import { pageOf, type Summary, Tally } from '../../src/store/tally.ts';
import { systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { list, object, text, tuple, whole } from '../../src/support/schema.ts';

interface Letter {
  readonly id: number;
  readonly from: string;
  readonly readAt: number;
}

const LETTER = object({ id: whole(1), from: text, readAt: whole(0) });

class Letters implements PagedTable<Letter>, PagedOperations, Rows<number, Letter> {
  readonly name = 'runs';
  readonly what = 'letter';
  readonly dirty = new Set<number>();
  removed = 0;
  readonly memory = new Map<number, Letter>();
  readonly tally = new Tally<Letter, 'open' | 'read'>({
    states: ['open', 'read'],
    isRest: (state) => state === 'read',
    groupOf: ({ from }) => from,
    stateOf: ({ readAt }) => (readAt > 0 ? 'read' : 'open'),
    restsSince: ({ readAt }) => (readAt > 0 ? readAt : null),
  });
  readonly read = fitting<Letter>(LETTER);
  readonly reads = {
    letter: ([kind, raw]: Op) => readAs(kind, this.read(raw)),
  };

  known = (id: number): Letter | undefined => this.memory.get(id);
  isAtRest = ({ readAt }: Letter): boolean => readAt > 0;
  lightOf = (): null => null;
  aside = (): null => null;
  logged = (): Iterable<never> => [];
  held = (): Iterable<Letter> => this.memory.values();
  summary = (pages: readonly number[]): Summary => this.tally.summary(pages);
  takeSummary = (summary: Summary): readonly number[] => this.tally.takeSummary(summary, () => {});
  idOf = ([kind, letter]: Op): number | null => (kind === 'letter' ? (letter as Letter).id : null);
  makes = ([kind]: Op): boolean => kind === 'letter';
  counts = ([kind]: Op): boolean => kind === 'letter';
  leans = (): null => null;
  whole = (letter: Letter): Op => ['letter', letter];

  load(letter: Letter): void {
    this.tally.add(letter, 1);
    this.hold(letter);
  }

  count(letter: Letter): void {
    this.tally.add(letter, 1);
  }

  hold(letter: Letter): void {
    this.memory.set(letter.id, letter);
  }

  put(before: Letter | null, after: Letter | null): void {
    const { id } = (after ?? before) as Letter;
    if (after) this.tally.add(after, 1);
    if (before) this.tally.add(before, -1);
    this.dirty.add(pageOf(id));
    if (after) this.memory.set(id, after);
    else this.memory.delete(id);
  }

  swap(_id: number, before: Letter | null, after: Letter | null): void {
    this.put(before, after);
  }

  written(): void {}

  replay([kind, letter]: Op, { find }: Replay): void {
    if (kind === 'letter') this.put(find((letter as Letter).id) as Letter | null, letter as Letter);
  }
}

type Shelf = readonly [name: string, letters: readonly number[]];

class Post implements Tables<Letter> {
  readonly paged = new Letters();
  readonly operations = this.paged;
  readonly shelves = new KeyedTable<string, Shelf>({
    ...{ field: 'shelves', line: 'shelf', counted: 'shelves', what: 'shelf', put: 'shelf' },
    ...{ key: ([name]) => name, read: fitting<Shelf>(tuple(text, list(whole(1)))) },
  });
  readonly documents = new Documents([
    { name: 'schedules', byHand: null, tables: [this.shelves] },
    { name: 'locks', byHand: null, tables: [new KeyedTable<string, string>(NOTHING)] },
    { name: 'manifest', byHand: null, tables: [] },
  ]);
  readonly log = { schema: object({ text }), remark: (said: string) => ({ text: said }) };
  mend = (): null => null;
  acknowledge = (): readonly string[] => [];

  get content(): string | null {
    return this.paged.tally.matching(null) > 0 ? 'letters' : null;
  }

  settleDoubted(isDoubted: (id: number) => boolean, now: number): readonly number[] {
    const open = [...this.paged.held()].filter(({ id, readAt }) => readAt === 0 && isDoubted(id));
    for (const letter of open) this.paged.put(letter, { ...letter, readAt: now });
    return open.map(({ id }) => id);
  }
}

const NOTHING = {
  ...{ field: 'nothing', line: null, what: 'nothing' },
  ...{ key: (one: string) => one, read: () => 'there is none' },
};

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-store-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const optionsOf = (dir: string) => ({ disk: realDisk, dir, clock: systemClock });

async function opened(dir: string): Promise<Store<Post>> {
  const { engine, damage } = await openState(
    optionsOf(dir),
    () => new Post(),
    (store: Store<Post>) => store,
  );
  expect(damage).toEqual([]);
  return engine;
}

async function write(store: Store<Post>, letters: readonly Letter[]): Promise<void> {
  const { paged, shelves } = store.opened.tables;
  const tx = new Transaction();
  for (const letter of letters) {
    tx.write(['letter', letter]);
    tx.change(paged, letter.id, paged.known(letter.id) ?? null, letter);
  }
  tx.put(shelves, ['all', letters.map(({ id }) => id)]);
  store.countBy(() => ({ nextId: paged.memory.size + 1, changes: letters.length }));
  await store.commit({ ops: tx.ops, undo: () => tx.undo(), told: () => undefined });
}

const MANY: readonly Letter[] = Array.from({ length: 2500 }, (_, i) => ({
  id: i + 1,
  from: i % 2 === 0 ? 'ann' : 'bob',
  readAt: i < 1200 ? i + 1 : 0,
}));

async function lines(dir: string): Promise<string[]> {
  const all: string[] = [];
  for await (const line of exportState(realDisk, dir, systemClock, 'test', () => new Post()))
    all.push(line.trimEnd());
  return all;
}

test('they are there after a start from the journal, and after one from pages', async () => {
  const dir = folder();
  let store = await opened(dir);
  await write(store, MANY);
  for (let start = 0; start < 2; start++) {
    await store.close();
    store = await opened(dir);
    const { paged, shelves } = store.opened.tables;
    expect(paged.tally.counts()).toEqual({ open: 1300, read: 1200 });
    expect(shelves.get('all')?.[1]).toHaveLength(2500);
    // The first page is all read: it stays on the disk, and is counted from the manifest.
    const inMemory = [...MANY.slice(999)].filter(({ id }) => start === 0 || id > 999);
    expect([...paged.memory.values()].slice(-1500)).toEqual(inMemory.slice(-1500));
  }
  await store.close();
  expect((await readManifest(realDisk, dir))?.pages.map(([page]) => page)).toEqual([0, 1, 2]);
});

test('an export of them is an import of them, and says how many of each there are', async () => {
  const [from, into] = [folder(), folder()];
  const store = await opened(from);
  await write(store, MANY);
  await store.close();
  const out = await lines(from);
  expect(JSON.parse(out.at(-1) ?? '')).toMatchObject({ runs: 2500, shelves: 1, logs: 0 });
  const given = async function* () {
    yield* out;
  };
  await importState(optionsOf(into), () => new Post(), given());
  expect((await lines(into)).slice(1, -1)).toEqual(out.slice(1, -1));
  await expect(importState(optionsOf(into), () => new Post(), given())).rejects.toThrow(
    'the state is not empty: it has letters',
  );
});

test('doctor finds what is damaged, and a repair keeps all that is proven and names the rest', async () => {
  const dir = folder();
  const store = await opened(dir);
  await write(store, MANY);
  await store.fold();
  await store.close();
  const path = join(dir, 'runs', '000001.json');
  const text = String(await realDisk.read(path));
  writeFileSync(path, text.replace('"id":1500,', '"id":!!!!,'));
  const found = await inspect(realDisk, dir, systemClock, () => new Post());
  expect(found.findings.map(({ file }) => file)).toEqual([path]);
  const { lost, edited } = await repair(optionsOf(dir), () => new Post(), found);
  expect({ lost, edited }).toMatchObject({ lost: [{ ids: [], more: 1 }], edited: [] });
  const mended = await opened(dir);
  expect(mended.opened.tables.paged.tally.matching(null)).toBe(2499);
  await mended.close();
  const again = await inspect(realDisk, dir, systemClock, () => new Post());
  expect(again.findings).toEqual([]);
});
