// What a daemon would answer, and models of the dashboard that show it.
import type { Status } from '../../src/commands/shared/replies.ts';
import type { ShortRun } from '../../src/commands/shared/views.ts';
import { listKey } from '../../src/dashboard/context.ts';
import { type Model, newModel, type Size } from '../../src/dashboard/model.ts';
import type { Detail, List } from '../../src/dashboard/replies.ts';
import { type Theme, themeFor } from '../../src/dashboard/theme.ts';
import type { RunView } from '../../src/run/view.ts';
import { isoOf } from '../../src/support/clock.ts';

/** Sunday 22 November 2026, 18:42:07. */
export const NOW = Date.UTC(2026, 10, 22, 18, 42, 7);

export const PLAIN: Theme = themeFor({ LANG: 'C.UTF-8', NO_COLOR: '1' });
export const COLORED: Theme = themeFor({ LANG: 'C.UTF-8', TERM: 'xterm' });
export const ASCII: Theme = themeFor({ LANG: 'C', NO_COLOR: '1' });

/** The time of these rows; a daemon runs. */
export const HERE = { now: NOW, timezone: 'UTC', offline: false, aliveAt: null };

export interface RowParts {
  readonly job?: string;
  readonly state?: RunView['state'];
  readonly percent?: number;
  readonly text?: string;
  /** What went wrong. */
  readonly error?: string;
  readonly reason?: string;
  readonly attempt?: number;
  readonly maxAttempts?: number | null;
  readonly dueAt?: number;
  readonly startedAt?: number | null;
  readonly settledAt?: number | null;
  readonly schedule?: string | null;
}

/** A run that has been running for two minutes, unless something else is said of it. */
export function rowOf(id: number, parts: RowParts = {}): ShortRun {
  const { dueAt = NOW - 131_000, startedAt = dueAt, settledAt = null, error } = parts;
  const { job = 'import-products', state = 'running', attempt = 1, maxAttempts = 5 } = parts;
  const { percent = 58, text = '2,912 of 5,000 rows', reason = null, schedule = null } = parts;
  return {
    ...{ id: String(id), job, state, priority: 1, key: null, attempt, maxAttempts, schedule },
    createdAt: isoOf(dueAt),
    dueAt: isoOf(dueAt),
    startedAt: startedAt === null ? null : isoOf(startedAt),
    settledAt: settledAt === null ? null : isoOf(settledAt),
    progress: { percent, text },
    error: error === undefined ? null : { name: 'Error', message: error, stack: '' },
    reason,
    ...{ parent: null, after: [], trace: null },
    worker: state === 'running' ? { pid: 4121, host: 'here' } : null,
  };
}

export const runViewOf = (row: ShortRun): RunView => ({
  ...row,
  params: { file: 'spring.csv', limit: 5000 },
  checkpoint: null,
  output: null,
});

export const statusWith = (more: Partial<Status> = {}): Status => ({
  running: true,
  pid: 1017,
  since: isoOf(NOW - 76 * 3_600_000),
  version: '0.4.1',
  dir: '/srv/shop-tasks',
  jobs: '/srv/shop-tasks/jobs',
  state: '/srv/shop-tasks/state',
  host: 'shop-1',
  engine: 'json',
  hosts: [],
  http: null,
  workers: { busy: 3, total: 4 },
  counts: { scheduled: 2, waiting: 0, queued: 1, running: 3, done: 1180, failed: 7, aborted: 2 },
  broken: [],
  paused: { all: false, jobs: [] },
  memory: { bytes: 0, limit: 1 },
  watch: null,
  external: [],
  overview: {
    jobs: 6,
    schedules: 2,
    throughput: {
      ended: [null, 0, 1, 2, 4, 8, 3, 2, 1, 0, 0, 5, 6, 7, 9, 14],
      failed: Array(16).fill(0),
    },
  },
  ...more,
});

/** A list that is all in its window. */
export function listWith(rows: readonly ShortRun[], more: Partial<List> = {}): List {
  const list: List = { total: rows.length, offset: 0, at: null, complete: true, of: 'run', rows };
  return { ...list, ...more } as List;
}

/** A model that shows this list. */
export function modelWith(size: Size, list: List, more: Partial<Model> = {}): Model {
  const [first] = list.rows;
  const id = first === undefined ? null : 'id' in first ? first.id : first.name;
  const model: Model = {
    ...newModel(size, false, 'UTC'),
    ...{ list, link: 'online', status: statusWith(), place: { index: 0, id, top: 0 } },
    ...more,
  };
  return { ...model, shown: listKey(model) };
}

export type { Detail };
