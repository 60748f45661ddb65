// The filter of a list as it is typed, and what a request makes of it.
import { expect, test } from 'vitest';
import { filterOf, readFilter, statesIn } from '../../src/commands/shared/filter.ts';

const NOW = Date.UTC(2026, 10, 22, 18, 42, 7);
const read = (text: string) => readFilter(text, NOW);

test('reads words, and fields by their name', () => {
  const filter = read('news state:fail key:weekly group:mail job:send');
  expect(filter).toMatchObject({ words: ['news'], key: 'weekly', group: 'mail', job: ['send'] });
  expect(statesIn('errors', filter)).toEqual(['failed']);
});

test('leaves out what has a word after a minus; a minus alone is the beginning of one', () => {
  expect(read('-news mail -')).toMatchObject({ words: ['mail'], without: ['news'] });
});

test('keeps to the list: a state of another list leaves nothing', () => {
  expect(statesIn('errors', read('state:done'))).toEqual([]);
  expect(statesIn('all', read('state:done,run'))).toEqual(['running', 'done']);
  expect(statesIn('scheduled', read(''))).toEqual(['scheduled', 'waiting', 'queued']);
});

test('reads an age by the minute, so that the same filter stays the same', () => {
  const { since } = read('since:2h');
  expect(since).toBe(readFilter('since:2h', NOW + 20_000).since);
  expect(NOW - (since ?? 0)).toBeGreaterThanOrEqual(7_200_000);
});

test('says what it cannot read, and leaves nothing out for it; a request is refused for it', () => {
  expect(read('since:soon x')).toMatchObject({ since: null, words: ['x'], unread: ['since:soon'] });
  expect(() => filterOf('since:soon', NOW)).toThrow(/cannot read "since:soon"/);
  expect(filterOf('since: group:', NOW)).toEqual(read(''));
});

test('names a state that there is not, and the states that there are', () => {
  const states = 'states: scheduled, waiting, queued, running, done, failed, aborted';
  expect(read('state:fooo x')).toMatchObject({
    states: null,
    words: ['x'],
    unread: ['state:fooo'],
  });
  expect(() => filterOf('state:fooo', NOW)).toThrow(
    `the filter: there is no state "fooo"; ${states}`,
  );
  expect(() => filterOf('state:done,fooo', NOW)).toThrow('there is no state "fooo"');
  // One that is still being typed is the beginning of one.
  for (const typed of ['state:', 'state:f', 'state:failed,', 'state:FAILED,ab'])
    expect(read(typed).unread, typed).toEqual([]);
});

test('is:retrying asks for runs that wait for their next attempt, which are scheduled or queued', () => {
  for (const typed of ['is:retrying', 'is:retry', 'is:r']) {
    expect(read(typed), typed).toMatchObject({ retrying: true, words: [], unread: [] });
    expect(statesIn('all', read(typed))).toEqual(['scheduled', 'queued']);
  }
  expect(statesIn('scheduled', read('is:retrying state:queued'))).toEqual(['queued']);
  expect(statesIn('errors', read('is:retrying'))).toEqual([]);
  expect(read('retrying is:')).toMatchObject({ retrying: false, words: ['retrying'], unread: [] });
  expect(read('is:done')).toMatchObject({ retrying: false, unread: ['is:done'] });
  expect(() => filterOf('state:retrying', NOW)).toThrow(
    'there is no state "retrying"; write is:retrying',
  );
});

test('reads a param by its path and value, in which there may be more equals signs', () => {
  expect(read('param:customer.city=Berlin param:q=a=b')).toMatchObject({
    params: [
      { path: 'customer.city', value: 'Berlin' },
      { path: 'q', value: 'a=b' },
    ],
    words: [],
  });
  expect(read('param:').unread, 'it is still being typed').toEqual([]);
  expect(read('param:city x')).toMatchObject({ params: [], words: ['x'], unread: ['param:city'] });
  expect(() => filterOf('param:city', NOW)).toThrow(/cannot read "param:city"/);
});

test('has at most 20 parts', () => {
  const many = Array.from({ length: 22 }, (_, i) => `w${i}`).join(' ');
  expect(read(many)).toMatchObject({ unread: ['w20', 'w21'] });
  expect(() => filterOf(many, NOW)).toThrow('w20');
});
