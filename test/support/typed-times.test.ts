// Every form that `--at` and `--since` take, what they refuse and with which hint.
import { describe, expect, it } from 'vitest';
import { JobrunError } from '../../src/support/errors.ts';
import { parseInstant, parseSince } from '../../src/support/typed-times.ts';

const BERLIN = 'Europe/Berlin';
/** Sunday, 13:00 in Berlin. */
const SUNDAY = Date.parse('2026-11-22T12:00:00Z');
const iso = (at: number): string => new Date(at).toISOString().replace('.000Z', '');
const parsed = (text: string, now = SUNDAY, timezone = BERLIN) =>
  parseInstant(text, { now, timezone });

function refusal(text: string, now = SUNDAY, timezone = BERLIN): JobrunError {
  try {
    parsed(text, now, timezone);
  } catch (error) {
    expect(error).toBeInstanceOf(JobrunError);
    expect((error as JobrunError).code).toBe('bad-time');
    return error as JobrunError;
  }
  throw new Error(`"${text}" was accepted`);
}

describe('what is accepted', () => {
  it.each([
    'now = 2026-11-22T12:00:00',
    '18:30 = 2026-11-22T17:30:00',
    '18:30:15 = 2026-11-22T17:30:15',
    '9:00 = 2026-11-23T08:00:00',
    '13:00 = 2026-11-23T12:00:00',
    '6pm = 2026-11-22T17:00:00',
    '6 PM = 2026-11-22T17:00:00',
    '6:30pm = 2026-11-22T17:30:00',
    '12am = 2026-11-22T23:00:00',
    '12pm = 2026-11-23T11:00:00',
    'today 18:00 = 2026-11-22T17:00:00',
    'tomorrow 9:00 = 2026-11-23T08:00:00',
    'tomorrow at 9am = 2026-11-23T08:00:00',
    'next friday 17:00 = 2026-11-27T16:00:00',
    'next Fri 5pm = 2026-11-27T16:00:00',
    'next sunday 9:00 = 2026-11-29T08:00:00',
    'next monday 9:00 = 2026-11-23T08:00:00',
    '2026-12-01 = 2026-11-30T23:00:00',
    '2026-12-01 18:30 = 2026-12-01T17:30:00',
    '2026-12-01 18:30:15 = 2026-12-01T17:30:15',
    '2026-12-01T18:30 = 2026-12-01T17:30:00',
    '2026-12-01T18:30:00Z = 2026-12-01T18:30:00',
    '2026-12-01T18:30Z = 2026-12-01T18:30:00',
    '2026-12-01T18:30:00+05:30 = 2026-12-01T13:00:00',
    '2026-12-01 18:30:00-0800 = 2026-12-02T02:30:00',
    '2026-12-01T18:30:00.250Z = 2026-12-01T18:30:00.250Z',
    '@1800000000 = 2027-01-15T08:00:00',
    '2027-07-01 12:00 = 2027-07-01T10:00:00',
    '9999-12-31 23:59 = 9999-12-31T22:59:00',
    '9999-12-31T23:59:59Z = 9999-12-31T23:59:59',
    '  2026-12-01   18:30  = 2026-12-01T17:30:00',
    '2028-02-29 00:00 = 2028-02-28T23:00:00',
    'noon = 2026-11-23T11:00:00',
    'tomorrow noon = 2026-11-23T11:00:00',
    'midnight = 2026-11-22T23:00:00',
    'friday 5pm = 2026-11-27T16:00:00',
    '5pm friday = 2026-11-27T16:00:00',
    '17:00 on Friday = 2026-11-27T16:00:00',
    'on friday at 5pm = 2026-11-27T16:00:00',
    '9:00 tomorrow = 2026-11-23T08:00:00',
    'sunday 17:00 = 2026-11-22T16:00:00',
    'sunday 9:00 = 2026-11-29T08:00:00',
    '17.30 = 2026-11-22T16:30:00',
    'friday 17.05 = 2026-11-27T16:05:00',
    '2026-12-01 17.30 = 2026-12-01T16:30:00',
    '1 Dec 9:00 = 2026-12-01T08:00:00',
    '9:00 1 dec = 2026-12-01T08:00:00',
    'December 1 9am = 2026-12-01T08:00:00',
    '1 December 2027 9:00 = 2027-12-01T08:00:00',
    '1 Dec = 2026-11-30T23:00:00',
    '22 nov 12:00 = 2027-11-22T11:00:00',
    '29 Feb 12:00 = 2028-02-29T11:00:00',
    '17h30 = 2026-11-22T16:30:00',
    'tomorrow 9h05 = 2026-11-23T08:05:00',
  ])('%s', (row) => {
    const [text = '', wanted = ''] = row.split(' = ');
    expect([iso(parsed(text).at), parsed(text).note]).toEqual([wanted, null]);
  });

  it.each([
    'in 20m = 1200000',
    '5 minutes = 300000',
    'in 1 hour 30 min = 5400000',
    '20m = 1200000',
    '+2h = 7200000',
    'PT20M = 1200000',
    'an hour = 3600000',
    'in an hour = 3600000',
    'a minute = 60000',
    'half an hour = 1800000',
    'in half an hour = 1800000',
    '17h30m = 63000000',
  ])('a length of time is one from now, and stays one: %s', (row) => {
    const [text = '', ms] = row.split(' = ');
    expect(parsed(text)).toEqual({ at: SUNDAY + Number(ms), inMs: Number(ms), note: null });
  });

  it('a day without a midnight begins at its first instant', () => {
    const cairo = (text: string, now: string) =>
      iso(parsed(text, Date.parse(now), 'Africa/Cairo').at);
    // The clock goes from 23:59:59 to 01:00.
    expect(cairo('2026-04-24', '2026-04-01T12:00:00Z')).toBe('2026-04-23T22:00:00');
    expect(cairo('midnight', '2026-04-23T12:00:00Z')).toBe('2026-04-23T22:00:00');
    expect(cairo('24 apr', '2026-04-23T12:00:00Z')).toBe('2026-04-23T22:00:00');
    // A time that was typed, and that no clock shows, is still refused; and so is a day that never was.
    const now = Date.parse('2026-04-01T12:00:00Z');
    expect(refusal('2026-04-24 0:00', now, 'Africa/Cairo').hint).toContain('2026-04-24 01:00');
    expect(refusal('2011-12-30', now, 'Pacific/Apia').hint).toContain('2011-12-31 00:00');
  });

  it('the zone decides, also on which day it is', () => {
    expect(iso(parsed('2026-12-01 18:30', SUNDAY, 'America/New_York').at)).toBe(
      '2026-12-01T23:30:00',
    );
    expect(iso(parsed('tomorrow 1:00', Date.parse('2026-11-22T22:00:00Z'), 'Asia/Tokyo').at)).toBe(
      '2026-11-23T16:00:00',
    );
  });

  it('"next friday" on a Friday is in a week, not today', () => {
    const friday = Date.parse('2026-11-27T08:00:00Z');
    expect(iso(parsed('next friday 17:00', friday).at)).toBe('2026-12-04T16:00:00');
  });

  it('"tomorrow" is the next date even where today has 25 hours', () => {
    expect(iso(parsed('tomorrow 9:00', Date.parse('2026-10-24T22:10:00Z')).at)).toBe(
      '2026-10-26T08:00:00',
    );
  });
});

describe('what is accepted with a note', () => {
  it.each(['2026-11-22 12:58', '2026-01-01', '@1764000000', '2020-01-01T00:00:00Z'])(
    'a past full date: %s',
    (text) => {
      expect(parsed(text).note).toMatch(/ago: it runs at once/);
    },
  );

  it.each([
    '2027-10-31 02:30 | 2026-11-22T12:00:00Z | 2027-10-31T00:30:00 | 2027-10-31T01:30:00Z',
    '31 oct 2027 2:30 | 2026-11-22T12:00:00Z | 2027-10-31T00:30:00 | 2027-10-31T01:30:00Z',
    '02:30 | 2026-10-24T20:00:00Z | 2026-10-25T00:30:00 | 2026-10-25T01:30:00Z',
    'tomorrow 2:30 | 2026-10-24T20:00:00Z | 2026-10-25T00:30:00 | 2026-10-25T01:30:00Z',
    'sunday 2:30 | 2026-10-24T20:00:00Z | 2026-10-25T00:30:00 | 2026-10-25T01:30:00Z',
  ])(
    'a time that the clock shows twice is its first showing, and told of the second: %s',
    (row) => {
      const [text = '', now = '', wanted, second] = row.split(' | ');
      const { at, note } = parsed(text, Date.parse(now));
      expect(iso(at)).toBe(wanted);
      expect(note).toMatch(/twice: this is the first, .*CEST.*; the second is /);
      expect(note).toContain(second);
    },
  );

  it.each(['02:30', 'today 02:30', 'sunday 2:30', '2026-10-25 02:30'])(
    'between its two showings it is the second, not tomorrow: %s',
    (text) => {
      const { at, note } = parsed(text, Date.parse('2026-10-25T00:40:00Z'));
      expect(iso(at)).toBe('2026-10-25T01:30:00');
      expect(note).toMatch(/twice: this is the second, Sun 25 Oct 2026 02:30 CET, in 50m/);
    },
  );

  it('after both it is tomorrow, and there is nothing to tell', () => {
    const { at, note } = parsed('02:30', Date.parse('2026-10-25T01:40:00Z'));
    expect([iso(at), note]).toEqual(['2026-10-26T01:30:00', null]);
  });
});

describe('what is refused, with the nearest accepted form', () => {
  it.each([
    '01/02/2026 = 2026-02-01 or 2026-01-02',
    '1.2.26 = 2026-02-01 or 2026-01-02',
    '20 = 20m',
    '20261201 = 2026-12-01',
    '1764000000 = @1764000000',
    '2026-02-30 = 2026-02-28',
    '2027-02-29 12:00 = 2027-02-28',
    '2026-13-01 = year-month-day',
    '2026-00-10 = year-month-day',
    '24:00 = 18:30',
    '18:60 = 18:30',
    '13pm = 6:30pm',
    '0am = 6:30pm',
    '2027-03-28 02:30 = 2027-03-28 03:00',
    'today 9:00 = tomorrow 09:00',
    'yesterday 9:00 = tomorrow 09:00',
    'last friday 9:00 = tomorrow 09:00',
    'tomorrow = tomorrow 9:00',
    'friday = friday 9:00',
    'next friday = next friday 9:00',
    'friday 5 = 5:00',
    'tomorrow midnight = tomorrow 0:00',
    '17.05 = For a time write 17:05',
    '1.12 = For a time write 1:12',
    '31 feb 9:00 = 2027-02-28',
    '31 Feb = 2027-02-28',
    '31 nov 9:00 = 2026-11-30',
    'yesterday = tomorrow 09:00',
    'last friday = tomorrow 09:00',
    'today = today 18:00',
    '17:30 UTC = --at 17:30 --tz UTC',
    'tomorrow 9:00 Europe/Berlin = --at "tomorrow 9:00" --tz Europe/Berlin',
    '17:30 now = friday 17:00',
    '2 hours ago = in 20m',
    '5 parsecs = in 20m',
    '2026/12/01 = 2026-12-01',
    'soon = friday 17:00',
    'next blursday 9:00 = friday 17:00',
    '2026-12-01T18:30:00+25:00 = +01:00',
    '2026-12-01T25:30:00Z = 18:30',
    ' = friday 17:00',
  ])('%s', (row) => {
    const [text = '', hint = ''] = row.split(' = ');
    expect(refusal(text).hint).toContain(hint);
  });

  it('a day that is past is called so, and not asked for its time', () => {
    expect(refusal('yesterday').message).toBe('"yesterday" is past');
  });

  it('a number that is no number, a date that is no date, in any amount', () => {
    for (const text of [
      'NaN',
      '-5',
      '1e9',
      '@',
      '@x',
      '99999-01-01',
      '2026-1-1',
      "'; drop",
      '\u0000',
      '9'.repeat(5000),
    ]) {
      expect(refusal(text).hint).not.toBe('');
    }
  });
});

describe('years beyond four digits', () => {
  it.each(['in 8000000d', '@999999999999', '@-999999999999'])('%s is refused', (text) => {
    expect(refusal(text).message).toMatch(/after the year 9999|before the year 0/);
  });
});

describe('looking back', () => {
  const since = (text: string, now = SUNDAY, timezone = BERLIN): string =>
    iso(parseSince(text, { now, timezone }));

  it.each([
    '2h = 2026-11-22T10:00:00',
    '2 hours = 2026-11-22T10:00:00',
    '90 minutes ago = 2026-11-22T10:30:00',
    'last 2 days = 2026-11-20T12:00:00',
    'PT1H = 2026-11-22T11:00:00',
    '9:00 = 2026-11-22T08:00:00',
    '13:00 = 2026-11-22T12:00:00',
    '22:00 = 2026-11-21T21:00:00',
    'noon = 2026-11-22T11:00:00',
    'midnight = 2026-11-21T23:00:00',
    'today = 2026-11-21T23:00:00',
    'today 9:00 = 2026-11-22T08:00:00',
    'yesterday = 2026-11-20T23:00:00',
    'yesterday 18:30 = 2026-11-21T17:30:00',
    'monday = 2026-11-15T23:00:00',
    'sunday = 2026-11-21T23:00:00',
    'last sunday = 2026-11-14T23:00:00',
    'sunday 18:00 = 2026-11-15T17:00:00',
    'friday 5pm = 2026-11-20T16:00:00',
    '1 nov = 2026-10-31T23:00:00',
    '1 dec = 2025-11-30T23:00:00',
    '2026-11-01 = 2026-10-31T23:00:00',
    '2026-11-01 18:30 = 2026-11-01T17:30:00',
    '2026-11-01T18:30:00Z = 2026-11-01T18:30:00',
    '2027-01-01 = 2026-12-31T23:00:00',
    'now = 2026-11-22T12:00:00',
  ])('it is the last such time until now: %s', (row) => {
    const [text = '', wanted] = row.split(' = ');
    expect(since(text)).toBe(wanted);
  });

  it('a time of the evening is that of this evening at once when it is over', () => {
    const evening = Date.parse('2026-11-22T21:40:00Z');
    expect(since('22:00', evening)).toBe('2026-11-22T21:00:00');
    expect(since('23:00', evening)).toBe('2026-11-21T22:00:00');
  });

  it('a day without a midnight begins at its first instant, and a time that was skipped is the end of the gap', () => {
    const day = Date.parse('2026-04-24T12:00:00Z');
    for (const text of ['2026-04-24', 'today', 'friday', '24 apr', 'midnight'])
      expect(since(text, day, 'Africa/Cairo')).toBe('2026-04-23T22:00:00');
    expect(since('yesterday', day + 86_400_000, 'Africa/Cairo')).toBe('2026-04-23T22:00:00');
    expect(since('0:30', day, 'Africa/Cairo')).toBe('2026-04-23T22:00:00');
  });

  it.each(['tomorrow', 'today 18:00', 'next friday', 'in 2 hours', '5', 'soon', '', '01/02/2026'])(
    'what lies ahead, or in no one direction, is refused: "%s"',
    (text) => {
      expect(() => since(text)).toThrow(expect.objectContaining({ code: 'bad-time' }));
    },
  );
});
