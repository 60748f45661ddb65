// All of one run, job or schedule for the dashboard, but for its log, which is followed on a stream of its own.
import type { ScheduleView } from '../run/schedule.ts';
import { type AttemptView, attemptView, type RunView } from '../run/view.ts';
import type { Json } from '../support/json.ts';
import type { BoardRequest } from './board-list.ts';
import { type BoardRun, boardRun } from './board-rows.ts';
import type { Tools } from './shared/command.ts';
import { scheduleViewer } from './shared/made-schedules.ts';
import { boardViews, type JobView, jobView } from './shared/views.ts';

export type BoardDetail =
  | {
      readonly kind: 'run';
      readonly run: RunView;
      /** The latest ones. */
      readonly attempts: readonly AttemptView[];
      /** The end of the result table and its length; null where it was not asked for. */
      readonly results: { readonly total: number; readonly rows: readonly Json[] } | null;
    }
  | { readonly kind: 'job'; readonly job: JobView; readonly runs: readonly BoardRun[] }
  | {
      readonly kind: 'schedule';
      readonly schedule: ScheduleView;
      /** The file of its job defines it. */
      readonly inFile: boolean;
    };

/** The id of the run, or the name of the job or schedule. */
export function idOf(detail: BoardDetail): string {
  if (detail.kind === 'run') return detail.run.id;
  return detail.kind === 'job' ? detail.job.name : detail.schedule.name;
}

const MAX_ATTEMPTS = 20;
const MAX_ROWS = 200;
const LATEST_RUNS = 10;

/** Null where none is asked for, and where there is no such run, job or schedule. */
export async function detailIn(request: BoardRequest, tools: Tools): Promise<BoardDetail | null> {
  const { detail, detailOf, rows = false } = request;
  if (detail === undefined) return null;
  if (detailOf === 'schedule') return ofSchedule(detail, tools);
  return detailOf === 'job' ? ofJob(detail, tools) : ofRun(detail, rows, tools);
}

async function ofRun(id: string, withRows: boolean, tools: Tools): Promise<BoardDetail | null> {
  const run = /^[1-9]\d{0,14}$/.test(id) ? await tools.engine.find(Number(id)) : null;
  if (!run) return null;
  const [view] = await boardViews([run], tools);
  const rows = withRows ? await tools.logs.rows(run.id) : null;
  return {
    kind: 'run',
    run: view as RunView,
    attempts: (run.life?.attempts ?? []).slice(-MAX_ATTEMPTS).map(attemptView),
    results: rows && { total: rows.length, rows: rows.slice(-MAX_ROWS) },
  };
}

async function ofJob(name: string, tools: Tools): Promise<BoardDetail | null> {
  const job = await jobView(name, tools);
  if (!job) return null;
  const { runs } = await tools.engine.list({ jobs: [name], limit: LATEST_RUNS });
  return { kind: 'job', job, runs: (await boardViews(runs, tools)).map(boardRun) };
}

async function ofSchedule(name: string, tools: Tools): Promise<BoardDetail | null> {
  const found = (await tools.engine.schedules()).find((one) => one.name === name);
  if (!found) return null;
  const inFile = found.source === 'job' && tools.catalog.names().includes(found.job);
  return { kind: 'schedule', schedule: scheduleViewer(tools)(found), inFile };
}
