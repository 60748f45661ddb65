// Plain words are read without commander. It has the last word: whatever is read as plain has to mean the same to it,
// and what it refuses, or answers itself, is not plain.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ENTRIES } from '../../src/cli/entries.ts';
import { parseAny } from '../../src/cli/program.ts';
import { readPlain } from '../../src/cli/words.ts';
import type { Definition } from '../../src/commands/command.ts';

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
const COMMON = ['--json', '-q', '-v', '--color', '--dir', '--state', '--verbose', '--quiet', '-h'];

async function flagsOf(entry: (typeof ENTRIES)[number]): Promise<string[]> {
  const flags: string[] = [];
  const told: Definition = {
    description: () => told,
    argument: () => told,
    addHelpText: () => told,
    option: (given: string) => {
      flags.push(...given.replace(/ <.*/, '').split(', '));
      return told;
    },
  };
  (await entry.load()).define(told);
  return flags;
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
      const flags = [...(await flagsOf(entry)), ...COMMON];
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
