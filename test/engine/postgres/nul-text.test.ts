// Runs whose values hold a NUL, in a store that looks into no JSON with one: they are listed, removed in their time,
// taken over, carried and inspected as all others, and keep none of those from it.
import { expect, onTestFinished, test } from 'vitest';
import type { MemberInfo } from '../../../src/engine/members.ts';
import { inspectStore } from '../../../src/engine/postgres/inspect-store.ts';
import { exportStore, importIntoStore } from '../../../src/engine/postgres/whole-store.ts';
import { systemClock } from '../../../src/support/clock.ts';
import { all, draft, finish, schedule } from '../../helpers/engine-values.ts';
import { freshStore, query } from '../../helpers/postgres.ts';
import { openStore, reachOf } from '../../helpers/postgres-engine.ts';
import { ROOT } from '../../helpers/source.ts';

const NUL = { text: 'a\0b', escaped: '\\u0000', twice: '\\\0', '\0': '"\0"' };
const here = { dir: ROOT };
const now = systemClock.now();

async function opened(url: string) {
  const store = await openStore(url);
  onTestFinished(store.close);
  return store;
}

const place = (url: string) => reachOf(url).place;

async function* linesOf(url: string): AsyncGenerator<string> {
  for await (const text of exportStore(here, place(url), systemClock, '1.0.0'))
    yield* text.split('\n').slice(0, -1);
}

const workerFor = () => ({ mark: 'w1', pid: 7 });
const claim = { workerKind: 'dedicated', most: 1 } as const;

test('a run whose host is gone is found by the others, and so is its progress before', async () => {
  const url = await freshStore();
  const { engine, members } = await opened(url);
  const other = await opened(url);
  await engine.accept([draft(1, null, { params: NUL }), draft(2)], now);
  const [held] = await engine.claim(claim, workerFor, now);
  const info: MemberInfo = {
    ...{ version: '', workers: { busy: 1, total: 1 }, jobs: [] },
    progress: [[1, 40, 'at \0 work']],
  };
  await members.renew(info);
  expect(await other.members.progressed()).toEqual([[1, 40, expect.stringMatching(/^at . work$/)]]);
  const [{ beats = null } = {}] = await query<{ beats: string }>(
    url,
    `select beats from member where id = ${members.self.id}`,
  );
  expect(await other.members.giveUp(members.self.id, Number(beats))).toBe(true);
  const [lease] = await other.members.abandoned();
  expect([lease?.run, lease?.token]).toEqual([1, held?.token]);
}, 120_000);

test('a settled run is in the history, and the reason of one that waits is told', async () => {
  const { engine } = await opened(await freshStore());
  await engine.accept([draft(1, null, { params: NUL }), draft(2), draft(3, { after: [1] })], now);
  expect(await engine.why((await all(engine)).runs, now)).toHaveLength(3);
  const fail = {
    kind: 'threw',
    error: { name: 'Error', message: '"aside"\0', stack: '' },
  } as const;
  await engine.change(1, (run) => finish(run, fail, now));
  await engine.change(2, (run) => finish(run, { kind: 'returned', output: NUL }, now));
  expect(await engine.why((await all(engine)).runs, now)).toHaveLength(3);
  const told: unknown[] = [];
  for await (const { runs } of engine.history())
    told.push(...runs.map(({ id, aside }) => [id, aside]));
  expect(told.sort()).toEqual([
    [1, false],
    [2, false],
    [3, false],
  ]);
}, 120_000);

test('it is carried to another store as it is, and both of them are sound', async () => {
  const [from, to] = [await freshStore({ fsync: true }), await freshStore({ fsync: true })];
  const { engine } = await opened(from);
  await engine.accept([draft(1, null, { params: NUL }), draft(2, { after: [1] })], now);
  await engine.changeSchedule('s', () => ({ ...schedule('s'), params: NUL }));
  const before = await all(engine);
  await importIntoStore(here, place(to), systemClock, linesOf(from));
  const carried = await opened(to);
  expect(await all(carried.engine)).toEqual(before);
  await carried.engine.change(1, (run) => finish(run, { kind: 'returned', output: NUL }, now));
  expect((await carried.engine.find(2))?.state.name).toBe('queued');
  for (const url of [from, to]) {
    const { damage, content } = await inspectStore(here, place(url), systemClock);
    expect([damage, content?.counts]).toEqual([[], []]);
  }
}, 120_000);
