// When a cron expression fires. The search is on the wall clock of the zone, because a run at 02:30 must come once on
// every day, whatever is done to the clock on that day:
//
// - The hour field is `*`: it fires whenever the clock shows a matching time, so that a rhythm of 20 minutes is one
//   through a change of clocks too.
// - Any other local time fires once: at its first showing, or, where the clock skips it, at the first instant after
//   the gap. Both day fields given means either of them.
import { isoOf } from '../support/clock.ts';
import { DAY, SECOND } from '../support/limits.ts';
import {
  findChange,
  latestLocalTime,
  localTime,
  offsetMs,
  resolveLocal,
  zoneNamed,
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

/** The last instant after `after` and up to `until` at which the expression fires, or null. */
export function lastCron(
  cron: string,
  timezone: string,
  after: number,
  until: number,
): number | null {
  // Slots stand on whole seconds: first back in growing steps, then halving, so that years cost a few dozen looks.
  const next = (second: number): number | null =>
    nextCron(cron, timezone, Math.max(after, second * SECOND));
  const fires = (second: number): boolean => (next(second) ?? Number.POSITIVE_INFINITY) <= until;
  let to = Math.floor(until / SECOND);
  const earliest = Math.floor(after / SECOND);
  let from = to - 1;
  for (let step = 2; from > earliest && !fires(from); step *= 2) {
    to = from;
    from -= step;
  }
  if (!fires(from)) return null;
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if (fires(middle)) from = middle;
    else to = middle;
  }
  return next(from);
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

/** What is to be said of a time at which the expression fires: the clock was changed there. Null on all other days. */
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
