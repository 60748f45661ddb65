// Text from jobs and callers, as a page shows it. A browser does not run it, but characters that cannot be seen, or
// that turn the direction of writing, would make one text look like another: each of them is shown by its code point.

/**
 * Control characters but for tab and line feed, marks of direction, and characters without width. Joiners of emoji
 * stay.
 */
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;

const codeOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

const AROUND = new RegExp(`(${HIDDEN.source})`, 'u');

/**
 * The text in parts that are harmless to show: every second one is the code point of a character that cannot be shown.
 */
export const partsOf = (text: string): readonly string[] =>
  text.split(AROUND).map((part, i) => (i % 2 === 0 ? part : codeOf(part)));
