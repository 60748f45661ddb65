// Logs and result tables on real files, beside what the contract of engines says of all logs.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { RunLogFiles } from '../../src/engine/files/run-log.ts';
import type { LogLine } from '../../src/run/view.ts';
import { systemClock } from '../../src/support/clock.ts';

function bench(): { readonly folder: string; readonly logs: RunLogFiles } {
  const folder = mkdtempSync(join(tmpdir(), 'jobrun-logs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const onError = (): void => undefined;
  const logs = new RunLogFiles({ folder, clock: systemClock, onError, makeRoom: async () => {} });
  return { folder, logs };
}

const line = (text: string, attempt = 1): LogLine => ({
  at: '2026-11-22T10:00:00.000Z',
  level: 'info',
  stream: 'log',
  attempt,
  text,
  fields: null,
});
const texts = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);

test('a run that said nothing has no file, and neither has one that was removed', async () => {
  const { logs, folder } = bench();
  logs.append(7, line('first'));
  expect(texts(await logs.lines(7))).toEqual(['first']);
  expect(await logs.lines(8)).toEqual([]);
  expect(readdirSync(folder)).toEqual(['7.jsonl']);
  await logs.remove(7);
  expect(readdirSync(folder)).toEqual([]);
});

test('rows that cannot be written are said and kept for the next try; lost lines are told of', async () => {
  const { logs, folder } = bench();
  mkdirSync(join(folder, '1.jsonl'));
  logs.append(1, line('lost'));
  logs.row(1, 0, 'kept');
  await expect(logs.flush(1, true)).rejects.toThrow();
  rmSync(join(folder, '1.jsonl'), { recursive: true });
  logs.append(1, line('after'));
  await logs.flush(1, true);
  expect(await logs.rows(1)).toEqual(['kept']);
  expect(texts(await logs.lines(1))).toEqual([
    '1 lines before this one could not be written',
    'after',
  ]);
});
