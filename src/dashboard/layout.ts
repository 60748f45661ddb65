// The layout of the screen, from its size alone: header, body, footer, and the detail beside or under the list.
import type { Model, Size } from './model.ts';

export interface Layout {
  /** `tiny`: one line that says so. `wide`: the detail beside the list, `tall`: under it, `short`: none. */
  readonly kind: 'tiny' | 'short' | 'tall' | 'wide';
  readonly columns: number;
  readonly height: number;
  /** Rows above and below the body. */
  readonly header: number;
  readonly footer: number;
  /** Rows between header and footer, under the rule that begins them. */
  readonly body: number;
  /** Rows of the list on the screen, without its titles. */
  readonly list: number;
  readonly listColumns: number;
  /** Rows and columns of the pane with the detail. */
  readonly pane: number;
  readonly paneColumns: number;
}

export const LEAST: Size = { columns: 60, rows: 15 };
const WIDE: Size = { columns: 120, rows: 22 };
/** A list beside a detail shows no less than one on a screen of the usual width. */
const LIST = 80;
const FOOTER = 3;
const RULE = 1;
const TITLES = 1;
const PANE = 7;
/** Upper bound for the size that a terminal reports. */
const MOST: Size = { columns: 500, rows: 300 };

export function layoutFor(size: Size): Layout {
  const columns = Math.min(size.columns, MOST.columns);
  const height = Math.max(1, Math.min(size.rows, MOST.rows));
  const header = columns >= WIDE.columns && size.rows >= WIDE.rows ? 3 : 2;
  const body = height - header - RULE - FOOTER;
  const one = {
    columns,
    height,
    header,
    footer: FOOTER,
    listColumns: columns,
    pane: 0,
    paneColumns: 0,
  };
  if (size.columns < LEAST.columns || size.rows < LEAST.rows)
    return { ...one, kind: 'tiny', list: 0, body: 0 };
  if (header === 3) {
    const listColumns = Math.max(LIST, Math.floor(columns * 0.6));
    const pane = { pane: body, paneColumns: columns - listColumns - 1 };
    return { ...one, ...pane, kind: 'wide', body, list: body - TITLES, listColumns };
  }
  if (size.rows < 20) return { ...one, kind: 'short', body, list: body - TITLES };
  const list = body - TITLES - PANE;
  return { ...one, kind: 'tall', body, list, pane: PANE, paneColumns: columns };
}

/** The screen behind a question. */
export function under(screen: Model['screen']): Model['screen'] {
  return screen.kind === 'ask' || screen.kind === 'due' || screen.kind === 'outcome'
    ? under(screen.from)
    : screen;
}
