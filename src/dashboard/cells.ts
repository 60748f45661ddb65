// Text in columns. What a job wrote is made harmless and given characters whose width all terminals agree on, so that
// what stands behind it stays in its column.
import stringWidth from 'string-width';
import { plainLine } from '../support/text.ts';
import type { Look } from './look.ts';

const SIMPLE = /^[\x20-\x7e]*$/;
/** Letters of one column each, that no letter behind them changes: ASCII, Latin, and what we draw with. */
export const NARROW = /^[\x20-\x7e·\u00c0-\u024f…↑↓⏎\u2500-\u259f▼]*$/;
const letters = new Intl.Segmenter();

/** A text of somebody else, on one line. */
export function tame(text: string, look: Look): string {
  if (SIMPLE.test(text)) return text;
  const line = plainLine(text).normalize('NFC').replaceAll('\t', ' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  if (look.asciiTexts) return line.replace(/[^\x00-\x7f]+/gu, (part) => '?'.repeat(width(part)));
  let tamed = '';
  for (const { segment } of letters.segment(line)) tamed += tameLetter(segment);
  return tamed;
}

const FLAG = /^[\u{1f1e6}-\u{1f1ff}]+$/u;
/** What joins or changes emoji; terminals disagree about the width of what comes out. */
const JOINS =
  /[\u200b-\u200d\u2060]|\ufe0e|\ufe0f|[\u{1f3fb}-\u{1f3ff}]|\u20e3|[\u{e0000}-\u{e007f}]/u;

/** A family becomes its first member, a flag the letters of its country: each of a width that is known. */
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

export const width = (text: string): number =>
  NARROW.test(text) ? text.length : stringWidth(text);

/** Exactly `columns` wide: padded on the right, or cut with a mark. */
export function pad(text: string, columns: number, look: Look): string {
  if (columns <= 0) return '';
  const short = cut(text, columns, look);
  return short + ' '.repeat(columns - width(short));
}

export function padLeft(text: string, columns: number, look: Look): string {
  const short = cut(text, columns, look);
  return ' '.repeat(Math.max(0, columns - width(short))) + short;
}

/** At most `columns` wide. */
export function cut(text: string, columns: number, look: Look): string {
  if (width(text) <= columns) return text;
  if (columns <= 0) return '';
  if (NARROW.test(text)) return text.slice(0, columns - 1) + look.glyphs.more;
  let kept = '';
  let used = 0;
  for (const { segment } of letters.segment(text)) {
    const wide = width(segment);
    if (used + wide > columns - 1) break;
    kept += segment;
    used += wide;
  }
  return kept + look.glyphs.more;
}

/** Left and right part on one line of `columns`; where there is no room for both, the right one goes. */
export function ends(left: string, right: string, columns: number, look: Look): [string, string] {
  const room = columns - width(right) - 2;
  if (right === '' || room < Math.min(width(left), 8)) return [pad(left, columns, look), ''];
  return [pad(left, columns - width(right), look), right];
}

/** The lines of a longer text, each at most `columns` wide, broken between words where that is near. */
export function wrap(text: string, columns: number, look: Look): string[] {
  return text.split('\n').flatMap((line) => wrapLine(tame(line, look), columns));
}

function wrapLine(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const { segment } of letters.segment(text)) {
    const wide = width(segment);
    if (used + wide > columns) {
      const gap = line.lastIndexOf(' ');
      const at = gap > line.length - 16 && gap > 0 ? gap + 1 : line.length;
      lines.push(line.slice(0, at));
      line = line.slice(at);
      used = width(line);
    }
    line += segment;
    used += wide;
  }
  return [...lines, line];
}
