// The part of the screen that a place of the mouse belongs to: a tab, a row of the list, or its detail.
import { listOf } from './context.ts';
import { tabAt } from './header.ts';
import type { Spot } from './key-reader.ts';
import { layoutFor } from './layout.ts';
import type { Tab } from './lists.ts';
import type { Model } from './model.ts';
import type { Sheet } from './theme.ts';

export type Target =
  | { readonly on: 'tab'; readonly tab: Tab }
  /** Counted from the first of the list. */
  | { readonly on: 'row'; readonly index: number }
  | { readonly on: 'detail' };

/** Rows between the header and the first row of the list: a rule and the titles. */
const ABOVE = 2;

export function targetAt(model: Model, sheet: Sheet, { column, row }: Spot): Target | null {
  const { header, list, listColumns, pane, kind, height, footer } = layoutFor(model.size);
  if (row === header) {
    const tab = tabAt(model, sheet, column);
    return tab && { on: 'tab', tab };
  }
  if (model.screen.kind !== 'list' || row <= header + 1 || row > height - footer) return null;
  if (kind === 'wide' && column > listColumns) return { on: 'detail' };
  const at = row - header - ABOVE - 1;
  if (at >= list) return pane > 0 ? { on: 'detail' } : null;
  const index = model.place.top + at;
  return at >= 0 && index < (listOf(model)?.total ?? 0) ? { on: 'row', index } : null;
}
