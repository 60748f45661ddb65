// Changes as they are told to all that share a store: each once, in order, without gaps, also to one that was away.
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { ChangeEvent, Engine } from '../../../src/engine/engine.ts';
import { openSession } from '../../../src/engine/postgres/connection.ts';
import { FORMAT, prepareSchema } from '../../../src/engine/postgres/schema.ts';
import type { Run } from '../../../src/run/run.ts';
import { save } from '../../../src/run/transitions.ts';
import { all, DONE, draft, finish, schedule, T0 } from '../../helpers/engine-values.ts';
import { freshStore, query } from '../../helpers/postgres.ts';
import { openStore, reachOf } from '../../helpers/postgres-engine.ts';
import { eventually } from '../../helpers/project.ts';

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

async function opened(url: string): Promise<{ engine: Engine; told: ChangeEvent[] }> {
  const { engine, close } = await openStore(url);
  onTestFinished(close);
  const told: ChangeEvent[] = [];
  engine.onChange((change) => told.push(change));
  return { engine, told };
}

const raise = (run: Run): Run => ({ ...run, priority: run.priority + 1 });
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const numbers = (told: readonly ChangeEvent[]): number[] => told.map(({ n }) => n);
const shape = ({ own: _, at: __, ...change }: ChangeEvent): unknown => change;

test('two that change the same store are told all in one order, each of its own as its own', async () => {
  const url = await freshStore();
  const [one, two] = [await opened(url), await opened(url)];
  await one.engine.accept([draft(0)], T0);
  await Promise.all(
    upTo(40).map((i) => (i % 2 ? one : two).engine.change(1, i % 5 ? raise : (run) => run)),
  );
  await Promise.all([one, two].map(({ engine }) => engine.accept([draft(1)], T0)));
  const last = await one.engine.changes();
  await eventually(() => one.told.length === last && two.told.length === last);
  expect(numbers(one.told)).toEqual(upTo(last));
  expect(one.told.map(shape)).toEqual(two.told.map(shape));
  expect(one.told.map(({ own }) => own)).toEqual(two.told.map(({ own }) => !own));
});

test('another host sees each change from what it was: also what was saved, which it is not told again', async () => {
  const url = await freshStore();
  const [one, two] = [await opened(url), await opened(url)];
  await one.engine.accept([draft(1)], T0);
  const [held] = await one.engine.claim(
    { workerKind: 'dedicated', most: 1 },
    () => ({ mark: 'w', pid: 7 }),
    T0,
  );
  const token = held?.token ?? [0, 0];
  const change = (decide: (run: Run) => Run) => one.engine.changeHeld(1, token, decide);
  await change((run) => save(run, { checkpoint: { big: 'x'.repeat(1000) } }));
  await change((run) => save(run, { step: { name: 'a', value: 1 } }));
  await change((run) => save(run, { step: { name: 'b', value: 2 } }));
  await change((run) => finish(run, DONE, T0));
  await eventually(() => two.told.length === 6);
  expect(two.told.map(({ run }) => run)).toEqual(one.told.map(({ run }) => run));
  const states = (told: readonly ChangeEvent[]) => told.map(({ prev }) => prev?.state ?? null);
  expect(states(two.told)).toEqual(states(one.told));
  const isKept = (what: 'checkpoint' | 'steps') =>
    two.told.slice(2).map(({ prev, run }) => prev?.life?.[what] === run.life?.[what]);
  expect(isKept('checkpoint')).toEqual([false, true, true, true]);
  expect(isKept('steps')).toEqual([true, false, false, true]);
});

test('one whose sessions the server ends is told later what it has missed, without a gap', async () => {
  const url = await freshStore();
  const [one, two] = [await opened(url), await opened(url)];
  await one.engine.accept([draft(1)], T0);
  await eventually(() => two.told.length === 1);
  await query(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and pid <> pg_backend_pid()`,
  );
  for (let i = 0; i < 30; i++) await one.engine.change(1, raise);
  await eventually(() => two.told.length === 31);
  expect(numbers(two.told)).toEqual(upTo(31));
});

test('one that was away for longer than changes are kept is told of each run that has changed, as it is now', async () => {
  const url = await freshStore();
  const one = await opened(url);
  await one.engine.accept([draft(1), draft(2), draft(3)], T0);
  const two = await openStore(url);
  onTestFinished(two.close);
  for (let i = 0; i < 10; i++) await one.engine.change((i % 2) + 1, raise);
  await query(url, 'delete from change where n <= 12');
  const told: ChangeEvent[] = [];
  two.engine.onChange((change) => told.push(change));
  await eventually(() => told.length === 2);
  const { runs } = await all(one.engine);
  expect(told.map(({ n }) => n)).toEqual([12, 13]);
  expect(told.map(({ run }) => run)).toEqual([1, 2].map((id) => runs.find((run) => run.id === id)));
});

test('runs of a paused job wake no host, and a schedule that one host makes is seen by the look of the other', async () => {
  const url = await freshStore();
  const [one, two] = [await opened(url), await opened(url)];
  const stirred = new Set<Engine>();
  for (const { engine } of [one, two]) engine.onStir(() => stirred.add(engine));
  await one.engine.pause({ job: 'mail' }, true);
  for (const { engine } of [one, two]) await engine.accept([draft(1)], T0);
  // Both listen by then, and have heard of the pause.
  await eventually(() => one.told.length === 2 && two.told.length === 2);
  stirred.clear();
  await one.engine.accept([draft(3)], T0);
  await eventually(() => two.told.length === 3);
  expect([...stirred]).toEqual([]);
  await one.engine.accept([draft(4, null, { job: 'other' })], T0);
  await eventually(() => stirred.size === 2);
  const lately = async (): Promise<readonly string[]> =>
    (await two.engine.schedules({ lately: true })).map(({ name }) => name);
  expect(await lately()).toEqual([]);
  await one.engine.changeSchedule('s', () => schedule('s'));
  await eventually(async () => {
    await two.engine.advance(T0);
    return (await lately()).join() === 's';
  });
});

test('what was handed in before is durable soon, however much is handed in behind it', async () => {
  const { engine } = await opened(await freshStore());
  await engine.accept([draft(1)], T0);
  let goesOn = true;
  const load = async (): Promise<void> => {
    while (goesOn) await engine.change(1, raise);
  };
  const loads = [load(), load(), load()];
  await engine.durable();
  expect((await engine.find(1))?.priority).toBeGreaterThan(0);
  goesOn = false;
  await Promise.all(loads);
});

test('twenty that begin on an empty database at the same moment make one schema', async () => {
  const url = await freshStore();
  const reach = reachOf(url);
  await Promise.all(
    upTo(20).map(async () => {
      const session = await openSession(reach);
      await prepareSchema(session, reach.place.schema);
      await session.close();
    }),
  );
  expect(await query(url, 'select format from meta')).toEqual([{ format: FORMAT }]);
  await query(url, 'update meta set format = 99');
  const session = await openSession(reach);
  onTestFinished(() => session.close());
  await expect(prepareSchema(session, reach.place.schema)).rejects.toMatchObject({
    code: 'store-newer',
  });
});
