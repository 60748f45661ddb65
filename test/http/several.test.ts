// Aborting and retrying everything that fits a filter: at once where that is little, as an operation where it is much.
// And a request that comes twice, which is one.
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { KEPT_MS, RepeatFile } from '../../src/http/repeat-file.ts';
import { ApiProject, apiProject } from '../helpers/api.ts';
import { eventually } from '../helpers/project.ts';

const JOBS = {
  'jobs/work.mjs': 'export default ({ n = 0 }) => n * 2;',
  'jobs/bad.mjs': `export default () => { throw new Error('no'); };`,
  'jobs/other.mjs': 'export default () => 1;',
};

const later = (project: ApiProject, job: string, params: object = {}) =>
  project.api('POST', 'runs', { job, params, in: '1h' });

test('what fits a filter is aborted, but for what came after `until`, and a dry run only counts', async () => {
  const project = await apiProject(JOBS);
  for (const n of [1, 2, 3]) await later(project, 'work', { n });
  await later(project, 'other');
  const { createdAt } = (await later(project, 'work', { n: 4 })).json;
  const filter = { q: 'job:work', list: 'scheduled', until: createdAt };
  const dry = await project.api('POST', 'runs/abort', { ...filter, dryRun: true });
  expect([dry.status, dry.json]).toEqual([200, { matched: 3, until: createdAt }]);
  expect((await project.get('status')).counts).toMatchObject({ scheduled: 5, aborted: 0 });
  const { status, json } = await project.api('POST', 'runs/abort', { ...filter, reason: 'wrong' });
  expect([status, json]).toEqual([200, { matched: 3, done: 3, failed: 0 }]);
  const { runs } = await project.get('runs?state=aborted&order=newest');
  expect(runs.map(({ id, reason }: { id: string; reason: string }) => [id, reason])).toEqual([
    ['3', 'wrong'],
    ['2', 'wrong'],
    ['1', 'wrong'],
  ]);
  expect((await project.get('status')).counts).toMatchObject({ scheduled: 2, aborted: 3 });
  const again = await project.api('POST', 'runs/abort', filter);
  expect(again.json).toEqual({ matched: 0, done: 0, failed: 0 });

  // A dry run names the daemon's own time, whatever a client's clock shows.
  const rest = { q: 'job:work', list: 'scheduled' };
  const counted = (await project.api('POST', 'runs/abort', { ...rest, dryRun: true })).json;
  await later(project, 'work', { n: 5 });
  const counts = { matched: 1, done: 1, failed: 0 };
  const bound = { ...rest, until: counted.until };
  expect((await project.api('POST', 'runs/abort', bound)).json).toEqual(counts);
  expect((await project.get('status')).counts).toMatchObject({ scheduled: 2, aborted: 4 });
}, 30_000);

test('what failed and fits is retried, and a run that cannot be is counted', async () => {
  const project = await apiProject(JOBS);
  await project.api('POST', 'runs', { job: 'bad' });
  await project.until('1', ['failed']);
  await later(project, 'work', { n: 1 });
  // It waits for a run that is lost, and is not retried with it.
  await project.api('POST', 'runs', { job: 'other', after: ['1'] });
  await project.api('POST', 'runs/abort', { q: 'job:other', list: 'all' });
  const only = await project.api('POST', 'runs/retry', { q: 'job:other', list: 'errors' });
  expect(only.json).toEqual({ matched: 1, done: 0, failed: 1 });
  const forced = await project.api('POST', 'runs/retry', { q: 'job:other', force: true });
  expect(forced.json).toEqual({ matched: 1, done: 1, failed: 0 });
  await project.until('3', ['done']);
  const nothing = await project.api('POST', 'runs/retry', { list: 'done' });
  expect(nothing.json).toEqual({ matched: 0, done: 0, failed: 0 });
}, 30_000);

test('runs are named or fit a filter, never both and never neither', async () => {
  const project = await apiProject(JOBS);
  for (const path of ['runs/abort', 'runs/retry'])
    for (const body of [
      {},
      { until: 5 },
      { dryRun: true },
      { ids: ['1'], q: 'x' },
      { ids: ['1'], dryRun: true },
    ]) {
      const { status, json } = await project.api('POST', path, body);
      expect([path, body, status, json.error.code]).toEqual([path, body, 400, 'bad-option']);
    }
  const unread = await project.api('POST', 'runs/abort', { q: 'since:2x' });
  expect([unread.status, unread.json.error.message]).toEqual([
    400,
    'the filter: cannot read "since:2x"',
  ]);
  const { status, json } = await project.api('GET', 'runs?q=state:fooo');
  expect([status, json.error.message]).toEqual([
    400,
    expect.stringMatching(/there is no state "fooo"; states: scheduled, /),
  ]);
  const listed = await project.cli(['list', '--filter', 'state:fooo']);
  expect([listed.code, listed.stdout]).toEqual([2, '']);
  expect(listed.stderr).toContain('there is no state "fooo"; states: scheduled, ');
});

test('is:retrying finds the runs that wait for their next attempt, on the shell and over HTTP', async () => {
  const project = await apiProject({
    ...JOBS,
    'jobs/again.mjs': `export default { retries: { limit: 2, delay: '1h' }, run() { throw new Error('busy'); } };`,
  });
  await later(project, 'again');
  await project.api('POST', 'runs', { job: 'again' });
  await project.api('POST', 'runs', { job: 'bad' });
  await project.until('3', ['failed']);
  const found = async (q: string): Promise<string[]> =>
    (await project.get(`runs?q=${q}`)).runs.map(({ id }: { id: string }) => id);
  await eventually(async () => (await found('is:retrying')).length > 0, 20_000);
  expect(await found('is:retrying')).toEqual(['2']);
  expect(await found('job:again')).toEqual(['2', '1']);
  expect(await found('is:retrying job:bad')).toEqual([]);
  const listed = await project.json('list', '--filter', 'is:retrying', '--state', 'scheduled');
  expect([listed.total, listed.runs[0].id, listed.runs[0].attempt]).toEqual([1, '2', 1]);
}, 30_000);

test('more than a thousand runs are an operation, whose progress is told and which can be stopped', async () => {
  const project = await apiProject(JOBS);
  const lines = Array.from({ length: 3500 }, () => '{"job":"work","in":"1h"}').join('\n');
  await project.cli(['schedule', '--batch', '-'], lines);
  const begun = await project.api('POST', 'runs/abort', { q: 'work', list: 'scheduled' });
  expect([begun.status, Object.keys(begun.json)]).toEqual([202, ['operation']]);
  const path = `operations/${begun.json.operation}`;
  const over = await eventually(async () => {
    const told = await project.get(path);
    expect([told.matched, told.done <= 3500]).toEqual([3500, true]);
    return told.state === 'running' ? null : told;
  }, 30_000);
  expect(over).toEqual({
    ...{ operation: begun.json.operation, state: 'done' },
    ...{ matched: 3500, done: 3500, failed: 0, error: null },
  });
  const retried = await project.api('POST', 'runs/retry', { list: 'errors' });
  const stopped = await project.api('DELETE', `operations/${retried.json.operation}`);
  expect([stopped.status, stopped.body]).toEqual([204, '']);
  const end = await eventually(async () => {
    const told = await project.get(`operations/${retried.json.operation}`);
    return told.state === 'running' ? null : told;
  });
  expect(['stopped', 'done']).toContain(end.state);
  expect((await project.get('status')).counts.aborted).toBe(3500 - end.done);
  expect((await project.api('GET', 'operations/none')).status).toBe(404);
}, 60_000);

test('a request that comes again with its key gets the first reply, also while that is made', async () => {
  const project = await apiProject(JOBS);
  const asked = { job: 'work', params: { n: 1 } };
  const key = { 'idempotency-key': 'order-1' };
  const both = await Promise.all([1, 2].map(() => project.api('POST', 'runs', asked, key)));
  await project.until('1', ['done']);
  const third = await project.api('POST', 'runs', asked, key);
  for (const { status, json } of [...both, third])
    expect([status, json.id, json.state]).toEqual([201, '1', both[0]?.json.state]);
  expect((await project.get('runs')).total).toBe(1);
  const other = await project.api('POST', 'runs', { ...asked, params: { n: 2 } }, key);
  expect([other.status, other.json.error.code]).toEqual([409, 'refused']);
  expect((await project.api('POST', 'runs/1/rerun', undefined, key)).status).toBe(409);
  expect((await project.api('POST', 'runs', asked)).json.id, 'without its key it is another').toBe(
    '2',
  );
  expect((await project.api('POST', 'runs', asked, { 'idempotency-key': 'a b' })).status).toBe(400);

  const paused = await project.api('POST', 'pause', undefined, { 'idempotency-key': 'hold' });
  expect(paused.status).toBe(200);
  await project.api('POST', 'resume');
  await project.cli(['stop']);
  // The last line of a crash.
  appendFileSync(join(project.state, 'http-requests-1.jsonl'), '{"key":"torn","reque');
  await project.serve();
  const held = await project.api('POST', 'pause', undefined, { 'idempotency-key': 'hold' });
  expect([held.json, (await project.get('status')).paused.all]).toEqual([paused.json, false]);
  expect((await project.api('POST', 'runs', { job: 'work' }, key)).status).toBe(409);
  expect(
    (await project.api('POST', 'runs', { job: 'work' }, { 'idempotency-key': 'torn' })).json.id,
  ).toBe('3');
  const files = readdirSync(project.state).filter((name) => name.startsWith('http-requests'));
  expect(files).toEqual(['http-requests-2.jsonl']);
  expect(statSync(join(project.state, 'http-requests-2.jsonl')).mode & 0o777).toBe(0o600);
  expect((await project.api('POST', 'runs', asked, key)).json.id, 'with the next daemon too').toBe(
    '1',
  );
  expect((await project.get('runs')).total).toBe(3);
}, 60_000);

test('a daemon that was killed between a run and the note of its reply makes no second run', async () => {
  const project = new ApiProject(JOBS);
  const first = await project.serve();
  const asked = { job: 'work', in: '1h' };
  const key = { 'idempotency-key': 'order-2' };
  expect((await project.api('POST', 'runs', asked, key)).status).toBe(201);
  await first.kill('SIGKILL');
  rmSync(join(project.state, 'http-requests-1.jsonl'));
  await project.serve();
  expect((await project.api('POST', 'runs', asked, key)).json.id).toBe('1');
  expect((await project.get('runs')).total).toBe(1);
}, 60_000);

test('replies are kept for a day', async () => {
  const state = mkdtempSync(join(tmpdir(), 'jobrun-test-'));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  const reply = (key: string, at: number) => ({ key, request: key, at, status: 200, body: null });
  const first = new RepeatFile(state);
  await first.open(0);
  await Promise.all([first.add(reply('a', 0)), first.add(reply('b', 5))]);
  await first.close();
  const second = new RepeatFile(state);
  expect(await second.open(KEPT_MS + 4)).toEqual([reply('b', 5)]);
  await second.close();
  const third = new RepeatFile(state);
  expect(await third.open(KEPT_MS + 6)).toEqual([]);
  await third.close();
});

test('a request that was refused is not remembered: with its cause mended it goes through', async () => {
  const project = await apiProject(JOBS);
  const key = { 'idempotency-key': 'k' };
  expect((await project.api('POST', 'runs', { job: 'new' }, key)).status).toBe(404);
  project.write('jobs/new.mjs', 'export default () => 1;');
  expect((await project.api('POST', 'runs', { job: 'new' }, key)).status).toBe(201);
});
