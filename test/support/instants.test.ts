// Every form that `--at` takes, what it refuses and with which hint, and how an instant is shown.
import { describe, expect, it } from 'vitest';
import { JobrunError } from '../../src/support/errors.ts';
import { parseInstant, showInstant } from '../../src/support/instants.ts';

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
  ])('%s', (row) => {
    const [text = '', wanted = ''] = row.split(' = ');
    expect([iso(parsed(text).at), parsed(text).note]).toEqual([wanted, null]);
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

  it('a time that the clock shows twice is its first showing', () => {
    const { at, note } = parsed('2027-10-31 02:30');
    expect(iso(at)).toBe('2027-10-31T00:30:00');
    expect(note).toContain('twice');
    expect(note).toContain('CEST');
  });

  it('the same by time alone', () => {
    const { at, note } = parsed('2:30', Date.parse('2026-10-24T20:00:00Z'));
    expect([iso(at), note !== null]).toEqual(['2026-10-25T00:30:00', true]);
  });
});

describe('what is refused, with the nearest accepted form', () => {
  it.each([
    '01/02/2026 = 2026-02-01 or 2026-01-02',
    '1.2.26 = 2026-02-01 or 2026-01-02',
    '20 = --in 20m',
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
    'tomorrow = tomorrow 9:00',
    'friday 17:00 = next friday 9:00',
    'in 20 minutes = --in',
    '20m = --in',
    '+2h = --in',
    '2026/12/01 = 2026-12-01',
    'soon = next friday',
    'next blursday 9:00 = next friday',
    '2026-12-01T18:30:00+25:00 = +01:00',
    '2026-12-01T25:30:00Z = 18:30',
    ' = next friday',
  ])('%s', (row) => {
    const [text = '', hint = ''] = row.split(' = ');
    expect(refusal(text).hint).toContain(hint);
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

describe('an instant as it is shown', () => {
  it.each([
    '2026-11-23T17:30:00Z = Mon 23 Nov 2026 18:30 CET, in 1d 5h',
    '2026-11-22T17:30:00Z = Sun 22 Nov 2026 18:30 CET, in 5h 30m',
    '2027-07-01T10:00:05Z = Thu 1 Jul 2027 12:00:05 CEST, in 220d 22h',
    '2026-11-22T11:58:00Z = Sun 22 Nov 2026 12:58 CET, 2m ago',
    '2026-11-22T12:00:00Z = Sun 22 Nov 2026 13:00 CET, now',
    '9999-12-31T22:59:00Z = Fri 31 Dec 9999 23:59 CET, in 2912117d 10h',
  ])('%s', (row) => {
    const [at = '', shown = ''] = row.split(' = ');
    expect(showInstant(Date.parse(at), BERLIN, SUNDAY)).toBe(shown);
  });

  it('a zone without a name of its own shows its offset', () => {
    const zone = (name: string): string | undefined =>
      showInstant(SUNDAY, name, SUNDAY).split(/[ ,]+/)[5];
    expect(
      ['UTC', 'Europe/London', 'Asia/Kathmandu', 'America/New_York', 'America/Sao_Paulo'].map(zone),
    ).toEqual(['UTC', 'GMT', 'UTC+05:45', 'EST', 'UTC-03:00']);
  });
});
