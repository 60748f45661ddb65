// What reaches the terminal: harmless, as wide as it is, and nothing but the document where JSON was asked for.
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { Output, type OutputOptions, paint, paintState } from '../../src/commands/shared/output.ts';
import { JobrunError } from '../../src/support/errors.ts';

interface Caught {
  readonly out: Output;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

function caught(
  more: Partial<OutputOptions> = {},
  terminal: { isTTY?: boolean; columns?: number } = {},
): Caught {
  let [stdout, stderr] = ['', ''];
  const out = new Output({
    stdout: { ...terminal, write: (text: string) => (stdout += text) },
    stderr: { ...terminal, write: (text: string) => (stderr += text) },
    json: false,
    quiet: false,
    verbose: false,
    color: 'auto',
    env: {},
    timezone: () => 'UTC',
    now: () => 0,
    ...more,
  });
  return { out, stdout: () => stdout, stderr: () => stderr };
}

const NASTY = 'a\u001b[31mred\u001b[0m\u001b]0;title\u0007\rb\u0000\u009b2J\u202ec\nd';

test('what a job wrote can neither colour, nor move the cursor, nor break the line', () => {
  const { out, stdout, stderr } = caught({ color: 'always' });
  out.line`${NASTY}`;
  out.note`${NASTY}`;
  out.table([{ title: 'X' }], [[NASTY]]);
  expect(stdout()).toContain('aredb2Jc d\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const bad = /[\u0000-\u0009\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202e]/;
  expect(stripVTControlCharacters(stdout())).not.toMatch(bad);
  expect(stderr()).toBe('aredb2Jc d\n');
});

test('JSON holds the same text, but nothing that a terminal acts on', () => {
  const { out, stdout } = caught({ json: true });
  out.document({ text: NASTY });
  expect(JSON.parse(stdout())).toEqual({ text: NASTY });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(stdout()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
});

test('a wide table is cut to the terminal, the flexible column first, by real widths', () => {
  const { out, stdout } = caught({}, { columns: 30 });
  out.table(
    [{ title: 'ID', right: true }, { title: 'TEXT', flex: true }, { title: 'END' }],
    [
      ['1', '数据导入数据导入数据导入数据导入', 'done'],
      ['12', 'short', 'x'],
    ],
  );
  expect(stdout().split('\n')).toEqual([
    'ID  TEXT                  END',
    ' 1  数据导入数据导入数…   done',
    '12  short                 x',
    '',
  ]);
});

test('a table that goes to a program is whole, and one long text fills no other row with blanks', () => {
  const columns = [{ title: 'ID' }, { title: 'TEXT', flex: true }, { title: 'END' }];
  const long = 'x'.repeat(3000);
  const rows = [
    ['1', long, 'done'],
    ['2', 'short', 'failed'],
  ];
  const piped = caught();
  piped.out.table(columns, rows);
  expect(piped.stdout()).toContain(`1   ${long}  done\n`);
  expect(piped.stdout()).not.toContain('…');
  expect(piped.stdout().length).toBeLessThan(3400);
  // Whoever says how wide it may be gets that, and a terminal that does not say so has 80 columns.
  for (const cut of [caught({ env: { COLUMNS: '80' } }), caught({}, { isTTY: true })]) {
    cut.out.table(columns, rows);
    expect(
      Math.max(
        ...cut
          .stdout()
          .split('\n')
          .map((line) => stripVTControlCharacters(line).length),
      ),
    ).toBe(80);
  }
});

test('progress is one line that is drawn over in a terminal, and a line every ten seconds in a pipe', () => {
  let now = 0;
  const half = { percent: 50, text: 'half\u001b[2J' };
  const screen = caught({ now: () => now }, { isTTY: true, columns: 40 });
  screen.out.progress(half);
  screen.out.line`a line`;
  screen.out.progress({ percent: 100, text: null });
  screen.out.progress(null);
  const bar = '[==========>         ] 50% half';
  const clear = '\r\u001b[K';
  expect(screen.stdout()).toBe('a line\n');
  expect(screen.stderr()).toBe(`${bar}${clear}${bar}${clear}[====================] 100%${clear}`);

  const pipe = caught({ now: () => now });
  pipe.out.progress(half);
  now = 9_999;
  pipe.out.progress(half);
  expect(pipe.stderr()).toBe('');
  now = 10_000;
  pipe.out.progress(half);
  pipe.out.progress(null);
  expect(pipe.stderr()).toBe('50% half\n');
  for (const silent of [
    caught({ json: true }, { isTTY: true }),
    caught({ quiet: true }, { isTTY: true }),
  ]) {
    silent.out.progress(half);
    expect(silent.stderr()).toBe('');
  }
});

test.each([
  [0, '>                   '],
  [0.1, '=>                  '],
  [99.9, '===================>'],
  [100, '===================='],
])('a bar is empty only at 0 and full only at 100 percent: %d', (percent, bar) => {
  const { out, stderr } = caught({}, { isTTY: true });
  out.progress({ percent, text: null });
  expect(stderr()).toBe(`[${bar}] ${Math.floor(percent)}%`);
});

test('an empty table prints nothing', () => {
  const { out, stdout } = caught();
  out.table([{ title: 'ID' }], []);
  expect(stdout()).toBe('');
});

test.each<[string, Partial<OutputOptions>, boolean, boolean]>([
  ['a terminal', {}, true, true],
  ['no terminal', {}, false, false],
  ['NO_COLOR', { env: { NO_COLOR: '1' } }, true, false],
  ['an empty NO_COLOR', { env: { NO_COLOR: '' } }, true, true],
  ['FORCE_COLOR', { env: { FORCE_COLOR: '1' } }, false, true],
  ['FORCE_COLOR=0', { env: { FORCE_COLOR: '0' } }, true, false],
  ['a dumb terminal', { env: { TERM: 'dumb' } }, true, false],
  ['--color always', { color: 'always', env: { NO_COLOR: '1' } }, false, true],
  ['--color never', { color: 'never', env: { FORCE_COLOR: '1' } }, true, false],
])('colour with %s', (_, options, isTTY, colored) => {
  const { out, stdout } = caught(options, { isTTY });
  out.line`${paintState('failed')}`;
  expect(stdout()).toBe(colored ? '\u001b[31mfailed\u001b[0m\n' : 'failed\n');
});

test('--quiet prints ids only, and no talk', () => {
  const { out, stdout, stderr } = caught({ quiet: true });
  expect(out.done({ id: '4' }, ['4', '5'])).toBe(true);
  out.note`hello`;
  expect([stdout(), stderr()]).toEqual(['4\n5\n', '']);
});

test('an error says what and what to do; its stack only with --verbose', () => {
  const error = new JobrunError('unknown-job', 'no job x\u001b[2J', 'Did you mean y?');
  const { out, stderr } = caught();
  out.error(error);
  expect(stderr()).toBe('error: no job x\n  Did you mean y?\n');
  const loud = caught({ verbose: true });
  loud.out.error(error);
  expect(loud.stderr()).toMatch(/\n\s+at /);
});

test('with --json an error is one document with a hint, whatever it had', () => {
  const { out, stderr } = caught({ json: true });
  out.note`not this`;
  out.error(new JobrunError('internal', 'x', ''));
  expect(JSON.parse(stderr())).toEqual({
    error: { code: 'internal', message: 'x', hint: 'See jobrun --help.' },
  });
});

test('a painted text is made harmless before it is painted', () => {
  const { out, stdout } = caught({ color: 'always' });
  out.line`${paint('red', 'a\u001b[2Jb')}`;
  expect(stdout()).toBe('\u001b[31mab\u001b[0m\n');
});
