// The input of every part of the screen at one moment, and the time at which the screen looks different.
import { hereOf, listOf } from './context.ts';
import { nextTicks } from './job-table.ts';
import { type Layout, layoutFor } from './layout.ts';
import type { Model } from './model.ts';
import { type Page, pageOf } from './pages.ts';
import { runTicks } from './run-table.ts';
import type { View } from './store.ts';
import type { Sheet, Theme } from './theme.ts';

export interface Scene {
  readonly model: Model;
  readonly layout: Layout;
  readonly sheet: Sheet;
  readonly page: Page | null;
}

export function sceneOf({ model, now }: View, theme: Theme): Scene {
  const layout = layoutFor(model.size);
  const sheet = { theme, columns: layout.columns, here: hereOf(model, now) };
  return { model, layout, sheet, page: pageOf(model, sheet, layout.body) };
}

/** Returns the milliseconds until a shown time changes: up to a second, or up to the next full minute. */
export function nextTickMs({ model, now }: View): number {
  const list = listOf(model);
  const from = Math.max(0, model.place.top - (list?.offset ?? 0));
  const to = from + layoutFor(model.size).list;
  const { detail } = model;
  const here = hereOf(model, now);
  const busy =
    model.screen.kind === 'form' ||
    model.screen.kind === 'due' ||
    (detail?.kind === 'run' &&
      detail.run.state === 'running' &&
      detail.run.id === model.place.id) ||
    list?.rows.slice(from, to).some((row) => {
      if ('id' in row) return runTicks(row, here);
      return nextTicks('nextAt' in row ? row.nextAt : row.schedule?.nextAt, now);
    });
  return busy ? 1000 - (now % 1000) : 60_000 - (now % 60_000);
}
