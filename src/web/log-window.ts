// The part of a log that a page holds: some thousand lines, in pieces as they came. A log has up to 10 MB; what is far
// from the lines on the screen is dropped, and asked for again when it is scrolled to.
import type { LogPart } from '../commands/log.ts';
import type { LogLine } from '../run/view.ts';

export interface Piece {
  /** The numbers of its first and last line. */
  readonly first: number;
  readonly last: number;
  readonly lines: readonly LogLine[];
}

/** Pieces follow each other without a gap but for lines that are no longer kept. */
export type Window = readonly Piece[];

/** More would make a browser slow. */
const MOST_LINES = 4000;
const MOST_LETTERS = 4_000_000;
/** Pieces that grow by some lines at a time are put together until then. */
const WHOLE_PIECE = 500;

export const pieceOf = ({ first, last, lines }: LogPart): Piece | null =>
  first === null || last === null ? null : { first, last, lines };

/** The window with what follows it; its beginning is dropped where it would be too large. */
export function withNext(window: Window, next: Piece): Window {
  const end = window.at(-1);
  const isSmall = end !== undefined && end.lines.length + next.lines.length <= WHOLE_PIECE;
  const grown = isSmall
    ? [...window.slice(0, -1), { ...end, last: next.last, lines: [...end.lines, ...next.lines] }]
    : [...window, next];
  return kept(grown, 'last');
}

/** The window with what comes before it; its end is dropped where it would be too large. */
export const withBefore = (window: Window, before: Piece): Window =>
  kept([before, ...window], 'first');

function kept(window: Window, side: 'first' | 'last'): Window {
  let rest = window;
  while (rest.length > 1 && isTooLarge(rest))
    rest = side === 'last' ? rest.slice(1) : rest.slice(0, -1);
  return rest;
}

function isTooLarge(window: Window): boolean {
  const lines = window.flatMap((piece) => piece.lines);
  const letters = lines.reduce((sum, { text }) => sum + text.length, 0);
  return lines.length > MOST_LINES || letters > MOST_LETTERS;
}

/** The fields of a line, as they are shown behind it. */
export function fieldsText({ fields }: LogLine): string {
  if (fields === null) return '';
  if (typeof fields !== 'object' || Array.isArray(fields)) return JSON.stringify(fields);
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

/** A line as it stands in a file. */
export const fileLine = (line: LogLine): string =>
  `${line.at} ${line.level} ${[line.text, fieldsText(line)].filter(Boolean).join(' ')}\n`;
