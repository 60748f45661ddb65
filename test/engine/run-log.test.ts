// Logs and result tables on real files.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { RunLogFiles } from '../../src/engine/files/run-log.ts';
import type { LogLine } from '../../src/run/view.ts';
import { systemClock } from '../../src/support/clock.ts';
import { MAX_LOG_BYTES } from '../../src/support/limits.ts';

function bench(): { folder: string; logs: RunLogFiles; reopen: () => RunLogFiles } {
  const folder = mkdtempSync(join(tmpdir(), 'jobrun-logs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const reopen = () =>
    new RunLogFiles({
      folder,
      clock: systemClock,
      onError: () => undefined,
      makeRoom: async () => undefined,
    });
  return { folder, logs: reopen(), reopen };
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

test('lines come back in order, by attempt and from the end; a run that said nothing has no file', async () => {
  const { logs, folder } = bench();
  for (const n of [1, 2, 3]) logs.append(7, line(`first ${n}`));
  logs.append(7, line('second', 2));
  expect(texts(await logs.lines(7))).toEqual(['first 1', 'first 2', 'first 3', 'second']);
  expect(texts(await logs.lines(7, { attempt: 1, last: 2 }))).toEqual(['first 2', 'first 3']);
  expect(await logs.lines(8)).toEqual([]);
  expect(readdirSync(folder)).toEqual(['7.jsonl']);
});

test('a flood keeps its begin and its end and counts what is between; no row of the table goes with it', async () => {
  const { logs, folder } = bench();
  const filler = 'x'.repeat(10_000);
  for (let n = 0; n < 4_000; n++) {
    logs.append(1, line(`${n} ${filler}`));
    if (n % 100 === 0) logs.row(1, n / 100, { n });
    if (n % 150 === 0) await logs.flush(1, false);
  }
  const lines = texts(await logs.lines(1));
  expect(lines[0]).toBe(`0 ${filler}`);
  expect(lines.at(-1)).toBe(`3999 ${filler}`);
  const gap = lines.findIndex((text) => text.startsWith('…'));
  const missing = Number(/… (\d+) lines left out/.exec(lines[gap] ?? '')?.[1]);
  expect(lines.length - 1 + missing).toBe(4_000);
  expect(await logs.rows(1)).toEqual(Array.from({ length: 40 }, (_, n) => ({ n: n * 100 })));
  const bytes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_LOG_BYTES * 1.1);
});

test('attempts without end that each add a table in vain do not fill the disk; lines and valid rows stay', async () => {
  const { logs, folder } = bench();
  const row = 'x'.repeat(1024 ** 2 - 10);
  logs.append(1, line('first'));
  for (let n = 0; n < 3; n++) logs.row(1, n, n);
  for (let attempt = 2; attempt <= 6; attempt++) {
    logs.begin(1, attempt, 3);
    for (let n = 0; n < 20; n++) logs.row(1, 3 + n, row);
    await logs.flush(1, false);
  }
  logs.begin(1, 7, 3);
  logs.append(1, line('last', 7));
  logs.row(1, 3, 'three');
  expect(await logs.rows(1)).toEqual([0, 1, 2, 'three']);
  expect(texts(await logs.lines(1))).toEqual(['first', 'last']);
  expect(statSync(join(folder, '1.jsonl')).size).toBeLessThan(70 * 1024 ** 2);
}, 30_000);

test('the next attempt goes on after the rows of its checkpoint: those after it are not there twice', async () => {
  const { logs, reopen } = bench();
  logs.begin(1, 1, 0);
  for (const n of [0, 1, 2]) logs.row(1, n, `first ${n}`);
  await logs.flush(1, true);
  const later = reopen();
  later.begin(1, 2, 1);
  later.row(1, 1, 'second 1');
  expect(await later.rows(1)).toEqual(['first 0', 'second 1']);
});

test('who follows gets each line once, what was there and what comes, over the moment between', async () => {
  const { logs } = bench();
  const over = new AbortController();
  const seen: string[] = [];
  for (let n = 0; n < 50; n++) logs.append(1, line(`${n}`));
  const following = (async () => {
    for await (const { line } of logs.follow(1, {}, over.signal)) {
      const { text } = line;
      seen.push(text);
      if (text === '199') over.abort();
    }
  })();
  for (let n = 50; n < 200; n++) {
    logs.append(1, line(`${n}`));
    if (n % 10 === 0) await logs.flush(1, false);
  }
  await following;
  expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`));
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
