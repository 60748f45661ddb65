// By which clock history is removed: a leap ahead is believed only when it has stood for a day.
import { describe, expect, it } from 'vitest';
import {
  afterwards,
  type ClockMark,
  clockOf,
  hasLeapt,
  type KeepClock,
  keepTime,
  markOf,
  readMark,
  resumed,
  seen,
  trusting,
} from '../../src/run/keep-clock.ts';
import { DAY, HOUR, MINUTE } from '../../src/support/limits.ts';
import { NOW } from '../helpers/runs.ts';

const YEAR = 365 * DAY;
const looked = (mark: ClockMark, ...times: readonly number[]): ClockMark =>
  times.reduce(seen, mark);
const keptBy = (mark: ClockMark, now: number): number => keepTime(clockOf(mark, now), now);

describe('the clock by which history is removed, as marks of it say', () => {
  it('is the present, hour by hour, and over a night without a daemon', () => {
    const mark = looked(trusting(NOW), NOW + MINUTE, NOW + HOUR, NOW + 20 * HOUR);
    expect(mark).toEqual(trusting(NOW + 20 * HOUR));
    expect(keptBy(mark, NOW + 20 * HOUR)).toBe(NOW + 20 * HOUR);
  });

  it('stays behind a leap of a year, and goes on for no more than a day', () => {
    const leapt = NOW + YEAR;
    const mark = looked(trusting(NOW), leapt, leapt + HOUR, leapt + 23 * HOUR);
    expect(mark.leapAt).toBe(leapt);
    expect(keptBy(mark, leapt)).toBe(NOW);
    expect(keptBy(mark, leapt + HOUR)).toBe(NOW + HOUR);
    expect(keptBy(mark, leapt + 30 * DAY)).toBe(NOW + DAY);
  });

  it('is the present again when the leap has stood for a day', () => {
    const leapt = NOW + YEAR;
    expect(looked(trusting(NOW), leapt, leapt + DAY)).toEqual(trusting(leapt + DAY));
    expect(looked(trusting(NOW), leapt, leapt + DAY - 1).leapAt).toBe(leapt);
  });

  it('believes a first leap only, where a second one follows', () => {
    const first = NOW + YEAR;
    const second = first + YEAR;
    expect(looked(trusting(NOW), first, second)).toEqual({ trusted: first, leapAt: second });
  });

  it('is the present where the leap is taken back, and where the clock is set back', () => {
    expect(looked(trusting(NOW), NOW + YEAR, NOW + HOUR)).toEqual(trusting(NOW + HOUR));
    expect(looked(trusting(NOW), NOW - YEAR)).toEqual(trusting(NOW - YEAR));
    const less = looked(trusting(NOW), NOW + YEAR, NOW + 30 * DAY);
    expect(less).toEqual({ trusted: NOW, leapAt: NOW + 30 * DAY });
  });
});

describe('the clock of the next daemon', () => {
  const at = (upMs: number, boot = 'b') => ({ boot, upMs });
  const here = clockOf(trusting(NOW), NOW);

  it('goes on by the time that the machine has been up', () => {
    const mark = markOf(here, NOW, at(5 * HOUR));
    const late = resumed(mark, NOW + 20 * HOUR, at(6 * HOUR));
    expect(late).toEqual({ believed: NOW + HOUR, ahead: { clock: NOW + 20 * HOUR, stoodMs: 0 } });
    const later = resumed(
      markOf(late, NOW + 20 * HOUR, at(6 * HOUR)),
      NOW + 40 * HOUR,
      at(7 * HOUR),
    );
    expect(later.believed).toBe(NOW + 2 * HOUR);
    expect(hasLeapt(later, NOW + 40 * HOUR)).toBe(true);
    expect(resumed(mark, NOW + 3 * DAY, at(5 * HOUR + 3 * DAY)).believed).toBe(NOW + 3 * DAY);
  });

  it('has only the wall clock after a restart of the machine, or where its time makes no sense', () => {
    const mark = markOf(here, NOW, at(5 * HOUR));
    for (const now of [at(6 * HOUR, 'other'), at(HOUR), null])
      expect(resumed(mark, NOW + 20 * HOUR, now).believed).toBe(NOW + 20 * HOUR);
  });

  it('is read from the file of the mark, and no mark is where it makes no sense', () => {
    const mark = markOf(here, NOW, at(5 * HOUR));
    expect(readMark(JSON.parse(JSON.stringify(mark)))).toEqual(mark);
    expect(readMark(trusting(NOW))).toEqual(trusting(NOW));
    expect(readMark({ ...mark, since: { boot: 'b' } })).toBe(null);
  });
});

/** A daemon that looks at the clock once a minute. */
class Watch {
  wall = NOW;
  passed = NOW;
  clock: KeepClock = clockOf(trusting(NOW), NOW);

  /** Time passes; the wall clock runs faster by as much as it is slewed. */
  pass(ms: number, slew = 0): this {
    for (let left = ms; left > 0; left -= MINUTE) {
      this.passed += MINUTE;
      this.wall += MINUTE * (1 + slew);
      this.clock = afterwards(this.clock, this.wall, MINUTE);
    }
    return this;
  }

  jump(ms: number): this {
    this.wall += ms;
    return this;
  }

  /** By how much it is ahead of the time that has passed. */
  get aheadMs(): number {
    return keepTime(this.clock, this.wall) - this.passed;
  }

  get leapt(): boolean {
    return hasLeapt(this.clock, this.wall);
  }
}

describe('the clock by which history is removed, while a daemon lives', () => {
  it('is the present, also of a clock that is slewed all the time', () => {
    for (const slew of [0, 0.0005, -0.0005]) {
      const watch = new Watch().pass(30 * DAY, slew);
      expect(keepTime(watch.clock, watch.wall)).toBe(watch.wall);
      expect(watch.wall - watch.clock.believed).toBeLessThan(5 * MINUTE);
    }
  });

  it('is never more than a day ahead before a clock has stood for a day, however many jumps there are', () => {
    for (const jumps of [
      [YEAR],
      [DAY, DAY],
      [YEAR, DAY],
      Array(40).fill(HOUR),
      Array(9).fill(20 * HOUR),
    ]) {
      const watch = new Watch();
      for (const ms of jumps) {
        watch.jump(ms).pass(30 * MINUTE);
        expect(watch.aheadMs).toBeLessThanOrEqual(DAY);
      }
      expect(watch.leapt).toBe(true);
      expect(watch.pass(49 * HOUR).leapt).toBe(false);
      expect(watch.aheadMs).toBe(watch.wall - watch.passed);
    }
  });

  it('believes of a leap no more than what stood for a day, where jump comes after jump', () => {
    const watch = new Watch().jump(YEAR);
    for (let hour = 0; hour < 30; hour++) watch.pass(HOUR).jump(20 * HOUR);
    expect(watch.aheadMs).toBe(YEAR);
    const back = new Watch()
      .jump(YEAR)
      .pass(20 * HOUR)
      .jump(-HOUR);
    expect(back.pass(23 * HOUR).leapt).toBe(true);
    expect(back.pass(2 * HOUR).leapt).toBe(false);
  });

  it.each([
    [14, 10, 2],
    [8, 16, 5],
    [2, 22, 23],
  ])(
    'lags a few days of work at most on a machine that is on for %i hours, and %i stopped without being told',
    (on, off, days) => {
      const watch = new Watch();
      for (let day = 0; day < 200; day++) {
        watch.pass(on * HOUR);
        expect(watch.wall - keepTime(watch.clock, watch.wall)).toBeLessThan(days * DAY);
        watch.jump(off * HOUR);
      }
    },
  );

  it('is the present at once where the clock is set back', () => {
    const watch = new Watch().jump(YEAR).pass(HOUR);
    expect(watch.leapt).toBe(true);
    watch.jump(-YEAR).pass(MINUTE);
    expect([watch.leapt, watch.aheadMs]).toEqual([false, 0]);
    watch.jump(-YEAR).pass(MINUTE);
    expect([watch.leapt, watch.aheadMs]).toEqual([false, -YEAR]);
  });

  it('has a mark from which the next daemon goes on: what stood before has stood', () => {
    const watch = new Watch()
      .pass(HOUR)
      .jump(YEAR)
      .pass(HOUR)
      .jump(HOUR)
      .pass(22 * HOUR);
    const mark = markOf(watch.clock, watch.wall);
    const { believed } = watch.clock;
    expect(keptBy(mark, watch.wall)).toBe(believed);
    expect(keptBy(looked(mark, watch.wall + HOUR), watch.wall + HOUR)).toBe(believed + HOUR);
    expect(looked(mark, watch.wall + 3 * HOUR)).toEqual(trusting(watch.wall + 3 * HOUR));
    const calm = new Watch().pass(HOUR);
    expect(markOf(calm.clock, calm.wall)).toEqual(trusting(calm.wall));
  });
});
