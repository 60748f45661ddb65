// What a schedule is and looks like: its beginning, its change, its pause, its requests, its JSON.
import { describe, expect, it } from 'vitest';
import {
  type Asked,
  draftOf,
  newSchedule,
  nextAt,
  nextTimes,
  revised,
  type Schedule,
  scheduleView,
  startingAt,
  type Trouble,
  withPause,
} from '../../src/run/schedule.ts';
import { readSchedule } from '../../src/run/stored-schedule.ts';

const NOON = Date.parse('2026-11-22T12:00:00Z');
const HOUR = 3_600_000;
const cron = (text: string, timezone = 'UTC') => ({ kind: 'cron', cron: text, timezone }) as const;
const asked: Asked = {
  name: 'nightly',
  job: 'clean',
  source: 'made',
  rule: cron('0 * * * *'),
  params: { token: 'x', deep: { token: 1, keep: 2 } },
  priority: null,
  catchUp: 'once',
  overlap: 'skip',
};

describe('the beginning', () => {
  it('a cron begins at its next time, not at once', () => {
    expect(newSchedule(asked, NOON).nextAt).toBe(NOON + HOUR);
  });

  it('`every` begins at once; `nextRun` has to be asked', () => {
    expect(newSchedule({ ...asked, rule: { kind: 'every', everyMs: 5 } }, NOON).nextAt).toBe(NOON);
    expect(newSchedule({ ...asked, rule: { kind: 'nextRun' } }, NOON).nextAt).toBe(null);
  });
});

describe('a changed definition', () => {
  const old: Schedule = {
    ...newSchedule(asked, NOON),
    lastAt: NOON,
    lastRun: 7,
    skipped: 3,
    paused: true,
  };

  it('keeps history, pause and next slot where the rule is the same', () => {
    const next = revised(old, { ...asked, overlap: 'queue' }, NOON + 3 * HOUR);
    expect(next).toEqual({ ...old, overlap: 'queue' });
  });

  it('no longer starts the command that it was typed for', () => {
    const typed = { ...old, command: { argv: ['make'], cwd: '/' } };
    expect(revised(typed, { ...asked, job: 'mail' }, NOON).command).toBe(undefined);
  });

  it('gets a new next slot with a new rule, and keeps its history', () => {
    const next = revised(old, { ...asked, rule: cron('30 * * * *') }, NOON);
    expect([next.nextAt, next.lastRun, next.skipped]).toEqual([NOON + HOUR / 2, 7, 3]);
  });

  it('does not give a slot again when the clock was set back before the change', () => {
    const next = revised(old, { ...asked, rule: cron('0,30 * * * *') }, NOON - 5 * HOUR);
    expect(next.nextAt).toBe(NOON + HOUR / 2);
  });

  it('`every` with another interval still counts from the end of the last run', () => {
    const every = (everyMs: number) => ({ ...asked, rule: { kind: 'every', everyMs } as const });
    const ran = { ...newSchedule(every(HOUR), NOON), lastAt: NOON, nextAt: NOON + HOUR };
    expect(revised(ran, every(3 * HOUR), NOON + 60_000).nextAt).toBe(NOON + 3 * HOUR);
    expect(revised({ ...ran, nextAt: null }, every(5), NOON).nextAt).toBe(null);
    const fresh = newSchedule(every(HOUR), NOON);
    expect(revised(fresh, every(5), NOON + 1).nextAt).toBe(NOON + 1);
  });

  it('a beginning that was asked for is the first slot from then on', () => {
    const at = NOON + 10.5 * HOUR;
    expect(startingAt(newSchedule(asked, NOON), at).nextAt).toBe(NOON + 11 * HOUR);
    expect(startingAt(newSchedule(asked, NOON), NOON + HOUR).nextAt).toBe(NOON + HOUR);
    const every = { ...asked, rule: { kind: 'every', everyMs: 5 } } as const;
    expect(startingAt(newSchedule(every, NOON), at).nextAt).toBe(at);
  });
});

describe('a pause', () => {
  it('lets slots pass: on resume the next one is in the future', () => {
    const paused = withPause(newSchedule(asked, NOON), true, NOON);
    const resumed = withPause(paused, false, NOON + 5.5 * HOUR);
    expect([resumed.paused, resumed.nextAt]).toEqual([false, NOON + 6 * HOUR]);
  });

  it('`every` is due at once after it; `nextRun` is asked again', () => {
    const every = { ...asked, rule: { kind: 'every', everyMs: 5 } } as const;
    const paused = { ...newSchedule(every, NOON), paused: true };
    expect(withPause(paused, false, NOON + HOUR).nextAt).toBe(NOON);
    const asking = { ...paused, rule: { kind: 'nextRun' } as const };
    expect(withPause(asking, false, NOON + HOUR).nextAt).toBe(null);
    expect(withPause({ ...asking, nextAt: NOON + 9 }, false, NOON).nextAt).toBe(NOON + 9);
  });

  it('a second resume does not skip a slot that is due', () => {
    const running = newSchedule(asked, NOON);
    expect(withPause(running, false, NOON + 2 * HOUR).nextAt).toBe(NOON + HOUR);
  });
});

describe('the next times', () => {
  it('of a cron', () => {
    expect(nextTimes(cron('0 0 29 2 *'), NOON, 2)).toEqual([
      Date.UTC(2028, 1, 29),
      Date.UTC(2032, 1, 29),
    ]);
    expect(nextAt(cron('0 13 * * *'), NOON)).toBe(NOON + HOUR);
  });

  it('of `every` are the earliest possible ones, not closer than a second; of `nextRun` none', () => {
    expect(nextTimes({ kind: 'every', everyMs: HOUR }, NOON, 2)).toEqual([
      NOON + HOUR,
      NOON + 2 * HOUR,
    ]);
    expect(nextTimes({ kind: 'every', everyMs: 1 }, NOON, 1)).toEqual([NOON + 1000]);
    expect(nextTimes({ kind: 'nextRun' }, NOON, 3)).toEqual([]);
  });
});

describe('the request for a run', () => {
  const schedule = newSchedule(asked, NOON);

  it('carries slot, schedule and a lock that keeps its runs one after the other', () => {
    expect(draftOf(schedule, NOON, 4, null)).toEqual({
      job: 'clean',
      params: asked.params,
      priority: 4,
      dueAt: NOON,
      origin: { schedule: 'nightly', lock: 'schedule nightly' },
    });
  });

  it('the lock of the job itself comes first, and `allow` adds none', () => {
    expect(draftOf(schedule, NOON, 4, 'mine').origin?.lock).toBe('mine');
    expect(draftOf({ ...schedule, overlap: 'allow' }, NOON, 4, null).origin).toEqual({
      schedule: 'nightly',
    });
    expect(draftOf({ ...schedule, overlap: 'allow' }, NOON, 4, 'mine').origin?.lock).toBe('mine');
    expect(draftOf({ ...schedule, lock: 'mine' }, NOON, 4).origin?.lock).toBe('mine');
  });

  it('a priority of its own goes before that of the job', () => {
    expect(draftOf({ ...schedule, priority: 0 }, NOON, 4, null).priority).toBe(0);
  });
});

describe('the JSON', () => {
  it('has all fields of the contract and five next times that begin with nextAt', () => {
    const view = scheduleView({
      ...newSchedule(asked, NOON),
      lastAt: NOON,
      lastRun: 12,
      skipped: 2,
    });
    const { next, ...rest } = view;
    expect(rest).toEqual({
      name: 'nightly',
      job: 'clean',
      every: null,
      cron: '0 * * * *',
      timezone: 'UTC',
      params: asked.params,
      catchUp: 'once',
      overlap: 'skip',
      paused: false,
      nextAt: '2026-11-22T13:00:00.000Z',
      lastAt: '2026-11-22T12:00:00.000Z',
      lastRun: '12',
      skipped: 2,
      state: 'ok',
      note: null,
      inFile: false,
    });
    expect(next.map((at) => at.slice(11, 13))).toEqual(['13', '14', '15', '16', '17']);
  });

  it('says what its owner should know, and nothing where all is well', () => {
    const fast = newSchedule({ ...asked, rule: { kind: 'every', everyMs: 1 } }, NOON);
    expect([scheduleView(fast).every, scheduleView(fast).note]).toEqual([
      1000,
      'the shortest interval is 1.0s: it runs so often',
    ]);
    const seen = (trouble: Trouble) => scheduleView({ ...newSchedule(asked, NOON), trouble });
    expect(seen({ kind: 'params', text: 'to: is required' }).note).toContain('to: is required');
    expect(seen({ kind: 'stopped', file: '' })).toMatchObject({ state: 'stopped' });
    expect(seen({ kind: 'failing', text: 'no' })).toMatchObject({ state: 'ok' });
  });

  it('hides what is to be hidden, and shows no times that only a run can tell', () => {
    const view = scheduleView(
      { ...newSchedule({ ...asked, rule: { kind: 'every', everyMs: 5000 } }, NOON), nextAt: null },
      { redact: ['token'], missing: true },
    );
    expect([view.state, view.note]).toEqual(['missing', 'no job named clean']);
    expect(view.params).toEqual({ token: '***', deep: { token: '***', keep: 2 } });
    expect([view.every, view.cron, view.timezone, view.nextAt, view.next]).toEqual([
      5000,
      null,
      null,
      null,
      [],
    ]);
  });
});

describe('a schedule that makes no sense', () => {
  const odd = readSchedule({ ...newSchedule(asked, NOON), rule: cron('61 * * * *') }) as Schedule;

  it('is stopped and says why, its job missing or not; asked for anew it begins with the next slot', () => {
    for (const missing of [false, true])
      expect(scheduleView(odd, { redact: [], missing })).toMatchObject({
        state: 'stopped',
        nextAt: null,
        next: [],
        note: expect.stringMatching(/makes no runs: .*61/),
      });
    for (const rule of [asked.rule, cron('30 * * * *')]) {
      const anew = revised(odd, { ...asked, rule }, NOON);
      expect(anew).toMatchObject({ rule, nextAt: nextAt(rule, NOON) });
      expect(anew.trouble).toBe(undefined);
    }
  });

  it('stays as it is when it is read again; one that makes sense is not touched', () => {
    expect(readSchedule(odd)).toBe(odd);
    const sound = newSchedule(asked, NOON);
    expect(readSchedule(sound)).toBe(sound);
  });
});
