// What the model means to the keys, and which run an action is about.
import type { BoardJob, BoardRun } from '../commands/board-rows.ts';
import type { Target } from './asks.ts';
import type { Context } from './bindings.ts';
import { orderOf } from './lists.ts';
import type { Model } from './model.ts';

/** The list (tab, order and filter) that the screen is about. */
export const listKey = (model: Pick<Model, 'tab' | 'filter' | 'orders'>): string =>
  `${model.tab} ${orderOf(model)} ${model.filter}`;

/** The board, if it shows the list that is asked for. */
export const boardOf = (model: Model): Model['board'] =>
  model.shown === listKey(model) ? model.board : null;

export function runUnder(model: Model): BoardRun | null {
  const list = boardOf(model)?.list;
  return list?.runs[model.place.index - list.offset] ?? null;
}

export function jobUnder(model: Model): BoardJob | null {
  const list = boardOf(model)?.list;
  return model.tab === 'jobs' ? (list?.jobs[model.place.index - list.offset] ?? null) : null;
}

/** On the whole screen it is the run that was opened that counts, wherever the list has gone. */
export function contextOf(model: Model): Context {
  const run = model.tab === 'jobs' ? null : runUnder(model);
  const detail = model.board?.detail;
  const isOpen = model.screen.kind === 'detail' || model.screen.kind === 'log';
  const open =
    isOpen && detail?.kind === 'run' && detail.run.id === model.place.id ? detail.run : null;
  return {
    screen: model.screen.kind,
    tab: model.tab,
    link: model.link,
    readOnly: model.readOnly,
    state: open?.state ?? run?.state ?? null,
    row: run !== null || jobUnder(model) !== null || open !== null,
    marks: isOpen ? 0 : model.marks.size,
    filtered: model.filter !== '',
  };
}

export function targetOf(model: Model): Target {
  const run = runUnder(model);
  const { marks, screen } = model;
  if (screen.kind === 'list' && marks.size > 0) {
    const only = marks.size === 1 && run && marks.has(run.id) ? run : null;
    return { ids: [...marks], run: only };
  }
  return { ids: run ? [run.id] : [], run };
}
