// The library: the same calls with a daemon, without one, and over the change from one to the other.
import { expect, test } from 'vitest';
import { connect, JobrunError, startDaemon } from '../../src/index.ts';
import { eventually, Project, ROOT } from '../helpers/project.ts';
import { refusal, Site, site } from '../helpers/site.ts';

const WORK = `export default async ({ n = 0 }) => n * 2;`;

test.each([
  ['connect', () => connect({ state: 'elsewhere' } as never)],
  ['startDaemon', () => startDaemon({ state: 'elsewhere' } as never)],
])('%s refuses an option that it does not know, and names those it knows', async (_name, call) => {
  const { code, message, hint } = await refusal(call());
  expect([code, message]).toEqual(['bad-option', 'the options: there is no "state"']);
  expect(hint).toContain('stateDir');
});

test('without a daemon it works on the files, as many at once as you like, and what needs a daemon says so', async () => {
  const s = new Site({ work: WORK });
  const [one, two] = [await connect({ dir: s.project.dir }), await connect({ dir: s.project.dir })];
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).schedule('work', { n })),
  );
  expect(new Set(made.map(({ id }) => id)).size).toBe(40);
  expect(made[0]).toMatchObject({ job: 'work', state: 'queued', attempt: 0 });
  expect(await one.status()).toMatchObject({ running: false, pid: null, counts: { queued: 40 } });
  const id = made[3]?.id ?? '';
  expect(await two.update(id, { in: '1h', params: { n: 9 }, priority: 3 })).toMatchObject({
    state: 'scheduled',
    params: { n: 9 },
    priority: 3,
  });
  expect(await one.abort(id, { reason: 'no' })).toMatchObject({
    results: [{ id, state: 'aborted' }],
  });
  expect(await two.get(id)).toMatchObject({
    state: 'aborted',
    reason: 'no',
    attempts: [],
    log: [],
  });
  expect(await one.retry(id)).toMatchObject({ state: 'queued' });
  expect((await refusal(one.result(id))).code).toBe('no-daemon');
  expect(
    (
      await refusal(
        (async () => {
          for await (const _ of one.events());
        })(),
      )
    ).code,
  ).toBe('no-daemon');
  expect((await refusal(one.get('99999'))).code).toBe('unknown-run');
  expect((await refusal(one.get('x'))).code).toBe('bad-option');
  const noState = await refusal(one.list({ state: 'don' as never }));
  expect([noState.code, noState.message]).toEqual(['bad-option', 'state: there is no "don"']);
  expect((await refusal(one.schedule('work', {}, { every: '1h', key: 'k' } as never))).code).toBe(
    'bad-option',
  );
  expect((await refusal(one.schedule('work', {}, { name: 'x' } as never))).code).toBe('bad-option');
  expect((await refusal(one.schedule('work', { n: 1n }))).code).toBe('bad-request');
  expect((await refusal(one.schedule('work', {}, { at: '2026-12-01 18:30' }))).code).toBe(
    'bad-time',
  );

  // A daemon comes and goes: the same connections go on, on what there is.
  await s.up();
  expect(await one.result(made[7]?.id ?? '')).toBe(14);
  expect(await two.status()).toMatchObject({ running: true, pid: s.daemon.pid });
  await Promise.all(made.map((run) => s.settled(run.id)));
  await s.project.cli(['stop']);
  await s.daemon.exited;
  expect(await one.schedule('work', { n: 21 })).toMatchObject({ state: 'queued' });
  expect(await two.list({ state: 'queued' })).toMatchObject({ total: 1 });
  await Promise.all([one.close(), two.close()]);
  expect((await refusal(one.status())).code).toBe('refused');
}, 60_000);

test('what is no request at all is refused by name, and nothing rejects with another error', async () => {
  const s = new Site({ work: WORK });
  const jobs = await connect({ dir: s.project.dir });
  const { id } = await jobs.schedule('work');
  const wrong = [
    [() => jobs.scheduleMany('x' as never), 'runs must be a list, not "x"'],
    [() => jobs.scheduleMany(undefined as never), 'runs is missing: it must be a list'],
    [() => jobs.update(id, undefined as never), 'changes is missing: it must be an object'],
    [() => jobs.update(id, null as never), 'changes must be an object, not null'],
    [() => jobs.get(1 as never), "id must be a text such as '12', not 1"],
    [() => jobs.abort(1 as never), "ids[0] must be a text such as '12', not 1"],
    [
      () => jobs.schedule('work', {}, { after: [1] as never }),
      "after[0] must be a text such as '12', not 1",
    ],
    [() => jobs.schedule(5 as never), 'job must be the name of a job, not 5'],
  ] as const;
  for (const [call, says] of wrong) expect((await refusal(call())).message).toBe(says);
  const made = await jobs.scheduleMany([null, 5, {}, { job: 5 }, { job: 'work' }] as never);
  expect(made.map((one) => (one instanceof JobrunError ? one.message : one.state))).toEqual([
    'a run must be an object, not null',
    'a run must be an object, not 5',
    'job is missing: it must be the name of a job',
    'job must be the name of a job, not 5',
    'queued',
  ]);
  expect(made[0]).toMatchObject({ code: 'bad-request' });
  await jobs.close();
});

test('result waits over any number of restarts, however far apart', async () => {
  const s = await site({ outside: `export default (_p, ctx) => ctx.pending();` });
  const { id } = await s.jobs.schedule('outside');
  await s.state(id, 'waiting');
  const result = s.jobs.result(id);
  for (const waitMs of [500, 6000]) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    await s.kill9();
    await s.up();
  }
  await s.jobs.complete(id, 7);
  expect(await result).toBe(7);
}, 60_000);

test('result waits over a restart of the daemon, events tell each change in order, and close ends both', async () => {
  const s = await site({
    slow: `export default async (_p, ctx) => { await ctx.sleep(1500); return ctx.attempt; };`,
    work: WORK,
  });
  const slow = await s.jobs.schedule('slow');
  await s.state(slow.id, 'running');
  const result = s.jobs.result(slow.id);
  await s.kill9();
  await s.up();
  expect(await result).toBe(2);
  const told: string[] = [];
  const other = await connect({ dir: s.project.dir });
  const reading = (async () => {
    for await (const event of other.events({ job: 'work' }))
      if ('type' in event) told.push(event.type);
  })();
  // Where the test fails before it looks at this, that is its failure and nothing else.
  reading.catch(() => undefined);
  // Whether it hears already shows only when something happens.
  await eventually(async () => {
    await s.run('work');
    return told.at(-1) === 'run.settled';
  }, 20_000);
  told.length = 0;
  await s.run('work');
  await eventually(() => told.length >= 3, 20_000);
  expect(told).toEqual(['run.accepted', 'run.started', 'run.settled']);
  const far = refusal(other.result((await other.schedule('work', {}, { in: '1h' })).id));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await other.close();
  await reading;
  expect((await far).code).toBe('interrupted');
}, 60_000);

test('a thousand results are waited for at once, and keep nobody out', async () => {
  const s = await site({ work: WORK });
  const later = { job: 'work', in: '1h' } as const;
  const made = await s.jobs.scheduleMany(Array.from({ length: 1000 }, () => later));
  const ids = made.map((run) => ('id' in run ? run.id : ''));
  const results = Promise.all(ids.map((id) => refusal(s.jobs.result(id))));
  const now = await s.run('work', { n: 4 });
  expect(now.output).toBe(8);
  expect(await s.jobs.status()).toMatchObject({ counts: { scheduled: 1000 } });
  expect((await s.project.cli(['status'])).code).toBe(0);
  await s.jobs.abort(ids);
  expect((await results).filter(({ code }) => code !== 'run-aborted')).toEqual([]);
}, 60_000);

test('a schedule is made, seen on the command line, and replaced only on request', async () => {
  const s = await site({ work: WORK });
  const made = await s.jobs.schedule(
    'work',
    { n: 1 },
    { cron: '0 3 * * *', timezone: 'Europe/Berlin', name: 'nightly' },
  );
  expect(made).toMatchObject({
    name: 'nightly',
    job: 'work',
    cron: '0 3 * * *',
    timezone: 'Europe/Berlin',
  });
  expect((await refusal(s.jobs.schedule('work', {}, { every: '1h', name: 'nightly' }))).code).toBe(
    'refused',
  );
  expect(
    await s.jobs.schedule('work', {}, { every: '1h', name: 'nightly', replace: true }),
  ).toMatchObject({ every: 3_600_000 });
  expect((await s.project.json('schedules')).schedules).toMatchObject([{ name: 'nightly' }]);
});

test('startDaemon runs a daemon in this process, refuses a second one, and stops with its runs finished', async () => {
  const project = new Project({
    'jobs/work.mjs': WORK,
    'jobs/slow.mjs': `export default async (_p, ctx) => { await ctx.sleep(700); return process.pid; };`,
  });
  const daemon = await startDaemon({ dir: project.dir, workers: 2 });
  const jobs = await connect({ dir: project.dir });
  expect(await jobs.status()).toMatchObject({
    running: true,
    pid: process.pid,
    workers: { total: 2 },
  });
  expect((await refusal(startDaemon({ dir: project.dir }))).code).toBe('daemon-running');
  expect(await jobs.result((await jobs.schedule('work', { n: 4 })).id)).toBe(8);
  const slow = await jobs.schedule('slow');
  const output = jobs.result(slow.id);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await daemon.stop()).toBe(0);
  expect(await output, 'job code never runs in this process').not.toBe(process.pid);
  expect(await jobs.status()).toMatchObject({ running: false, counts: { done: 2, running: 0 } });
  await jobs.close();
}, 30_000);

test('a program that has stopped its daemon and closed its connection ends by itself', async () => {
  const project = new Project({
    'jobs/work.mjs': WORK,
    'main.mjs': `import { connect, JobrunError, startDaemon } from '${ROOT}dist/index.js';
const daemon = await startDaemon();
const jobs = await connect();
console.log(await jobs.result((await jobs.schedule('work', { n: 21 })).id));
await jobs.close();
console.log(await daemon.stop());
`,
  });
  const { stdout, stderr, ms } = await project.node('main.mjs');
  expect([stdout, stderr]).toEqual(['42\n0\n', '']);
  expect(ms, 'not held by the thirty seconds of a drain').toBeLessThan(20_000);
}, 60_000);

test('many processes at once, while a daemon comes and goes: each request is one run, and none is lost', async () => {
  const project = new Project({
    'jobs/work.mjs': WORK,
    'ask.mjs': `import { connect } from '${ROOT}dist/index.js';
const jobs = await connect();
const ids = [];
for (let n = 0; n < 5; n++) ids.push((await jobs.schedule('work', { n })).id);
await jobs.close();
console.log(JSON.stringify(ids));
`,
  });
  const asking = Array.from({ length: 3 }, () => project.node('ask.mjs'));
  const daemon = await project.daemon();
  const later = Array.from({ length: 1 }, () => project.node('ask.mjs'));
  await daemon.kill('SIGTERM');
  const answers = await Promise.all([...asking, ...later]);
  expect(answers.map(({ stderr }) => stderr)).toEqual(Array(4).fill(''));
  const ids = answers.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
  expect([ids.length, new Set(ids).size]).toEqual([20, 20]);
  await project.daemon();
  await eventually(async () => (await project.ask('status')).counts.done === 20, 30_000);
  expect((await project.json('list')).total).toBe(20);
}, 120_000);
