// The bench runs, all of it, on a scale that says nothing of speed: so that it cannot rot while nobody measures.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from '../helpers/source.ts';

const FIGURES = `accept-bulk accept-100 accept-1 drain end-to-end process commands commands-full start-p50 start-p99
  late-p50 late-p99 list list-files dashboard idle-cpu idle-wakes memory-empty cost memory-filled start-waiting
  memory-waiting start-settled memory-settled pause-p99 pause-max`;

test('the bench takes every figure, beside its limit and its target', { timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const out = join(folder, 'results.json');
  const args = ['bench/main.mjs', '--scale', '0.001', '--out', out];
  const done = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect(done.stderr).not.toMatch(/Error|Warning/);
  expect(done.status, done.stderr).toBe(0);
  const { rows } = JSON.parse(readFileSync(out, 'utf8')) as {
    rows: { id: string; figure: number; limit: number | null; ratio: number | null }[];
  };
  expect(rows.map(({ id }) => id)).toEqual(FIGURES.split(/\s+/));
  for (const { id, figure, limit, ratio } of rows) {
    expect(figure, id).toBeGreaterThanOrEqual(0);
    if (limit !== null) expect(ratio, id).toBeCloseTo(figure / limit);
    expect(done.stdout).toContain(id.startsWith('idle') ? 'idle daemon' : 'reached');
  }
});
