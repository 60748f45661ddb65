// The options that every command has, wherever they stand among the words.
import { flagsOf, shellFlag, shellOption, takesValue } from '../commands/shared/options.ts';

export const COLORS = ['auto', 'always', 'never'];

export const GENERAL_OPTIONS = {
  dir: shellOption(
    '--dir <project>',
    'the project; default: the nearest with jobs/ or a config',
    'files',
  ),
  stateDir: shellOption(
    '--state-dir <folder>',
    'the state folder; default: state/ in the project',
    'files',
  ),
  json: shellFlag('--json', 'print JSON'),
  quiet: shellFlag('-q, --quiet', 'print ids only'),
  verbose: shellFlag('-v, --verbose', 'say more, with stacks of errors'),
  color: shellOption('--color <when>', 'when to use colour', { values: COLORS }),
};

/** Those of the general options that take a value, to find the command among the words. */
export const WITH_VALUE: ReadonlySet<string> = new Set(
  Object.values(GENERAL_OPTIONS).filter(takesValue).flatMap(flagsOf),
);

/** Returns the position of the command; -1 if there is none. */
export const commandAt = (words: readonly string[]): number =>
  words.findIndex((word, i) => !word.startsWith('-') && !WITH_VALUE.has(words[i - 1] ?? ''));
