// The bench runs, all of it, on a scale that says nothing of speed: so that it cannot rot while nobody measures.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { platform } from '../helpers/platform.ts';
import { ROOT } from '../helpers/source.ts';

const FIGURES = `accept-bulk accept-100 accept-1 drain end-to-end process commands commands-full start-p50 start-p99
  late-p50 late-p99 list list-files dashboard idle-cpu idle-wakes memory-empty cost memory-filled start-waiting
  memory-waiting start-settled memory-settled pause-p99 pause-max`;

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

test('the bench takes every figure, beside its limit and its target, and writes its pages', {
  timeout: 180_000,
}, () => {
  const folder = scratch();
  const out = join(folder, 'results.json');
  const docs = join(folder, 'docs');
  for (const name of ['performance.md', 'internals/performance.md'])
    cpSync(join(ROOT, 'docs', name), join(docs, name));
  const args = ['bench/main.mjs', '--scale', '0.001', '--out', out, '--page', '--docs', docs];
  const done = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect(done.stderr).not.toMatch(/Error|Warning/);
  expect(done.status, done.stderr).toBe(0);
  const { rows } = JSON.parse(readFileSync(out, 'utf8')) as {
    rows: {
      id: string;
      what: string;
      figure: number;
      limit: number | null;
      ratio: number | null;
    }[];
  };
  expect(rows.map(({ id }) => id)).toEqual(FIGURES.split(/\s+/));
  for (const { id, figure, limit, ratio } of rows) {
    expect(figure, id).toBeGreaterThanOrEqual(0);
    if (limit !== null) expect(ratio, id).toBeCloseTo(figure / limit);
    expect(done.stdout).toContain(id.startsWith('idle') ? 'idle daemon' : 'reached');
  }
  const written = readFileSync(join(docs, 'internals/performance.md'), 'utf8');
  for (const { what } of rows) expect(written).toContain(`| ${what} |`);
  expect(written).toContain('at 0.001 of the full size');
  const expected = readFileSync(join(docs, 'performance.md'), 'utf8');
  expect(expected.match(/^\| .* \/s \|$/gm)).toHaveLength(6);
});

test.runIf(platform.hasBrowser)(
  'requests over HTTP and pages in a browser are measured too',
  {
    timeout: 180_000,
  },
  () => {
    const out = join(scratch(), 'results.json');
    const args = ['bench/main.mjs', '--web', '--scale', '0.001', '--out', out];
    const done = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    const { rows } = JSON.parse(readFileSync(out, 'utf8')) as {
      rows: { id: string; figure: number }[];
    };
    const ids = `http-100 http-1 watched watched-status page-paint page-list page-first page-only page-log page-memory`;
    expect(rows.map(({ id }) => id)).toEqual(ids.split(' '));
    for (const { id, figure } of rows) expect(figure, id).toBeGreaterThanOrEqual(0);
  },
);

test('the chart shows each rate beside the largest of its kind, and a name is no markup', () => {
  const rates = [
    { name: 'jobrun', rate: 2000 },
    { name: 'a<b>', rate: 500 },
  ];
  const script = `import { chart } from './bench/chart.mjs'; console.log(chart([{ what: 'accept', rates: ${JSON.stringify(rates)} }]))`;
  const drawn = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT });
  const svg = drawn.stdout.toString();
  const widths = [...svg.matchAll(/<rect x="160" y="\d+" width="(\d+)"/g)].map(([, n]) =>
    Number(n),
  );
  expect(widths).toEqual([560, 140]);
  expect(svg).toContain('accept: jobrun 2,000, a&lt;b> 500.');
  expect(svg).not.toContain('<b>');
});
