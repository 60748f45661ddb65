// Boards and models to draw, as the daemon would send them.
import type { Board } from '../../src/commands/board.ts';
import type { BoardRun } from '../../src/commands/board-rows.ts';
import { listKey } from '../../src/dashboard/context.ts';
import { type Model, newModel, type Size } from '../../src/dashboard/model.ts';
import { type Theme, themeFor } from '../../src/dashboard/theme.ts';
import type { RunView } from '../../src/run/view.ts';
import { isoOf } from '../../src/support/clock.ts';

/** Sunday 22 November 2026, 18:42:07. */
export const NOW = Date.UTC(2026, 10, 22, 18, 42, 7);

export const PLAIN: Theme = themeFor({ LANG: 'C.UTF-8', NO_COLOR: '1' });
export const COLORED: Theme = themeFor({ LANG: 'C.UTF-8', TERM: 'xterm' });
export const ASCII: Theme = themeFor({ LANG: 'C', NO_COLOR: '1' });

export const boardRunOf = (id: number, more: Partial<BoardRun> = {}): BoardRun => ({
  id: String(id),
  job: 'import-products',
  state: 'running',
  percent: 58,
  text: '2,912 of 5,000 rows',
  note: '',
  attempt: 1,
  maxAttempts: 5,
  dueAt: NOW - 131_000,
  startedAt: NOW - 131_000,
  settledAt: null,
  schedule: null,
  ...more,
});

export const runViewOf = (row: BoardRun): RunView => ({
  id: row.id,
  job: row.job,
  state: row.state,
  params: { file: 'spring.csv', limit: 5000 },
  priority: 1,
  key: null,
  createdAt: isoOf(row.dueAt),
  dueAt: isoOf(row.dueAt),
  startedAt: row.startedAt === null ? null : isoOf(row.startedAt),
  settledAt: row.settledAt === null ? null : isoOf(row.settledAt),
  attempt: row.attempt,
  maxAttempts: row.maxAttempts,
  progress: { percent: row.percent, text: row.text },
  checkpoint: null,
  output: null,
  error: row.state === 'failed' ? { name: 'Error', message: row.note, stack: '' } : null,
  reason: null,
  schedule: null,
  parent: null,
  after: [],
  worker: row.state === 'running' ? { pid: 4121 } : null,
});

export function boardWith(runs: readonly BoardRun[], more: Partial<Board> = {}): Board {
  return {
    now: NOW,
    dir: '/srv/shop-tasks',
    version: '0.4.1',
    daemon: { pid: 1017, since: NOW - 76 * 3_600_000 },
    workers: { busy: 3, total: 4 },
    counts: { scheduled: 2, waiting: 0, queued: 1, running: 3, done: 1180, failed: 7, aborted: 2 },
    jobs: 6,
    schedules: 2,
    broken: [],
    paused: { all: false, jobs: [] },
    pulse: {
      ended: [null, 0, 1, 2, 4, 8, 3, 2, 1, 0, 0, 5, 6, 7, 9, 14],
      failed: Array(16).fill(0),
    },
    list: {
      total: runs.length,
      offset: 0,
      order: 'newest',
      at: null,
      complete: true,
      runs,
      jobs: [],
      schedules: [],
    },
    detail: null,
    ...more,
  };
}

export function modelWith(size: Size, board: Board, more: Partial<Model> = {}): Model {
  const place = { index: 0, id: board.list.runs[0]?.id ?? null, top: 0 };
  const model = { ...newModel(size, false, 'UTC'), board, link: 'online' as const, place, ...more };
  return { ...model, shown: listKey(model) };
}
