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
  const weekdays = list(random, 0, 6, 0.7, [local.getUTCDay()]);
  const fields = {
    seconds: seconds[1] ?? [0],
    minutes: minutes[1],
    hours: hours[1],
    dates: dates[1],
    months: months[1],
    weekdays: weekdays[1],
  };
  const texts = [minutes[0], hours[0], dates[0], months[0], weekdays[0]];
  const cron = (withSeconds ? [seconds[0], ...texts] : texts).join(' ');
  // A date that no year has is refused, not searched for.
  const safe = dates[1] === null || weekdays[1] !== null || dates[1].some((date) => date <= 28);
  return safe ? { cron, fields, zone, after } : randomCase(random);
}

/** A field as text and as the values that it stands for. */
function list(
  random: Random,
  from: number,
  to: number,
  any: number,
  likely: readonly number[] = [],
): readonly [string, readonly number[] | null] {
  if (random.chance(any)) return ['*', null];
  const all = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  if (random.chance(0.2)) {
    const step = random.whole(2, Math.max(2, Math.floor(to / 2)));
    return [`*/${step}`, all.filter((value) => (value - from) % step === 0)];
  }
  if (random.chance(0.2)) {
    const first = random.whole(from, to);
    const last = random.whole(first, to);
    return [`${first}-${last}`, all.filter((value) => value >= first && value <= last)];
  }
  const pick = (): number =>
    likely.length > 0 && random.chance(0.7) ? random.of(likely) : random.of(all);
  const values = [...new Set(Array.from({ length: random.whole(1, 3) }, pick))];
  return [values.join(','), values];
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
