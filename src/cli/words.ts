// Words that are plain, as most are: a command, options that it has, each written out with a value where it takes one.
// What is read here means the same to commander, or it is left to commander: help, a typing error, several short
// options in one. Of the commands only the one that was called is loaded.
import type { Command, Syntax } from '../commands/command.ts';
import { type CommandEntry, entryOf } from './entries.ts';

export interface Parsed {
  readonly command: Command;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  /** The general ones, wherever they stood. */
  readonly general: Readonly<Record<string, unknown>>;
}

interface Option {
  /** `-q`, `--quiet`. */
  readonly names: readonly string[];
  /** Its name in code. */
  readonly key: string;
  readonly takesValue: boolean;
  readonly choices?: readonly string[] | undefined;
  readonly fallback?: unknown;
  readonly gather?: ((value: string, before: never) => unknown) | undefined;
}

type Values = Record<string, unknown>;

export const COLORS = ['auto', 'always', 'never'];

/** Flags, what for, and, where not everything goes, what does. */
export const GENERAL_OPTIONS: readonly (readonly [string, string, (readonly string[])?])[] = [
  ['--dir <project>', 'the project; default: the nearest with jobs/ or a config'],
  ['--state-dir <folder>', 'the state folder; default: state/ in the project'],
  ['--json', 'print JSON'],
  ['-q, --quiet', 'print ids only'],
  ['-v, --verbose', 'say more, with stacks of errors'],
  ['--color <when>', 'when to use colour', COLORS],
];

/** Those of the general options that take a value, to find the command among the words. */
export const WITH_VALUE: ReadonlySet<string> = new Set(
  GENERAL_OPTIONS.flatMap(([flags]) => /^(--[\w-]+) </.exec(flags)?.[1] ?? []),
);

/** Where the command stands; -1 where none does. */
export const commandAt = (words: readonly string[]): number =>
  words.findIndex((word, i) => !word.startsWith('-') && !WITH_VALUE.has(words[i - 1] ?? ''));

/** Null where there is anything that is not plain. */
export async function readPlain(argv: readonly string[]): Promise<Parsed | null> {
  const at = commandAt(argv);
  const entry: CommandEntry | undefined = entryOf(argv[at] ?? '');
  if (!entry) return null;
  const generals = GENERAL_OPTIONS.map(([flags, , choices]) => optionOf(flags, { choices }));
  const before = read(argv.slice(0, at), generals);
  if (!before || before.args.length > 0) return null;
  const command = await entry.load();
  const defined = new Defined();
  command.define(defined);
  const own = read(argv.slice(at + 1), [...defined.options, ...generals]);
  if (!own || !defined.isPlain || !defined.takes(own.args.length)) return null;
  const general = { ...before.values, ...those(generals, own.values) };
  return {
    command,
    args: own.args,
    options: { ...defined.fallbacks(), ...general, ...own.values },
    general,
  };
}

const those = (options: readonly Option[], of: Values): Values =>
  Object.fromEntries(options.flatMap(({ key }) => (key in of ? [[key, of[key]]] : [])));

function read(
  words: readonly string[],
  options: readonly Option[],
): { args: string[]; values: Values } | null {
  const args: string[] = [];
  const values: Values = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!isDashed(word)) {
      args.push(word);
      continue;
    }
    const [, long, joined] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const option = options.find(({ names }) => names.includes(long ?? word));
    if (!option || (long !== undefined && !option.takesValue)) return null;
    if (!option.takesValue) values[option.key] = true;
    else {
      const value = joined ?? words[++i];
      if (!isValue(value, option)) return null;
      values[option.key] = option.gather?.(value, values[option.key] as never) ?? value;
    }
  }
  return { args, values };
}

/** `-` alone is a word like any other: it stands for stdin. */
const isDashed = (word: string): boolean => word.startsWith('-') && word !== '-';

const isValue = (value: string | undefined, { choices }: Option): value is string =>
  value !== undefined && !isDashed(value) && (!choices || choices.includes(value));

const PLAIN_FLAGS = /^(?:(-\w), )?--(?!no-)([a-z-]+)(?: <[^>.]+>)?$/;

function optionOf(flags: string, more: Pick<Option, 'choices' | 'fallback' | 'gather'>): Option {
  const [, short, long = ''] = PLAIN_FLAGS.exec(flags) ?? [];
  return {
    names: short === undefined ? [`--${long}`] : [short, `--${long}`],
    key: long.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    takesValue: flags.includes('<'),
    ...more,
  };
}

/** What a command defines, as far as it is plain. */
class Defined implements Syntax {
  readonly options: Option[] = [];
  isPlain = true;
  #least = 0;
  #most = 0;

  description(): this {
    return this;
  }

  addHelpText(): this {
    return this;
  }

  argument(name: string): this {
    if (name.startsWith('<')) this.#least++;
    this.#most += name.includes('...') ? Number.POSITIVE_INFINITY : 1;
    return this;
  }

  option(flags: string, _about: string, more?: unknown): this {
    // One of several values is not plain where it is used; one that is there unless it is switched off always is not.
    const gather = typeof more === 'function' ? (more as Option['gather']) : undefined;
    if (!PLAIN_FLAGS.test(flags)) {
      if (flags.includes('--no-') || (more !== undefined && !gather)) this.isPlain = false;
      return this;
    }
    this.options.push(optionOf(flags, gather ? { gather } : { fallback: more }));
    return this;
  }

  takes(args: number): boolean {
    return args >= this.#least && args <= this.#most;
  }

  fallbacks(): Values {
    const given = this.options.filter(({ fallback }) => fallback !== undefined);
    return Object.fromEntries(given.map(({ key, fallback }) => [key, fallback]));
  }
}
