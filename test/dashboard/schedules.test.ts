// The Schedules list: its columns at each width, what the pane and the page tell, and what its keys ask.
import { describe, expect, it } from 'vitest';
import { askPause, askRemove } from '../../src/dashboard/asks.ts';
import { contextOf, jobOf, pausableOf } from '../../src/dashboard/context.ts';
import type { Model } from '../../src/dashboard/model.ts';
import type { List } from '../../src/dashboard/replies.ts';
import { nextTickMs } from '../../src/dashboard/scene.ts';
import type { ScheduleView } from '../../src/run/schedule.ts';
import { ASCII, modelWith, NOW, PLAIN } from '../helpers/models.ts';
import { frame } from '../helpers/screens.ts';

const HOUR = 3_600_000;
const iso = (ms: number): string => new Date(NOW + ms).toISOString();

const NIGHTLY: ScheduleView = {
  name: 'nightly-report',
  job: 'reports/daily',
  every: null,
  cron: '30 2 * * *',
  timezone: 'Asia/Tokyo',
  params: { region: 'eu' },
  catchUp: 'once',
  overlap: 'skip',
  paused: false,
  nextAt: iso(2 * HOUR),
  lastAt: iso(-22 * HOUR),
  lastRun: '41',
  next: [2, 26, 50, 74, 98].map((hours) => iso(hours * HOUR)),
  skipped: 3,
  state: 'ok',
  note: null,
  inFile: false,
};
const STOPPED: ScheduleView = {
  ...NIGHTLY,
  ...{ name: 'sync', job: 'sync', cron: null, timezone: null, nextAt: null, next: [] },
  ...{ state: 'stopped', inFile: true },
  note: 'nextRun gave null: no more runs until the job file changes',
};

function modelOf(
  all: readonly ScheduleView[],
  size: Model['size'],
  more: Partial<Model> = {},
): Model {
  const [first] = all;
  const detail = first ? { kind: 'schedule' as const, schedule: first } : null;
  const list: List = {
    ...{ total: all.length, offset: 0, at: null, complete: true },
    ...{ of: 'schedule', rows: all },
  };
  return modelWith(size, list, { tab: 'schedules', detail, ...more });
}

const SMALL = { columns: 80, rows: 24 };
const linesOf = (model: Model): string[] => frame(model, PLAIN, NOW).map((line) => line.trimEnd());

describe('the Schedules list', () => {
  it('shows each schedule with its job, rule, zone, next and last time at 80x24', () => {
    const lines = linesOf(modelOf([NIGHTLY, STOPPED], SMALL));
    expect(lines.slice(3, 6)).toEqual([
      '   NAME            JOB            RULE                   NEXT           LAST',
      '>  nightly-report  reports/daily  30 2 * * * Asia/Tokyo  in 2h          22h ago',
      ' ! sync            sync           as the job says        stopped        22h ago',
    ]);
    const pane = lines.slice(lines.findIndex((line) => line.startsWith('── nightly')));
    expect(pane.join('\n')).toMatch(/last +2026-11-21 20:42:07 +last run +41/);
    expect(pane.join('\n')).toMatch(/next +05:42:07, 2026-11-24 05:42:07, /);
    expect(pane.join('\n')).toContain('{"region":"eu"}');
    expect(lines.at(-1)).toContain('x remove');
  });

  it('says why one creates no runs, in the list where there is room and in its detail', () => {
    const wide = linesOf(modelOf([STOPPED, NIGHTLY], { columns: 200, rows: 40 })).join('\n');
    expect(wide).toMatch(/LAST +WHY/);
    expect(wide).toMatch(/stopped +22h ago +nextRun gave null/);
    expect(wide).toContain('! nextRun gave null');
    expect(wide).toContain('defined in its job file');
    expect(wide).not.toContain('x remove');
  });

  it('shows on a page of its own the next five times, in its own zone', () => {
    const open = modelOf([NIGHTLY], SMALL, { screen: { kind: 'detail', scroll: 0 } });
    const page = linesOf(open).join('\n');
    expect(page).toMatch(/next times, Asia\/Tokyo ─+\n 05:42:07 +in 2h\n/);
    expect(page.match(/05:42:07 +in /g)).toHaveLength(5);
    expect(page).toMatch(/overlap +skip +catch up +once/);
    // The list may have gone on to another schedule: keys are about the one that is open.
    const gone = { ...open, place: { ...open.place, index: 7 } };
    expect(pausableOf(gone)).toEqual({ kind: 'schedule', name: 'nightly-report', paused: false });
  });

  it.each([60, 80, 100, 120, 200])('stays within %i columns, in ASCII too', (columns) => {
    const long = { ...NIGHTLY, name: 'n'.repeat(90), job: '漢'.repeat(60), note: 'x'.repeat(400) };
    for (const rows of [15, 24, 40]) {
      const lines = frame(modelOf([long, STOPPED], { columns, rows }), ASCII, NOW);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/);
      expect(lines.join('\n')).toContain('30 2 * *');
    }
  });

  it('says how to make one where there is none', () => {
    expect(linesOf(modelOf([], SMALL))[4]).toContain('jobrun schedule <job> --every 1h');
  });

  it('counts seconds only when a time is near', () => {
    const soon = { ...NIGHTLY, nextAt: iso(45_000) };
    expect(nextTickMs({ model: modelOf([NIGHTLY], SMALL), now: NOW })).toBeGreaterThan(1000);
    expect(nextTickMs({ model: modelOf([soon], SMALL), now: NOW })).toBe(1000);
  });
});

describe('a key about a schedule', () => {
  it('pauses or resumes that schedule, not its job', () => {
    const paused = { ...NIGHTLY, paused: true, state: 'paused' as const };
    for (const [one, command] of [
      [NIGHTLY, 'pause'],
      [paused, 'resume'],
    ] as const) {
      const model = modelOf([one], SMALL);
      const [first] = askPause(pausableOf(model), false).answers;
      expect(first).toMatchObject({
        key: 'p',
        label: `${command} nightly-report`,
        request: { command, args: { schedule: 'nightly-report' } },
      });
      expect(jobOf(model), 's schedules a run of its job').toBe('reports/daily');
    }
  });

  it('removes it after a question, unless a job file defines it', () => {
    expect(askRemove(NIGHTLY)).toMatchObject({
      question: expect.stringContaining('Remove the schedule nightly-report?'),
      answers: [{ key: 'y', request: { command: 'unschedule', args: { name: 'nightly-report' } } }],
    });
    expect(contextOf(modelOf([NIGHTLY], SMALL)).removable).toBe(true);
    expect(contextOf(modelOf([STOPPED], SMALL)).removable).toBe(false);
  });
});
