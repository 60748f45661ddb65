// Which schedules are due, among very many of which one has changed.
import { expect, test } from 'vitest';
import { DueSchedules } from '../../../src/daemon/schedules/due-schedules.ts';
import { newSchedule, type Schedule } from '../../../src/run/schedule.ts';
import { asked } from '../../helpers/core.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const HOUR = 3_600_000;
const T0 = Date.UTC(2026, 0, 1);
const EVERY = { kind: 'every', everyMs: HOUR } as const;

/** Counts the looks at its rule, which say how much work a change is. */
function counted(name: string, looks: { n: number }): Schedule {
  const schedule = newSchedule(asked(name, 'job', EVERY), 0);
  const { rule } = schedule;
  return Object.defineProperty(schedule, 'rule', {
    get() {
      looks.n++;
      return rule;
    },
  });
}

test('a schedule that is made among ten thousand others costs a look at itself, not at each of them', () => {
  const clock = new FakeClock(T0);
  const due = new DueSchedules(clock);
  const looks = { n: 0 };
  const list = Array.from({ length: 10_000 }, (_, i) => counted(`s${i}`, looks));
  due.sync(list);
  due.moved();
  looks.n = 0;
  const changed = due.sync([...list, counted('new', looks)]);
  due.moved();
  expect(changed.map(({ name }) => name)).toEqual(['new']);
  expect(looks.n).toBeLessThan(10);
});

test('where the clock was set every interval moves with it, also one that was just made, and none that is gone', () => {
  const clock = new FakeClock(T0);
  const due = new DueSchedules(clock);
  const list = ['a', 'b', 'c'].map((name) => newSchedule(asked(name, 'job', EVERY), clock.now()));
  due.sync(list);
  due.moved();
  const kept = list.slice(1).concat(newSchedule(asked('d', 'job', EVERY), clock.now()));
  due.sync(kept);
  clock.set(clock.now() - HOUR);
  expect(due.moved()).toEqual(kept.map((schedule) => [schedule, (schedule.nextAt ?? 0) - HOUR]));
  expect(due.moved()).toEqual([]);
});
