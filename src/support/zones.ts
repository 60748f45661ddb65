// Time zones on top of Intl: which zone a text means, what the local clock shows at an instant, and which instant a
// local time is. A local time is written as the instant that it would be in UTC. Two rules hold for every zone and
// year: a local time that the clock shows twice is its first showing, one that it skips is the first instant after the gap.
import { existsSync, realpathSync } from 'node:fs';
import { JobrunError } from './errors.ts';
import { DAY, HOUR, LAST_INSTANT, MINUTE, SECOND } from './limits.ts';
import { didYouMean, plainLine } from './text.ts';

/**
 * Returns the name of the zone that a text means. Names are accepted in any case, and links are followed.
 *
 * @param what the place of the text: `--tz`, `timezone`, `TZ`
 * @param code `bad-config` if that place is a setting
 * @throws JobrunError whose message begins with `what`
 */
export function zoneNamed(
  text: string,
  what: string,
  code: 'bad-time' | 'bad-config' = 'bad-time',
): string {
  let zone = names.get(text);
  if (zone === undefined) {
    zone = nameOf(text);
    if (names.size >= MAX_KNOWN) names.clear();
    names.set(text, zone);
  }
  if (zone !== null) return zone;
  const shown = plainLine(text).slice(0, 100);
  const why = isAbbreviation(text)
    ? `"${shown}" means more than one time zone`
    : `there is no time zone "${shown}"`;
  throw new JobrunError(code, `${what}: ${why}`, hintFor(text));
}

/** Returns the zone of a process: its `TZ`, else the system's zone. An empty `TZ` is UTC. */
export function processZone(env: Readonly<Record<string, string | undefined>>): string {
  const { TZ } = env;
  if (TZ === '') return 'UTC';
  if (TZ !== undefined) return zoneNamed(inPath(TZ), 'TZ', 'bad-config');
  // The C library uses UTC on a system without a zone.
  return zoneOf(new Intl.DateTimeFormat()) ?? 'UTC';
}

/** Returns the zone name in `:Europe/Berlin`, `/usr/share/zoneinfo/Europe/Berlin`, or behind the link `/etc/localtime`. */
function inPath(TZ: string): string {
  const path = TZ.replace(/^:/, '');
  const file = path.startsWith('/') && existsSync(path) ? realpathSync(path) : path;
  return file.replace(/^.*\/zoneinfo\//, '').replace(/^(?:posix|right)\//, '');
}

const names = new Map<string, string | null>();
const MAX_KNOWN = 1000;

function nameOf(text: string): string | null {
  // Node 22 and later accept offsets such as `+05:30`; Node 20 does not, and in `TZ` their sign is reversed.
  if (isAbbreviation(text) || /^[+-]/.test(text)) return null;
  const zone = intlName(text);
  if (zone === null) return null;
  // Intl returns the oldest name of a place: Asia/Calcutta for Asia/Kolkata. A renamed place keeps the name typed.
  const written = text.toLowerCase().replace(/(?:^|[/_-])[a-z]/g, (start) => start.toUpperCase());
  const isRenamed = zone.includes('/') && written.startsWith(zone.replace(/[^/]*$/, ''));
  return isRenamed && written.toLowerCase() !== zone.toLowerCase() ? written : zone;
}

function intlName(text: string): string | null {
  try {
    return zoneOf(new Intl.DateTimeFormat('en', { timeZone: text }));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function zoneOf(format: Intl.DateTimeFormat): string | null {
  const zone: string | undefined = format.resolvedOptions().timeZone;
  return zone === undefined || zone === 'Etc/Unknown' ? null : zone;
}

/**
 * True for abbreviations such as BST, IST and CST. Intl accepts them as old Java names (BST is Bangladesh there), but
 * people use them for other zones too. Three-letter names of the time zone database are not abbreviations.
 */
const isAbbreviation = (text: string): boolean =>
  /^[a-z]{3}$/i.test(text) && !DATABASE.has(text.toUpperCase()) && intlName(text) !== null;

const DATABASE = new Set(
  ['CET', 'EET', 'EST', 'GMT', 'HST', 'MET', 'MST'].concat(
    'PRC',
    'ROC',
    'ROK',
    'UCT',
    'UTC',
    'WET',
  ),
);

/** The places that people mean by an abbreviation, the most probable one first. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  ACT: ['Australia/Darwin', 'America/Rio_Branco'],
  AET: ['Australia/Sydney', 'Australia/Brisbane'],
  AGT: ['America/Argentina/Buenos_Aires'],
  ART: ['America/Argentina/Buenos_Aires', 'Africa/Cairo'],
  AST: ['America/Halifax', 'Asia/Riyadh', 'America/Anchorage'],
  BET: ['America/Sao_Paulo'],
  BST: ['Europe/London', 'Asia/Dhaka'],
  CAT: ['Africa/Maputo'],
  CNT: ['America/St_Johns'],
  CST: ['America/Chicago', 'Asia/Shanghai', 'America/Havana'],
  CTT: ['Asia/Shanghai'],
  EAT: ['Africa/Nairobi'],
  ECT: ['America/Guayaquil', 'Europe/Paris'],
  IET: ['America/Indiana/Indianapolis'],
  IST: ['Asia/Kolkata', 'Europe/Dublin', 'Asia/Jerusalem'],
  JST: ['Asia/Tokyo'],
  MIT: ['Pacific/Apia'],
  NET: ['Asia/Yerevan'],
  NST: ['America/St_Johns', 'Pacific/Auckland'],
  PLT: ['Asia/Karachi'],
  PNT: ['America/Phoenix'],
  PRT: ['America/Puerto_Rico'],
  PST: ['America/Los_Angeles', 'Asia/Manila'],
  SST: ['Pacific/Pago_Pago', 'Pacific/Guadalcanal'],
  VST: ['Asia/Ho_Chi_Minh'],
};

/** Returns a hint with the name that was probably meant. */
function hintFor(text: string): string {
  if (isAbbreviation(text)) {
    const places = PLACES[text.toUpperCase()] ?? ['Europe/London'];
    return `Name the place whose clock it is, such as ${places.join(' or ')}.`;
  }
  const [, hours = ''] = /^(?:utc|gmt)?[+-]0?(\d{1,2})(?::?00)?$/i.exec(text) ?? [];
  if (hours !== '') {
    const fixed = `${hours} hours ahead of UTC all year is Etc/GMT-${hours}, behind it Etc/GMT+${hours}`;
    return `Name a place: Europe/Berlin. ${fixed}.`;
  }
  const zones = [...Intl.supportedValuesOf('timeZone'), 'UTC'];
  const city = `/${text.trim().replaceAll(' ', '_').toLowerCase()}`;
  const place = zones.find((known) => known.toLowerCase().endsWith(city));
  return didYouMean(place ?? text, zones, 'Write it as Europe/Berlin.');
}

/** What the zone's clock shows at `at`. */
export const localTime = (zone: string, at: number): number =>
  // Past the last instant a Date would be invalid.
  Math.min(at + offsetMs(zone, at), LAST_INSTANT);

/** The latest time that the zone's clock has shown until `at`: ahead of `localTime` while an hour repeats itself. */
export function latestLocalTime(zone: string, at: number): number {
  const now = localTime(zone, at);
  const change = findChange(zone, at - LONGEST_REPEAT, at);
  return change === null ? now : Math.max(now, localTime(zone, change - 1));
}

export interface Resolved {
  readonly at: number;
  /** `twice`: the clock shows it again later. `never`: the clock skips it, and `at` is the end of the gap. */
  readonly shown: 'once' | 'twice' | 'never';
}

/** The instant at which the zone's clock first shows `local`, or first shows a later time. */
export function resolveLocal(zone: string, local: number): Resolved {
  const change = findChange(zone, local - FARTHEST, local + FARTHEST);
  const late = local - offsetMs(zone, local + FARTHEST);
  if (change === null) return { at: late, shown: 'once' };
  const early = local - offsetMs(zone, local - FARTHEST);
  if (early < change) return { at: early, shown: late >= change ? 'twice' : 'once' };
  return late >= change ? { at: late, shown: 'once' } : { at: change, shown: 'never' };
}

/** Returns the instant at which the zone's clock shows `local` for the second time. */
export const secondShowing = (zone: string, local: number): number =>
  local - offsetMs(zone, local + FARTHEST);

// The clock has never been set back by more than a day (Kwajalein 1969: 23 hours), and no zone is farther than 16
// hours from UTC. No zone has changed its offset twice within such a span since clocks are set by law.
const LONGEST_REPEAT = DAY;
const FARTHEST = LONGEST_REPEAT + 16 * HOUR;

/** The first instant after `from`, up to `to`, with another offset than `from`; null where both have the same. */
export function findChange(zone: string, from: number, to: number): number | null {
  if (isSteady(zone, from, to)) return null;
  const before = offsetMs(zone, from);
  if (offsetMs(zone, to) === before) {
    isNowSteady(zone, { from, to, offset: before });
    return null;
  }
  let [same, other] = [Math.floor(from / SECOND), Math.ceil(to / SECOND)];
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (offsetMs(zone, middle * SECOND) === before) same = middle;
    else other = middle;
  }
  return other * SECOND;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** How far the zone's clock is ahead of UTC at `at`. */
export function offsetMs(zone: string, at: number): number {
  return isSteady(zone, at, at) ? (steady.get(zone)?.offset ?? 0) : shownOffset(zone, at);
}

/** A span of time in which the clock of a zone is not changed. */
interface Steady {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
}

/**
 * By zone, the span that was found last. To ask Intl takes 3 µs, and a schedule that a full disk has held up for hours
 * asks some thousand times each second.
 */
const steady = new Map<string, Steady>();

function isSteady(zone: string, from: number, to: number): boolean {
  const known = steady.get(zone);
  return known !== undefined && known.from <= from && to <= known.to;
}

function isNowSteady(zone: string, found: Steady): void {
  const known = steady.get(zone);
  const meets = known && known.from <= found.to && found.from <= known.to;
  if (!known && steady.size >= MAX_KNOWN) steady.clear();
  steady.set(
    zone,
    meets
      ? { ...found, from: Math.min(known.from, found.from), to: Math.max(known.to, found.to) }
      : found,
  );
}

function shownOffset(zone: string, at: number): number {
  // Intl throws beyond.
  const text = formatOf(zone).format(Math.min(Math.max(at, -LAST_INSTANT), LAST_INSTANT));
  const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(text) ?? [];
  const ms = Number(hours) * HOUR + Number(minutes) * MINUTE + Number(seconds) * SECOND;
  return sign === '-' ? -ms : ms;
}

/** Making a format costs a thousand times as much as using it. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  if (formats.size >= MAX_KNOWN) formats.clear();
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
    formats.set(timeZone, format);
    return format;
  } catch (error) {
    zoneNamed(timeZone, 'time zone');
    throw error;
  }
}
