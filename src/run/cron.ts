// When a cron expression fires. The search is on the wall clock of the zone, because a run at 02:30 must come once on
// every day, whatever is done to the clock on that day:
//
// - The hour field is `*`: it fires whenever the clock shows a matching time, so that a rhythm of 20 minutes is one
//   through a change of clocks too.
// - Any other local time fires once: at its first showing, or, where the clock skips it, at the first instant after
//   the gap. Both day fields given means either of them.
import { isoOf } from '../support/clock.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/limits.ts';
import { zoneNamed } from '../support/zone-names.ts';
import {
  findChange,
  latestLocalTime,
  localTime,
  offsetMs,
  resolveLocal,
} from '../support/zones.ts';
import { compile, nextLocal, type Times } from './cron-fields.ts';

/** Throws `bad-time`, naming the field or the zone, where the expression cannot be used. */
export function checkCron(cron: string, timezone: string): void {
  zoneNamed(timezone, 'timezone');
  compile(cron);
}

/** The first instant after `after` at which the expression fires; null where there is none in the next 40 years. */
export function nextCron(cron: string, timezone: string, after: number): number | null {
  const times = compile(cron);
  if (times.rhythm) return nextShown(times, timezone, after);
  const local = nextLocal(times, followingSecond(latestLocalTime(timezone, after)));
  return local === null ? null : resolveLocal(timezone, local).at;
}

/** The last instants after `after` and up to `until` at which the expression fires: at most `limit`, oldest first. */
export function lastCrons(
  cron: string,
  timezone: string,
  after: number,
  until: number,
  limit: number,
): number[] {
  let slots: number[] = [];
  // Back in growing steps: one slot a second costs little more than its slots, one slot a year a dozen looks.
  let to = until;
  for (let span = MINUTE; to > after && slots.length < limit; span *= 4) {
    const from = Math.max(after, to - span);
    const found: number[] = [];
    let at = nextCron(cron, timezone, from);
    for (; at !== null && at <= to; at = nextCron(cron, timezone, at)) found.push(at);
    slots = [...found, ...slots];
    to = from;
  }
  return slots.slice(-limit);
}

const followingSecond = (at: number): number => (Math.floor(at / SECOND) + 1) * SECOND;

/** The next instant at which the clock shows a matching time: walks from one change of offset to the next. */
function nextShown(times: Times, zone: string, after: number): number | null {
  let from = followingSecond(after);
  for (;;) {
    const offset = offsetMs(zone, from);
    const local = nextLocal(times, from + offset);
    if (local === null) return null;
    const at = local - offset;
    const change = findChange(zone, from, Math.min(at, from + 2 * DAY));
    if (change === null && at <= from + 2 * DAY) return at;
    // Far from a match the clock may change as it likes: no change is larger than a day.
    from = change ?? Math.max(from + 2 * DAY, at - 2 * DAY);
  }
}

/** The note on a time at which the expression fires, if the clock was changed there. Null on all other days. */
export function noteOf(cron: string, timezone: string, at: number): string | null {
  const times = compile(cron);
  const local = localTime(timezone, at);
  const { shown, at: first } = resolveLocal(timezone, local);
  if (shown === 'twice')
    return `shown twice that day: this is the ${at === first ? 'first' : 'second'}`;
  if (times.rhythm || nextLocal(times, local) === local) return null;
  const skipped = nextLocal(times, localTime(timezone, at - 1) + 1);
  return skipped === null
    ? null
    : `${clockText(skipped)} is skipped that day: this is the end of the gap`;
}

const clockText = (local: number): string => isoOf(local).slice(11, 19).replace(/:00$/, '');

// Counts the times at which it fires between two instants, without going through them one by one. A schedule that was
// away for a year has to say how many it has left out, and a year of seconds is too long to walk. Between two changes
// of a zone's clock the local times are counted day by day; what a change skips or repeats is added and left out by the
// rules above.

/** Beyond it nothing is counted: it is no downtime, but a clock that was set at random. */
const LONGEST = 100 * 366 * DAY;

/** How many times it fires after `after` and up to `until`. */
export function countCron(cron: string, zone: string, after: number, until: number): number {
  const times = compile(cron);
  const end = Math.min(until, after + LONGEST) + 1;
  // The first local time that the clock has not shown yet.
  let unshown = latestLocalTime(zone, after) + 1;
  let count = 0;
  for (let at = after + 1; at < end; ) {
    const offset = offsetMs(zone, at);
    const change = findChange(zone, at, Math.min(end, at + DAY));
    const stop = change ?? Math.min(end, at + DAY);
    const from = times.rhythm ? at + offset : Math.max(unshown, at + offset);
    count += countLocal(times, from, stop + offset);
    unshown = Math.max(unshown, stop + offset);
    if (change !== null && change < end && !times.rhythm) {
      count += endsGap(times, unshown, localTime(zone, change)) ? 1 : 0;
    }
    at = stop;
  }
  return count;
}

/** Local times from `from` up to, but not at, `to` are skipped: does one of them fire where the gap ends? */
function endsGap(times: Times, from: number, to: number): boolean {
  const next = from < to ? nextLocal(times, from) : null;
  // A time that fires there anyway makes one run with them.
  return next !== null && next < to && nextLocal(times, to) !== to;
}

function countLocal(times: Times, from: number, to: number): number {
  let count = 0;
  for (let day = Math.floor(from / DAY) * DAY; day < to; day += DAY) {
    if (times.onDay(new Date(day))) count += countOfDay(times, from - day, to - day);
  }
  return count;
}

function countOfDay({ hours, minutes, seconds }: Times, from: number, to: number): number {
  const isIn = (start: number, length: number): boolean => start >= from && start + length <= to;
  let count = 0;
  for (const hour of hours) {
    if (isIn(hour * HOUR, HOUR)) count += minutes.length * seconds.length;
    else for (const minute of minutes) count += countOfMinute(hour * HOUR + minute * MINUTE);
  }
  return count;

  function countOfMinute(start: number): number {
    if (start + MINUTE <= from || start >= to) return 0;
    return isIn(start, MINUTE)
      ? seconds.length
      : seconds.filter((second) => isIn(start + second * SECOND, 1)).length;
  }
}
