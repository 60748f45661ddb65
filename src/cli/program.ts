// From the words that were typed to a command with its arguments and options, by commander: also help, what is refused
// and what was meant by it. Only the command that was called is loaded; the others are known by their summary alone.
// Commander's refusals become errors like any other.
import { CommanderError, Option, Command as Program } from 'commander';
import type { CommandEntry } from '../commands/index.ts';
import type { Command } from '../commands/shared/command.ts';
import {
  type Entry,
  isArgument,
  isOption,
  type Options,
  type Typed,
  typedIn,
} from '../commands/shared/options.ts';
import { version } from '../commands/version.ts';
import { JobrunError } from '../support/errors.ts';
import { COLORS, commandAt, DASHBOARD, ENTRIES, entryOf, GENERAL_OPTIONS } from './entries.ts';

export interface Parsed {
  readonly command: Command;
  /** The typed texts, by the names of the fields. */
  readonly typed: Typed<Options>;
  /** The general ones, wherever they stood. */
  readonly general: Readonly<Record<string, unknown>>;
}

const GENERAL = 'General options:';

/** Null where all was said by printing help or the version. Throws `bad-option`. */
export async function parse(argv: readonly string[]): Promise<Parsed | null> {
  const { before, after } = atDashes(argv);
  const words = withDefaultCommand(withoutHelpCommand(before));
  // The file with the version is read only if the version is asked for.
  const program = makeProgram(words.some(isAnswered) ? version() : '');
  const word = commandWord(words);
  const entry = word === undefined ? undefined : entryOf(word);
  const command = (await entry?.load()) ?? null;
  // The others are there for the help, and to be suggested.
  const isOne = command && !words.some(isAnswered);
  const subprograms = new Map(
    ENTRIES.filter((one) => !isOne || one === entry).map((one) => [one, addEntry(program, one)]),
  );
  const own = entry && subprograms.get(entry);
  const shared = command && own ? define(command, own) : [];
  const takesRest = command !== null && takesCommand(command);
  const rest = after && !takesRest ? ['--', ...after] : [];
  try {
    program.parse([...words, ...rest], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    // No command, and no option that is none.
    if (error.code === 'commander.help') return help(program);
    throw refused(error, command?.name, own);
  }
  if (!command || !own) return null;
  const given = { ...own.opts(), ...(after && takesRest && { command: after }) };
  const general = { ...program.opts(), ...those(shared, given) };
  return { command, typed: typedIn(command.options, own.args, given), general };
}

/** Words after `--` are no options of ours. */
export function atDashes(argv: readonly string[]): {
  readonly before: readonly string[];
  readonly after: readonly string[] | null;
} {
  const at = argv.indexOf('--');
  if (at < 0) return { before: argv, after: null };
  return { before: argv.slice(0, at), after: argv.slice(at + 1) };
}

/** True where the words after `--` are a program and its arguments. */
const takesCommand = ({ options }: Command): boolean => 'command' in options;

const those = (names: readonly string[], of: Parsed['general']): Parsed['general'] =>
  Object.fromEntries(names.map((name) => [name, of[name]]).filter(isSet));

const isSet = ([, value]: readonly unknown[]): boolean => value !== undefined;

/** Gives the command its options and the general ones. Returns the names of the general ones. */
export function define(command: Command, own: Program): readonly string[] {
  own.description(command.about);
  if (takesCommand(command)) own.usage('[options] [job] [-- command...]');
  for (const entry of Object.values(command.options)) {
    if (isArgument(entry)) own.argument(entry.words, entry.about);
    else if (isOption(entry)) own.addOption(optionOf(entry));
  }
  const examples = command.examples.map((line) => `  jobrun ${line}`).join('\n');
  if (examples !== '') own.addHelpText('after', `\nExamples:\n${examples}`);
  const shared = generalOptions();
  for (const option of shared) own.addOption(option);
  return shared.map((option) => option.attributeName());
}

function makeProgram(version: string): Program {
  const program = new Program('jobrun');
  program
    .description('Background jobs for Node.js: schedule, watch, abort and resume them.')
    .usage('[options] <command>')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (own) => [own.name(), ...own.aliases()].join(', ') })
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .addHelpText('after', '\nEach command has its own help with examples: jobrun schedule --help');
  for (const option of generalOptions()) program.addOption(option);
  return program;
}

function addEntry(program: Program, entry: CommandEntry): Program {
  const { name, aliases = [], summary, group } = entry;
  const own = program.command(name).description(summary).summary(summary).helpGroup(group);
  return own.aliases(aliases).action(() => undefined);
}

function optionOf(entry: Entry): Option {
  const { words, about, fallback, kind } = entry;
  const option = new Option(words, about);
  if (fallback !== undefined) option.default(String(fallback));
  if (kind.many && !option.variadic)
    option.argParser((text, before: readonly string[] = []) => [...before, text]);
  return option;
}

export const generalOptions = (): readonly Option[] =>
  Object.values(GENERAL_OPTIONS).map((entry) => {
    const option = optionOf(entry).helpGroup(GENERAL);
    return entry === GENERAL_OPTIONS.color ? option.choices(COLORS) : option;
  });

const commandWord = (words: readonly string[]): string | undefined => words[commandAt(words)];

/** `jobrun help list` is `jobrun list --help`, and `jobrun version` is `jobrun --version`. */
function withoutHelpCommand(argv: readonly string[]): readonly string[] {
  const at = commandAt(argv);
  if (argv[at] === 'version') return [...argv.slice(0, at), ...argv.slice(at + 1), '--version'];
  return argv[at] === 'help' ? [...argv.slice(0, at), ...argv.slice(at + 1), '--help'] : argv;
}

/** `jobrun` alone is the dashboard, where there is a terminal to show it. */
function withDefaultCommand(words: readonly string[]): readonly string[] {
  if (commandWord(words) !== undefined || words.some(isAnswered)) return words;
  // Node opens stdin with the first look at it.
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  return isTerminal ? [...words, DASHBOARD] : words;
}

const isAnswered = (word: string): boolean => ['-h', '--help', '-V', '--version'].includes(word);

function help(program: Program): null {
  program.outputHelp();
  return null;
}

const STATE_HINT =
  'The state folder is --state-dir <folder>. --state is the filter of list and prune.';

/** The place to find an argument that was left out. */
const MISSING: Readonly<Record<string, string>> = {
  id: 'The ids of runs: jobrun list. ',
  name: 'The names of schedules: jobrun schedules. ',
  shell: 'For example: jobrun completion bash. ',
};

function refused(error: CommanderError, command?: string, own?: Program): JobrunError {
  const [what = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  if (/ '--state[='](?!dir)/.test(what))
    return new JobrunError('bad-option', what, STATE_HINT, error);
  const isAccount = /^unknown command 'log(?:in|out)'/.test(what);
  const suggestion = isAccount ? '' : rest.join(' ').replace(/^\(|\)$/g, '');
  const isOneTooMany = error.code === 'commander.excessArguments';
  const hasParams = own?.options.some(({ long }) => long === '--params') === true;
  const params =
    isOneTooMany && hasParams
      ? 'Params are given with -p name=text or --params JSON, a time with --at or --in. '
      : '';
  const [, missing = ''] = /^missing required argument '(.+)'/.exec(what) ?? [];
  const see = `${params}${MISSING[missing] ?? ''}See jobrun ${command ? `${command} ` : ''}--help`;
  return new JobrunError('bad-option', what, suggestion === '' ? see : suggestion, error);
}
