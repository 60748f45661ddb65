// The letters of a text as people count them, and the columns they take on a terminal. A job's text may have a
// megabyte, and both stay linear in it.
import stringWidth from 'string-width';

/** Made when it is first needed: that takes longer than many a command. */
let segmenter: Intl.Segmenter | null = null;

/** Each step of a segmenter costs as much as the text that it was given is long: it is given a long one by parts. */
const PART = 256;

/** Letter by letter: an accent or a family of emoji is one with what it belongs to. */
export function* eachGrapheme(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter();
  for (let from = 0, size = PART; from < text.length; ) {
    const part = text.slice(from, from + size);
    const isLast = from + size >= text.length;
    let end = 0;
    for (const { segment } of segmenter.segment(part)) {
      // It may go on behind the part, which may end in the middle of a surrogate pair.
      if (!isLast && end + segment.length >= part.length - 1) break;
      yield segment;
      end += segment.length;
      if (size > PART) break;
    }
    from += end;
    size = end === 0 ? size * 2 : PART;
  }
}

/** Characters of one column that do not combine: ASCII, Latin, and the ones that the dashboard draws with. */
export const NARROW = /^[\x20-\x7e·\u00c0-\u024f…↑↓⏎\u2500-\u259f▼]*$/;

/** Columns of a text without control characters. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) return text.length;
  if (text.length <= PART) return stringWidth(text);
  let columns = 0;
  for (const letter of eachGrapheme(text)) columns += stringWidth(letter);
  return columns;
}
