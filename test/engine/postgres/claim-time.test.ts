// The time of a claim is that of its own turn, however long it has waited for the turns of other hosts.
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import { DEFAULT_POLICY } from '../../../src/run/policy.ts';
import type { Run } from '../../../src/run/run.ts';
import { SECOND } from '../../../src/support/limits.ts';
import { DONE, draft, finish, T0 } from '../../helpers/engine-values.ts';
import { clientOf, freshStore, query } from '../../helpers/postgres.ts';
import { openStore } from '../../helpers/postgres-engine.ts';
import { eventually } from '../../helpers/project.ts';

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

const want = { workerKind: 'dedicated', most: 1 } as const;
const workerFor = () => ({ mark: 'w1', pid: 7 });
const startOf = (run: Run | undefined) => run?.life?.startedAt;

/** Two hosts, and a hold on all turns of the store; `waits` resolves once somebody waits for his. */
async function hosts() {
  const url = await freshStore();
  const open = async (): Promise<Engine> => {
    const { engine, close } = await openStore(url);
    onTestFinished(close);
    return engine;
  };
  const hold = async () => {
    const client = await clientOf(url);
    onTestFinished(() => client.end());
    await client.query('begin');
    await client.query('select from meta for update');
    const [{ pid } = { pid: 0 }] = (await client.query('select pg_backend_pid() as pid')).rows;
    const text = 'select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))';
    const waits = (): Promise<boolean> =>
      eventually(async () => (await query(url, text, [pid])).length > 0);
    return { waits, release: () => client.query('rollback') };
  };
  return { one: await open(), two: await open(), hold };
}

test.each([
  ['the next run', want],
  ['a run that is asked for', { ...want, only: 1 }],
])('a claim of %s that waits for its turn begins the run when it has it', async (_what, wanted) => {
  const { one, hold } = await hosts();
  await one.accept([draft(1)], T0);
  let now = T0;
  const { waits, release } = await hold();
  const claiming = one.claim(wanted, workerFor, () => now);
  await waits();
  now += 5 * SECOND;
  await release();
  const [held] = await claiming;
  expect([held?.run.id, startOf(held?.run)]).toEqual([1, T0 + 5 * SECOND]);
});

test('starts of another host that came while a claim waited for its turn count for the rate of the job', async () => {
  const { one, two, hold } = await hosts();
  for (const engine of [one, two])
    engine.configure(
      () => ({
        workerKind: 'dedicated',
        concurrency: null,
        rateLimit: { limit: 1, perMs: 60 * SECOND },
        blocked: null,
      }),
      () => DEFAULT_POLICY,
    );
  await one.accept([draft(1), draft(2)], T0);
  let now = T0;
  const { waits, release } = await hold();
  const first = one.claim(want, workerFor, () => now);
  await waits();
  const second = two.claim(want, workerFor, () => now);
  now += 5 * SECOND;
  await release();
  const claimed = [...(await first), ...(await second)];
  expect(claimed.map(({ run }) => startOf(run))).toEqual([T0 + 5 * SECOND]);
  await one.changeHeld(1, claimed[0]?.token ?? [0, 0], (run) => finish(run, DONE, now));
  expect(await two.claim(want, workerFor, () => now)).toEqual([]);
});
