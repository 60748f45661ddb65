// How an instant is shown on the wall clock of a zone.
import { describe, expect, it } from 'vitest';
import { showInstant } from '../../src/support/instants.ts';

const BERLIN = 'Europe/Berlin';
/** Sunday, 13:00 in Berlin. */
const SUNDAY = Date.parse('2026-11-22T12:00:00Z');

describe('an instant as it is shown', () => {
  it.each([
    '2026-11-23T17:30:00Z = Mon 23 Nov 2026 18:30 CET, in 1d 5h',
    '2026-11-22T17:30:00Z = Sun 22 Nov 2026 18:30 CET, in 5h 30m',
    '2027-07-01T10:00:05Z = Thu 1 Jul 2027 12:00:05 CEST, in 220d 22h',
    '2026-11-22T11:58:00Z = Sun 22 Nov 2026 12:58 CET, 2m ago',
    '2026-11-22T12:00:00Z = Sun 22 Nov 2026 13:00 CET, now',
    '9999-12-31T22:59:00Z = Fri 31 Dec 9999 23:59 CET, in 2912117d 10h',
    '+010000-01-01T11:30:15Z = Sat 1 Jan 10000 12:30:15 UTC+01:00, in 2912117d 23h',
    '+275760-09-13T00:00:00Z = Sat 13 Sep 275760 00:00 UTC+02:00, in 99979220d 12h',
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
