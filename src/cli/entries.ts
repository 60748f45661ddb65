// All commands that a command line can name. They are those of commands/ and a few that live above them, because they
// are the daemon, the dashboard, or speak of the program itself. Also the options that every command has, wherever they
// stand among the words.
import { COMMANDS, type CommandEntry, PROJECT } from '../commands/index.ts';
import { flagsOf, shellFlag, shellOption, takesValue } from '../commands/shared/options.ts';

export type { CommandEntry };

export const DASHBOARD = 'dashboard';

const OWN: readonly CommandEntry[] = [
  {
    name: 'daemon',
    summary: 'Run the daemon in the foreground',
    group: PROJECT,
    load: async () => (await import('./daemon.ts')).daemon,
  },
  {
    name: DASHBOARD,
    aliases: ['top'],
    summary: 'Watch and control everything in the terminal',
    group: PROJECT,
    load: async () => (await import('./dashboard.ts')).dashboard,
  },
  {
    name: 'web',
    summary: 'Print the address of the web page, and open it',
    group: PROJECT,
    load: async () => (await import('./web.ts')).web,
  },
  {
    name: 'doctor',
    summary: 'Check and repair the state, lock, clock, disk and processes',
    group: PROJECT,
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'service',
    summary: 'Print a systemd unit for this project',
    group: PROJECT,
    load: async () => (await import('./service.ts')).service,
  },
  {
    name: 'completion',
    summary: 'Print a completion script for bash, zsh or fish',
    group: PROJECT,
    load: async () => (await import('./completion.ts')).completion,
  },
];

export const ENTRIES: readonly CommandEntry[] = [...COMMANDS, ...OWN];

/** The words that may stand after `jobrun` in a line. */
export const WORDS: readonly string[] = ENTRIES.flatMap(({ name, aliases = [] }) => [
  name,
  ...aliases,
]);

export const entryOf = (word: string): CommandEntry | undefined =>
  ENTRIES.find(({ name, aliases }) => word === name || aliases?.includes(word));

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
  verbose: shellFlag('-v, --verbose', 'print more, with the stacks of errors'),
  color: shellOption('--color <when>', 'when to use colour', { values: COLORS }),
};

/** Those of the general options that take a value, to find the command among the words. */
export const WITH_VALUE: ReadonlySet<string> = new Set(
  Object.values(GENERAL_OPTIONS).filter(takesValue).flatMap(flagsOf),
);

/** Returns the position of the command; -1 if there is none. */
export const commandAt = (words: readonly string[]): number =>
  words.findIndex((word, i) => !word.startsWith('-') && !WITH_VALUE.has(words[i - 1] ?? ''));
