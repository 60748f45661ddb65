// What a person sees who looks at the daemon at work, and what a machine reads.
import { expect, test } from 'vitest';
import { openLog } from '../../../src/daemon/watching/log.ts';
import type { Run } from '../../../src/run/run.ts';
import { systemClock } from '../../../src/support/clock.ts';

const run = { id: 12, job: 'import' } as Run;
const ESC = '\u001b';

function logTo(terminal: { readonly isTTY: boolean; readonly columns?: number }) {
  const told: string[] = [];
  const out = { ...terminal, write: (text: string) => told.push(text) };
  return { told, log: openLog(out as unknown as NodeJS.WriteStream, systemClock, false) };
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
