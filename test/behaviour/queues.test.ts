// Queues that can be held and seen: pause and resume, keys, jobs that are not there yet, and what is kept of each job.
import { expect, test } from 'vitest';
import { logSizes } from '../helpers/kept-logs.ts';
import { eventually } from '../helpers/project.ts';
import { refusal, Site, site } from '../helpers/site.ts';

const WORK = `export default () => mark('work');`;

test('a paused job starts nothing while its queue keeps accepting, over a restart, and others go on', async () => {
  const s = await site({
    mail: WORK.replace('work', 'mail'),
    other: WORK.replace('work', 'other'),
  });
  await s.jobs.pause('mail');
  const first = await s.jobs.schedule('mail');
  expect(await s.jobs.get(first.id)).toMatchObject({ state: 'queued', reason: 'paused' });
  await s.kill9();
  await s.up();
  const second = await s.jobs.schedule('mail');
  expect(await s.run('other')).toMatchObject({ state: 'done' });
  expect(await s.jobs.get(second.id)).toMatchObject({ state: 'queued', reason: 'paused' });
  expect((await s.jobs.status()).counts).toMatchObject({ queued: 2, done: 1 });
  const { jobs } = await s.project.json('jobs');
  expect(jobs.find((job: { name: string }) => job.name === 'mail')).toMatchObject({
    state: 'paused',
    counts: { queued: 2 },
  });
  expect(s.marks('mail'), 'nothing may start while paused').toEqual([]);
  await s.jobs.resume('mail');
  for (const { id } of [first, second])
    expect(await s.settled(id)).toMatchObject({ state: 'done' });
  expect(s.marks('mail')).toHaveLength(2);
});

test('a pause of all holds every job, what runs goes on to its end, and a run that retries waits too', async () => {
  const s = await site({
    long: `export default async () => { await sleep(1200); return 'whole'; };`,
    again: `export default { retries: { limit: 1, delay: 200, jitter: 0 }, run: (_p, ctx) => { mark('again'); if (ctx.attempt === 1) throw new Error('x'); } };`,
    work: WORK,
  });
  const long = await s.jobs.schedule('long');
  const again = await s.jobs.schedule('again');
  await s.when(again.id, (run) => run.state === 'scheduled');
  await s.state(long.id, 'running');
  await s.jobs.pause();
  const work = await s.jobs.schedule('work');
  expect(await s.settled(long.id)).toMatchObject({ state: 'done', output: 'whole' });
  expect(await s.when(again.id, (run) => run.state === 'queued')).toMatchObject({
    reason: 'paused',
  });
  expect(await s.jobs.get(work.id)).toMatchObject({ state: 'queued', reason: 'paused' });
  expect([s.marks('work').length, s.marks('again').length]).toEqual([0, 1]);
  await s.jobs.resume();
  for (const { id } of [again, work]) expect(await s.settled(id)).toMatchObject({ state: 'done' });
});

test('a key gives the run that has it until that is settled; it belongs to its job, and dead runs hold none', async () => {
  const s = await site({
    one: `export default async () => { await sleep(300); };`,
    two: WORK,
    bad: `export default () => { throw new Error('x'); };`,
  });
  const first = await s.jobs.schedule('one', {}, { key: 'k', in: '1h' });
  const same = await s.jobs.schedule('one', { other: 1 }, { key: 'k' });
  expect(same).toMatchObject({ id: first.id, existing: true, params: {} });
  const other = await s.jobs.schedule('two', {}, { key: 'k' });
  expect(other.id).not.toBe(first.id);
  expect(other.existing).toBe(undefined);
  await s.jobs.abort(first.id);
  const next = await s.jobs.schedule('one', {}, { key: 'k' });
  expect(next.id).not.toBe(first.id);
  await s.settled(next.id);
  expect((await s.jobs.schedule('one', {}, { key: 'k' })).id).not.toBe(next.id);
  const failed = await s.run('bad', {}, { key: 'k' });
  expect((await s.jobs.schedule('bad', {}, { key: 'k' })).id).not.toBe(failed.id);
  const many = await s.jobs.scheduleMany([
    { job: 'one', key: 'm', in: '1h' },
    { job: 'one', key: 'm' },
  ]);
  expect(many).toMatchObject([{}, { existing: true }]);
});

test('a run of a job that does not exist is kept and shown, and starts when the file appears', async () => {
  const s = await site({
    asks: `export default (_p, ctx) => ctx.emit('mail', { to: 'ada' });`,
    gone: WORK,
  });
  const { output } = await s.run('asks');
  const id = String(output);
  // The other files may still be read by then.
  expect(await s.when(id, ({ reason }) => reason === 'no job named mail')).toMatchObject({
    state: 'queued',
    job: 'mail',
    params: { to: 'ada' },
  });
  const { jobs } = await s.project.json('jobs');
  expect(jobs.find((job: { name: string }) => job.name === 'mail')).toMatchObject({
    state: 'missing',
    counts: { queued: 1 },
  });
  const refused = await s.project.cli(['schedule', 'asky', '--json']);
  expect([refused.code, JSON.parse(refused.stderr).error.hint]).toEqual([
    3,
    'Did you mean "asks"?',
  ]);
  await s.kill9();
  await s.up();
  const kept = await s.when(id, ({ reason }) => reason === 'no job named mail');
  expect(kept).toMatchObject({ state: 'queued', attempt: 0 });
  s.put('mail', `export default ({ to }) => mark('mail', { to });`);
  expect(await s.settled(id)).toMatchObject({ state: 'done', attempt: 1 });
  expect(s.marks('mail')).toMatchObject([{ to: 'ada' }]);
});

test('a broken job keeps its queue, says why, starts nothing, and goes on when it is mended', async () => {
  const s = await site({ work: WORK });
  await s.run('work');
  s.put('work', 'export default { run: 5 };');
  await eventually(async () => (await s.jobs.status()).broken.includes('work'));
  expect((await s.project.cli(['schedule', 'work'])).code).toBe(5);
  const run = await s.jobs.schedule('work');
  expect((await s.jobs.get(run.id)).reason).toContain('the job work is broken');
  s.put('work', `export default () => 'mended';`);
  expect(await s.settled(run.id)).toMatchObject({ state: 'done', output: 'mended' });
  expect(s.marks('work')).toHaveLength(1);
});

test('the newest ten of each job stay with params, output, error and log, however short they are kept, and can be run again', async () => {
  const s = await site({
    brief: `export default { keep: { done: 1, failed: 1 }, run: ({ n }, ctx) => { ctx.log.info('run ' + n); if (n % 4 === 0) throw new Error('every fourth'); return { n }; } };`,
    gone: `export default { keep: { done: 0, failed: '1h' }, run: ({ fail }) => { if (fail) throw new Error('kept'); } };`,
    long: `export default ({ n }) => n;`,
  });
  await s.jobs.scheduleMany(
    Array.from({ length: 25 }, (_, n) => ({ job: 'brief', params: { n: n + 1 }, priority: -n })),
  );
  await s.jobs.scheduleMany(Array.from({ length: 12 }, (_, n) => ({ job: 'long', params: { n } })));
  await s.jobs.scheduleMany([{ job: 'gone' }, { job: 'gone', params: { fail: true } }]);
  await eventually(async () => (await s.jobs.status()).counts.queued === 0, 30_000);
  await eventually(async () => {
    const [brief, gone] = [await s.jobs.list({ job: 'brief' }), await s.jobs.list({ job: 'gone' })];
    return brief.total === 10 && gone.total === 1;
  }, 60_000);
  const { runs } = await s.jobs.list({ job: 'brief' });
  expect(runs.map(({ params }) => (params as { n: number }).n)).toEqual([
    25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
  ]);
  const failed = await s.jobs.get(runs[1]?.id ?? '');
  expect(failed).toMatchObject({
    state: 'failed',
    error: { message: 'every fourth' },
    log: [{ text: 'run 24' }],
  });
  expect((await s.jobs.list({ job: 'gone' })).runs).toMatchObject([{ state: 'failed' }]);
  expect((await s.jobs.list({ job: 'long' })).total, 'what is not over must not go').toBe(12);
  expect((await refusal(s.jobs.get('1'))).code).toBe('unknown-run');
  const logs = await logSizes(s.project);
  expect([logs.has('1'), logs.has(failed.id)]).toEqual([false, true]);
  const again = await s.project.json('rerun', runs[0]?.id ?? '');
  expect(await s.settled(again.id)).toMatchObject({ state: 'done', output: { n: 25 } });
  await s.kill9();
  await s.up();
  expect((await s.jobs.list({ job: 'brief' })).total).toBeGreaterThanOrEqual(10);
}, 120_000);

test('bounds over all runs let the oldest go, never the newest ten of a job nor what has not settled', async () => {
  const s = new Site({
    work: `export default ({ n }) => n;`,
    rare: `export default () => 'rare';`,
  });
  s.project.write(
    'jobrun.config.json',
    JSON.stringify({ workers: 1, keep: { runs: 15, done: '1h' } }),
  );
  await s.up();
  const rare = await s.run('rare');
  const later = await s.jobs.schedule('rare', {}, { in: '1h' });
  await s.jobs.scheduleMany(Array.from({ length: 40 }, (_, n) => ({ job: 'work', params: { n } })));
  await eventually(async () => {
    const { queued, running, done } = (await s.jobs.status()).counts;
    return queued + running === 0 && done === 15;
  }, 60_000);
  expect(await s.jobs.get(rare.id)).toMatchObject({ state: 'done' });
  expect(await s.jobs.get(later.id)).toMatchObject({ state: 'scheduled' });
  const { runs } = await s.jobs.list({ job: 'work' });
  expect(runs.map(({ params }) => (params as { n: number }).n)).toEqual(
    Array.from({ length: 14 }, (_, i) => 39 - i),
  );
  s.project.write('jobrun.config.json', JSON.stringify({ keep: { runs: 'many' } }));
  await s.kill9();
  expect((await s.project.cli(['daemon'])).code).toBe(2);
}, 120_000);

test('a bound in bytes lets the oldest go with their logs until the files fit, and no run more', async () => {
  const s = new Site({
    loud: `export default ({ n }, ctx) => { for (let i = 0; i < 4; i++) ctx.log.info('x'.repeat(50_000)); return n; };`,
    quiet: `export default () => 'quiet';`,
  });
  const bound = 3 * 1024 * 1024;
  s.project.write('jobrun.config.json', JSON.stringify({ workers: 1, keep: { bytes: bound } }));
  await s.up();
  const quiet = await s.run('quiet');
  await s.jobs.scheduleMany(Array.from({ length: 24 }, (_, n) => ({ job: 'loud', params: { n } })));
  const bytes = async (): Promise<number> =>
    [...(await logSizes(s.project)).values()].reduce((sum, one) => sum + one, 0);
  // The first may have gone by the time the last is done.
  await eventually(async () => {
    const { queued, running } = (await s.jobs.status()).counts;
    return queued + running === 0;
  }, 60_000);
  await eventually(async () => (await s.jobs.list({ job: 'loud' })).total < 24, 60_000);
  await eventually(async () => (await bytes()) <= bound, 60_000);
  const { runs } = await s.jobs.list({ job: 'loud', limit: 100 });
  const kept = runs.map(({ params }) => (params as { n: number }).n);
  expect(kept, 'the newest, without a gap').toEqual(kept.map((_, i) => 23 - i));
  expect(await bytes(), 'no more than had to go').toBeGreaterThan(bound - 3 * 205_000);
  const logs = await logSizes(s.project);
  expect(new Set(logs.keys())).toEqual(new Set(runs.map(({ id }) => id)));
  expect(await s.jobs.get(quiet.id), 'one of the newest ten of its job').toMatchObject({
    state: 'done',
  });
}, 150_000);
