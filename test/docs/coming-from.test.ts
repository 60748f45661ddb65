// The pages for those who come from elsewhere: the job files that stand in them are taken out as they are, and run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, ROOT } from '../helpers/project.ts';
import { refusal, Site } from '../helpers/site.ts';

const FILE = /^```js file=(\S+)\n([\s\S]*?)^```$/gm;

/** A project with the very files of a page. */
async function of(page: string): Promise<Site> {
  const s = new Site({});
  const text = readFileSync(join(ROOT, 'docs/coming-from', `${page}.md`), 'utf8');
  const files = [...text.matchAll(FILE)];
  expect(files.length, 'the page has job files').toBeGreaterThan(0);
  for (const [, name = '', code = ''] of files) s.project.write(name, code);
  return s.up();
}

test('Orka: initialize once, execute until it has finished, and go on from the saved number after a kill', async () => {
  const s = await of('orka');
  const id = await eventually(async () => (await s.jobs.list()).runs[0]?.id ?? null, 20_000);
  const reached = (checkpoint: unknown): number =>
    (checkpoint as { progress: number } | null)?.progress ?? 0;
  const saved = await s.when(id, ({ checkpoint }) => reached(checkpoint) >= 12);
  expect(saved).toMatchObject({ state: 'running', maxAttempts: null });
  await s.kill9();
  await s.up();
  const run = await s.settled(id, 60_000);
  expect(run).toMatchObject({
    state: 'done',
    checkpoint: { progress: 99 },
    progress: { percent: 100 },
  });
  const numbers = run.log.map(({ text }) => Number(/\d+$/.exec(text)?.[0]));
  expect(
    numbers.filter((n, i) => numbers.indexOf(n) !== i).length,
    'at most one number again',
  ).toBeLessThanOrEqual(1);
  expect((await s.jobs.list()).total, 'done stays done').toBe(1);
}, 120_000);

test('Conductor: each status of a task result is an ending of the job', async () => {
  const s = await of('conductor');
  const job = 'task-def-name';
  expect(await s.run(job)).toMatchObject({ state: 'done', output: { hello: 'From your worker' } });
  const again = await s.run(job, { example: 'in-progress' });
  expect(again).toMatchObject({ state: 'done', output: { asked: 3 }, attempt: 1 });
  expect(await s.run(job, { example: 'terminal' })).toMatchObject({ state: 'failed', attempt: 1 });
  const failed = await s.jobs.schedule(job, { example: 'failed' });
  const later = await s.when(failed.id, ({ state }) => state === 'scheduled');
  expect(Date.parse(later.dueAt) - Date.parse(later.attempts[0]?.endedAt ?? '')).toBeCloseTo(
    60_000,
    -2,
  );
  const outside = await s.jobs.schedule(job, { example: 'outside' });
  await s.state(outside.id, 'waiting');
  await s.jobs.complete(outside.id, { some: { output: 'value' } });
  expect(await s.jobs.result(outside.id)).toEqual({ some: { output: 'value' } });
  expect((await refusal(s.jobs.complete(outside.id))).code).toBe('refused');
}, 60_000);

test('Orion dogs: an event job with a unique identifier and onError, and a recurrent one that never overlaps', async () => {
  const s = await of('orion-dogs');
  const args = ['schedule', 'makeZoneRequest', '--key', 'makeZoneRequest-CL', '-p', 'zoneId=7'];
  const { id } = await s.project.json(...args);
  expect(await s.settled(id)).toMatchObject({ state: 'done', attempt: 2, output: { zoneId: '7' } });
  await eventually(
    async () => (await s.jobs.list({ job: 'everySecond', state: 'done' })).total >= 3,
    20_000,
  );
  const { runs } = await s.jobs.list({ job: 'everySecond', state: 'done' });
  for (const [i, run] of runs.slice(0, -1).entries()) {
    const before = Date.parse(runs[i + 1]?.settledAt ?? '');
    expect(Date.parse(run.startedAt ?? '')).toBeGreaterThanOrEqual(before + 995);
  }
}, 60_000);

test('QOR worker: scheduled for later, updated, progress and log while it runs, and aborted', async () => {
  const s = await of('qor-worker');
  const run = await s.project.json(
    'schedule',
    'send-newsletter',
    '-p',
    'subject=News',
    '--at',
    'tomorrow 9:00',
  );
  expect(run.state).toBe('scheduled');
  expect((await s.jobs.list({ state: 'scheduled' })).total).toBe(1);
  await s.project.json('update', run.id, '--now');
  const seen = await s.when(run.id, ({ progress }) => progress.percent >= 3);
  expect(seen).toMatchObject({
    state: 'running',
    progress: { text: expect.stringMatching(/^\d+ of 100$/) },
  });
  expect(seen.log.slice(0, 3).map(({ text }) => text)).toEqual([
    'Started sending newsletters...',
    'Argument',
    'Sending newsletter 1...',
  ]);
  await s.project.json('abort', run.id);
  expect(await s.jobs.get(run.id)).toMatchObject({ state: 'aborted' });
  const again = await s.project.json('rerun', run.id);
  expect(await s.settled(again.id, 60_000)).toMatchObject({
    state: 'done',
    progress: { percent: 100 },
    params: { subject: 'News' },
  });
}, 120_000);

test('Darklang: fan-out by emit, a pause that keeps accepting, and events for a worker that is not there yet', async () => {
  const s = await of('darklang');
  const items = [1, 'two', { three: 3 }];
  const fan = await s.run('fan-out', { items });
  const outputs = await Promise.all((fan.output as string[]).map((id) => s.jobs.result(id)));
  expect(outputs).toEqual(items);
  await s.jobs.pause('my-worker');
  const held = await s.jobs.schedule('my-worker', 'held');
  expect(await s.jobs.get(held.id)).toMatchObject({ state: 'queued', reason: 'paused' });
  await s.jobs.resume('my-worker');
  expect(await s.jobs.result(held.id)).toBe('held');
  const unknown = await s.jobs.schedule('not-yet', { a: 1 });
  await s.when(unknown.id, ({ reason }) => reason === 'no job named not-yet');
  s.project.write('jobs/not-yet.js', 'export default (event) => event;');
  expect(await s.jobs.result(unknown.id)).toEqual({ a: 1 });
}, 60_000);
