// Logs in a store that several hosts share: who may write them, and what is left where the store or a writer is away.
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Claimed } from '../../../src/engine/engine.ts';
import type { Session, Sessions, Statement } from '../../../src/engine/postgres/session.ts';
import { StoreLogs } from '../../../src/engine/postgres/store-logs.ts';
import { systemClock } from '../../../src/support/clock.ts';
import { JobrunError } from '../../../src/support/errors.ts';
import { MB } from '../../../src/support/limits.ts';
import { DONE, draft, finish, T0 } from '../../helpers/engine-values.ts';
import { freshStore } from '../../helpers/postgres.ts';
import { type OpenedStore, openStore } from '../../helpers/postgres-engine.ts';
import { line, texts } from '../contract-logs.ts';

beforeAll(async () => void (await freshStore()), 120_000);

async function host(url: string): Promise<OpenedStore> {
  const opened = await openStore(url);
  onTestFinished(() => opened.close());
  return opened;
}

async function claimAll({ engine }: OpenedStore, most = 1): Promise<Claimed[]> {
  return engine.claim({ workerKind: 'dedicated', most }, () => ({ mark: 'w1', pid: 1001 }), T0);
}

async function begun(store: OpenedStore, logs = store.logs, many = 1): Promise<Claimed[]> {
  await store.engine.accept(
    Array.from({ length: many }, (_, i) => draft(i)),
    T0,
  );
  const all = await claimAll(store, many);
  for (const { run, token } of all) logs.begin(run.id, 1, 0, token);
  return all;
}

const lose = ({ engine }: OpenedStore, { run, token }: Claimed) =>
  engine.changeHeld(run.id, token, (held) => finish(held, { kind: 'lost', handedOn: true }, T0));

/** Sessions in which `meet` sees each statement before it is sent, and what follows its answer. */
function watched(
  sessions: Sessions,
  meet: (statement: Statement, send: () => Promise<unknown>) => Promise<unknown>,
): Sessions {
  const open = async (set?: Readonly<Record<string, string>>): Promise<Session> => {
    const session = await sessions.open(set);
    return {
      query: <Row>(statement: Statement) =>
        // It gives what the session gives.
        meet(statement, () => session.query(statement)) as Promise<readonly Row[]>,
      close: () => session.close(),
    };
  };
  return {
    open,
    read: (statement) => sessions.read(statement),
    listen: (channel, told) => sessions.listen(channel, told),
  };
}

function logsOn(store: OpenedStore, meet: Parameters<typeof watched>[1], errors: unknown[] = []) {
  const sessions = watched(store.sessions, meet);
  const onError = (error: unknown): void => void errors.push(error);
  const logs = new StoreLogs({ sessions, clock: systemClock, onError });
  onTestFinished(() => logs.closeAll());
  return logs;
}

const away = (): JobrunError => new JobrunError('store-unreachable', 'it is away', '');
const isAppend = ({ name }: Statement): boolean => name === 'jobrun_log_append';

test('what one host writes, another one follows within half a second, and has to the last line when the run is over', async () => {
  const url = await freshStore();
  const [one, two] = [await host(url), await host(url)];
  const [claimed] = await begun(two);
  const seen: { text: string; at: number }[] = [];
  const over = new AbortController();
  const following = (async () => {
    for await (const { line } of one.logs.follow(1, {}, over.signal))
      seen.push({ text: line.text, at: performance.now() });
  })();
  for (let n = 0; n < 5; n++) {
    const before = performance.now();
    two.logs.append(1, line(`${n}`));
    await expect.poll(() => seen.at(-1)?.text, { timeout: 5000, interval: 5 }).toBe(`${n}`);
    expect((seen.at(-1)?.at ?? 0) - before).toBeLessThan(1500);
  }
  two.logs.append(1, line('last'));
  two.logs.row(1, 0, { last: true });
  expect(two.logs.owes(1)).toBe(true);
  await two.logs.flush(1, true);
  expect(two.logs.owes(1)).toBe(false);
  await two.engine.changeHeld(1, claimed?.token ?? [0, 0], (run) => finish(run, DONE, T0));
  over.abort();
  await following;
  expect(seen.map(({ text }) => text)).toEqual(['0', '1', '2', '3', '4', 'last']);
  expect(await one.logs.rows(1)).toEqual([{ last: true }]);
}, 60_000);

test('a host that has lost a run writes no line and no row of it any more, while the next attempt runs and after it', async () => {
  const url = await freshStore();
  const [one, two] = [await host(url), await host(url)];
  const [first] = await begun(one);
  one.logs.append(1, line('of the first'));
  one.logs.row(1, 0, 'saved');
  one.logs.row(1, 1, 'not saved');
  await one.logs.flush(1, true);
  await lose(two, first as Claimed);
  one.logs.append(1, line('between'));
  await one.logs.flush(1, true);
  const [second] = await claimAll(two);
  two.logs.begin(1, 2, 1, second?.token ?? [0, 0]);
  one.logs.append(1, line('too late'));
  one.logs.row(1, 1, 'too late');
  await one.logs.flush(1, true);
  two.logs.append(1, line('of the second', 2));
  await two.logs.flush(1, true);
  one.logs.append(1, line('much too late'));
  one.logs.row(1, 2, 'much too late');
  await one.logs.flush(1, true);
  await two.engine.changeHeld(1, second?.token ?? [0, 0], (run) => finish(run, DONE, T0));
  await two.logs.close(1);
  one.logs.append(1, line('after the end'));
  one.logs.row(1, 1, 'after the end');
  await one.logs.flush(1, true);
  two.logs.append(1, line('of its hook', 2));
  for (const { logs } of [one, two]) {
    const lines = texts(await logs.lines(1));
    expect(lines).toEqual(
      ['of the first', 'between', 'of the second', 'of its hook'].slice(0, lines.length),
    );
    expect(await logs.rows(1)).toEqual(['saved']);
  }
  expect(texts(await two.logs.lines(1))).toHaveLength(4);
}, 60_000);

test('lines of many runs are one statement, several times a second', async () => {
  const store = await host(await freshStore());
  let appends = 0;
  const logs = logsOn(store, (statement, send) => {
    if (isAppend(statement)) appends++;
    return send();
  });
  const all = await begun(store, logs, 100);
  const since = performance.now();
  let said = 0;
  while (performance.now() - since < 1500) {
    said++;
    for (const { run } of all) logs.append(run.id, line(`${said}`));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all(all.map(({ run }) => logs.flush(run.id, false)));
  const seconds = (performance.now() - since) / 1000;
  expect(appends / seconds).toBeLessThan(10);
  const expected = Array.from({ length: said }, (_, n) => `${n + 1}`);
  for (const id of [1, 50, 100]) expect(texts(await store.logs.lines(id))).toEqual(expected);
}, 60_000);

test('where the answer of the store is lost, no line is lost and none is there twice, and a save waits', async () => {
  const store = await host(await freshStore());
  const errors: unknown[] = [];
  let lost = 0;
  const logs = logsOn(
    store,
    async (statement, send) => {
      const answer = await send();
      // Every other one.
      if (isAppend(statement) && lost++ % 2 === 0) throw away();
      return answer;
    },
    errors,
  );
  await begun(store, logs);
  for (let n = 0; n < 6; n++) {
    logs.append(1, line(`${n}`));
    logs.row(1, n, n);
    await logs.flush(1, true);
    expect(texts(await store.logs.lines(1))).toHaveLength(n + 1);
  }
  expect(texts(await store.logs.lines(1))).toEqual(['0', '1', '2', '3', '4', '5']);
  expect(await store.logs.rows(1)).toEqual([0, 1, 2, 3, 4, 5]);
}, 60_000);

test('while the store is away lines wait, but not without end: those that are too many are counted', async () => {
  const store = await host(await freshStore());
  let isAway = true;
  const logs = logsOn(store, (_statement, send) => (isAway ? Promise.reject(away()) : send()));
  await begun(store, logs);
  const text = 'x'.repeat(60_000);
  const most = Math.ceil((40 * MB) / text.length);
  for (let n = 0; n < most; n++) logs.append(1, line(`${n} ${text}`));
  await expect(logs.flush(1, false)).rejects.toMatchObject({ code: 'store-unreachable' });
  isAway = false;
  logs.append(1, line('no room'));
  await logs.flush(1, true);
  logs.append(1, line('back'));
  await logs.flush(1, true);
  const end = texts(await store.logs.lines(1, { last: 2 }));
  expect(end).toEqual([
    expect.stringMatching(/^\d{2,3} lines before this one could not be written$/),
    'back',
  ]);
}, 60_000);

test('lines that the store refuses are told of, and rows are kept for the next try', async () => {
  const store = await host(await freshStore());
  let refuses = true;
  const logs = logsOn(store, (statement, send) =>
    refuses && isAppend(statement) ? Promise.reject(new Error('disk full')) : send(),
  );
  await begun(store, logs);
  logs.append(1, line('lost'));
  logs.row(1, 0, 'kept');
  await expect(logs.flush(1, true)).rejects.toThrow('disk full');
  refuses = false;
  logs.append(1, line('after'));
  await logs.flush(1, true);
  expect(await store.logs.rows(1)).toEqual(['kept']);
  expect(texts(await store.logs.lines(1))).toEqual([
    '1 line before this one could not be written',
    'after',
  ]);
}, 60_000);

test('a writer that is killed leaves what it has written, whole, and the next one goes on after it', async () => {
  const url = await freshStore();
  const one = await host(url);
  const dead = await openStore(url);
  const [first] = await begun(dead);
  for (let n = 0; n < 100; n++) dead.logs.append(1, line(`${n}`));
  await dead.logs.flush(1, false);
  dead.logs.append(1, line('was never sent'));
  await dead.sessions.close();
  await lose(one, first as Claimed);
  const [second] = await claimAll(one);
  one.logs.begin(1, 2, 0, second?.token ?? [0, 0]);
  one.logs.append(1, line('goes on', 2));
  const expected = [...Array.from({ length: 100 }, (_, n) => `${n}`), 'goes on'];
  const lines = texts(await one.logs.lines(1)).filter((text) => text !== 'was never sent');
  expect(lines).toEqual(expected);
  const numbers: number[] = [];
  const over = new AbortController();
  over.abort();
  for await (const { n } of one.logs.follow(1, { attempt: 2 }, over.signal)) numbers.push(n);
  expect(numbers.length).toBe(1);
}, 60_000);
