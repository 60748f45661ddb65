// From the words that were typed to a command with its arguments and options. Commander takes as long to load as a
// tenth of a command: it is asked where the words are not plain, and it has the last word on them.
import { type Parsed, readPlain } from './words.ts';

/** Null where all was said by printing help or the version. Throws `bad-option`. */
export async function parse(argv: readonly string[]): Promise<Parsed | null> {
  const plain = await readPlain(argv);
  if (plain) return plain;
  const { parseAny } = await import('./program.ts');
  return parseAny(argv);
}
