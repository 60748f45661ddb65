// A table of options: what a request may be, whoever sends it, and the names by which code gives an option.
import { expect, test } from 'vitest';
import { abort } from '../../src/commands/abort.ts';
import { commandOf } from '../../src/commands/dispatch.ts';
import { ENTRIES } from '../../src/commands/index.ts';
import { list } from '../../src/commands/list.ts';
import {
  checked,
  fromNames,
  isOption,
  readWords,
  takesValue,
} from '../../src/commands/shared/options.ts';
import { requestFromCode } from '../../src/commands/shared/run-options.ts';
import { stop } from '../../src/commands/stop.ts';

test('a request is checked field by field, with defaults filled in, and fields of other versions left out', () => {
  expect(checked(list.options, { states: ['done'], since: null, later: 1 })).toEqual({
    states: ['done'],
    limit: 50,
    offset: 0,
  });
  expect(checked(abort.options, { ids: ['7', '7', '8'], graceMs: '90s', force: true })).toEqual({
    ids: [7, 8],
    graceMs: 90_000,
  });
});

test('an option with a value that was typed is in the request; none is left out silently', async () => {
  const typed = { q: 'param:city=Berlin', limit: '3' };
  expect(await readWords(list.options, typed, { now: 0, config: {} as never })).toEqual({
    q: 'param:city=Berlin',
    limit: 3,
  });
  const commands = await Promise.all(ENTRIES.map(({ name }) => commandOf(name)));
  const unread = commands.flatMap(({ name, options, ask }) =>
    Object.values(options)
      .filter((entry) => isOption(entry) && takesValue(entry) && entry.is !== 'unsent')
      .filter(({ kind }) => !kind.read && !ask)
      .map(({ words }) => `${name} ${words}`),
  );
  expect(unread).toEqual([]);
});

test.each([
  [{ limit: 'x' }, 'bad-request', /^limit /],
  [{ limit: 10_001 }, 'bad-request', /^limit /],
  [{ states: ['finished'] }, 'bad-option', /"finished"/],
  [{ since: '2026-12-01 18:30' }, 'bad-time', /^since /],
  [{ job: '../x' }, 'bad-option', /name of a job/],
])('%j is refused by the name that code has for it', (request, code, says) => {
  const check = (): unknown => checked(list.options, request);
  expect(check).toThrow(expect.objectContaining({ code }));
  expect(check).toThrow(says);
});

test('code gives an option by its name, and one that there is not is refused with what was meant', () => {
  expect(fromNames(list.options, { state: 'done', limit: undefined })).toEqual({ states: 'done' });
  expect(fromNames(abort.options, { grace: '5s' })).toEqual({ graceMs: '5s' });
  expect(() => fromNames(list.options, { sate: 'done' })).toThrow(
    expect.objectContaining({ code: 'bad-option', hint: expect.stringContaining('state') }),
  );
  // What is only said to the command line is no option of code.
  expect(() => fromNames(abort.options, { yes: true })).toThrow('yes');
  expect(fromNames(stop.options, { now: true })).toEqual({ now: true });
});

test('a run of code has the fields of a request, and what has no meaning for it is refused', () => {
  expect(requestFromCode('mail', { a: 1 }, { in: '20m', timeout: 500, retries: null })).toEqual({
    job: 'mail',
    params: { a: 1 },
    inMs: '20m',
    timeoutMs: 500,
    retries: null,
    force: true,
  });
  const refused = (options: object, only?: 'run'): unknown => {
    try {
      return requestFromCode('mail', {}, options as never, only);
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refused({ at: 1, in: 1 })).toBe('at and in exclude each other');
  expect(refused({ every: '1h', cron: '@daily' })).toBe('every and cron exclude each other');
  expect(refused({ timezone: 'UTC' })).toBe('timezone has a meaning only with every or cron');
  expect(refused({ cron: '@daily', key: 'k' })).toBe('key has a meaning only for a run');
  expect(refused({ every: '1h' }, 'run')).toBe('every has a meaning only with every or cron');
});
