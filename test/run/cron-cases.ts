// Random cron expressions with the values that each field stands for, at instants near which clocks are changed.
import type { Random } from '../helpers/random.ts';
import { clock, type Fields } from './cron-oracle.ts';

const DAY = 86_400_000;
const ZONES = [...Intl.supportedValuesOf('timeZone'), 'UTC'];
const HARD = [
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Africa/Cairo',
  'America/Santiago',
  'Europe/Berlin',
  'America/New_York',
  'Africa/Casablanca',
  'Asia/Tehran',
  'America/Havana',
  'Antarctica/Troll',
  'Asia/Gaza',
  'Europe/Dublin',
  'America/Caracas',
  'Asia/Pyongyang',
  'Asia/Kathmandu',
];

export interface Case {
  readonly cron: string;
  readonly fields: Fields;
  readonly zone: string;
  readonly after: number;
}

export function randomCase(random: Random): Case {
  const zone = random.of(random.chance(0.5) ? HARD : ZONES);
  const year = random.whole(1975, 2040);
  const somewhere = Date.UTC(year, 0, 1) + random.whole(0, 365 * DAY);
  const near = random.chance(0.6) ? (changeIn(zone, year, random) ?? somewhere) : somewhere;
  const after = near - random.whole(0, DAY) + (random.chance(0.5) ? random.whole(0, DAY) : 0);
  const local = new Date(clock(zone, near));
  const withSeconds = random.chance(0.1);
  const seconds = withSeconds ? list(random, 0, 59, 0) : (['0', [0]] as const);
  const minutes = list(random, 0, 59, 0.15);
  const hours = list(random, 0, 23, 0.4, [0, 1, 2, 3, 23]);
  const dates = list(random, 1, 31, 0.7, [local.getUTCDate(), 1, 31]);
  const months = list(random, 1, 12, 0.8, [local.getUTCMonth() + 1]);
  const weekdays = weekdayList(random, list(random, 0, 6, 0.6, [local.getUTCDay()]));
  const fields = {
    seconds: seconds[1] ?? [0],
    minutes: minutes[1],
    hours: hours[1],
    dates: dates[1],
    months: months[1],
    weekdays: weekdays[1],
    anyDate: dates[0].startsWith('*'),
    anyWeekday: weekdays[0].startsWith('*'),
  };
  const texts = [minutes[0], hours[0], dates[0], months[0], weekdays[0]];
  const cron = (withSeconds ? [seconds[0], ...texts] : texts).join(' ');
  // A date that no year has is refused, not searched for.
  const either = !fields.anyDate && !fields.anyWeekday;
  const safe = dates[1] === null || either || dates[1].some((date) => date <= 28);
  return safe ? { cron, fields, zone, after } : randomCase(random);
}

type List = readonly [string, readonly number[] | null];

/** A field as text and as the values that it stands for: a list of one to three items, which may overlap. */
function list(
  random: Random,
  from: number,
  to: number,
  any: number,
  likely: readonly number[] = [],
): List {
  if (random.chance(any)) return ['*', null];
  const items = Array.from({ length: random.whole(1, 3) }, () => item(random, from, to, likely));
  const values = new Set(items.flatMap(([, some]) => some));
  const text = items.map(([one]) => one).join(',');
  return [text, text === '*' ? null : [...values]];
}

/** A value, a range (also one that wraps), a step, or all. */
function item(
  random: Random,
  from: number,
  to: number,
  likely: readonly number[],
): readonly [string, readonly number[]] {
  const size = to - from + 1;
  const one = (): number =>
    likely.length > 0 && random.chance(0.7) ? random.of(likely) : random.whole(from, to);
  const step = random.whole(1, size);
  const first = one();
  const last = random.whole(from, to);
  switch (random.of(['value', 'value', 'range', 'steps', 'all', 'any', 'on'] as const)) {
    case 'value':
      return [`${first}`, [first]];
    case 'range':
      return [`${first}-${last}`, walked(first, last, 1, from, size)];
    case 'steps':
      return [`${first}-${last}/${step}`, walked(first, last, step, from, size)];
    case 'all':
      return [`*/${step}`, walked(from, to, step, from, size)];
    case 'on':
      // Of weekdays it goes on to 7, which is Sunday.
      return size === 7
        ? [`${first}`, [first]]
        : [`${first}/${step}`, walked(first, to, step, from, size)];
    case 'any':
      return random.chance(0.3) ? ['*', walked(from, to, 1, from, size)] : [`${first}`, [first]];
  }
}

/** Each step's value on the way from the first to the last, over the end of the field if need be. */
function walked(first: number, last: number, step: number, from: number, size: number): number[] {
  const values: number[] = [];
  let value = first;
  for (let i = 0; ; i++) {
    if (i % step === 0) values.push(value);
    if (value === last) return values;
    value = value + 1 === from + size ? from : value + 1;
  }
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Some of them by their names, or with 7 for Sunday. */
function weekdayList(random: Random, [text, values]: List): List {
  const written = (digit: string, before: string): string => {
    if (before === '/' || random.chance(0.5)) return digit;
    // Behind a hyphen 7 would be the end of another range: 0-7 is a week, 0-0 a day.
    return digit === '0' && before !== '-' && random.chance(0.5)
      ? '7'
      : (DAYS[Number(digit)] ?? digit);
  };
  return [text.replace(/(^|[,/-])(\d)/g, (_, a: string, b: string) => a + written(b, a)), values];
}

const changes = new Map<string, readonly number[]>();

/** A day of that year on which the zone's clock was changed, or null. */
function changeIn(zone: string, year: number, random: Random): number | null {
  const key = `${zone} ${year}`;
  const known = changes.get(key) ?? [];
  if (!changes.has(key)) {
    const found: number[] = [];
    const start = Date.UTC(year, 0, 1);
    for (let day = start; day < start + 365 * DAY; day += DAY)
      if (clock(zone, day) - day !== clock(zone, day + DAY) - day - DAY) found.push(day + DAY);
    changes.set(key, found);
    return found.length > 0 ? random.of(found) : null;
  }
  return known.length > 0 ? random.of(known) : null;
}
