// The clock is right, says `jobrun doctor --repair`: schedules that wait for it to catch up go on from now, and history
// is removed by it again. No command of its own: it is not in the help.
import { clockOf, keepTime, trusting } from '../run/keep-clock.ts';
import type { Schedule } from '../run/schedule.ts';
import { resumed, waitsForClock } from '../run/served.ts';
import type { Command } from './shared/command.ts';

export interface TrustedClock {
  /** Schedules that go on from now. */
  readonly schedules: readonly string[];
  /** By how much history was kept longer than the clock would have. */
  readonly keptMs: number;
}

const options = {};

export const trustClock: Command<typeof options, TrustedClock> = {
  name: 'trust-clock',
  about: '',
  examples: [],
  options,

  async handle(_request, { engine, clock }) {
    const now = clock.now();
    const mark = await engine.clockMark();
    const all = await engine.schedules();
    const waiting = all.filter((schedule) => waitsForClock(schedule, now));
    const goesOn = ({ name }: Schedule): Promise<unknown> =>
      engine.changeSchedule(name, (present) => present && resumed(present, now));
    await Promise.all(waiting.map(goesOn));
    await engine.putClockMark(trusting(now));
    const keptMs = mark === null ? 0 : now - keepTime(clockOf(mark, now), now);
    return { schedules: waiting.map(({ name }) => name), keptMs };
  },

  show: () => undefined,
};
