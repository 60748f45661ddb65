// Which slots make a run: catch-up, overlap, clocks that jump, restarts. The twin of each rule is the slot that must
// make none, or not a second one.
import { describe, expect, it } from 'vitest';
import {
  afterSettled,
  awaitsAnswer,
  decided,
  due,
  type Sight,
  wakeAt,
} from '../../src/run/firing.ts';
import { newRun, type Run } from '../../src/run/run.ts';
import { newSchedule, type Rule, type Schedule, startingAt } from '../../src/run/schedule.ts';
import { stopped } from '../../src/run/stored-schedule.ts';
import { randomFrom } from '../helpers/random.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const NOON = Date.parse('2026-11-22T12:00:00Z');
const HOURLY: Rule = { kind: 'cron', cron: '0 * * * *', timezone: 'UTC' };
const EVERY: Rule = { kind: 'every', everyMs: HOUR };

const schedule = (rule: Rule, more: Partial<Schedule> = {}, now = NOON): Schedule => ({
  ...newSchedule(
    {
      name: 's',
      job: 'j',
      source: 'made',
      rule,
      params: null,
      priority: null,
      catchUp: 'once',
      overlap: 'skip',
    },
    now,
  ),
  ...more,
});
const sight = (more: Partial<Sight> = {}): Sight => ({
  unsettled: 0,
  queued: 0,
  seenSince: null,
  ...more,
});
const hours = (slots: readonly number[]): number[] => slots.map((slot) => (slot - NOON) / HOUR);
const settledAt = (at: number): Run => ({
  ...newRun(1, { job: 'j', params: null, priority: 1, dueAt: null, origin: null }, NOON, false),
  state: { name: 'done', dueAt: NOON, settledAt: at, output: null },
});

describe('a slot on time', () => {
  it('makes one run, and the schedule moves on to the next', () => {
    const fired = due(
      schedule(HOURLY),
      NOON + HOUR + 5,
      sight({ seenSince: NOON + HOUR - 10_000 }),
    );
    expect(hours(fired.slots)).toEqual([1]);
    expect([fired.schedule.lastAt, fired.schedule.nextAt]).toEqual([NOON + HOUR, NOON + 2 * HOUR]);
    expect(due(fired.schedule, NOON + HOUR + 6, sight()).slots).toEqual([]);
  });

  it('makes none before its time: the schedule is returned as it was', () => {
    const before = schedule(HOURLY);
    expect(due(before, NOON + HOUR - 1, sight()).schedule).toBe(before);
  });

  it('is not missed at exactly two seconds, and is a millisecond later', () => {
    const skip = schedule(HOURLY, { catchUp: 'skip' });
    expect(due(skip, NOON + HOUR + 2000, sight()).slots).toHaveLength(1);
    expect(due(skip, NOON + HOUR + 2001, sight()).slots).toHaveLength(0);
  });

  it('that a daemon saw but could not write is made up whatever catchUp says', () => {
    const skip = schedule(HOURLY, { catchUp: 'skip' });
    const fired = due(skip, NOON + HOUR + 60_000, sight({ seenSince: NOON + HOUR + 30_000 }));
    expect(hours(fired.slots)).toEqual([1]);
  });
});

describe('slots missed', () => {
  const now = NOON + 5.5 * HOUR;

  it('skip: none is made up, all are counted', () => {
    const fired = due(schedule(HOURLY, { catchUp: 'skip' }), now, sight());
    expect([hours(fired.slots), fired.skippedNow, fired.schedule.skipped]).toEqual([[], 5, 5]);
    expect([fired.schedule.lastAt, fired.schedule.nextAt]).toEqual([null, NOON + 6 * HOUR]);
  });

  it('once: one run, due at the last of them', () => {
    const fired = due(schedule(HOURLY), now, sight());
    expect([hours(fired.slots), fired.skippedNow]).toEqual([[5], 4]);
  });

  it('once: with the slot that is just due it makes two, of which overlap lets one go', () => {
    const at = NOON + 5 * HOUR;
    expect(hours(due(schedule(HOURLY, { overlap: 'allow' }), at, sight()).slots)).toEqual([4, 5]);
    expect(hours(due(schedule(HOURLY), at, sight()).slots)).toEqual([4]);
  });

  it.each([
    ['an hour', HOUR, '*/10 * * * *', 5],
    ['a day', DAY, '0 * * * *', 23],
    ['400 days', 400 * DAY, '*/15 * * * *', 400 * 96 - 1],
  ] as const)(
    'once after %s: a single run, and the others are counted exactly',
    (_, jump, cron, left) => {
      const rule: Rule = { kind: 'cron', cron, timezone: 'UTC' };
      const fired = due(schedule(rule), NOON + jump + 5 * SECOND, sight());
      expect([fired.slots, fired.schedule.skipped]).toEqual([[NOON + jump], left]);
    },
  );

  it('all: every one, oldest first, also while overlap is not allowed', () => {
    for (const overlap of ['skip', 'queue', 'allow'] as const) {
      const fired = due(schedule(HOURLY, { catchUp: 'all', overlap }), now, sight());
      expect([hours(fired.slots), fired.skippedNow]).toEqual([[1, 2, 3, 4, 5], 0]);
    }
  });

  it('all: at most a thousand, the latest ones, without a noticeable stop', () => {
    const each: Rule = { kind: 'cron', cron: '* * * * * *', timezone: 'Europe/Berlin' };
    const started = performance.now();
    const { slots, skippedNow } = due(
      schedule(each, { catchUp: 'all' }),
      NOON + 400 * DAY,
      sight(),
    );
    expect(slots).toHaveLength(1000);
    expect(slots.at(-1)).toBe(NOON + 400 * DAY - 3 * SECOND);
    expect(slots[0]).toBe(NOON + 400 * DAY - 1002 * SECOND);
    expect(skippedNow).toBe(400 * 86_400 - 1000);
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it('fewer are made up for where their params are large: all of them are one commit', () => {
    const params = { text: 'x'.repeat(1_000_000) };
    const now = NOON + 400 * HOUR;
    const large = due(schedule(HOURLY, { catchUp: 'all', params }), now, sight());
    expect(large.slots.length).toBeGreaterThan(50);
    expect(large.slots.length).toBeLessThan(80);
    const small = due(schedule(HOURLY, { catchUp: 'all' }), now, sight());
    const dealtWith = ({ slots, skippedNow }: typeof small): number => slots.length + skippedNow;
    expect(dealtWith(large)).toBe(dealtWith(small));
  });

  it('while paused none is made up and none is counted', () => {
    const fired = due(schedule(HOURLY, { paused: true, catchUp: 'all' }), now, sight());
    expect([fired.slots, fired.schedule.skipped, fired.schedule.nextAt]).toEqual([
      [],
      0,
      NOON + 6 * HOUR,
    ]);
    expect(wakeAt(fired.schedule)).toBe(null);
  });
});

describe('while an earlier run is not settled', () => {
  const at = NOON + HOUR;
  const running = sight({ unsettled: 1 });

  it('skip makes none and counts it', () => {
    const fired = due(schedule(HOURLY), at, running);
    expect([fired.slots, fired.skippedNow, fired.replace]).toEqual([[], 1, false]);
  });

  it('queue lets one wait, not two', () => {
    const queue = schedule(HOURLY, { overlap: 'queue' });
    expect(due(queue, at, running).slots).toHaveLength(1);
    const fired = due(queue, at, sight({ unsettled: 2, queued: 1 }));
    expect([fired.slots, fired.skippedNow]).toEqual([[], 1]);
  });

  it('replace ends the one before; with none before there is nothing to end', () => {
    const replace = schedule(HOURLY, { overlap: 'replace' });
    expect(due(replace, at, running)).toMatchObject({ slots: [at], replace: true });
    expect(due(replace, at, sight())).toMatchObject({ slots: [at], replace: false });
  });

  it('replace with several slots makes the last alone', () => {
    const fired = due(
      schedule(HOURLY, { overlap: 'replace', catchUp: 'all' }),
      NOON + 5.5 * HOUR,
      running,
    );
    expect([hours(fired.slots), fired.replace, fired.skippedNow]).toEqual([[5], true, 4]);
  });

  it('allow makes each beside the others', () => {
    const fired = due(
      schedule(HOURLY, { overlap: 'allow' }),
      at,
      sight({ unsettled: 9, queued: 5 }),
    );
    expect([fired.slots, fired.replace]).toEqual([[at], false]);
  });

  it('once: a run that was resumed after the downtime stands in the way of catching up', () => {
    expect(due(schedule(HOURLY), NOON + 5.5 * HOUR, running).slots).toEqual([]);
  });
});

describe('a clock that jumps', () => {
  it.each([HOUR, DAY, 400 * DAY])('forward by %d ms: one run for what was jumped over', (jump) => {
    const fired = due(schedule(HOURLY), NOON + jump + HOUR / 2, sight({ seenSince: NOON + 1000 }));
    expect(fired.slots).toHaveLength(1);
    expect(fired.slots[0]).toBe(NOON + jump);
  });

  it.each([HOUR, DAY, 400 * DAY])('back by %d ms: no slot makes a second run', (jump) => {
    const first = due(schedule(HOURLY), NOON + HOUR, sight());
    const back = due(first.schedule, NOON + HOUR - jump, sight());
    expect(back.schedule).toBe(first.schedule);
    expect(due(back.schedule, NOON + HOUR, sight()).slots).toEqual([]);
    expect(hours(due(back.schedule, NOON + 2 * HOUR, sight()).slots)).toEqual([2]);
  });

  it('back: `every` goes on after its interval, not when the clock has caught up', () => {
    const waiting = schedule(EVERY, { nextAt: NOON + HOUR, lastAt: NOON });
    const back = due(waiting, NOON - DAY, sight());
    expect(back.schedule.nextAt).toBe(NOON - DAY + HOUR);
    expect(due(back.schedule, NOON - DAY + HOUR, sight()).slots).toHaveLength(1);
  });

  it('whatever clock, pauses and downtime do, no slot makes two runs and slots only grow', () => {
    const random = randomFrom(20_261_122);
    const overlaps = ['skip', 'queue', 'replace', 'allow'] as const;
    const catchUps = ['skip', 'once', 'all'] as const;
    for (let round = 0; round < 50; round++) {
      const rule: Rule = {
        kind: 'cron',
        cron: random.of(['*/10 * * * *', '30 2 * * *', '0 */3 * * *']),
        timezone: 'Europe/Berlin',
      };
      let now = Date.UTC(2026, random.of([2, 9]), 24);
      let current = schedule(
        rule,
        { catchUp: random.of(catchUps), overlap: random.of(overlaps) },
        now,
      );
      let latest = Number.NEGATIVE_INFINITY;
      for (let step = 0; step < 60; step++) {
        now += random.chance(0.15)
          ? -random.whole(0, 3 * DAY)
          : random.whole(0, random.of([SECOND, HOUR, 3 * DAY]));
        const unsettled = random.whole(0, 2);
        const fired = due(current, now, {
          unsettled,
          queued: random.whole(0, unsettled),
          seenSince: random.chance(0.5) ? now - random.whole(0, DAY) : null,
        });
        for (const slot of fired.slots) {
          expect(slot).toBeGreaterThan(latest);
          expect(slot).toBeLessThanOrEqual(now);
          latest = slot;
        }
        expect(fired.schedule.lastAt ?? 0).toBeGreaterThanOrEqual(current.lastAt ?? 0);
        expect(fired.schedule.nextAt ?? 0).toBeGreaterThanOrEqual(current.nextAt ?? 0);
        current = fired.schedule;
      }
    }
  }, 120_000);
});

describe('the days on which clocks change', () => {
  const nightly: Rule = { kind: 'cron', cron: '30 2 * * *', timezone: 'Europe/Berlin' };

  it('a skipped time makes one run, at the end of the gap', () => {
    const night = schedule(nightly, {}, Date.parse('2026-03-28T12:00:00Z'));
    const end = Date.parse('2026-03-29T01:00:00Z');
    const fired = due(night, end, sight());
    expect(fired.slots).toEqual([end]);
    expect(due(fired.schedule, end + HOUR / 2, sight()).slots).toEqual([]);
  });

  it('a repeated time makes one run, not two', () => {
    const night = schedule(nightly, {}, Date.parse('2026-10-24T12:00:00Z'));
    const first = Date.parse('2026-10-25T00:30:00Z');
    const fired = due(night, first, sight());
    expect(fired.slots).toEqual([first]);
    expect(due(fired.schedule, first + HOUR, sight()).slots).toEqual([]);
  });
});

describe('every', () => {
  it('fires at once, then waits for the end of its run', () => {
    const fired = due(schedule(EVERY), NOON, sight());
    expect([fired.slots, fired.schedule.nextAt]).toEqual([[NOON], null]);
    expect(due(fired.schedule, NOON + DAY, sight({ unsettled: 1 })).schedule).toBe(fired.schedule);
    const settled = afterSettled(fired.schedule, settledAt(NOON + 100), NOON + 200);
    expect(settled.nextAt).toBe(NOON + 100 + HOUR);
  });

  it('what came due during downtime is due at once, and only one run of it', () => {
    const fired = due(schedule(EVERY, { nextAt: NOON + HOUR }), NOON + 9.5 * HOUR, sight());
    expect([fired.slots, fired.schedule.nextAt, fired.skippedNow]).toEqual([
      [NOON + HOUR],
      null,
      0,
    ]);
  });

  it('does not overlap a run that was retried, and goes on when that has settled', () => {
    const fired = due(schedule(EVERY), NOON, sight({ unsettled: 1 }));
    expect([fired.slots, fired.schedule.nextAt]).toEqual([[], null]);
    expect(afterSettled(fired.schedule, settledAt(NOON + 5), NOON + 5).nextAt).toBe(
      NOON + HOUR + 5,
    );
  });

  it('a beginning that was asked for is kept, however far it lies beyond the interval', () => {
    const later = startingAt(schedule(EVERY), NOON + 9 * DAY);
    expect(due(later, NOON + DAY, sight()).schedule).toBe(later);
    const fired = due(later, NOON + 9 * DAY, sight());
    expect([fired.slots, fired.schedule.startAt]).toEqual([[NOON + 9 * DAY], undefined]);
  });

  it('a next time that is set already stays', () => {
    const waiting = schedule(EVERY, { nextAt: NOON + 7 });
    expect(afterSettled(waiting, settledAt(NOON), NOON)).toBe(waiting);
  });

  it('is not closer than a second', () => {
    const fast = schedule({ kind: 'every', everyMs: 1 }, { nextAt: null });
    expect(afterSettled(fast, settledAt(NOON), NOON).nextAt).toBe(NOON + SECOND);
  });

  it('goes on where a crash came between the end of a run and the next time', () => {
    const lost = schedule(EVERY, { nextAt: null, lastAt: NOON });
    expect(due(lost, NOON + DAY, sight()).schedule.nextAt).toBe(NOON + DAY + HOUR);
  });

  it('paused it makes none; resumed, what is due is due', () => {
    const paused = schedule(EVERY, { paused: true });
    expect(due(paused, NOON + DAY, sight()).slots).toEqual([]);
    expect(due({ ...paused, paused: false }, NOON + DAY, sight()).slots).toEqual([NOON]);
  });
});

describe('nextRun', () => {
  const asked = schedule({ kind: 'nextRun' });

  it('is asked when no run is under way, not while one is', () => {
    expect([awaitsAnswer(asked, 0), awaitsAnswer(asked, 1)]).toEqual([true, false]);
    expect(awaitsAnswer(schedule(HOURLY, { nextAt: null }), 0)).toBe(false);
  });

  it('fires at the answer, then is asked again', () => {
    const next = decided(asked, NOON + 5, NOON);
    expect(due(next, NOON + 4, sight()).slots).toEqual([]);
    const fired = due(next, NOON + 5, sight());
    expect([fired.slots, fired.schedule.nextAt]).toEqual([[NOON + 5], null]);
  });

  it('is asked no more once it has stopped; after a failure it is', () => {
    expect(awaitsAnswer({ ...asked, trouble: { kind: 'stopped', file: 'x' } }, 0)).toBe(false);
    const failing = { ...asked, trouble: { kind: 'failing', text: 'x' } } as const;
    expect(awaitsAnswer(failing, 0)).toBe(true);
    expect(decided(failing, NOON + 5, NOON).trouble).toBe(undefined);
  });

  it('the same instant again is moved, not run twice', () => {
    expect(decided({ ...asked, lastAt: NOON }, NOON, NOON).nextAt).toBe(NOON + 1);
    expect(decided({ ...asked, lastAt: NOON }, NOON, NOON + 50).nextAt).toBe(NOON + 50);
  });
});

describe('a schedule that makes no sense', () => {
  it.each([HOURLY, EVERY, { kind: 'nextRun' } as const])(
    'fires nothing and is asked nothing: $kind',
    (rule) => {
      const odd = stopped(schedule(rule), 'odd');
      expect(wakeAt(odd)).toBe(null);
      expect(due(odd, NOON + DAY, sight())).toMatchObject({ schedule: odd, slots: [] });
      expect(afterSettled(odd, settledAt(NOON), NOON)).toBe(odd);
      expect(awaitsAnswer(odd, 0)).toBe(false);
    },
  );
});
