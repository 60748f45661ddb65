// Who goes next, and who has to wait: priority, limits of a job, locks across jobs, rates, and the reason that is told.
import { expect, test } from 'vitest';
import { eventually } from '../helpers/project.ts';
import { site } from '../helpers/site.ts';

const HOLD = `export default async ({ ms = 60_000 }, ctx) => { mark('begin', { id: ctx.id }); await ctx.sleep(ms); mark('end', { id: ctx.id }); };`;

test('runs go by priority, then due time, then id, across jobs', async () => {
  const s = await site(
    {
      a: `export default ({ n }) => mark('turn', { n });`,
      b: `export default { priority: 5, run: ({ n }) => mark('turn', { n }) };`,
      hold: HOLD,
    },
    '--workers',
    '1',
  );
  const hold = await s.jobs.schedule('hold');
  await s.state(hold.id, 'running');
  const now = Date.now();
  const runs = await s.jobs.scheduleMany([
    { job: 'a', params: { n: 6 }, at: now - 1000 },
    { job: 'a', params: { n: 4 }, at: now - 5000 },
    { job: 'a', params: { n: 5 }, at: now - 5000 },
    { job: 'b', params: { n: 2 } },
    { job: 'a', params: { n: 1 }, priority: 9 },
    { job: 'b', params: { n: 3 } },
    { job: 'a', params: { n: 7 }, priority: -2, at: now - 90_000 },
  ]);
  await s.jobs.abort(hold.id, { grace: 0 });
  for (const run of runs) await s.settled((run as { id: string }).id);
  expect(s.marks('turn').map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('concurrency is never passed, says who holds the places, and a place that becomes free is filled at once', async () => {
  const s = await site(
    {
      import: `export default { concurrency: 2, run: async ({ ms = 60_000 }, ctx) => { mark('begin', { id: ctx.id }); await ctx.sleep(ms); mark('end', { id: ctx.id }); } };`,
    },
    '--workers',
    '6',
  );
  const ids = (
    await s.jobs.scheduleMany([
      { job: 'import' },
      { job: 'import' },
      { job: 'import', params: { ms: 200 } },
    ])
  ).map((run) => (run as { id: string }).id);
  await s.state(ids[1] ?? '', 'running');
  const waits = await s.jobs.get(ids[2] ?? '');
  expect(waits).toMatchObject({
    state: 'queued',
    reason: `concurrency 2 of import reached by ${ids[0]}, ${ids[1]}`,
  });
  expect((await s.jobs.list({ state: 'queued' })).runs[0]?.reason).toBe(waits.reason);
  expect((await s.jobs.status()).workers.busy).toBe(2);
  await s.jobs.abort(ids[0] ?? '', { grace: 0 });
  const run = await s.settled(ids[2] ?? '');
  const freed = Date.parse((await s.jobs.get(ids[0] ?? '')).settledAt ?? '');
  expect(Date.parse(run.startedAt ?? '') - freed, 'filled at once, not after a poll').toBeLessThan(
    500,
  );

  const many = await s.jobs.scheduleMany(
    Array.from({ length: 30 }, () => ({ job: 'import', params: { ms: 40 } })),
  );
  await s.jobs.abort(ids[1] ?? '', { grace: 0 });
  for (const one of many) await s.settled((one as { id: string }).id);
  let [now, most] = [0, 0];
  const own = new Set(many.map((one) => (one as { id: string }).id));
  for (const { name } of s.marks().filter(({ id }) => own.has(id))) {
    now += name === 'begin' ? 1 : -1;
    most = Math.max(most, now);
  }
  expect(most).toBe(2);
});

test('a lock is held by one run at a time across jobs, and its other runs do not keep a place', async () => {
  const text = (
    name: string,
  ) => `export default { lock: ({ account }) => 'account ' + account, run: async ({ account, ms = 150 }, ctx) => {
    mark('begin', { account, id: ctx.id });
    try { await ctx.sleep(ms); } finally { mark('end', { account, id: ctx.id }); }
    return '${name}'; } };`;
  const s = await site({ debit: text('debit'), credit: text('credit') }, '--workers', '8');
  const first = await s.jobs.schedule('debit', { account: 1, ms: 600_000 });
  await s.state(first.id, 'running');
  const second = await s.jobs.schedule('credit', { account: 1 });
  const free = await s.jobs.schedule('credit', { account: 2 });
  expect(await s.jobs.get(second.id)).toMatchObject({
    state: 'queued',
    reason: `lock "account 1" is held by ${first.id}`,
  });
  await s.settled(free.id);
  expect((await s.jobs.get(first.id)).state, 'another account must not wait').toBe('running');
  const many = await s.jobs.scheduleMany(
    Array.from({ length: 24 }, (_, i) => ({
      job: i % 2 ? 'debit' : 'credit',
      params: { account: i % 3, ms: 30 },
    })),
  );
  await s.jobs.abort(first.id);
  for (const one of [second, ...many]) await s.settled((one as { id: string }).id);
  const held = new Map<number, string>();
  for (const { name, account, id } of s.marks()) {
    if (name === 'begin') {
      expect(held.get(account), `two runs hold account ${account}`).toBe(undefined);
      held.set(account, id);
    } else held.delete(account);
  }
});

const inAnyPeriod = (starts: readonly number[], perMs: number): number =>
  Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + perMs).length));

test('rateLimit holds in any period, also over a restart of the daemon, and says when the next place comes', async () => {
  const s = await site({
    call: `export default { rateLimit: { limit: 3, per: '4s' }, run: () => mark('call') };`,
    other: `export default () => 1;`,
  });
  const runs = (await s.jobs.scheduleMany(Array.from({ length: 8 }, () => ({ job: 'call' })))) as {
    id: string;
  }[];
  await s.settled(runs[2]?.id ?? '');
  const waits = await s.jobs.get(runs[3]?.id ?? '');
  expect(waits.reason).toMatch(/^rate 3 per 4s, next place in \d\.\ds$/);
  expect(await s.run('other')).toMatchObject({ state: 'done' });
  await s.kill9();
  await s.up();
  expect((await s.jobs.get(runs[3]?.id ?? '')).state, 'the starts before the crash count').not.toBe(
    'done',
  );
  await s.settled(runs[5]?.id ?? '');
  await s.project.cli(['stop']);
  await s.daemon.exited;
  await s.project.cli(['schedule', 'other']);
  await s.up();
  for (const { id } of runs) await s.settled(id);
  const starts: number[] = [];
  for (const { id } of runs) starts.push(Date.parse((await s.jobs.get(id)).startedAt ?? ''));
  expect(inAnyPeriod(starts, 4000 - 2), `${starts.map((at) => at - (starts[0] ?? 0))}`).toBe(3);
  expect(Math.max(...starts) - Math.min(...starts), 'and no longer than needed').toBeLessThan(
    14_000,
  );
}, 60_000);

test('a thousand blocked runs of one job do not slow the others', async () => {
  const s = await site({
    blocked: `export default { concurrency: 1, run: (_p, ctx) => ctx.sleep(60_000) };`,
    locked: `export default { lock: () => 'one', run: (_p, ctx) => ctx.sleep(60_000) };`,
    quick: `export default () => 1;`,
  });
  await s.jobs.scheduleMany(Array.from({ length: 1000 }, () => ({ job: 'blocked', priority: 10 })));
  await s.jobs.scheduleMany(Array.from({ length: 1000 }, () => ({ job: 'locked', priority: 10 })));
  await eventually(async () => (await s.jobs.status()).counts.running === 2);
  const began = performance.now();
  const quick = await s.jobs.scheduleMany(Array.from({ length: 200 }, () => ({ job: 'quick' })));
  for (const one of quick) await s.settled((one as { id: string }).id);
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(await s.statusMs()).toBeLessThan(1000);
  expect((await s.jobs.status()).counts).toMatchObject({ running: 2, queued: 1998, done: 200 });
}, 60_000);

test('a job whose isolation or limits change is handed out by the new ones', async () => {
  const s = await site(
    {
      work: `export default { concurrency: 1, run: async (_p, ctx) => { mark('work', { id: ctx.id }); await ctx.sleep(60_000); } };`,
    },
    '--workers',
    '2',
  );
  const runs = (await s.jobs.scheduleMany(Array.from({ length: 20 }, () => ({ job: 'work' })))) as {
    id: string;
  }[];
  // Its code has begun, not just its attempt: from here on it is the old code.
  await eventually(() => s.marks('work').length > 0);
  s.put(
    'work',
    `export default { isolation: 'shared', run: async (_p, ctx) => { mark('work', { id: ctx.id }); await ctx.sleep(200); } };`,
  );
  for (const { id } of runs.slice(1)) await s.settled(id);
  expect(
    new Set(
      s
        .marks('work')
        .slice(1)
        .map(({ pid }) => pid),
    ).size,
    'one process for all, but for those that a reload replaces',
  ).toBeLessThanOrEqual(3);
  expect((await s.jobs.get(runs[0]?.id ?? '')).state, 'what runs goes on as it began').toBe(
    'running',
  );
  s.put(
    'work',
    `export default { run: async (_p, ctx) => { mark('again', { id: ctx.id }); await ctx.sleep(300); } };`,
  );
  await eventually(async () => {
    await s.run('work');
    return s.marks('again').length > 0;
  });
  const more = (await s.jobs.scheduleMany(Array.from({ length: 6 }, () => ({ job: 'work' })))) as {
    id: string;
  }[];
  for (const { id } of more) await s.settled(id);
  const spans: [number, number][] = [];
  for (const { id } of more) {
    const run = await s.jobs.get(id);
    spans.push([Date.parse(run.startedAt ?? ''), Date.parse(run.settledAt ?? '')]);
  }
  const most = Math.max(
    ...spans.map(([at]) => spans.filter(([from, to]) => from <= at && at < to).length),
  );
  expect(most, 'a place for each, with one taken by the first').toBe(1);
});
