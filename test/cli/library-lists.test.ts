// The calls of the library beside those that accept and end runs: jobs and schedules, logs, waiting, the history.
import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { refusal, Site } from '../helpers/site.ts';

const WORK = `export default async ({ n = 0 }, ctx) => {
  ctx.log.info('n is ' + n);
  if (n < 0) throw new Error('below zero');
  ctx.log.info('and done');
  return n * 2;
};`;

test('jobs, schedules, logs, wait, rerun, remove and prune do what their commands do', async () => {
  const s = new Site({ work: WORK });
  const daemon = await s.project.daemon();
  await using jobs = await connect({ dir: s.project.dir });
  const [good, bad] = [
    await jobs.schedule('work', { n: 4 }),
    await jobs.schedule('work', { n: -1 }),
  ];

  const following: string[] = [];
  for await (const { text } of jobs.logs(good.id, { follow: true })) following.push(text);
  expect(following).toEqual(['n is 4', 'and done']);
  expect(await jobs.wait([good.id, bad.id])).toMatchObject([
    { state: 'done', output: 8 },
    { state: 'failed' },
  ]);
  const lines: string[] = [];
  for await (const { text } of jobs.logs(good.id, { lines: 1 })) lines.push(text);
  expect(lines).toEqual(['and done']);

  const later = await jobs.schedule('work', {}, { in: '1h' });
  expect((await refusal(jobs.wait(later.id, { timeout: 50 }))).code).toBe('timed-out');
  expect(await jobs.wait([later.id, good.id], { any: true })).toMatchObject([
    { state: 'scheduled' },
    { state: 'done' },
  ]);
  const ended = jobs.wait(later.id, { signal: AbortSignal.timeout(100) });
  expect((await refusal(ended)).code).toBe('interrupted');

  await jobs.schedule('work', {}, { cron: '@daily', name: 'nightly' });
  expect(await jobs.schedules()).toMatchObject([{ name: 'nightly', job: 'work', cron: '@daily' }]);
  await jobs.unschedule('nightly');
  expect(await jobs.schedules()).toEqual([]);
  expect((await refusal(jobs.unschedule('nightly'))).code).toBe('unknown-schedule');
  expect(await jobs.jobs()).toMatchObject([
    { name: 'work', state: 'ok', counts: { done: 1, failed: 1, scheduled: 1 } },
  ]);

  const again = await jobs.rerun(good.id);
  expect(await jobs.result(again.id)).toBe(8);
  expect((await jobs.remove([bad.id, later.id])).results).toMatchObject([
    { id: bad.id, removed: true },
    { id: later.id, error: { code: 'refused' } },
  ]);
  expect((await refusal(jobs.get(bad.id))).code).toBe('unknown-run');
  // Nothing that says which: not all of the history.
  expect((await refusal(jobs.prune({}))).code).toBe('bad-option');
  expect(await jobs.prune({ state: 'done', dryRun: true })).toMatchObject({
    removed: 2,
    dryRun: true,
  });
  expect(await jobs.prune({ state: 'done', keep: 1 })).toMatchObject({
    removed: 1,
    ids: [good.id],
  });
  expect((await jobs.list()).total).toBe(2);
  await daemon.kill('SIGTERM');
}, 60_000);

test('what looks and what removes works without a daemon, and following needs one', async () => {
  const s = new Site({ work: WORK });
  const jobs = await connect({ dir: s.project.dir });
  const { id } = await jobs.schedule('work', {}, { in: '1h' });
  await jobs.abort(id);
  expect(await jobs.jobs()).toMatchObject([{ name: 'work', counts: { aborted: 1 } }]);
  const lines: unknown[] = [];
  for await (const line of jobs.logs(id)) lines.push(line);
  expect(lines).toEqual([]);
  expect(await jobs.wait(id)).toMatchObject([{ id, state: 'aborted' }]);
  expect((await jobs.remove(id)).results).toEqual([{ id, removed: true }]);
  await jobs[Symbol.asyncDispose]();
  expect((await refusal(jobs.jobs())).code).toBe('refused');
}, 60_000);
