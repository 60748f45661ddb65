// Plain words are read without commander. It has the last word: whatever is read as plain has to mean the same to it,
// and what it refuses, or answers itself, is not plain.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ENTRIES } from '../../src/cli/entries.ts';
import { parseAny } from '../../src/cli/program.ts';
import { readPlain } from '../../src/cli/words.ts';
import type { Syntax } from '../../src/commands/command.ts';

afterEach(() => vi.restoreAllMocks());

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

/** The same numbers each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
}

const VALUES = [
  'x',
  '5',
  '',
  '-',
  '-5',
  '--',
  'a=b',
  'b:=1',
  '--json',
  'auto',
  '/p q',
  'list',
  '@f',
];
const COMMON = [
  '--json',
  '-q',
  '-v',
  '--color',
  '--dir',
  '--state-dir',
  '--state',
  '--verbose',
  '--quiet',
  '-h',
];

interface Told {
  /** Arguments that it must have. */
  readonly least: string[];
  readonly options: { readonly flag: string; readonly takesValue: boolean }[];
}

async function syntaxOf(entry: (typeof ENTRIES)[number]): Promise<Told> {
  const { least, options }: Told = { least: [], options: [] };
  const told: Syntax = {
    description: () => told,
    argument: (name: string) => {
      if (name.startsWith('<')) least.push('1');
      return told;
    },
    addHelpText: () => told,
    option: (given: string) => {
      const takesValue = given.includes('<');
      for (const flag of given.replace(/ <.*/, '').split(', ')) options.push({ flag, takesValue });
      return told;
    },
  };
  (await entry.load()).define(told);
  return { least, options };
}

async function both(argv: readonly string[]): Promise<[unknown, unknown]> {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const full = await parseAny(argv).catch(() => 'refused');
  return [await readPlain(argv), full];
}

describe('plain words', () => {
  test.each(ENTRIES.map((entry) => [entry.name, entry] as const))(
    'of %s mean what they mean to commander',
    async (name, entry) => {
      const chance = numbers(name.length * 7919);
      const any = (from: readonly string[]): string => from[chance(from.length)] ?? '';
      const { options } = await syntaxOf(entry);
      const flags = [...options.map(({ flag }) => flag), ...COMMON];
      const word = (from: readonly string[]): string[] => {
        const kind = chance(8);
        if (kind < 3) return [any(VALUES)];
        const flag = any(from);
        if (kind < 5) return [flag];
        return kind < 7 ? [flag, any(VALUES)] : [`${flag}=${any(VALUES)}`];
      };
      let plain = 0;
      for (let i = 0; i < 400; i++) {
        const before = chance(3) === 0 ? word(COMMON) : [];
        const after = Array.from({ length: chance(4) }, () => word(flags)).flat();
        const argv = [...before, entry.alias && chance(2) ? entry.alias : name, ...after];
        const [read, full] = await both(argv);
        if (read === null) continue;
        plain++;
        expect(read, argv.join(' ')).toEqual(full);
      }
      if (name !== 'daemon') expect(plain).toBeGreaterThan(20);
    },
  );

  // One that stopped being plain would be read right, and take twice as long.
  test('each option of each command is plain, but those of the daemon and what takes several values', async () => {
    const left: string[] = [];
    for (const entry of ENTRIES.filter(({ name }) => name !== 'daemon')) {
      const { least, options } = await syntaxOf(entry);
      for (const { flag, takesValue } of options) {
        const argv = [entry.name, ...least, flag, ...(takesValue ? ['1'] : [])];
        if ((await readPlain(argv)) === null) left.push(`${entry.name} ${flag}`);
      }
    }
    expect(left).toEqual(['schedule --after', 'run --after']);
  });

  test.each([
    'list',
    '--dir /p ls --json --state failed,done',
    'schedule mail -p to=a -p subject:=1 --in 5s --dry-run',
    'schedule mail --params -',
    'abort 1 2 3 --reason=tired -y',
  ])('%s is plain', async (line) => {
    const [read, full] = await both(words(line));
    expect(read).not.toBeNull();
    expect(read).toEqual(full);
  });

  test.each([
    '',
    '--help',
    'list --help',
    'help list',
    'list -qv',
    'list -- x',
    'list --nonsense',
    'list --color blue',
    'list --limit',
    'show',
    'show 1 2',
    'schedule mail --after 1 2',
    'daemon',
  ])('"%s" is left to commander', async (line) => {
    expect(await readPlain(words(line))).toBeNull();
  });
});
