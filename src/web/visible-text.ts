// Text from jobs and callers, as a page shows it. A browser does not run it, but characters that cannot be seen, or that turn
// the direction of writing, would make one text look like another: each of them is shown by its code point.

/** Control characters but for tab and line feed, marks of direction, and characters without width. Joiners of emoji stay. */
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;

export interface Part {
  readonly text: string;
  /** The text is the code point of a character that cannot be shown. */
  readonly isCode: boolean;
}

export const isPlain = (text: string): boolean => !HIDDEN.test(text);

export const codeOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** The text in parts, each of them harmless to show. */
export function partsOf(text: string): readonly Part[] {
  if (isPlain(text)) return [{ text, isCode: false }];
  return text.split(new RegExp(`(${HIDDEN.source})`, 'u')).flatMap((part): Part[] => {
    if (part === '') return [];
    return isPlain(part) ? [{ text: part, isCode: false }] : [{ text: codeOf(part), isCode: true }];
  });
}
