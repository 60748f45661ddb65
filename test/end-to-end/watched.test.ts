// A daemon that is watched: its numbers are those of its runs, its health is its own, and its port is told from
// others'.
import { renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ask } from '../helpers/http.ts';
import { eventually, Project } from '../helpers/project.ts';
import { samplesOf } from '../helpers/prometheus.ts';

const JOBS = {
  'jobs/good.mjs': 'export default async () => 1;',
  'jobs/bad.mjs': `export default async () => { throw new Error('no'); };`,
  'jobs/long.mjs': 'export default (_p, ctx) => ctx.sleep(60_000);',
};
const urlIn = (log: string): string => /http:\/\/[\d.]+:\d+/.exec(log)?.[0] ?? '';

test('what a daemon has done is in its metrics, and a stop shows in its health', async () => {
  const project = new Project(JOBS);
  const daemon = await project.daemon('--http', '127.0.0.1:0', '--drain', '20s');
  const url = await eventually(() => urlIn(daemon.log()));
  for (const job of ['good', 'good', 'bad']) await project.cli(['run', job]);
  const long = await project.json('schedule', 'long');
  await project.until(long.id, ['running']);
  const samples = samplesOf((await ask(`${url}/metrics`)).body);
  expect(samples.get('jobrun_runs_total{job="good",outcome="done"}')).toBe(2);
  expect(samples.get('jobrun_runs_total{job="bad",outcome="failed"}')).toBe(1);
  expect(samples.get('jobrun_run_duration_seconds_count{job="good"}')).toBe(2);
  expect(samples.get('jobrun_start_delay_seconds_count')).toBe(4);
  expect(samples.get('jobrun_runs{state="running"}')).toBe(1);
  expect(samples.get('jobrun_workers{state="busy"}')).toBe(1);
  expect(samples.get('jobrun_commit_seconds_count')).toBeGreaterThanOrEqual(8);
  expect((await ask(`${url}/healthz`)).body).toBe('{"status":"ok"}\n');

  const second = await project.cli(['daemon', '--http', new URL(url).host]);
  expect([second.code, second.stderr], 'that it runs comes first').toEqual([
    5,
    expect.stringContaining('already'),
  ]);
  const other = new Project(JOBS);
  other.env.JOBRUN_HTTP = new URL(url).host;
  const refused = await other.cli(['daemon']);
  expect([refused.code, refused.stderr]).toEqual([
    5,
    expect.stringContaining('is in use by another program'),
  ]);
  expect((await other.cli(['list'])).code, 'nothing of it is left').toBe(0);

  process.kill(daemon.pid, 'SIGTERM');
  await eventually(async () => (await ask(`${url}/healthz`)).body.includes('stopping'));
  await pause(1200);
  process.kill(daemon.pid, 'SIGTERM');
  expect(await daemon.exited).toMatchObject({ code: 0 });
}, 60_000);

test('a detached daemon writes its log to a file, which a hangup opens anew', async () => {
  const project = new Project(JOBS);
  const started = await project.json('daemon', '--detach');
  const log = join(project.state, 'logs/daemon.log');
  expect(started).toEqual({ pid: expect.any(Number), log });
  await project.cli(['run', 'good']);
  renameSync(log, `${log}.1`);
  process.kill(started.pid, 'SIGHUP');
  await eventually(async () => (await readFile(log, 'utf8').catch(() => '')).includes('SIGHUP'));
  await project.cli(['run', 'bad']);
  const [old, now] = [await readFile(`${log}.1`, 'utf8'), await readFile(log, 'utf8')];
  expect([old.includes('"good"'), old.includes('"bad"')]).toEqual([true, false]);
  expect([now.includes('"good"'), now.includes('"bad"')]).toEqual([false, true]);
  expect((await project.cli(['stop'])).code).toBe(0);
  expect(await readFile(log, 'utf8')).toMatch(/"stopped"\}\n$/);
}, 60_000);
