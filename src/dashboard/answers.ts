// The model with what was answered, and whether all that is on the screen is there. A person may have gone on to
// another list, or to another row, while the answer was on its way.
import type { Status } from '../commands/shared/replies.ts';
import { listKey, listOf } from './context.ts';
import { layoutFor } from './layout.ts';
import { covers, follow } from './lists.ts';
import type { Model } from './model.ts';
import type { ListQuestion } from './questions.ts';
import { type Detail, idOf, type List } from './replies.ts';

/** The model of a daemon that answers. */
const answered = (model: Model): Model =>
  model.link === 'silent' ? { ...model, link: 'online', silentSince: null } : model;

export const withAnswer = (model: Model): Model => answered(model);

export const withStatus = (model: Model, status: Status): Model => ({
  ...answered(model),
  status,
});

export function withList(
  model: Model,
  list: List,
  key: string,
  { around }: Pick<ListQuestion, 'around'>,
): Model {
  const present = answered(model);
  if (key !== listKey(model)) return present;
  // Rows that were whole are not shown in parts again, while the list is looked through once more.
  if (!list.complete && listOf(model)?.complete) return present;
  const { place, screen, size } = model;
  const placed = around === place.id ? list : { ...list, at: null };
  const followed = follow(place, placed, layoutFor(size).list);
  // The run that is open stays under the cursor, even when it has left the list.
  const isOpen = screen.kind !== 'list' && screen.kind !== 'filter';
  const stays = isOpen && followed.id !== place.id && place.id !== null;
  return { ...present, list, shown: key, place: stays ? place : followed };
}

export function withDetail(model: Model, detail: Detail | null, id: string): Model {
  const present = answered(model);
  if (id !== model.place.id) return present;
  return { ...present, detail: withRows(detail, model.detail) };
}

/** The result table as it was last read, where this time it was not. */
function withRows(next: Detail | null, before: Detail | null): Detail | null {
  if (next?.kind !== 'run' || next.results || before?.kind !== 'run') return next;
  return before.run.id === next.run.id ? { ...next, results: before.results } : next;
}

/** True where the rows on the screen, and some around them, have been asked for. */
export function isThere(model: Model): boolean {
  const list = listOf(model);
  const height = layoutFor(model.size).list;
  return list?.complete === true && covers(list, model.place, height, Math.floor(height / 2));
}

/** The run, job or schedule whose detail is on the screen. */
export function detailWanted({ size, screen, place }: Model): string | null {
  const hasPane = layoutFor(size).pane > 0;
  const hasBody = screen.kind === 'detail' || screen.kind === 'log' || 'from' in screen;
  return hasPane || hasBody ? place.id : null;
}

export const isShown = ({ detail }: Model, wanted: string | null): boolean =>
  wanted === null || (detail !== null && idOf(detail) === wanted);

/** True where the screen shows rows that were not asked for; those of a damaged file may not have come. */
export function isBeyond(model: Model, { offset, limit }: ListQuestion): boolean {
  const { top } = model.place;
  const last = Math.min(top + layoutFor(model.size).list, listOf(model)?.total ?? 0);
  return top < offset || last > offset + limit;
}
