// From words to a command: where options may stand, what is refused, and what every help says.
import { afterEach, expect, test, vi } from 'vitest';
import { ENTRIES } from '../../src/cli/entries.ts';
import { parse } from '../../src/cli/program.ts';
import { COMMANDS } from '../../src/commands/index.ts';

afterEach(() => vi.restoreAllMocks());

function printed(): () => string {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  return () => text;
}

const words = (text: string): string[] => text.split(' ');

test.each([
  'list --json --dir /p --job mail',
  '--json --dir /p list --job mail',
  '--dir=/p ls --job mail --json',
])('general options may stand before and after the command: %s', async (line) => {
  const parsed = await parse(words(line));
  expect(parsed?.command.name).toBe('list');
  expect(parsed?.general).toMatchObject({ json: true, dir: '/p' });
  expect(parsed?.typed.job).toBe('mail');
});

test.each(['--state-dir /s list --state failed', 'list --state failed --state-dir=/s'])(
  '--state-dir is the folder and --state the filter, wherever they stand: %s',
  async (line) => {
    const parsed = await parse(words(line));
    expect(parsed?.general.stateDir).toBe('/s');
    expect(parsed?.general.state).toBeUndefined();
    expect(parsed?.typed.states).toBe('failed');
  },
);

test.each([
  '--state /s list',
  '--state=/s list',
  '--json --state list list',
  'show 1 --state /s',
  '--state /s',
])('--state where a folder was meant is refused, and --state-dir is named: %s', async (line) => {
  const error = await parse(words(line)).catch((thrown) => thrown);
  expect(error.code).toBe('bad-option');
  expect(error.hint).toContain('--state-dir <folder>');
});

test('no command has an option that is called like a general one', async () => {
  for (const name of ENTRIES.map((entry) => entry.name)) {
    printed();
    await expect(parse([name, '--help'])).resolves.toBeNull();
    vi.restoreAllMocks();
  }
});

test.each([
  ['frobnicate', 'frobnicate'],
  ['lits', 'list'],
  ['schedule hello --nonsense', '--nonsense'],
  ['schedule hello --prioritty 3', '--priority'],
  ['show', 'id'],
  ['show 1 2', 'too many'],
  ['run hello {"name":"Ada"}', '--params'],
  ['list --color blue', 'blue'],
])('%s is refused as wrong usage, and says %s', async (line, says) => {
  const error = await parse(words(line)).catch((thrown) => thrown);
  expect(error.code).toBe('bad-option');
  expect(`${error.message} ${error.hint}`).toContain(says);
  expect(error.hint).not.toBe('');
});

test('no words, --help and help print the same help', async () => {
  const helps: string[] = [];
  for (const line of [[], ['--help'], ['help']]) {
    const text = printed();
    expect(await parse(line)).toBeNull();
    helps.push(text());
    vi.restoreAllMocks();
  }
  expect(new Set(helps).size).toBe(1);
  for (const { name } of COMMANDS) expect(helps[0]).toMatch(new RegExp(`^ +${name}\\b`, 'm'));
});

test.each([...COMMANDS.map(({ name }) => name), 'daemon'])(
  'the help of %s says what it does, with examples',
  async (name) => {
    const text = printed();
    expect(await parse([name, '--help'])).toBeNull();
    const examples = text().split(`jobrun ${name}`).length - 1;
    vi.restoreAllMocks();
    expect(examples).toBeGreaterThanOrEqual(3);
    expect(text()).toContain('Examples:');
    expect(text()).toContain('--json');
  },
);
