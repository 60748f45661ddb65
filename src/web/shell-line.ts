// The `jobrun …` line that does what a button does: to copy, and to learn the command line by.
import { shellWord } from '../support/text.ts';

/** `jobrun abort 12 --grace 0ms`. */
export const shellLine = (...words: readonly string[]): string =>
  ['jobrun', ...words].map(shellWord).join(' ');
