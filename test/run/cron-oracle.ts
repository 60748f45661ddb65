// Slow and plain: when a cron expression fires, found by looking at every minute (or second) of the local clock as
// Intl prints it. It shares no code with src, so that the two can only agree by both being right.
const MINUTE = 60_000;

/**
 * What an expression matches, field by field; null is `*`. A day field that is `anyDate` or `anyWeekday` begins with
 * `*`.
 */
export interface Fields {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[] | null;
  readonly hours: readonly number[] | null;
  readonly dates: readonly number[] | null;
  readonly months: readonly number[] | null;
  readonly weekdays: readonly number[] | null;
  readonly anyDate: boolean;
  readonly anyWeekday: boolean;
}

const LOOK_BACK_MINUTES = 26 * 60;

/** The first instant after `after` and before `end`, or null. */
export function firstShown(
  fields: Fields,
  zone: string,
  after: number,
  end: number,
): number | null {
  const step = fields.seconds.length === 1 && fields.seconds[0] === 0 ? MINUTE : 1000;
  const from = Math.floor(after / MINUTE) * MINUTE;
  let latest = Number.NEGATIVE_INFINITY;
  for (let i = LOOK_BACK_MINUTES; i > 0; i--)
    latest = Math.max(latest, clock(zone, from - i * MINUTE));
  latest += MINUTE - step;
  for (let at = from; at < end; at += step) {
    const now = clock(zone, at);
    const fires =
      fields.hours === null ? matches(fields, now) : newlyMatched(fields, latest, now, step);
    if (fires && at > after) return at;
    latest = Math.max(latest, now);
  }
  return null;
}

/** Does any local time that the clock has reached or passed for the first time match? */
function newlyMatched(fields: Fields, latest: number, now: number, step: number): boolean {
  for (let local = latest + step; local <= now; local += step)
    if (matches(fields, local)) return true;
  return false;
}

function matches(fields: Fields, local: number): boolean {
  const has = (list: readonly number[] | null, value: number): boolean =>
    list?.includes(value) ?? true;
  const date = new Date(local);
  if (!fields.seconds.includes(date.getUTCSeconds())) return false;
  if (!has(fields.minutes, date.getUTCMinutes())) return false;
  if (!has(fields.hours, date.getUTCHours())) return false;
  if (!has(fields.months, date.getUTCMonth() + 1)) return false;
  const onDate = has(fields.dates, date.getUTCDate());
  const onWeekday = has(fields.weekdays, date.getUTCDay());
  return fields.anyDate || fields.anyWeekday ? onDate && onWeekday : onDate || onWeekday;
}

const printers = new Map<string, Intl.DateTimeFormat>();
/** By zone and quarter of an hour; null where the clock is changed inside of it. */
const quarters = new Map<string, Map<number, number | null>>();
const QUARTER = 15 * MINUTE;

/** The local clock as if it were UTC. A quarter of an hour in which it is not changed is printed at its ends alone. */
export function clock(zone: string, at: number): number {
  const known = quarters.get(zone) ?? new Map<number, number | null>();
  quarters.set(zone, known);
  const quarter = Math.floor(at / QUARTER) * QUARTER;
  let ahead = known.get(quarter);
  if (ahead === undefined) {
    if (known.size > 50_000) known.clear();
    ahead = aheadAt(zone, quarter);
    if (ahead !== aheadAt(zone, quarter + QUARTER)) ahead = null;
    known.set(quarter, ahead);
  }
  return at + (ahead ?? aheadAt(zone, Math.floor(at / MINUTE) * MINUTE));
}

const aheadAt = (zone: string, at: number): number => print(zone, at) - at;

function print(zone: string, at: number): number {
  const printer =
    printers.get(zone) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      dateStyle: 'short',
      timeStyle: 'medium',
    });
  printers.set(zone, printer);
  const [date = '', time = ''] = printer.format(at).split(', ');
  const [day, month, year] = date.split('/');
  return Date.parse(`${year}-${month}-${day}T${time}Z`);
}
