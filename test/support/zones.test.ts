// Local times and instants: what exists once, twice or never, in zones that are known for it.
import { describe, expect, it } from 'vitest';
import { JobrunError } from '../../src/support/errors.ts';
import { processZone, zoneNamed } from '../../src/support/zone-names.ts';
import {
  findChange,
  latestLocalTime,
  localTime,
  offsetMs,
  resolveLocal,
} from '../../src/support/zones.ts';

const at = (text: string): number => Date.parse(`${text}Z`);

function refusal(read: () => string): JobrunError {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(JobrunError);
    return error as JobrunError;
  }
  throw new Error('it was accepted');
}

describe('a zone', () => {
  it.each([
    'Europe/Berlin = Europe/Berlin',
    'europe/berlin = Europe/Berlin',
    'EUROPE/BERLIN = Europe/Berlin',
    'utc = UTC',
    'Etc/UTC = UTC',
    'GMT = UTC',
    'US/Pacific = America/Los_Angeles',
    'gb = Europe/London',
    'Asia/Kolkata = Asia/Kolkata',
    'asia/ho_chi_minh = Asia/Ho_Chi_Minh',
    'america/port-au-prince = America/Port-au-Prince',
    'etc/gmt+3 = Etc/GMT+3',
  ])('is known in any case and by its links: %s', (row) => {
    const [text = '', zone = ''] = row.split(' = ');
    expect([zoneNamed(text, '--tz'), zoneNamed(zone, '--tz')]).toEqual([zone, zone]);
  });

  it.each([
    'Europe/Berln | there is no time zone "Europe/Berln" | Europe/Berlin',
    'new york | there is no time zone | America/New_York',
    'Mars/Olympus | there is no time zone | Europe/Berlin',
    ' | there is no time zone "" | Europe/Berlin',
    'UTC+3 | there is no time zone "UTC+3" | 3 hours ahead of UTC all year is Etc/GMT-3, behind it Etc/GMT+3',
    '+05:00 | there is no time zone | Etc/GMT-5',
    '-0330 | there is no time zone | Europe/Berlin',
    'CET-1CEST,M3.5.0,M10.5.0/3 | there is no time zone | Europe/Berlin',
    'BST | "BST" means more than one time zone | such as Europe/London or Asia/Dhaka.',
    'AST | more than one | such as America/Halifax or Asia/Riyadh',
    'nst | more than one | such as America/St_Johns or Pacific/Auckland.',
    'ECT | more than one | such as America/Guayaquil',
    'IST | more than one | such as Asia/Kolkata or Europe/Dublin',
    'CST | more than one | such as America/Chicago or Asia/Shanghai',
    'jst | more than one | such as Asia/Tokyo.',
  ])('that names none, or more than one, is refused with what to write: %s', (row) => {
    const [text = '', why, hint] = row.split(' | ');
    const error = refusal(() => zoneNamed(text, '--tz'));
    expect([error.code, error.message, error.hint]).toEqual([
      'bad-time',
      expect.stringContaining(why ?? ''),
      expect.stringContaining(hint ?? ''),
    ]);
    expect(error.message).toMatch(/^--tz: /);
  });

  it('of 10,000 letters is refused at once', () => {
    expect(refusal(() => zoneNamed('x'.repeat(10_000), '--tz')).message.length).toBeLessThan(200);
  });
});

describe('the zone of a process', () => {
  it.each([
    ' = UTC',
    'Europe/Berlin = Europe/Berlin',
    'europe/berlin = Europe/Berlin',
    ':Europe/Berlin = Europe/Berlin',
    '/usr/share/zoneinfo/Europe/Berlin = Europe/Berlin',
    ':posix/Europe/Berlin = Europe/Berlin',
    'GB = Europe/London',
  ])('is what its TZ says, and UTC where that is empty: %s', (row) => {
    const [TZ = '', zone] = row.split(' = ');
    expect(processZone({ TZ })).toBe(zone);
  });

  it.each(['Foo/Bar', 'UTC+3', 'CET-1CEST,M3.5.0,M10.5.0/3', ':/no/such/file', 'BST', ' '])(
    'is asked for by the name of TZ where that means none: "%s"',
    (TZ) => {
      const { code, message } = refusal(() => processZone({ TZ }));
      expect([code, message]).toEqual(['bad-config', expect.stringMatching(/^TZ: /)]);
    },
  );

  it('is the system’s where there is no TZ', () => {
    expect(processZone({})).toBe(zoneNamed(processZone({}), 'TZ'));
  });
});

describe('the offset', () => {
  it.each([
    'Asia/Kathmandu 2026-01-01T00:00 345',
    'America/St_Johns 2026-01-01T00:00 -210',
    'UTC 2026-01-01T00:00 0',
    'Pacific/Apia 2011-12-30T09:59 -600',
    'Pacific/Apia 2011-12-30T10:00 840',
  ])('%s', (row) => {
    const [zone = '', instant = '', minutes] = row.split(' ');
    expect(offsetMs(zone, at(instant)) / 60_000).toBe(Number(minutes));
  });

  it('changes at the exact millisecond', () => {
    const change = at('2026-03-29T01:00');
    expect(findChange('Europe/Berlin', change - 5e7, change + 5e7)).toBe(change);
    expect(localTime('Europe/Berlin', change) - localTime('Europe/Berlin', change - 1)).toBe(
      3_600_001,
    );
    expect(findChange('Europe/Berlin', change, change + 5e7)).toBe(null);
  });
});

describe('a local time', () => {
  it.each([
    'Europe/Berlin 2026-06-01T12:00 2026-06-01T10:00 once',
    'Europe/Berlin 2026-03-29T02:30 2026-03-29T01:00 never',
    'Europe/Berlin 2026-03-29T03:00 2026-03-29T01:00 once',
    'Europe/Berlin 2026-10-25T02:30 2026-10-25T00:30 twice',
    'Europe/Berlin 2026-10-25T03:00 2026-10-25T02:00 once',
    'Australia/Lord_Howe 2026-04-05T01:45 2026-04-04T14:45 twice',
    'Pacific/Apia 2011-12-30T12:00 2011-12-30T10:00 never',
    'Africa/Cairo 2026-04-24T00:30 2026-04-23T22:00 never',
  ])('%s', (row) => {
    const [zone = '', local = '', instant = '', shown] = row.split(' ');
    expect(resolveLocal(zone, at(local))).toEqual({ at: at(instant), shown });
  });

  it('that was shown latest stays ahead while an hour repeats itself', () => {
    const repeated = at('2026-10-25T01:10');
    // Three o'clock itself was not shown: at that moment it was two again.
    expect(latestLocalTime('Europe/Berlin', repeated)).toBe(at('2026-10-25T03:00') - 1);
    expect(latestLocalTime('Europe/Berlin', at('2026-10-25T02:10'))).toBe(at('2026-10-25T03:10'));
  });
});
