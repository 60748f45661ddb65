// Local times and instants: what exists once, twice or never, in zones that are known for it.
import { describe, expect, it } from 'vitest';
import {
  checkTimezone,
  findChange,
  latestLocalTime,
  localTime,
  offsetMs,
  resolveLocal,
} from '../../src/support/zones.ts';

const at = (text: string): number => Date.parse(`${text}Z`);

describe('a zone', () => {
  it('that exists is accepted in any case; one that does not gets a suggestion', () => {
    expect(() => checkTimezone('europe/berlin')).not.toThrow();
    expect(() => checkTimezone('UTC')).not.toThrow();
    expect(() => checkTimezone('Europe/Berln')).toThrow(/there is no time zone "Europe\/Berln"/);
    for (const wrong of ['', 'Mars/Olympus', 'x'.repeat(10_000)])
      expect(() => checkTimezone(wrong)).toThrow();
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
