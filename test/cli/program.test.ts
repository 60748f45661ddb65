// From words to a command: where options may stand, what is refused, and what every help says.
import { afterEach, expect, test, vi } from 'vitest';
import { parse } from '../../src/cli/parse.ts';
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
  expect(parsed?.options.job).toBe('mail');
});

test('after list, --state is the filter; before it, the folder', async () => {
  const parsed = await parse(words('--state /s list --state failed'));
  expect(parsed?.general.state).toBe('/s');
  expect(parsed?.options.state).toBe('failed');
  expect((await parse(words('show 1 --state /s')))?.general.state).toBe('/s');
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

test('a state folder before the command is no filter of its list, and a filter after it is no folder', async () => {
  const before = await parse(['--state', 'elsewhere', 'list', '--state', 'failed']);
  expect([before?.general.state, before?.options.state]).toEqual(['elsewhere', 'failed']);
  const alone = await parse(['--state', 'elsewhere', 'list', '--json']);
  expect([alone?.general.state, alone?.options.state]).toEqual(['elsewhere', undefined]);
  expect(alone?.options.json).toBe(true);
  const filter = await parse(['list', '--state', 'failed']);
  expect([filter?.general.state, filter?.options.state]).toEqual([undefined, 'failed']);
});
