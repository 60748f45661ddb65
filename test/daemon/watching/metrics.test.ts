// What Prometheus reads: the names are a contract, the text is of its format, and no job's name can break or flood it.
import { expect, test } from 'vitest';
import { Metrics } from '../../../src/daemon/watching/metrics.ts';
import type { Change } from '../../../src/engine/engine.ts';
import { newRun, type Run, type RunState } from '../../../src/run/run.ts';
import { MAX_METRIC_JOBS } from '../../../src/support/limits.ts';
import { samplesOf } from '../../helpers/prometheus.ts';

const COUNTS = { scheduled: 1, waiting: 0, queued: 2, running: 3, done: 40, failed: 5, aborted: 6 };
const NOTHING = { counts: COUNTS, workers: { busy: 3, total: 4 }, jobs: [] };

function changes(job: string, states: readonly (readonly [RunState['name'], number])[]): Change[] {
  const draft = { job, params: {}, priority: 1, dueAt: 1000, origin: null };
  let prev: Run | null = null;
  return states.map(([name, at], n) => {
    const run = { ...newRun(1, draft, 1000, false) } as Run & { state: unknown; life: unknown };
    run.state = { name, dueAt: 1000, settledAt: at } as unknown as RunState;
    run.life = name === 'queued' ? null : ({ startedAt: 1500 } as unknown as Run['life']);
    const change = { n, at, prev, run };
    prev = run;
    return change;
  });
}

test('the names are those that dashboards and alarms use', async () => {
  const metrics = new Metrics(5000);
  for (const change of changes('work', [
    ['queued', 1000],
    ['running', 1500],
    ['done', 4000],
  ]))
    metrics.changed(change);
  metrics.committed(3);
  const text = await metrics.text({ ...NOTHING, jobs: ['work', 'never-run'] });
  const samples = samplesOf(text);
  expect(samples.get('jobrun_runs_total{job="work",outcome="done"}')).toBe(1);
  expect(samples.get('jobrun_runs_total{job="never-run",outcome="failed"}')).toBe(0);
  expect(samples.get('jobrun_run_duration_seconds_sum{job="work"}')).toBe(2.5);
  expect(samples.get('jobrun_run_duration_seconds_bucket{job="work",le="1"}')).toBe(0);
  expect(samples.get('jobrun_run_duration_seconds_bucket{job="work",le="5"}')).toBe(1);
  expect(samples.get('jobrun_start_delay_seconds_sum')).toBe(0.5);
  expect(samples.get('jobrun_start_delay_seconds_count')).toBe(1);
  expect(samples.get('jobrun_commit_seconds_bucket{le="0.005"}')).toBe(1);
  expect(samples.get('jobrun_runs{state="failed"}')).toBe(5);
  expect(samples.get('jobrun_workers{state="busy"}')).toBe(3);
  expect(samples.get('jobrun_workers{state="idle"}')).toBe(1);
  expect(samples.get('process_start_time_seconds')).toBe(5);
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
});

test('an attempt that ended and a run that settled are two things', async () => {
  const metrics = new Metrics(0);
  const names = ['running', 'scheduled', 'running', 'failed', 'queued'] as const;
  const twice = names.map((name, i) => [name, 2000 + i] as const);
  for (const change of changes('work', twice)) metrics.changed(change);
  const samples = samplesOf(await metrics.text(NOTHING));
  expect(samples.get('jobrun_run_duration_seconds_count{job="work"}')).toBe(2);
  expect(samples.get('jobrun_runs_total{job="work",outcome="failed"}')).toBe(1);
});

test('names of jobs can neither break the format nor flood it', async () => {
  const metrics = new Metrics(0);
  const odd = 'a"b\\c\nd';
  for (let i = 0; i < MAX_METRIC_JOBS * 3; i++)
    for (const change of changes(i === 0 ? odd : `job-${i}`, [['aborted', 2000]]))
      metrics.changed(change);
  const samples = samplesOf(await metrics.text(NOTHING));
  expect(samples.get('jobrun_runs_total{job="a\\"b\\\\c\\nd",outcome="aborted"}')).toBe(1);
  expect(samples.get('jobrun_runs_total{job="(other)",outcome="aborted"}')).toBe(
    MAX_METRIC_JOBS * 2,
  );
  const jobs = [...samples.keys()].filter((name) => name.startsWith('jobrun_runs_total'));
  expect(jobs.length).toBe((MAX_METRIC_JOBS + 1) * 3);
});
