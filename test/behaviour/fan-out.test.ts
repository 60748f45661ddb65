// Runs that make runs, and runs that wait for runs.
import { expect, test } from 'vitest';
import { JobrunError } from '../../src/index.ts';
import { eventually } from '../helpers/project.ts';
import { refusal, site } from '../helpers/site.ts';

test('10,000 runs emitted by one job arrive, each once, with their parent, and the daemon answers meanwhile', async () => {
  const s = await site({
    fan: `export default async (_p, ctx) => { const began = Date.now(); const ids = await Promise.all(Array.from({ length: 10_000 }, (_, n) => ctx.emit('leaf', { n })));
      return { ids: new Set(ids).size, ms: Date.now() - began }; };`,
    leaf: `export default { isolation: 'shared', run: ({ n }) => n };`,
  });
  const fan = await s.jobs.schedule('fan');
  const slow: number[] = [];
  const done = s.settled(fan.id, 60_000);
  let over = false;
  done.finally(() => {
    over = true;
  });
  while (!over) {
    slow.push(await s.statusMs());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const run = await done;
  expect(run).toMatchObject({ state: 'done', output: { ids: 10_000 } });
  await eventually(async () => (await s.jobs.status()).counts.done === 10_001, 60_000);
  const seen = new Set<number>();
  for (let offset = 0; offset < 10_000; offset += 2500) {
    const { runs } = await s.jobs.list({ job: 'leaf', limit: 2500, offset });
    for (const { parent, params, output, attempt } of runs) {
      expect([parent, attempt]).toEqual([fan.id, 1]);
      expect(output).toBe((params as { n: number }).n);
      seen.add(output as number);
    }
  }
  expect(seen.size).toBe(10_000);
  expect((await s.jobs.list({ job: 'leaf' })).total).toBe(10_000);
  expect(Math.max(...slow), 'on a machine with other work too').toBeLessThan(6000);
}, 120_000);

test('what a job emitted stays although the job fails then, and a job may emit itself', async () => {
  const s = await site({
    fails: `export default async (_p, ctx) => { await ctx.emit('leaf', { a: 1 }, { key: 'once', priority: 3 }); throw new Error('after'); };`,
    leaf: `export default (params) => params;`,
    chain: `export default async ({ n }, ctx) => { if (n > 0) return ctx.emit('chain', { n: n - 1 }); return 'end'; };`,
    refused: `export default async (_p, ctx) => { const told = []; for (const options of [{ at: 'soon' }, { nonsense: 1 }, { key: '' }, { name: 'x' }]) try { await ctx.emit('leaf', {}, options); } catch (error) { told.push(error.code); } return told; };`,
  });
  const fails = await s.run('fails');
  expect(fails.state).toBe('failed');
  const leaf = (await s.jobs.list({ job: 'leaf' })).runs;
  expect(leaf).toMatchObject([{ parent: fails.id, key: 'once', priority: 3 }]);
  await s.run('chain', { n: 5 });
  await eventually(async () => (await s.jobs.list({ job: 'chain', state: 'done' })).total === 6);
  const { runs } = await s.jobs.list({ job: 'chain' });
  expect(runs.map(({ parent }) => parent)).toEqual([...runs.slice(1).map(({ id }) => id), null]);
  expect(await s.run('refused')).toMatchObject({
    output: ['bad-time', 'bad-option', 'bad-request', 'bad-option'],
  });
});

test('a run waits for others and goes on when all are done; where one fails or is aborted, it is aborted with all behind it', async () => {
  const s = await site({
    part: `export default async ({ ms = 200, fail }, ctx) => { await ctx.sleep(ms); if (fail) throw new Error('part broke'); return ms; };`,
    sum: `export default () => mark('sum');`,
  });
  const [a, b] = [await s.jobs.schedule('part'), await s.jobs.schedule('part', { ms: 500 })];
  const sum = await s.jobs.schedule('sum', {}, { after: [a.id, b.id] });
  expect(sum).toMatchObject({
    state: 'waiting',
    after: [a.id, b.id],
    reason: `waits for ${a.id}, ${b.id}`,
  });
  const done = await s.settled(sum.id);
  expect(done.state).toBe('done');
  expect(Date.parse(done.startedAt ?? '')).toBeGreaterThanOrEqual(
    Date.parse((await s.jobs.get(b.id)).settledAt ?? ''),
  );

  const bad = await s.jobs.schedule('part', { fail: true, ms: 300 });
  const next = await s.jobs.schedule('sum', {}, { after: [bad.id] });
  const end = await s.jobs.schedule('sum', {}, { after: [next.id] });
  expect(await s.settled(end.id)).toMatchObject({
    state: 'aborted',
    reason: `run ${next.id} (sum), which it waited for, was aborted`,
  });
  expect(await s.jobs.get(next.id)).toMatchObject({
    state: 'aborted',
    reason: `run ${bad.id} (part), which it waited for, failed`,
  });
  expect(await s.jobs.schedule('sum', {}, { after: [bad.id] })).toMatchObject({ state: 'aborted' });
  expect((await refusal(s.jobs.schedule('sum', {}, { after: ['99999'] }))).code).toBe(
    'unknown-run',
  );
  expect(s.marks('sum'), 'what was aborted never ran').toHaveLength(1);
  const settled = await s.jobs.schedule('sum', {}, { after: [a.id] });
  expect(await s.settled(settled.id)).toMatchObject({ state: 'done' });
});

test('scheduleMany answers in order, with an error in the place of what is refused, and result(id) gives output or error', async () => {
  const s = await site({
    half: `export default async ({ n }, ctx) => { await ctx.sleep(100); if (n % 2) throw new Error('odd ' + n); return n / 2; };`,
    picky: `export default { params: { '~standard': { version: 1, vendor: 'test', validate: (value) => value.ok ? { value } : { issues: [{ message: 'is missing', path: ['ok'] }] } } }, run: () => 1 };`,
    hold: `export default (_p, ctx) => ctx.sleep(60_000);`,
  });
  const circle: { me?: unknown } = {};
  circle.me = circle;
  const many = await s.jobs.scheduleMany([
    { job: 'half', params: { n: 2 } },
    { job: 'picky', params: {} },
    { job: 'half', params: { n: 3 } },
    { job: 'half', params: circle },
    { job: 'not a name!' },
    { job: 'half', params: { n: 4 }, in: 'a while' },
    { job: 'half', params: { n: 6 }, in: 300 },
  ]);
  expect(many.map((one) => (one instanceof JobrunError ? one.code : one.state))).toEqual([
    'queued',
    'bad-params',
    'queued',
    'bad-request',
    'bad-option',
    'bad-time',
    'scheduled',
  ]);
  const id = (i: number) => (many[i] as { id: string }).id;
  expect(await Promise.all([s.jobs.result(id(0)), s.jobs.result(id(6))])).toEqual([1, 3]);
  expect(await refusal(s.jobs.result(id(2)))).toMatchObject({
    code: 'run-failed',
    run: { id: id(2), state: 'failed', error: { message: 'odd 3' } },
  });
  const hold = await s.jobs.schedule('hold');
  await s.state(hold.id, 'running');
  const waiting = refusal(s.jobs.result(hold.id));
  await s.jobs.abort(hold.id, { reason: 'enough', grace: 0 });
  expect(await waiting).toMatchObject({ code: 'run-aborted', run: { reason: 'enough' } });
  const large = await s.jobs.scheduleMany(
    Array.from({ length: 2500 }, (_, n) => ({ job: 'half', params: { n }, in: '1h' })),
  );
  expect(large.map((one) => (one as unknown as { params: { n: number } }).params.n)).toEqual(
    Array.from({ length: 2500 }, (_, n) => n),
  );
}, 60_000);

test('runs that wait for thousands of others hold up nobody while those end', async () => {
  const s = await site({
    one: `export default { isolation: 'shared', run: () => 1 };`,
    last: `export default () => 'last';`,
  });
  await s.jobs.pause('one');
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const some = await s.jobs.scheduleMany(Array.from({ length: 1000 }, () => ({ job: 'one' })));
    for (const run of some) if ('id' in run) ids.push(run.id);
  }
  for (let i = 0; i < 50; i++) await s.jobs.schedule('last', {}, { after: ids });
  await s.jobs.resume('one');
  let slowest = 0;
  await eventually(async () => {
    slowest = Math.max(slowest, await s.statusMs());
    return (await s.jobs.status()).counts.done === ids.length + 50;
  }, 90_000);
  expect(slowest, 'on a machine with other work too').toBeLessThan(3000);
}, 120_000);
