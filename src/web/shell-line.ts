// The `jobrun …` line that does what a button does: to copy, and to learn the command line by.
import { shellQuoted } from '../support/text.ts';

const SAFE = /^[\w@%+=:,./#-]+$/;

/** A word of a shell: quoted where the shell would read something into it. */
const word = (text: string): string =>
  SAFE.test(text) && !text.startsWith('#') ? text : shellQuoted(text);

/** `jobrun abort 12 --grace 0ms`; what is null, undefined or false is left out. */
export const shellLine = (
  ...words: readonly (string | number | null | undefined | false)[]
): string =>
  ['jobrun', ...words.filter((one) => one !== null && one !== undefined && one !== false)]
    .map((one) => word(String(one)))
    .join(' ');
