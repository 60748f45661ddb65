// How the screen is shared out, from its size alone. The last line of the terminal stays free: a picture as high as
// the terminal makes Ink clear the screen at every change.
import type { Model, Size } from './model.ts';

export interface Layout {
  /** `tiny`: one line that says so. `wide`: the detail beside the list, `tall`: under it, `short`: none. */
  readonly kind: 'tiny' | 'short' | 'tall' | 'wide';
  readonly columns: number;
  /** Lines of the picture. */
  readonly height: number;
  /** Rows of the list on the screen. */
  readonly list: number;
  readonly listColumns: number;
  /** Lines and columns of the pane with the detail. */
  readonly pane: number;
  readonly paneColumns: number;
  /** Lines between header and footer, where one thing has all of them. */
  readonly body: number;
}

export const LEAST: Size = { columns: 60, rows: 15 };
/** Lines of the footer, whatever it holds. */
export const FOOTER = 3;
const PANE = 7;
const TITLES = 1;
/** More is never on a screen; a terminal that says so is not one. */
const MOST_ROWS = 300;
const MOST_COLUMNS = 500;

export function layoutFor(size: Size): Layout {
  const columns = Math.min(size.columns, MOST_COLUMNS);
  const height = Math.max(1, Math.min(size.rows, MOST_ROWS) - 1);
  const one = { columns, height, listColumns: columns, pane: 0, paneColumns: 0 };
  if (size.columns < LEAST.columns || size.rows < LEAST.rows) {
    return { ...one, kind: 'tiny', list: 0, body: 0 };
  }
  if (columns >= 100 && size.rows >= 22) {
    const body = height - 4 - FOOTER;
    const listColumns = Math.floor(columns * 0.6);
    const paneColumns = columns - listColumns - 1;
    return {
      ...one,
      kind: 'wide',
      body,
      list: body - TITLES,
      listColumns,
      pane: body,
      paneColumns,
    };
  }
  const body = height - 3 - FOOTER;
  if (size.rows < 20) return { ...one, kind: 'short', body, list: body - TITLES };
  const list = body - TITLES - PANE;
  return { ...one, kind: 'tall', body, list, pane: PANE, paneColumns: columns };
}

/** True where one thing has the whole body. */
export function isFull({ screen }: Model): boolean {
  const { kind } = under(screen);
  return kind !== 'list' && kind !== 'filter';
}

/** What is on the screen behind a question. */
export function under(screen: Model['screen']): Model['screen'] {
  return screen.kind === 'ask' || screen.kind === 'due' ? under(screen.from) : screen;
}
