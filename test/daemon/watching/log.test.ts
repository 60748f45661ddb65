// What a person sees who looks at the daemon at work, and what a machine reads.
import { expect, test, vi } from 'vitest';
import { type LogOptions, openLog } from '../../../src/daemon/watching/log.ts';
import type { Run } from '../../../src/run/run.ts';
import { type Clock, systemClock } from '../../../src/support/clock.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const run = { id: 12, job: 'import' } as Run;
const ESC = '\u001b';

function logTo(
  terminal: { readonly isTTY: boolean; readonly columns?: number },
  clock: Clock = systemClock,
  options: LogOptions = {},
) {
  const told: string[] = [];
  const out = { ...terminal, write: (text: string) => told.push(text) };
  return { told, log: openLog(out as unknown as NodeJS.WriteStream, clock, options) };
}

const bare = (text: string): string => text.replaceAll(new RegExp(`${ESC}\\[\\d+m`, 'g'), '');

test('progress is a bar on one line, cut where the terminal ends', () => {
  const { told, log } = logTo({ isTTY: true, columns: 60 });
  log.progress(run, { percent: 54.9, text: `row 12\n${ESC}[2J${'x'.repeat(200)}` });
  const [line = ''] = told;
  expect(bare(line)).toMatch(/^\d\d:\d\d:\d\d run 12 import: #####\.\.\.\.\. 54% row 12 x+…\n$/);
  expect(bare(line).length).toBeLessThanOrEqual(61);
  expect(line).not.toContain(`${ESC}[2J`);
});

test.each([
  [0, '..........'],
  [1, '#.........'],
  [99.9, '#########.'],
  [100, '##########'],
])('the bar of the log is empty only at 0 and full only at 100 percent: %d', (percent, bar) => {
  const { told, log } = logTo({ isTTY: true });
  log.progress(run, { percent, text: null });
  expect(bare(told.join(''))).toContain(`run 12 import: ${bar} `);
});

test.each<[string, Readonly<Record<string, string>>, LogOptions, boolean]>([
  ['a terminal', {}, {}, true],
  ['NO_COLOR', { NO_COLOR: '1' }, {}, false],
  ['a dumb terminal', { TERM: 'dumb' }, {}, false],
  ['FORCE_COLOR in a dumb terminal', { TERM: 'dumb', FORCE_COLOR: '1' }, {}, true],
  ['FORCE_COLOR=0', { FORCE_COLOR: '0' }, {}, false],
  ['--color always', { NO_COLOR: '1' }, { color: 'always' }, true],
  ['--color never', { FORCE_COLOR: '1' }, { color: 'never' }, false],
])('the log has colours as all output has: %s', (_, variables, options, isColored) => {
  const env = { NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: 'xterm', ...variables };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const { told, log } = logTo({ isTTY: true }, systemClock, options);
  vi.unstubAllEnvs();
  log.logger.error('went wrong');
  expect(told.join('').includes(ESC)).toBe(isColored);
});

test('a failure is told whole, however narrow the terminal', () => {
  const { told, log } = logTo({ isTTY: true, columns: 40 });
  log.logger.error({ err: new Error('y'.repeat(100)) }, 'went wrong');
  expect(told.join('')).toContain('y'.repeat(100));
});

test('where nobody looks it is JSON, a line each', () => {
  const { told, log } = logTo({ isTTY: false });
  log.progress(run, { percent: 10, text: null });
  expect(told.map((line) => JSON.parse(line))).toMatchObject([
    { run: '12', job: 'import', percent: 10, msg: '10%' },
  ]);
});

test('what job code prints outside a run is told, and a flood of it is counted', () => {
  const { told, log } = logTo({ isTTY: false });
  for (let i = 0; i < 500; i++) log.stray({ stream: 'stdout', text: `line ${i}` });
  expect(told.length).toBeLessThan(100);
  expect(JSON.parse(told[0] ?? '')).toMatchObject({
    stream: 'stdout',
    msg: 'printed outside a run: line 0',
  });
});

test('processes that cannot be started are told once, then by their number, and when they start again', async () => {
  const clock = new FakeClock(0);
  const { told, log } = logTo({ isTTY: false }, clock);
  log.process(null);
  for (let tries = 0; tries < 25; tries++) {
    log.process('a file is missing\n    at stack (exit code 1)');
    await clock.advance(1000, async () => undefined);
  }
  log.process(null);
  log.process(null);
  log.process('again');
  const once = 'a file is missing     at stack (exit code 1): trying again';
  expect(told.map((line) => JSON.parse(line).msg.replace(/\s+/g, ' '))).toEqual(
    [
      `no worker process could be started: ${once}`,
      `no worker process could be started, 11 times in 10s: ${once}`,
      `no worker process could be started, 21 times in 20s: ${once}`,
      'worker processes start again: it had failed 25 times',
      'no worker process could be started: again: trying again',
    ].map((text) => text.replace(/\s+/g, ' ')),
  );
});
