// Large runs on a store: no answer of it is larger than a small daemon has memory for, whoever asks for how many runs.
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Run } from '../../../src/run/run.ts';
import { withoutValues } from '../../../src/run/stored-run.ts';
import { MB } from '../../../src/support/limits.ts';
import { DONE, draft, finish, T0 } from '../../helpers/engine-values.ts';
import { freshStore, query } from '../../helpers/postgres.ts';
import { type OpenedStore, openStore } from '../../helpers/postgres-engine.ts';
import { eventually } from '../../helpers/project.ts';
import { faultsOf } from '../../helpers/store-check.ts';

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

const TEXT = 'x'.repeat(900_000);
const large = (i: number) => draft(i, null, { params: { text: TEXT, n: i % 10 } });

async function opened(url: string): Promise<OpenedStore> {
  const store = await openStore(url);
  onTestFinished(store.close);
  return store;
}

async function acceptMany({ engine }: OpenedStore, many: number): Promise<void> {
  for (let i = 0; i < many; i++) await engine.accept([large(i)], T0);
}

/** The megabytes of JSON in each answer from now on that has any, to reads and to turns. */
function answersOf({ sessions }: OpenedStore): number[] {
  const answers: number[] = [];
  const noted = <Rows>(rows: Rows): Rows => {
    const bytes = JSON.stringify(rows).length;
    if (bytes > MB / 2) answers.push(bytes / MB);
    return rows;
  };
  const { read, open } = sessions;
  sessions.read = async (...asked) => noted(await read.apply(sessions, asked)) as never;
  sessions.open = async (...asked) => {
    const session = await open.apply(sessions, asked);
    const { query } = session;
    session.query = async (statement) => noted(await query.call(session, statement)) as never;
    return session;
  };
  return answers;
}

test('a few large runs are looked into at once, and each of them is', async () => {
  const store = await opened(await freshStore());
  await acceptMany(store, 20);
  const searched: number[] = [];
  let found: readonly number[] = [];
  for await (const part of store.engine.search({
    limit: 10,
    params: [{ path: 'n', value: '7' }],
  })) {
    if (!part.complete) searched.push(part.searched ?? 0);
    found = part.runs.map(({ id }) => id);
  }
  expect(found).toEqual([18, 8]);
  expect(searched).toEqual([5, 10, 15, 20]);
});

test('a list of large runs without their values reads some at a time, and none of them twice until it has changed', async () => {
  const store = await opened(await freshStore());
  await acceptMany(store, 20);
  const { engine } = store;
  await engine.accept([draft(99)], T0);
  const answers = answersOf(store);
  const list = async () => (await engine.list({ limit: 100, light: true })).runs;
  const first = await list();
  expect(first.map(({ id }) => id)).toEqual(Array.from({ length: 21 }, (_, i) => 21 - i));
  expect([answers.length, Math.max(...answers) < 5]).toEqual([5, true]);
  expect(JSON.stringify(first).length).toBeLessThan(20_000);
  expect(await list()).toEqual(first);
  expect(answers.length).toBe(5);
  const changed = await engine.change(7, (run) => ({ ...run, priority: 5 }));
  expect((await list()).find(({ id }) => id === 7)).toEqual(withoutValues(changed));
  expect(answers.length).toBe(6);
});

test('runs that another host has changed are read some at a time, also those whose changes are no longer kept', async () => {
  const url = await freshStore();
  const [one, two] = [await opened(url), await opened(url)];
  const told: number[] = [];
  two.engine.onChange(({ run }) => told.push(run.id));
  const answers = answersOf(two);
  const ids = (many: number) => Array.from({ length: many }, (_, i) => i + 1);
  await one.engine.accept(ids(12).map(large), T0);
  await eventually(() => told.length === 12);
  expect(told).toEqual(ids(12));
  expect(Math.max(...answers)).toBeLessThan(6);
  const three = await opened(url);
  const seen: number[] = [];
  const missed = answersOf(three);
  three.engine.onChange(({ run }) => seen.push(run.id));
  const { read: readOf } = three.sessions;
  let hold: Promise<void> = Promise.resolve();
  three.sessions.read = async (...asked) => {
    await hold;
    return readOf.apply(three.sessions, asked) as never;
  };
  let release = (): void => undefined;
  hold = new Promise((resolve) => {
    release = resolve;
  });
  for (const id of ids(12)) await one.engine.change(id, (run) => finish(run, DONE, T0));
  await query(url, 'delete from change');
  await one.engine.accept([draft(13)], T0);
  release();
  await eventually(() => seen.includes(13));
  expect(seen).toEqual(ids(13));
  expect([missed.length > 2, Math.max(...missed) < 6]).toEqual([true, true]);
});

test('large runs that become due together do so some at a time, and some of them are claimed at a time', async () => {
  const url = await freshStore();
  const other = await opened(url);
  const store = await opened(url);
  const answers = answersOf(store);
  const { engine } = store;
  for (let i = 1; i <= 12; i++) await other.engine.accept([{ ...large(i), dueAt: T0 + i }], T0);
  await engine.advance(T0 + 1000);
  expect((await engine.counts()).queued).toBe(12);
  let stirs = 0;
  engine.onStir(() => void stirs++);
  // It may have missed something before it has listened.
  await eventually(() => stirs > 0);
  const claimed: number[][] = [];
  for (const _ of [1, 2, 3]) {
    stirs = 0;
    const want = { workerKind: 'dedicated', most: 50 } as const;
    const held = await engine.claim(want, () => ({ mark: 'w1', pid: 7 }), T0 + 2000);
    claimed.push(held.map(({ run }) => run.id));
    expect(stirs > 0, 'it is told to ask again as long as there are more').toBe(held.length === 5);
  }
  expect(claimed).toEqual([
    [1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10],
    [11, 12],
  ]);
  expect(Math.max(...answers)).toBeLessThan(6);
});

test('large runs are removed without being read, and who changes one in the same turn has all of it', async () => {
  const url = await freshStore();
  const other = await opened(url);
  const store = await opened(url);
  const { engine } = store;
  await acceptMany(other, 8);
  await other.engine.accept([draft(9, { key: 'k' }, { params: { text: 'kept' } })], T0);
  for (let id = 1; id <= 7; id++) await other.engine.change(id, (run) => finish(run, DONE, T0));
  const answers = answersOf(store);
  await engine.remove([1, 2, 3, 4, 5, 6]);
  expect(answers).toEqual([]);
  const raise = (run: Run): Run => ({ ...run, priority: 7 });
  const [kept, changed, again, gone, late] = await Promise.allSettled([
    engine.remove([7, 8, 9]),
    engine.change(8, raise),
    engine.accept([draft(1, { key: 'k' })], T0),
    engine.remove([7]),
    engine.change(7, raise),
  ]);
  expect([kept.status, gone.status, late.status]).toEqual(['rejected', 'fulfilled', 'rejected']);
  expect(changed).toMatchObject({ value: { id: 8, priority: 7, params: { text: TEXT } } });
  expect(again).toMatchObject({
    value: [{ existing: true, run: { id: 9, params: { text: 'kept' } } }],
  });
  expect((await engine.find(8))?.params).toEqual({ text: TEXT, n: 7 });
  expect(await engine.counts()).toMatchObject({ queued: 2, done: 0 });
  const rows = await query<{ bytes: string }>(
    url,
    'select coalesce(sum(bytes), 0) as bytes from run',
  );
  expect(await engine.size()).toBe(Number(rows[0]?.bytes));
  expect(await faultsOf(url)).toEqual({});
});
