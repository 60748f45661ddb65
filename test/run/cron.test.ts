// The hard days of cron by hand, and thousands of others against the oracle. JOBRUN_LONG=1 runs ten times as many.
import { describe, expect, it } from 'vitest';
import { checkCron, countCron, lastCrons, nextCron, noteOf } from '../../src/run/cron.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { randomFrom } from '../helpers/random.ts';
import { randomCase } from './cron-cases.ts';
import { firstShown } from './cron-oracle.ts';

const DAY = 86_400_000;
const at = (text: string): number =>
  Date.parse(text.includes('T') ? text : `${text.replace(' ', 'T')}Z`);

function listed(cron: string, zone: string, after: number, n: number): string[] {
  const found: string[] = [];
  let from: number | null = after;
  for (let i = 0; i < n && from !== null; i++) {
    from = nextCron(cron, zone, from);
    if (from !== null) found.push(new Date(from).toISOString().replace(':00.000Z', ''));
  }
  return found;
}

function refusal(cron: string, zone = 'UTC'): JobrunError {
  try {
    checkCron(cron, zone);
  } catch (error) {
    expect(error).toBeInstanceOf(JobrunError);
    return error as JobrunError;
  }
  throw new Error(`"${cron}" in ${zone} was accepted`);
}

describe('the days on which clocks change', () => {
  it.each([
    'a skipped time runs at the end of the gap | 2026-03-28 12:00 | 30 2 * * * | Europe/Berlin | 2026-03-29T01:00 2026-03-30T00:30',
    'a repeated time runs once, at its first showing | 2026-10-24 12:00 | 30 2 * * * | Europe/Berlin | 2026-10-25T00:30 2026-10-26T01:30',
    'and not again between its two showings | 2026-10-25 00:45 | 30 2 * * * | Europe/Berlin | 2026-10-26T01:30',
    'several skipped times make one run | 2026-03-28 12:00 | 0,15,30,45 2 * * * | Europe/Berlin | 2026-03-29T01:00 2026-03-30T00:00',
    'a skipped time and the gap’s end make one run | 2026-03-28 12:00 | 0 2,3 * * * | Europe/Berlin | 2026-03-29T01:00 2026-03-30T00:00',
    'any hour keeps its rhythm in spring | 2026-03-29 00:00 | */30 * * * * | Europe/Berlin | 2026-03-29T00:30 2026-03-29T01:00 2026-03-29T01:30',
    'any hour keeps its rhythm in autumn | 2026-10-25 00:00 | */30 * * * * | Europe/Berlin | 2026-10-25T00:30 2026-10-25T01:00 2026-10-25T01:30 2026-10-25T02:00',
    'the minute that ends a repeated hour is not left out | 2026-10-25 01:10 | */20 2,3 * * * | Europe/Berlin | 2026-10-25T02:00 2026-10-25T02:20',
    'a clock that is changed at 00:01 | 1992-04-05 01:27 | 5,55 3,0 * * * | America/Goose_Bay | 1992-04-05T04:01 1992-04-05T06:05',
    'a list of hours skips the second showing | 2026-10-25 00:00 | 0 2-3 * * * | Europe/Berlin | 2026-10-25T02:00 2026-10-26T01:00',
    'New York, spring | 2026-03-07 12:00 | 30 2 * * * | America/New_York | 2026-03-08T07:00 2026-03-09T06:30',
    'New York, autumn | 2026-10-31 12:00 | 30 1 * * * | America/New_York | 2026-11-01T05:30 2026-11-02T06:30',
    'half an hour, skipped | 2026-10-03 00:00 | 15 2 * * * | Australia/Lord_Howe | 2026-10-03T15:30 2026-10-04T15:15',
    'half an hour, repeated | 2026-04-04 00:00 | 45 1 * * * | Australia/Lord_Howe | 2026-04-04T14:45 2026-04-05T15:15',
    'a midnight that is skipped | 2026-04-23 12:00 | 30 0 * * * | Africa/Cairo | 2026-04-23T22:00 2026-04-24T21:30',
    'a midnight that is skipped, Santiago | 2026-09-05 12:00 | 0 0 * * * | America/Santiago | 2026-09-06T04:00 2026-09-07T03:00',
    'a midnight that is repeated | 2026-04-04 12:00 | 30 23 * * * | America/Santiago | 2026-04-05T02:30 2026-04-06T03:30',
    'a whole day that never was | 2011-12-29 00:00 | 0 9 * * * | Pacific/Apia | 2011-12-29T19:00 2011-12-30T10:00 2011-12-30T19:00',
    'a day that was twice | 1969-09-29 00:00 | 0 9 * * * | Pacific/Kwajalein | 1969-09-29T22:00 1969-10-01T21:00',
  ])('%s', (row) => {
    const [, after = '', cron = '', zone = '', wanted = ''] = row.split(' | ');
    const list = wanted.split(' ');
    expect(listed(cron, zone, at(after), list.length)).toEqual(list);
  });
});

describe('the calendar', () => {
  it.each([
    '29 February | 2026-11-22 | 0 0 29 2 * | 2028-02-29T00:00 2032-02-29T00:00',
    '29 February over 2100 | 2096-03-01 | 0 0 29 2 * | 2104-02-29T00:00',
    'the 31st | 2026-11-22 | 0 12 31 * * | 2026-12-31T12:00 2027-01-31T12:00 2027-03-31T12:00',
    'both day fields, neither of which begins with *, mean either | 2026-11-01 | 0 0 13 * 5 | 2026-11-06T00:00 2026-11-13T00:00 2026-11-20T00:00',
    '30 February is saved by a weekday | 2026-02-01 | 0 0 30 2 1 | 2026-02-02T00:00 2026-02-09T00:00',
    '7 is Sunday too | 2026-11-22 | 0 0 * * 7 | 2026-11-29T00:00 2026-12-06T00:00',
    'a range up to 7 | 2026-11-27 | 0 0 * * 6-7 | 2026-11-28T00:00 2026-11-29T00:00 2026-12-05T00:00',
    'names | 2026-11-22 | 0 0 * JAN,mar THU | 2027-01-07T00:00 2027-01-14T00:00',
    'the last day | 2026-11-22 | 0 0 L * * | 2026-11-30T00:00 2026-12-31T00:00 2027-01-31T00:00 2027-02-28T00:00',
    'the last Friday | 2026-11-22 | 0 0 * * 5L | 2026-11-27T00:00 2026-12-25T00:00',
    'the second Tuesday | 2026-11-22 | 0 0 * * 2#2 | 2026-12-08T00:00 2027-01-12T00:00',
    'a fifth Friday in February | 2008-03-01 | 0 0 * 2 5#5 | 2036-02-29T00:00',
    '@daily | 2026-11-22 | @daily | 2026-11-23T00:00 2026-11-24T00:00',
    '@midnight | 2026-11-22 | @midnight | 2026-11-23T00:00 2026-11-24T00:00',
    '@hourly | 2026-11-22 | @hourly | 2026-11-22T01:00 2026-11-22T02:00',
    '@weekly | 2026-11-22 | @weekly | 2026-11-29T00:00 2026-12-06T00:00',
    '@yearly | 2026-11-22 | @yearly | 2027-01-01T00:00 2028-01-01T00:00',
  ])('%s', (row) => {
    const [, after = '', cron = '', wanted = ''] = row.split(' | ');
    const list = wanted.split(' ');
    expect(listed(cron, 'UTC', at(`${after} 00:00`), list.length)).toEqual(list);
  });

  it.each([
    // 1 November 2026 is a Sunday.
    '0 9 * * 1-5,5 | 2026-11-05T09:00 2026-11-06T09:00 2026-11-09T09:00',
    '0 0 * * 0,7 | 2026-11-08T00:00 2026-11-15T00:00',
    '0,*/15 * * * * | 2026-11-05T00:15 2026-11-05T00:30 2026-11-05T00:45',
    '0 8-12,12-18 * * * | 2026-11-05T08:00 2026-11-05T09:00',
    '*,5 * * * * | 2026-11-05T00:01 2026-11-05T00:02',
    '0 9 5,05,5 * * | 2026-11-05T09:00 2026-12-05T09:00',
    '0 0 1,L * * | 2026-11-30T00:00 2026-12-01T00:00 2026-12-31T00:00',
    '0 0 * * mon#1,friL,3 | 2026-11-11T00:00 2026-11-18T00:00 2026-11-25T00:00 2026-11-27T00:00 2026-12-02T00:00 2026-12-07T00:00',
  ])('a list is a union, whatever overlaps in it: %s', (row) => {
    const [cron = '', wanted = ''] = row.split(' | ');
    const list = wanted.split(' ');
    expect(listed(cron, 'UTC', at('2026-11-05 00:00'), list.length)).toEqual(list);
  });

  it.each([
    '0 0 * * fri-sun | 2026-11-06T00:00 2026-11-07T00:00 2026-11-08T00:00 2026-11-13T00:00',
    '0 0 * * sat-sun | 2026-11-07T00:00 2026-11-08T00:00 2026-11-14T00:00',
    '0 0 * * fri-mon | 2026-11-06T00:00 2026-11-07T00:00 2026-11-08T00:00 2026-11-09T00:00 2026-11-13T00:00',
    '0 0 * * 7-1 | 2026-11-08T00:00 2026-11-09T00:00 2026-11-15T00:00',
    '0 0 * * sat-tue/2 | 2026-11-07T00:00 2026-11-09T00:00 2026-11-14T00:00',
    '0 22-2/2 * * * | 2026-11-05T02:00 2026-11-05T22:00 2026-11-06T00:00',
    '50-5/5 * * * * | 2026-11-05T00:05 2026-11-05T00:50 2026-11-05T00:55 2026-11-05T01:00',
    '0 0 30-2 nov-jan * | 2026-11-30T00:00 2026-12-01T00:00 2026-12-02T00:00 2026-12-30T00:00 2026-12-31T00:00 2027-01-01T00:00',
  ])('a range goes on over the end of its field: %s', (row) => {
    const [cron = '', wanted = ''] = row.split(' | ');
    const list = wanted.split(' ');
    expect(listed(cron, 'UTC', at('2026-11-05 00:00'), list.length)).toEqual(list);
  });

  it.each([
    // As cronie has it: a day field that begins with `*` restricts, and nothing suffices beside it.
    '0 9 1-7 * */7 | 2026-12-06T09:00 2027-01-03T09:00 2027-02-07T09:00',
    '0 9 */2 * mon | 2026-11-09T09:00 2026-11-23T09:00 2026-12-07T09:00',
    '0 9 *,1 * sat | 2026-11-07T09:00 2026-11-14T09:00',
    '0 9 13 * ? | 2026-11-13T09:00 2026-12-13T09:00',
    // And the twins: it begins with a number, and either suffices.
    '0 9 1-7 * 7 | 2026-11-05T09:00 2026-11-06T09:00 2026-11-07T09:00 2026-11-08T09:00 2026-11-15T09:00',
    '0 9 1,* * sat | 2026-11-05T09:00 2026-11-06T09:00 2026-11-07T09:00',
    '0 9 1-31/2 * mon | 2026-11-05T09:00 2026-11-07T09:00 2026-11-09T09:00 2026-11-11T09:00 2026-11-13T09:00 2026-11-15T09:00 2026-11-16T09:00',
  ])('both day fields must match where one begins with *, else either suffices: %s', (row) => {
    const [cron = '', wanted = ''] = row.split(' | ');
    const list = wanted.split(' ');
    expect(listed(cron, 'UTC', at('2026-11-05 00:00'), list.length)).toEqual(list);
  });

  it('the largest step of a field is as long as the field', () => {
    const steps = [
      '*/60 * * * * *',
      '*/60 * * * *',
      '0 */24 * * *',
      '0 0 */31 * *',
      '0 0 1 */12 *',
    ];
    const from = at('2026-11-05 00:00');
    expect([...steps, '0 0 * * */7'].map((cron) => listed(cron, 'UTC', from, 1)[0])).toEqual([
      '2026-11-05T00:01',
      '2026-11-05T01:00',
      '2026-11-06T00:00',
      '2026-12-01T00:00',
      '2027-01-01T00:00',
      '2026-11-08T00:00',
    ]);
  });

  it('six fields begin with the second', () => {
    const after = at('2026-11-22T00:00:01Z');
    expect(nextCron('*/20 * * * * *', 'UTC', after)).toBe(at('2026-11-22T00:00:20Z'));
    expect(nextCron('*/20 * * * * *', 'UTC', at('2026-11-22T00:00:40Z'))).toBe(
      at('2026-11-22T00:01:00Z'),
    );
  });

  it('the next time is strictly later, to the millisecond', () => {
    const noon = at('2026-11-22T12:00:00Z');
    expect(nextCron('0 12 * * *', 'UTC', noon)).toBe(noon + DAY);
    expect(nextCron('0 12 * * *', 'UTC', noon - 1)).toBe(noon);
    expect(nextCron('0 * * * *', 'UTC', noon - 1)).toBe(noon);
  });

  it('beyond the end of dates there is no next time', () => {
    expect(nextCron('0 0 * * *', 'UTC', 8.64e15)).toBe(null);
    expect(nextCron('0 0 * * *', 'UTC', 8.64e15 - 1)).toBe(8.64e15);
  });
});

describe('what is refused', () => {
  it.each([
    '',
    ' ',
    '* *',
    '* * * *',
    '* * * * * * *',
    '@sometimes',
    '@minutely',
    'H * * * *',
    'H(1-5) * * * *',
    '* * * * H',
    '60 * * * *',
    '* 24 * * *',
    '* * 32 * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '*/0 * * * *',
    'a b c d e',
    '5-1-3 * * * *',
    '1-99 * * * *',
    '99-1 * * * *',
    '* * * * 8-1',
    '* * * * 8L',
    '* * * * 2#6',
    '0 0 1 * L',
    '0 0 15W * *',
    '0 0 LW * *',
    '0 0 L-3 * *',
    '0 0 1#1 * *',
    '0 0 * * 1-5L',
    '*/61 * * * *',
    '0 */25 * * *',
    '0 0 */32 * *',
    '0 0 1 */13 *',
    '0 0 * * */8',
    '0/90 * * * *',
    '1-5/60 0-5/30 * * *',
    '?/2 * * * *',
    '* * ?/2 * *',
    '*5 * * * *',
    '*-5 * * * *',
    '5- * * * *',
    '0 0 10 * */7,1#2,',
    '0 0 31 2,4 */2',
    '0 0 */31 * */2,x',
    '? * * * *',
    '0 0 30 2 *',
    '0 0 31 4,6 *',
    '1,,2 * * * *',
    '-1 * * * *',
    '1.5 * * * *',
    '* * * * MONDAY',
    '0 0 * FOO *',
    '0'.repeat(2000),
  ])('"%s"', (cron) => {
    const error = refusal(cron);
    expect(error.code).toBe('bad-time');
    expect(error.hint).not.toBe('');
  });

  it.each([
    '*/90 * * * * | has 60 values: */60 is the largest. An interval of 90m is --every 90m',
    '0 0-5/30 * * * | --every 30h',
    '0 0 * * */8 | the weekday has 7 values: */7 is the largest.',
    '0 0 15W * * | "15W", the working day nearest to a date',
    '0 0 1,lw * * | "LW"',
    '0 0 L-3 * * | "L-3"',
    'H H * * * | "H", a value that Jenkins chooses',
    '0 0 * * L | 5L or friL',
  ])('what other crons know and this one does not is named: %s', (row) => {
    const [cron = '', hint = ''] = row.split(' | ');
    expect(refusal(cron).hint).toContain(hint);
  });

  it('an error names the field and what it takes', () => {
    expect(refusal('0 24 * * *').message).toContain('the hour "24"');
    expect(refusal('0 24 * * *').hint).toContain('0-23');
    expect(refusal('0 0 30 2 *').message).toContain('day of month');
    expect(refusal('* *').message).toContain('2 fields');
    expect(refusal('@dayly').hint).toContain('@daily');
  });

  it('a zone that does not exist gets a suggestion', () => {
    expect(refusal('* * * * *', 'Europe/Berln').hint).toContain('Europe/Berlin');
    expect(refusal('* * * * *', 'new york').hint).toContain('America/New_York');
  });
});

describe('the last times before an instant', () => {
  it('are found across years, and never before the given start', () => {
    const last = (cron: string, zone: string, after: number, until: number, limit = 1): number[] =>
      lastCrons(cron, zone, after, until, limit);
    const zone = 'Europe/Berlin';
    const until = at('2027-01-01 00:00');
    expect(last('0 9 29 2 *', zone, 0, until)).toEqual([at('2024-02-29 08:00')]);
    expect(last('0 9 29 2 *', zone, at('2024-03-01 00:00'), until)).toEqual([]);
    expect(last('0 12 * * *', 'UTC', 0, until + DAY / 2)).toEqual([until + DAY / 2]);
    const seconds = last('* * * * * *', zone, 0, until + 999, 1000);
    expect(seconds).toEqual(Array.from({ length: 1000 }, (_, i) => until - (999 - i) * 1000));
  });

  it('are those that `nextCron` comes to', () => {
    const random = randomFrom(7);
    for (let i = 0; i < 100; i++) {
      const { cron, zone, after } = randomCase(random);
      const walked: number[] = [];
      let next = nextCron(cron, zone, after);
      for (; next !== null && walked.length < 8; next = nextCron(cron, zone, next))
        walked.push(next);
      const end = walked.at(-1);
      if (end === undefined) continue;
      const limit = random.whole(1, 9);
      expect([cron, zone, lastCrons(cron, zone, after, end, limit)]).toEqual([
        cron,
        zone,
        walked.slice(-limit),
      ]);
    }
  });
});

describe('against the oracle', () => {
  const cases = process.env.JOBRUN_LONG ? 20_000 : 2_000;
  const seed = Number(process.env.JOBRUN_SEED ?? 20_261_122);

  it(`${cases} random expressions, zones and instants agree (seed ${seed})`, {
    timeout: 600_000,
  }, () => {
    const random = randomFrom(seed);
    for (let i = 0; i < cases; i++) {
      const { cron, fields, zone, after } = randomCase(random);
      const end =
        after + (fields.seconds.length > 1 || fields.seconds[0] !== 0 ? DAY / 8 : 3 * DAY);
      const wanted = firstShown(fields, zone, after, end);
      const found = nextCron(cron, zone, after);
      const inTime = found !== null && found < end ? found : null;
      const told = `case ${i}: ${cron} in ${zone} after ${new Date(after).toISOString()}`;
      expect(inTime && new Date(inTime).toISOString(), told).toBe(
        wanted && new Date(wanted).toISOString(),
      );
    }
  });
});

describe('speed', () => {
  it('a cron per second and a rare date are found in well under a millisecond', () => {
    const started = performance.now();
    let from = at('2026-11-22 00:00');
    for (let i = 0; i < 5000; i++) from = nextCron('* * * * * *', 'Europe/Berlin', from) ?? 0;
    for (let i = 0; i < 200; i++) nextCron('0 0 29 2 *', 'Europe/Berlin', from + i * DAY);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('how many times it fires', () => {
  it('is what going through them one by one gives', { timeout: 120_000 }, () => {
    const random = randomFrom(11);
    for (let i = 0; i < 200; i++) {
      const { cron, zone, after } = randomCase(random);
      const until = after + random.whole(0, cron.split(' ').length === 6 ? DAY / 4 : 4 * DAY);
      let walked = 0;
      for (let at = nextCron(cron, zone, after); at !== null && at <= until; walked++)
        at = nextCron(cron, zone, at);
      const told = `${cron} in ${zone} after ${after} until ${until}`;
      expect(countCron(cron, zone, after, until), told).toBe(walked);
    }
  });

  it('of ten years of seconds needs no look at each of them, which would outlast the test', () => {
    const decade = countCron(
      '* * * * * *',
      'Europe/Berlin',
      at('2026-01-01 00:00'),
      at('2036-01-01 00:00'),
    );
    expect(decade).toBe(3652 * 86_400);
  });
});

describe('what is said of a time', () => {
  it.each([
    '30 2 * * * | 2026-03-29T01:00:00Z | 02:30 is skipped that day: this is the end of the gap',
    '30 2 * * * | 2026-03-30T00:30:00Z | ',
    '30 2 * * * | 2026-10-25T00:30:00Z | shown twice that day: this is the first',
    '0 2,3 * * * | 2026-03-29T01:00:00Z | ',
    '*/30 * * * * | 2026-03-29T01:00:00Z | ',
    '*/30 * * * * | 2026-10-25T01:30:00Z | shown twice that day: this is the second',
  ])('%s', (row) => {
    const [cron = '', instant = '', note = ''] = row.split(' | ');
    expect(noteOf(cron, 'Europe/Berlin', at(instant))).toBe(note === '' ? null : note);
  });
});
