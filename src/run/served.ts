// Which slots of a cron schedule have had their run, told in prose:
//
// `lastAt` is the latest slot that made a run. As long as the clock only goes forward, every slot up to it was dealt
// with. A clock that was ahead for a while, and is set back, breaks that: slots were passed by that never came.
//
// So where slots are passed by as missed, the schedule notes them as its `gap`: nothing between `after` and `until` has
// made a run. A clock that is set back into the gap finds it to be served (`rewound`). Runs made beyond it are then
// noted as `ahead`, and left out when the clock comes there again: no slot makes two runs.
//
// A clock that is set back over slots that did make their runs finds nothing to do until it has caught up. Only a
// person can tell that those instants were wrong. `jobrun doctor` names such schedules, and with --repair they go on
// from now (`resumed`).
import { firstAt, isAside, type Schedule } from './schedule.ts';

export function hasRun({ ahead }: Schedule, slot: number): boolean {
  return ahead !== undefined && ahead.from <= slot && slot <= ahead.to;
}

/** The first slot after `after` that has not had its run. */
export function nextSlot(schedule: Schedule, after: number): number | null {
  const next = firstAt(schedule.rule, after);
  const { ahead } = schedule;
  return ahead && next !== null && hasRun(schedule, next) ? firstAt(schedule.rule, ahead.to) : next;
}

/** The clock was set back: into a gap, its slots come again; else the schedule stays as it is. */
export function rewound(schedule: Schedule, now: number): Schedule {
  const { gap, nextAt, lastAt, ...rest } = schedule;
  if (schedule.rule.kind !== 'cron' || !gap || nextAt === null || now >= gap.until) return schedule;
  const next = firstAt(schedule.rule, Math.max(now, gap.after));
  if (next === null || next >= gap.until || next >= nextAt) return schedule;
  const ahead = lastAt !== null && lastAt >= gap.until ? { from: gap.until, to: lastAt } : null;
  return { ...rest, nextAt: next, lastAt: gap.lastAt, ...(ahead && { ahead }) };
}

/** Runs were made for instants that the clock has not reached yet: the schedule waits until it has. */
export function waitsForClock(schedule: Schedule, now: number): boolean {
  const { rule, lastAt, ahead } = schedule;
  if (rule.kind === 'every' || isAside(schedule)) return false;
  return Math.max(lastAt ?? now, ahead?.to ?? now) > now;
}

/** The clock is right, and what seems to lie ahead never was: the schedule goes on from now. */
export function resumed(schedule: Schedule, now: number): Schedule {
  if (!waitsForClock(schedule, now)) return schedule;
  const { gap: _, ahead: __, ...rest } = schedule;
  const begins = schedule.startAt !== undefined && schedule.startAt > now;
  return { ...rest, lastAt: null, nextAt: begins ? schedule.nextAt : firstAt(rest.rule, now) };
}
