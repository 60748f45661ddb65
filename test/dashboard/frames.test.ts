// The picture as lines of text: every line exactly as wide as the screen, at every size; nothing that a job wrote can
// move a column or act on the terminal.
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import { describe, expect, it, test } from 'vitest';
import { formFor } from '../../src/dashboard/form.ts';
import { layoutFor } from '../../src/dashboard/layout.ts';
import { EMPTY, lineOf } from '../../src/dashboard/line.ts';
import type { Model, Screen } from '../../src/dashboard/model.ts';
import type { Detail } from '../../src/dashboard/replies.ts';
import { tame, textWidth, wrap } from '../../src/dashboard/rows.ts';
import { nextTickMs } from '../../src/dashboard/scene.ts';
import { themeFor } from '../../src/dashboard/theme.ts';
import { NARROW } from '../../src/support/graphemes.ts';
import {
  ASCII,
  COLORED,
  listWith,
  modelWith,
  NOW,
  PLAIN,
  rowOf,
  runViewOf,
  statusWith,
} from '../helpers/models.ts';
import { frame } from '../helpers/screens.ts';

const SIZES = [
  { columns: 60, rows: 15 },
  { columns: 80, rows: 24 },
  { columns: 99, rows: 19 },
  { columns: 119, rows: 22 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 60 },
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OUR_COLOURS = /\u001b\[\d{1,2}m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ACTED_ON = /[\u0000-\u001f\u007f-\u009f\u202e]/;
const NASTY = 'a\u001b[2J\u001b]0;title\u0007\r\nb\u0000 漢字 👨‍👩‍👧 🇩🇪 ❤️ e\u0301 \u202egnp';

const RUNS = [
  rowOf(12),
  rowOf(11, { job: 'send-newsletter', percent: 14, text: '漢字 🚀 letters' }),
  rowOf(10, {
    percent: 0,
    text: NASTY,
    job: 'a-job-with-a-name-that-is-longer-than-any-column/of-ours',
  }),
  rowOf(9, { state: 'failed', settledAt: NOW - 60_000, error: NASTY }),
  rowOf(8, { state: 'scheduled', dueAt: NOW + 45_000, startedAt: null, schedule: 'nightly' }),
  rowOf(7, { state: 'done', settledAt: NOW - 3_600_000, text: '5,000 rows' }),
];

const detailOf = (i: number): Detail => ({
  kind: 'run',
  run: runViewOf(RUNS[i] as (typeof RUNS)[0]),
  attempts: [],
  results: {
    total: 2,
    results: [
      { sku: 'A-1001', result: 'updated' },
      { sku: 'A-1002', error: NASTY },
    ],
  },
});
const log = {
  id: '12',
  live: true,
  lines: [
    {
      at: '2026-11-22T18:42:03.000Z',
      level: 'info' as const,
      stream: 'log' as const,
      attempt: 1,
      text: 'row 2900 of 5000',
      fields: null,
    },
    {
      at: '2026-11-22T18:42:06.000Z',
      level: 'warn' as const,
      stream: 'log' as const,
      attempt: 1,
      text: NASTY,
      fields: { a: 1 },
    },
  ],
};

const SCREENS: readonly Screen[] = [
  { kind: 'list' },
  { kind: 'detail', scroll: 0 },
  { kind: 'log', back: 0, from: { kind: 'list' } },
  { kind: 'help', scroll: 0, from: { kind: 'list' } },
  { kind: 'filter', line: lineOf(NASTY) },
  {
    kind: 'ask',
    ask: { question: NASTY, answers: [], no: 'no' },
    from: { kind: 'detail', scroll: 0 },
  },
  {
    kind: 'due',
    id: '8',
    job: 'x',
    was: '2026-11-22 18:30:00',
    line: lineOf('tomorrow 9:00'),
    from: { kind: 'list' },
  },
  {
    kind: 'pick',
    line: EMPTY,
    at: 0,
    jobs: [{ name: 'x', state: 'ok', description: NASTY, file: NASTY, params: null }],
  },
  {
    kind: 'form',
    form: formFor({
      name: 'x',
      state: 'ok',
      description: null,
      file: 'jobs/x.ts',
      params: { type: 'object', properties: { [NASTY]: { type: 'string' } } },
    }),
  },
];

const LIST: Screen = { kind: 'list' };

const modelAt = (size: Model['size'], screen: Screen, more: Partial<Model> = {}): Model =>
  modelWith(size, listWith(RUNS), { detail: detailOf(0), screen, log, ...more });

describe('a frame', () => {
  for (const size of SIZES) {
    it(`fills ${size.columns}x${size.rows}, the last line too, on every screen and in every look`, () => {
      const { kind, listColumns } = layoutFor(size);
      for (const screen of SCREENS) {
        for (const theme of [PLAIN, COLORED, ASCII]) {
          const lines = frame(modelAt(size, screen), theme, NOW).map(stripVTControlCharacters);
          expect(lines.length, screen.kind).toBe(size.rows);
          expect(Math.max(...lines.map(textWidth)), screen.kind).toBeLessThanOrEqual(size.columns);
          expect(lines.at(-1)?.trim(), screen.kind).not.toBe('');
          if (kind !== 'wide' || screen.kind !== 'list') continue;
          const walls = lines.slice(4, -3).map((line) => line.search(/[│|]/));
          const ends = lines.slice(4, -3).map((line, i) => textWidth(line.slice(0, walls[i])));
          expect(ends).toEqual(ends.map(() => listColumns));
        }
      }
    });
  }

  it('holds nothing that a terminal acts on but our own colours', () => {
    for (const screen of SCREENS) {
      for (const line of frame(modelAt({ columns: 120, rows: 40 }, screen), COLORED, NOW)) {
        expect(line.replaceAll(OUR_COLOURS, '')).not.toMatch(ACTED_ON);
      }
    }
  });

  it('has no colour where none is wanted, and plain ASCII where the locale knows no more', () => {
    for (const screen of SCREENS) {
      const model = modelAt({ columns: 80, rows: 24 }, screen);
      expect(frame(model, PLAIN, NOW).join('')).not.toContain('\u001b');
      expect(frame(model, ASCII, NOW).join('')).toMatch(/^[\x20-\x7e]*$/);
      const asked = themeFor({ LANG: 'C.UTF-8', NO_COLOR: '1' }, { ascii: true });
      expect(frame(model, asked, NOW), '--ascii, in any terminal').toEqual(
        frame(model, ASCII, NOW),
      );
    }
  });

  it('reads and echoes a time in the zone of its own shell or config, whatever the daemon is in', () => {
    const size = { columns: 120, rows: 40 };
    const due = SCREENS.find((screen) => screen.kind === 'due') ?? SCREENS[0];
    const tokyo = { ...modelAt(size, due as Screen), timezone: 'Asia/Tokyo' };
    // 18:42 in London is 03:42 of the next day in Tokyo.
    const text = frame(tokyo, PLAIN, NOW).join('\n');
    expect(text).toContain('Mon 23 Nov 03:42');
    expect(text).toMatch(/runs Tue 24 Nov 2026 09:00 (JST|UTC\+09:00)/);
  });

  it('says in one line that the terminal is too small', () => {
    const [line, ...rest] = frame(modelAt({ columns: 59, rows: 20 }, LIST), PLAIN, NOW);
    expect([line, rest.join('')]).toEqual(['jobrun needs 60x15, this is 59x20', '']);
    expect(frame(modelAt({ columns: 10, rows: 1 }, { kind: 'list' }), PLAIN, NOW)[0]).toHaveLength(
      10,
    );
  });

  it('is at 80x24 as in the mock-up', () => {
    const few = modelWith({ columns: 80, rows: 24 }, listWith(RUNS.slice(0, 2)), { log });
    const lines = frame({ ...few, detail: detailOf(0) }, PLAIN, NOW);
    expect(lines.map((line) => line.trimEnd()).slice(0, 6)).toEqual([
      ' jobrun  shop-tasks  up 3d 4h  workers 3/4                     Sun 22 Nov 18:42',
      ' [1 Run 3] 2 Sched 3 3 Done 1,180 4 Err 9 5 All 1,195 6 Jobs 6 7 Cron 2',
      '─'.repeat(80),
      '    ID  JOB              STATE      PROGRESS             WHEN             TOOK',
      '>   12  import-products  running    ███████░░░░░  58%    18:39          2m 11s',
      '    11  send-newsletter  running    ██░░░░░░░░░░  14%    18:39          2m 11s',
    ]);
    expect(lines.at(-1)).toContain('a abort');
  });

  it('says of what waits for a retry which try comes, and its last error', () => {
    const retry = rowOf(8, {
      ...{ state: 'scheduled', startedAt: null, dueAt: NOW + 720_000 },
      error: 'the warehouse does not answer',
    });
    const lines = frame(modelWith({ columns: 120, rows: 40 }, listWith([retry])), PLAIN, NOW);
    expect(lines[5]).toMatch(/ scheduled {2}try 2 of 5: the ware/);
  });

  it('says what is wrong beside the clock, and shows meters from 120 columns on', () => {
    const status = statusWith({
      ...{ broken: ['x'], workers: { busy: 20, total: 20 } },
      counts: { ...statusWith().counts, queued: 1_000_000 },
    });
    const topOf = (columns: number, more: Partial<Model> = {}): readonly string[] =>
      frame(
        modelWith({ columns, rows: 40 }, listWith(RUNS), { status, ...more }),
        PLAIN,
        NOW,
      ).slice(0, 2);
    expect(topOf(120)[0]).toMatch(/v0\.4\.1 +1 broken {2}Sun 22 Nov 18:42$/);
    const meters = / workers █{20} 20\/20 {3}queued 1,000,000 {3}runs\/min .{16} 14/;
    expect(topOf(120)[1]).toMatch(new RegExp(`^${meters.source}   errors/min .{16} 0$`));
    expect(topOf(119)[1], 'a narrow one has none').toContain('1 Running');
    expect(topOf(60, { link: 'silent', silentSince: NOW })[0]).toMatch(/no answer since 18:42:07$/);
    for (const columns of [60, 80, 100, 120, 160]) {
      expect(Math.max(...topOf(columns).map(textWidth))).toBeLessThanOrEqual(columns);
    }
  });

  it('shows the log of the run that is open, and never that of another', () => {
    const textOf = (id: string, screen: Screen): string =>
      frame(modelAt({ columns: 80, rows: 24 }, screen, { log: { ...log, id } }), PLAIN, NOW).join();
    for (const screen of SCREENS.slice(0, 3)) {
      expect(textOf('12', screen), screen.kind).toContain('row 2900 of 5000');
      expect(textOf('11', screen), screen.kind).not.toContain('row 2900 of 5000');
    }
  });

  it('turns the row under the cursor around, but not its bar', () => {
    const lines = frame(modelAt({ columns: 80, rows: 24 }, { kind: 'list' }), COLORED, NOW);
    expect(lines.find((line) => line.includes('>   12'))).toMatch(
      new RegExp(
        '^E\\[7m> .*running {4}E\\[27mE\\[36m█+E\\[39m░+E\\[7m +58%.*E\\[27m$'.replaceAll(
          'E',
          '\u001b',
        ),
      ),
    );
  });

  it('says which lines of a long page are on the screen', () => {
    const at = (columns: number, rows: number, scroll: number): string =>
      frame(
        modelAt({ columns, rows }, { kind: 'help', scroll, from: SCREENS[0] as Screen }),
        PLAIN,
        NOW,
      ).at(-2) ?? '';
    expect(at(80, 24, 0)).toMatch(/^ lines 1-18 of \d+$/);
    expect(at(80, 24, 1000)).toMatch(/^ lines \d+-(\d+) of \1$/);
    expect(at(200, 60, 0)).toBe('');
  });

  it('looks the same in the same minute when nothing runs, so that nothing is drawn', () => {
    const idle = listWith(RUNS.slice(3, 4).concat(RUNS.slice(5)));
    const model = modelWith({ columns: 80, rows: 24 }, idle);
    expect(nextTickMs({ model, now: NOW })).toBe(53_000);
    expect(frame(model, PLAIN, NOW)).toEqual(frame(model, PLAIN, NOW + 50_000));
    expect(nextTickMs({ model: modelAt(model.size, LIST), now: NOW })).toBe(1000);
  });
});

describe('a text of a job', () => {
  it('is measured by its length only where each letter takes one column', () => {
    const letters = Array.from({ length: 0xffff }, (_, code) => String.fromCharCode(code));
    const narrow = letters.filter((letter) => NARROW.test(letter));
    expect(narrow.length).toBeGreaterThan(600);
    expect(narrow.filter((letter) => stringWidth(letter) !== 1)).toEqual([]);
    expect(NARROW.test('e\u0301')).toBe(false);
  });

  it('keeps to letters whose width all terminals agree on', () => {
    expect(tame('👨‍👩‍👧 🇩🇪 ❤️ 1️⃣ 👍🏽', PLAIN)).toBe('👨 DE ❤ 1 👍');
    expect(tame('a\u001b[31mb\tc\nd\u009b2J', PLAIN)).toBe('ab c d2J');
    expect(tame('漢字 ok', ASCII)).toBe('???? ok');
  });

  it('is broken into lines that fit', () => {
    const lines = wrap('one two three 漢字漢字漢字 four', 9, PLAIN);
    expect(lines.every((line) => textWidth(line) <= 9)).toBe(true);
    expect(lines.join('').replace(/ /g, '')).toBe('onetwothree漢字漢字漢字four');
  });
});

test('a list on a wide screen shows all that one on a screen of 80 columns shows', () => {
  const own = (columns: number): readonly string[] => {
    const size = { columns, rows: 40 };
    const { header } = layoutFor(size);
    const lines = frame(modelAt(size, LIST), PLAIN, NOW);
    return lines
      .slice(header + 1, header + 2 + RUNS.length)
      .map((line) => line.replace(/ *│.*| +$/, ''));
  };
  expect(own(120)).toEqual(own(80));
});

test('the line below a filter names the states that there are, where one is typed that there is not', () => {
  const states = 'states: scheduled, waiting, queued, running, done, failed, aborted';
  const below = (columns: number): string | undefined => {
    const screen: Screen = { kind: 'filter', line: lineOf('state:fooo') };
    return frame(modelAt({ columns, rows: 24 }, screen), PLAIN, NOW)
      .at(-1)
      ?.trim();
  };
  expect(below(120)).toBe(`there is no state "fooo"; ${states}`);
  expect(below(80)).toBe(states);
});
