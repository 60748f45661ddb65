// The meaning of the model to the keys, and the run of an action.

import type { JobView } from '../commands/shared/replies.ts';
import type { Beat } from '../commands/shared/run-words.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { type StateName, UNSETTLED } from '../run/run.ts';
import { LISTS } from '../run/run-lists.ts';
import type { ShortSchedule } from '../run/schedule.ts';
import { isForResult } from '../run/why.ts';
import type { TimeReference } from '../support/typed-times.ts';
import type { Pausable, Target } from './asks.ts';
import type { Context } from './bindings.ts';
import { under } from './layout.ts';
import { infoOf, orderOf } from './lists.ts';
import type { Everything, Log, Model } from './model.ts';
import { type Detail, idOf, type List } from './replies.ts';

/** The list (tab, order and filter) that the screen is about. */
export const listKey = (model: Pick<Model, 'tab' | 'filter' | 'orders'>): string =>
  `${model.tab} ${orderOf(model)} ${model.filter}`;

/** The window, if it is of the list that is asked for. */
export const listOf = (model: Model): List | null =>
  model.shown === listKey(model) ? model.list : null;

/** All runs of the list are being marked: what a key would do with the marks is not known yet. */
export const isMarking = (model: Model): boolean => model.marking === listKey(model);

/** The time, and from where runs are seen. */
export const hereOf = ({ timezone, link, aliveAt }: Model, now: number): TimeReference & Beat => ({
  ...{ now, timezone, offline: link === 'offline', aliveAt },
});

/** The row under the cursor; null where its run has left the list, whichever has slid into its place. */
function runUnder(model: Model): ShortRun | null {
  const list = listOf(model);
  const run = list?.of === 'run' ? list.rows[model.place.index - list.offset] : undefined;
  return run?.id === model.place.id ? run : null;
}

export function jobUnder(model: Model): JobView | null {
  const list = listOf(model);
  const job = list?.of === 'job' ? list.rows[model.place.index - list.offset] : undefined;
  return job?.name === model.place.id ? job : null;
}

function scheduleUnder(model: Model): ShortSchedule | null {
  const list = listOf(model);
  const one = list?.of === 'schedule' ? list.rows[model.place.index - list.offset] : undefined;
  return one?.name === model.place.id ? one : null;
}

/** The log of the run under the cursor; null while the one at hand is of another run. */
export const logOf = ({ log, place }: Model): Log | null => (log?.id === place.id ? log : null);

/** The screen that is open, and belongs to the cursor; null if only a list is on the screen. */
function openDetail({ screen, detail, place }: Model): Detail | null {
  const { kind } = under(screen);
  if (!detail || (kind !== 'detail' && kind !== 'log')) return null;
  return idOf(detail) === place.id ? detail : null;
}

/** The run that keys are about: the one that was opened, wherever the list has gone, else the one under the cursor. */
export function subjectOf(model: Model): ShortRun | null {
  const open = openDetail(model);
  return open?.kind === 'run' ? open.run : runUnder(model);
}

/** The schedule that keys are about. */
export function scheduleOf(model: Model): ShortSchedule | null {
  const open = openDetail(model);
  return open?.kind === 'schedule' ? open.schedule : scheduleUnder(model);
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
  const paused = name !== null && model.status?.paused.jobs.includes(name) === true;
  return name === null ? null : { kind: 'job', name, paused };
}

export function contextOf(model: Model): Context {
  return {
    screen: model.screen.kind,
    tab: model.tab,
    link: model.link,
    readOnly: model.readOnly,
    state: subjectOf(model)?.state ?? null,
    forResult: isForResult(subjectOf(model)?.reason ?? null),
    row: jobOf(model) !== null,
    removable: scheduleOf(model)?.inFile === false,
    marks: marksOf(model).size,
    everything: everythingOf(model) !== null,
    marking: isMarking(model),
    stoppable: model.stop !== null,
    filtered: model.filter !== '',
    retryable: retryTarget(model)?.ids.length ?? 0,
    abortable: abortTarget(model)?.ids.length ?? 0,
  };
}

/** Marks count in the list alone. */
const marksOf = ({ screen, marks }: Model): Model['marks'] =>
  screen.kind === 'list' ? marks : NONE;

const NONE: Model['marks'] = new Set();

/** All that match, where the marks stand for them. */
export const everythingOf = (model: Model): Everything | null =>
  model.everything !== null && marksOf(model) === model.everything.marks ? model.everything : null;

/** The runs of an action; null if there are none. */
export function targetOf(model: Model): Target | null {
  const run = subjectOf(model);
  const marks = marksOf(model);
  if (marks.size === 0) return run && { ids: [run.id], run, all: null };
  const only = marks.size === 1 && run && marks.has(run.id) ? run : null;
  return { ids: [...marks], run: only, all: everythingOf(model) };
}

/**
 * The runs of `r`: of several marked ones only those that can be retried, and those whose rows are elsewhere in a list
 * with failed and aborted runs.
 */
export const retryTarget = (model: Model): Target | null =>
  targetOnly(model, (state) => state === 'failed' || state === 'aborted');

/** The runs of `a`: the same with those that are not settled. */
export const abortTarget = (model: Model): Target | null =>
  targetOnly(model, (state) => UNSETTLED.includes(state));

function targetOnly(model: Model, fits: (state: StateName) => boolean): Target | null {
  const target = targetOf(model);
  if (target === null || target.run) return target;
  const shown = infoOf(model.tab).list;
  const isListed = shown !== null && LISTS[shown].some(fits);
  if (target.all) return isListed ? target : null;
  if (shown && !isListed) return null;
  const list = listOf(model);
  const others = (list?.of === 'run' ? list.rows : []).filter(({ state }) => !fits(state));
  const not = new Set(others.map(({ id }) => id));
  const ids = target.ids.filter((id) => !not.has(id));
  return ids.length > 0 ? { ...target, ids } : null;
}
