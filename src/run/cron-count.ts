// How many times a cron expression fires between two instants, without going through them one by one: a schedule that
// was away for a year has to say how much it has left out, and a year of seconds is too long to walk. Between two
// changes of a zone's clock the local times are counted day by day; what a change skips or repeats is added and left
// out by the rules of cron.ts.
import { DAY, HOUR, MINUTE, SECOND } from '../support/limits.ts';
import { findChange, latestLocalTime, localTime, offsetMs } from '../support/zones.ts';
import { compile, nextLocal, type Times } from './cron-fields.ts';

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
