// Names of time zones on top of Intl: which zone a text means, and what was probably meant where it means none.
import { existsSync, realpathSync } from 'node:fs';
import { JobrunError } from './errors.ts';
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

/**
 * Returns the zone name in `:Europe/Berlin`, `/usr/share/zoneinfo/Europe/Berlin`, or behind the link `/etc/localtime`.
 */
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
