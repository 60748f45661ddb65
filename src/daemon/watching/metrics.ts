// The daemon's counters, as Prometheus reads them. Counters begin at 0 with the daemon. Gauges are read when a scraper
// asks, so that watching costs nothing in between. Job names come from outside and are labels: only so many are told
// apart, the rest counts as `(other)`, and what watches a daemon cannot be flooded through it.
import { readdir } from 'node:fs/promises';
import type { Change } from '../../engine/engine.ts';
import { type Counts, isSettled } from '../../run/run.ts';
import { orElse } from '../../support/errors.ts';
import { MAX_METRIC_JOBS, SECOND } from '../../support/limits.ts';
import { openFileLimit } from '../../support/system.ts';
import { exposition, type Family, Histogram } from './exposition.ts';
import type { SpanCounts } from './span-export.ts';

export interface Gauges {
  /** Null while the daemon starts. */
  readonly counts: Counts | null;
  readonly workers: { readonly busy: number; readonly total: number };
  /** Those that the daemon has now: each has its counters from the start, at 0. */
  readonly jobs: readonly string[];
  /** Null where none are sent. */
  readonly spans?: Readonly<SpanCounts> | null;
}

const OTHER = '(other)';
const OUTCOMES = ['done', 'failed', 'aborted'] as const;
const DURATIONS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];
const DELAYS = [0.005, 0.025, 0.1, 0.25, 1, 5, 15, 60, 300, 3600, 86_400];
const COMMITS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

export class Metrics {
  readonly #startedAt: number;
  readonly #settled = new Map<string, Map<string, number>>();
  readonly #durations = new Map<string, Histogram>();
  readonly #delays = new Histogram(DELAYS);
  readonly #commits = new Histogram(COMMITS);

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  changed({ prev, run, at }: Change): void {
    const wasRunning = prev?.state.name === 'running';
    const isRunning = run.state.name === 'running';
    if (isRunning && !wasRunning) {
      const since = Math.max(run.state.dueAt, run.createdAt);
      this.#delays.observe(Math.max(0, at - since) / SECOND);
    }
    if (wasRunning && !isRunning && run.life) {
      const seconds = Math.max(0, at - run.life.startedAt) / SECOND;
      this.#durationsOf(run.job).observe(seconds);
    }
    if (isSettled(run) && (prev === null || !isSettled(prev))) {
      const counts = this.#countsOf(run.job);
      counts.set(run.state.name, (counts.get(run.state.name) ?? 0) + 1);
    }
  }

  committed(ms: number): void {
    this.#commits.observe(ms / SECOND);
  }

  async text(gauges: Gauges): Promise<string> {
    for (const job of gauges.jobs) this.#countsOf(job);
    return exposition([...this.#families(gauges), ...(await processFamilies(this.#startedAt))]);
  }

  #families({ counts, workers, spans = null }: Gauges): readonly Family[] {
    const settled = [...this.#settled].flatMap(([job, perOutcome]) =>
      [...perOutcome].map(([outcome, value]) => ({ labels: { job, outcome }, value })),
    );
    const byState = Object.entries(counts ?? {}).map(([state, value]) => ({
      labels: { state },
      value,
    }));
    const idle = Math.max(0, workers.total - workers.busy);
    return [
      {
        name: 'jobrun_runs_total',
        type: 'counter',
        help: 'Runs settled since the daemon started, by job and by how they ended.',
        samples: settled,
      },
      {
        name: 'jobrun_run_duration_seconds',
        type: 'histogram',
        help: 'Time from the start of an attempt to its end, by job.',
        samples: [...this.#durations].flatMap(([job, one]) => one.samples({ job })),
      },
      {
        name: 'jobrun_start_delay_seconds',
        type: 'histogram',
        help: 'Time from when a run was due to the start of an attempt.',
        samples: this.#delays.samples({}),
      },
      { name: 'jobrun_runs', type: 'gauge', help: 'Runs there are, by state.', samples: byState },
      {
        name: 'jobrun_workers',
        type: 'gauge',
        help: 'Places for attempts, by state.',
        samples: [
          { labels: { state: 'busy' }, value: workers.busy },
          { labels: { state: 'idle' }, value: idle },
        ],
      },
      {
        name: 'jobrun_commit_seconds',
        type: 'histogram',
        help: 'Time to make a group of changes durable.',
        samples: this.#commits.samples({}),
      },
      ...(spans ? [spansFamily(spans)] : []),
    ];
  }

  #countsOf(job: string): Map<string, number> {
    const zeros = (): Map<string, number> => new Map(OUTCOMES.map((outcome) => [outcome, 0]));
    return labelled(this.#settled, job, zeros);
  }

  #durationsOf(job: string): Histogram {
    return labelled(this.#durations, job, () => new Histogram(DURATIONS));
  }
}

const spansFamily = (spans: Readonly<SpanCounts>): Family => ({
  name: 'jobrun_spans_total',
  type: 'counter',
  help: 'Spans of attempts, by what became of them.',
  samples: Object.entries(spans).map(([result, value]) => ({ labels: { result }, value })),
});

/** The values under this job, or under the name of all that came when there were enough. */
function labelled<Value>(map: Map<string, Value>, job: string, make: () => Value): Value {
  const name = map.has(job) || map.size < MAX_METRIC_JOBS ? job : OTHER;
  const value = map.get(name) ?? make();
  map.set(name, value);
  return value;
}

/** The names and meanings that every Prometheus client gives a process. */
async function processFamilies(startedAt: number): Promise<readonly Family[]> {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const gauge = (name: string, help: string, value: number): Family => ({
    name,
    type: 'gauge',
    help,
    samples: [{ labels: {}, value }],
  });
  const cpu = 'process_cpu_seconds_total';
  const families: Family[] = [
    {
      ...gauge(cpu, 'Processor time used by the daemon, in seconds.', (user + system) / 1e6),
      type: 'counter',
    },
    gauge('process_resident_memory_bytes', 'Memory that the daemon holds.', rss),
    gauge('process_start_time_seconds', 'When the daemon started.', startedAt / SECOND),
    gauge('nodejs_heap_size_used_bytes', 'Heap in use.', heapUsed),
  ];
  const open = await orElse(null, async () => (await readdir('/proc/self/fd')).length);
  const most = openFileLimit();
  if (open !== null) families.push(gauge('process_open_fds', 'Open file descriptors.', open));
  if (most !== null) families.push(gauge('process_max_fds', 'Most descriptors allowed.', most));
  return families;
}
