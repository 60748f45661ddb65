// The example that runs by itself: it takes what is old and left over, and nothing else.
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import cleanUp from '../../jobs/clean-up.ts';
import { checkCron } from '../../src/run/cron.ts';

vi.mock('jobrun', () => import('../../src/catalog/job.ts'));

it('removes unfinished catalogues of more than a week, and keeps fresh ones, the catalogue and its source', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobrun-clean-up-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const days = {
    'catalogue.json.4': 8,
    'catalogue.json.17': 6,
    'catalogue.json': 30,
    'products.csv': 30,
  };
  for (const [name, age] of Object.entries(days)) {
    writeFileSync(join(folder, name), 'text');
    const at = Date.now() / 1000 - age * 86_400;
    utimesSync(join(folder, name), at, at);
  }
  const rows: unknown[] = [];
  const ctx = {
    log: { info: () => undefined },
    result: (row: unknown) => rows.push(row),
    progress: () => undefined,
  };
  expect(await cleanUp.run({ folder, days: 7 }, ctx as never)).toEqual({ bytes: 4 });
  expect(readdirSync(folder).sort()).toEqual([
    'catalogue.json',
    'catalogue.json.17',
    'products.csv',
  ]);
  expect(rows).toEqual([{ file: 'catalogue.json.4', bytes: 4 }]);
});

it('has a rule that is one, and params that may be empty, as a schedule of its own needs', async () => {
  checkCron(cleanUp.cron ?? '', 'UTC');
  expect(await cleanUp.params?.['~standard'].validate({})).toEqual({
    value: { folder: 'jobs/data', days: 7 },
  });
});
