// Rows of the screen: spans of text, each in one style. Text from jobs loses its control characters, and characters
// whose width differs between terminals are replaced, so that everything behind them stays in its column.
import { eachGrapheme, NARROW, textWidth } from '../support/graphemes.ts';
import { plainLine } from '../support/text.ts';
import type { Sheet, Style, Theme } from './theme.ts';

export { textWidth };

export interface Span {
  readonly text: string;
  readonly style: Style;
}
export type Row = string | Span | readonly (string | Span)[];

export const styled = (style: Style, text: string): Span => ({ text, style });

const spanOf = (part: string | Span): Span =>
  typeof part === 'string' ? styled('plain', part) : part;

const spansOf = (row: Row): readonly Span[] =>
  typeof row === 'string' || 'text' in row ? [spanOf(row)] : row.map(spanOf);

export const textOf = (row: Row): string =>
  spansOf(row)
    .map(({ text }) => text)
    .join('');

const SIMPLE = /^[\x20-\x7e]*$/;

/** Makes a text from a job or a user harmless, on one line. */
export function tame(text: string, theme: Theme): string {
  if (SIMPLE.test(text)) return text;
  const line = plainLine(text).normalize('NFC').replaceAll('\t', ' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  const others = /[^\x00-\x7f]+/gu;
  if (theme.asciiTexts) return line.replace(others, (part) => '?'.repeat(textWidth(part)));
  let tamed = '';
  for (const letter of eachGrapheme(line)) tamed += tameLetter(letter);
  return tamed;
}

const FLAG = /^[\u{1f1e6}-\u{1f1ff}]+$/u;
/** Joiners and modifiers of emoji. Terminals disagree about the width of the result. */
const JOINS =
  /[\u200b-\u200d\u2060]|\ufe0e|\ufe0f|[\u{1f3fb}-\u{1f3ff}]|\u20e3|[\u{e0000}-\u{e007f}]/u;

/** Replaces a family by its first member and a flag by the letters of its country: their widths are known. */
function tameLetter(letter: string): string {
  if (letter.length === 1) return letter;
  if (FLAG.test(letter)) {
    return [...letter]
      .map((part) => String.fromCharCode((part.codePointAt(0) ?? 0) - 0x1f1e6 + 65))
      .join('');
  }
  if (!JOINS.test(letter)) return letter;
  const [first = ''] = letter;
  return JOINS.test(first) ? '' : first;
}

export const rowWidth = (row: Row): number =>
  spansOf(row).reduce((sum, { text }) => sum + textWidth(text), 0);

/** Cuts a text to `columns`; a cut text ends with a mark. */
export function cut(text: string, columns: number, { glyphs }: Theme): string {
  if (textWidth(text) <= columns) return text;
  if (columns <= 0) return '';
  if (NARROW.test(text)) return text.slice(0, columns - 1) + glyphs.more;
  let kept = '';
  let used = 0;
  for (const letter of eachGrapheme(text)) {
    const wide = textWidth(letter);
    if (used + wide > columns - 1) break;
    kept += letter;
    used += wide;
  }
  return kept + glyphs.more;
}

export function cutRow(row: Row, columns: number, theme: Theme): readonly Span[] {
  const kept: Span[] = [];
  let room = columns;
  for (const { text, style } of spansOf(row)) {
    const short = cut(text, room, theme);
    if (short !== '') kept.push({ text: short, style });
    room -= textWidth(short);
  }
  return kept;
}

/** Cuts a row to `columns`, or fills it with blanks; `side` is the side that its text stands on. */
export function fill(
  row: Row,
  columns: number,
  theme: Theme,
  side: Side = 'left',
): readonly Span[] {
  const kept = cutRow(row, columns, theme);
  const gap = styled('plain', ' '.repeat(Math.max(0, columns - rowWidth(kept))));
  if (gap.text === '') return kept;
  return side === 'left' ? [...kept, gap] : [gap, ...kept];
}

export type Side = 'left' | 'right';

/** Puts two parts at the ends of a row. The right one is dropped if there is no room for both. */
export function ends(left: Row, right: Row, columns: number, theme: Theme): Row {
  const room = columns - rowWidth(right) - 2;
  if (rowWidth(right) === 0 || room < Math.min(rowWidth(left), 8)) return left;
  return [...fill(left, room + 2, theme), ...spansOf(right)];
}

/** A horizontal rule, with an optional title: `── 12 import-products ────`. */
export function ruleRow(columns: number, theme: Theme, title = '', end = ''): Row {
  const { rule } = theme.glyphs;
  if (title === '') return styled('dim', rule.repeat(columns));
  const tail = end === '' || textWidth(end) + 4 > columns - 8 ? '' : ` ${end} `;
  const front = cut(`${rule.repeat(2)} ${title} `, columns - textWidth(tail), theme);
  const middle = rule.repeat(Math.max(0, columns - textWidth(front) - textWidth(tail)));
  return styled('dim', front + middle + tail);
}

/** Breaks a text into lines of at most `columns`, between words where possible. */
export const wrap = (text: string, columns: number, theme: Theme): string[] =>
  text.split('\n').flatMap((line) => wrapLine(tame(line, theme), columns));

function wrapLine(text: string, columns: number): string[] {
  if (textWidth(text) <= columns) return [text];
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const letter of eachGrapheme(text)) {
    const wide = textWidth(letter);
    if (used + wide > columns) {
      const gap = line.lastIndexOf(' ');
      const at = gap > line.length - 16 && gap > 0 ? gap + 1 : line.length;
      lines.push(line.slice(0, at));
      line = line.slice(at);
      used = textWidth(line);
    }
    line += letter;
    used += wide;
  }
  return [...lines, line];
}

// ------------------------------------------------------------------------------------------------------------ tables

export interface Column<Item> {
  readonly title: string;
  /** 0 hides the column. */
  readonly width: number;
  readonly cell: (item: Item) => Row;
  readonly side?: Side;
}

const GAP = 2;
/** Width of the cursor, the mark and a blank in front of a row. */
const FRONT = 3;

/** Width of a table with columns of these widths. */
export const tableWidth = (...widths: readonly number[]): number =>
  FRONT + widths.filter((width) => width > 0).reduce((sum, width) => sum + width + GAP, -GAP);

export const titleRow = <Item>(table: readonly Column<Item>[], theme: Theme): Row =>
  cells(table, theme, ' '.repeat(FRONT), ({ title }) => styled('dim', title));

/** One row of a table; `front` holds the cursor and the mark. */
export const tableRow = <Item>(
  table: readonly Column<Item>[],
  item: Item,
  theme: Theme,
  front = ' '.repeat(FRONT),
): readonly Span[] => cells(table, theme, front, ({ cell }) => cell(item));

function cells<Item>(
  table: readonly Column<Item>[],
  theme: Theme,
  front: string,
  cellOf: (column: Column<Item>) => Row,
): readonly Span[] {
  const shown = table.filter(({ width }) => width > 0);
  return shown.flatMap((column, i) => [
    styled('plain', i === 0 ? front : ' '.repeat(GAP)),
    ...fill(cellOf(column), column.width, theme, column.side),
  ]);
}

/** The row under the cursor, in inverse colours. A bar is not inverted: its full part would look empty. */
export const cursorRow = (row: Row, { columns, theme }: Sheet): Row =>
  fill(row, columns, theme).map((span) =>
    span.style === 'full' || span.style === 'empty' ? span : styled('inverse', span.text),
  );
