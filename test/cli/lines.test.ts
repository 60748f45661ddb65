// Thousands of command lines, made at random from the tables of the commands: each means what was put into it, however
// it is written, and each with a fault in it is refused by the name of that fault.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ENTRIES, GENERAL_OPTIONS } from '../../src/cli/entries.ts';
import { parse } from '../../src/cli/program.ts';
import {
  type Entry,
  flagsOf,
  isArgument,
  isOption,
  isVariadic,
  type Options,
  takesValue,
} from '../../src/commands/shared/options.ts';
import type { JobrunError } from '../../src/support/errors.ts';

afterEach(() => vi.restoreAllMocks());

const LINES_EACH = 100;
const TEXTS = ['x', '5', '', '-', '-5', 'a=b', 'b:=1', '/p q', 'list', '@f', 'ä€', '--json', '0'];
const PLAIN = TEXTS.filter((text) => !/^-./.test(text));

/** The same choices each time. */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(most: number): number {
    this.#state = (this.#state * 1103515245 + 12345) % 2147483648;
    return Math.floor((this.#state / 2147483648) * most);
  }

  of<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }
}

type Values = Record<string, unknown>;

/** Words, and what they stand for. */
interface Line {
  readonly before: string[];
  readonly after: string[];
  readonly typed: Values;
  readonly general: Values;
}

const optionsIn = (table: Options): [string, Entry][] =>
  Object.entries(table).filter(([, entry]) => isOption(entry) && !isVariadic(entry));

/** Writes an option in one of the ways in which it can be written, and notes what it says. */
function put([key, entry]: [string, Entry], chance: Chance, words: string[], values: Values): void {
  const flags = flagsOf(entry);
  const flag = chance.of(flags);
  if (!takesValue(entry)) {
    words.push(flag);
    values[key] = !flag.startsWith('--no-');
    return;
  }
  const text = key === 'color' ? chance.of(['auto', 'never']) : chance.of(TEXTS);
  const joined = flag.startsWith('--') ? `${flag}=${text}` : `${flag}${text}`;
  words.push(...(chance.below(2) === 0 && text !== '' ? [joined] : [flag, text]));
  values[key] = entry.kind.many ? [...((values[key] as string[]) ?? []), text] : text;
}

function lineOf(table: Options, chance: Chance): Line {
  const line: Line = { before: [], after: [], typed: {}, general: {} };
  for (const [key, entry] of optionsIn(table)) {
    if (entry.fallback !== undefined) line.typed[key] = String(entry.fallback);
    if (entry.words.startsWith('--no-')) line.typed[key] = true;
  }
  const general = optionsIn(GENERAL_OPTIONS);
  const own = optionsIn(table);
  if (chance.below(3) === 0) put(chance.of(general), chance, line.before, line.general);
  for (let left = chance.below(4); left > 0 && own.length > 0; left--)
    put(chance.of(own), chance, line.after, line.typed);
  if (chance.below(3) === 0) put(chance.of(general), chance, line.after, line.general);
  for (const [key, entry] of Object.entries(table)) {
    if (!isArgument(entry) || (entry.is !== 'needed' && chance.below(2) === 0)) continue;
    const texts = isVariadic(entry) ? [chance.of(PLAIN), chance.of(PLAIN)] : [chance.of(PLAIN)];
    line.typed[key] = isVariadic(entry) ? texts : texts[0];
    const isLast = chance.below(4) === 0;
    if (isLast && 'command' in table) {
      line.typed.command = [...texts, '--json', '--'];
      delete line.typed[key];
      line.after.push('--', ...texts, '--json', '--');
    } else if (isLast) line.after.push('--', ...texts);
    else if (chance.below(2) === 0) line.after.unshift(...texts);
    else line.after.push(...texts);
  }
  return line;
}

const refusal = (words: readonly string[]): Promise<JobrunError> =>
  parse(words).then(
    () => {
      throw new Error(`accepted: ${words.join(' ')}`);
    },
    (error) => error,
  );

describe.each(ENTRIES.map((entry) => [entry.name, entry] as const))('%s', (name, entry) => {
  const seeded = (): Chance => new Chance(name.length * 7919 + name.charCodeAt(1));

  test('means what was put into it', async () => {
    const command = await entry.load();
    const chance = seeded();
    for (let i = 0; i < LINES_EACH; i++) {
      const { before, after, typed, general } = lineOf(command.options, chance);
      const word = chance.of([name, ...(entry.aliases ?? [])]);
      const words = [...before, word, ...after];
      const parsed = await parse(words);
      const said = words.map((one) => JSON.stringify(one)).join(' ');
      expect(parsed?.command.name, said).toBe(name);
      expect({ typed: parsed?.typed, general: parsed?.general }, said).toEqual({ typed, general });
    }
  });

  test('is refused by the name of its fault', async () => {
    const { options } = await entry.load();
    const chance = seeded();
    const all = Object.values(options);
    const needed = all.filter((one) => one.is === 'needed');
    const args = all.filter(isArgument);
    for (let i = 0; i < LINES_EACH / 4; i++) {
      const { before, after } = lineOf(options, chance);
      const cut = after.includes('--') ? after.slice(0, after.indexOf('--')) : after;
      const words = [...before, name, ...cut];
      const unknown = await refusal([...words, '--nonsense']);
      expect([unknown.code, unknown.message]).toEqual([
        'bad-option',
        "unknown option '--nonsense'",
      ]);
      const [, valued] = chance.of(optionsIn({ ...options, ...GENERAL_OPTIONS }));
      if (!takesValue(valued)) continue;
      const bare = await refusal([...words, flagsOf(valued)[0] ?? '']);
      expect(bare.message).toBe(`option '${valued.words}' argument missing`);
    }
    for (const { words } of needed) {
      const missing = await refusal([name]);
      expect(missing.message).toBe(
        `missing required argument '${words.replace(/[<>]|\.\.\./g, '')}'`,
      );
    }
    if (args.some(isVariadic)) return;
    const many = await refusal([name, ...args.map(() => '1'), 'more']);
    expect(many.message).toMatch(new RegExp(`^too many arguments for '${name}'`));
    expect(many.hint).toMatch(`See jobrun ${name} --help`);
    expect(many.hint.includes('Params are given with -p')).toBe('texts' in options);
  });
});

test.each([
  ['list --color blue', "option '--color <when>' argument 'blue' is invalid."],
  ['list --limt 5', "unknown option '--limt'"],
  ['list --json=yes', "unknown option '--json=yes'"],
  ['--nonsense list', "unknown option '--nonsense'"],
  ['frobnicate', "unknown command 'frobnicate'"],
])('%s: %s', async (line, message) => {
  const error = await refusal(line.split(' '));
  expect(error.message).toContain(message);
  expect(error.code).toBe('bad-option');
});

test.each([
  ['list -qv', { general: { quiet: true, verbose: true } }],
  [
    'schedule mail --after 1 2 -p a=1 -p b=2',
    { typed: { after: ['1', '2'], texts: ['a=1', 'b=2'] } },
  ],
  ['run -- mail', { typed: { command: ['mail'] } }],
  ['daemon --no-watch', { typed: { watch: false } }],
  ['daemon', { typed: { watch: true } }],
  ['logs -fn5 12', { typed: { follow: true, last: '5', id: '12' } }],
])('%s', async (line, meant) => {
  expect(await parse(line.split(' '))).toMatchObject(meant);
});
