// What the model means to the keys, and which run an action is about.
import { type BoardDetail, idOf } from '../commands/board-detail.ts';
import {
  type BoardJob,
  type BoardRun,
  type BoardSchedule,
  boardRun,
  boardSchedule,
} from '../commands/board-rows.ts';
import type { Pausable, Target } from './asks.ts';
import type { Context } from './bindings.ts';
import { under } from './layout.ts';
import { infoOf, orderOf } from './lists.ts';
import type { Log, Model } from './model.ts';

/** The list (tab, order and filter) that the screen is about. */
export const listKey = (model: Pick<Model, 'tab' | 'filter' | 'orders'>): string =>
  `${model.tab} ${orderOf(model)} ${model.filter}`;

/** The board, if it shows the list that is asked for. */
export const boardOf = (model: Model): Model['board'] =>
  model.shown === listKey(model) ? model.board : null;

/** The row under the cursor; null where its run has left the list, whichever has slid into its place. */
function runUnder(model: Model): BoardRun | null {
  const list = boardOf(model)?.list;
  const run = list?.runs[model.place.index - list.offset];
  return run?.id === model.place.id ? run : null;
}

export function jobUnder(model: Model): BoardJob | null {
  const list = boardOf(model)?.list;
  const job = list?.jobs[model.place.index - list.offset];
  return job?.name === model.place.id ? job : null;
}

/** The log of the run under the cursor; null while the one at hand is of another run. */
export const logOf = ({ log, place }: Model): Log | null => (log?.id === place.id ? log : null);

/** What is open, and belongs to the cursor; null where only a list is on the screen. */
function openDetail({ screen, board, place }: Model): BoardDetail | null {
  const { kind } = under(screen);
  const detail = board?.detail;
  if (!detail || (kind !== 'detail' && kind !== 'log')) return null;
  return idOf(detail) === place.id ? detail : null;
}

/** The run that keys are about: the one that was opened, wherever the list has gone, else the one under the cursor. */
export function subjectOf(model: Model): BoardRun | null {
  const open = openDetail(model);
  return open?.kind === 'run' ? boardRun(open.run) : runUnder(model);
}

/** The schedule that keys are about. */
export function scheduleOf(model: Model): BoardSchedule | null {
  const open = openDetail(model);
  if (open?.kind === 'schedule') return boardSchedule(open.schedule, open.inFile);
  const list = boardOf(model)?.list;
  const one = list?.schedules[model.place.index - list.offset];
  return one?.name === model.place.id ? one : null;
}

/** The job that keys are about: of the Jobs list, or that of the run or schedule. */
export function jobOf(model: Model): string | null {
  const open = openDetail(model);
  if (open?.kind === 'job') return open.job.name;
  return jobUnder(model)?.name ?? (subjectOf(model) ?? scheduleOf(model))?.job ?? null;
}

export function pausableOf(model: Model): Pausable | null {
  const schedule = scheduleOf(model);
  if (schedule) return { kind: 'schedule', name: schedule.name, paused: schedule.paused };
  const name = jobOf(model);
  const paused = name !== null && model.board?.paused.jobs.includes(name) === true;
  return name === null ? null : { kind: 'job', name, paused };
}

export function contextOf(model: Model): Context {
  return {
    screen: model.screen.kind,
    tab: model.tab,
    link: model.link,
    readOnly: model.readOnly,
    state: subjectOf(model)?.state ?? null,
    row: jobOf(model) !== null,
    removable: scheduleOf(model)?.inFile === false,
    marks: marksOf(model).size,
    filtered: model.filter !== '',
    retryable: retryTarget(model)?.ids.length ?? 0,
  };
}

/** Marks count in the list alone. */
const marksOf = ({ screen, marks }: Model): Model['marks'] =>
  screen.kind === 'list' ? marks : NONE;

const NONE: Model['marks'] = new Set();

/** What an action is about; null where there is nothing. */
export function targetOf(model: Model): Target | null {
  const run = subjectOf(model);
  const marks = marksOf(model);
  if (marks.size === 0) return run && { ids: [run.id], run };
  const only = marks.size === 1 && run && marks.has(run.id) ? run : null;
  return { ids: [...marks], run: only };
}

/**
 * What `r` is about: of several marked runs only those that can be retried, and those whose rows are elsewhere in a list
 * with failed and aborted runs.
 */
export function retryTarget(model: Model): Target | null {
  const target = targetOf(model);
  if (target === null || target.run) return target;
  const { states } = infoOf(model.tab);
  if (states && !states.includes('failed')) return null;
  const others = (boardOf(model)?.list?.runs ?? []).filter(
    ({ state }) => state !== 'failed' && state !== 'aborted',
  );
  const not = new Set(others.map(({ id }) => id));
  const ids = target.ids.filter((id) => !not.has(id));
  return ids.length > 0 ? { ...target, ids } : null;
}
