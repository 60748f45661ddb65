// The shipped command job: packs what is there, keeps the newest few, and can be run again and again.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Site } from '../helpers/site.ts';

test('backup packs the data, says what it made, keeps the newest, and leaves no half archive', async () => {
  const s = new Site({});
  for (const name of ['jobs/backup.sh', 'jobs/backup.json']) s.project.copy(name);
  s.project.write('jobs/data/list.csv', 'a,b\n');
  await s.up();
  const files: string[] = [];
  for (let n = 0; n < 3; n++) {
    const run = await s.run('backup', { keep: 2 });
    expect(run).toMatchObject({ state: 'done', progress: { percent: 100, text: 'clearing' } });
    files.push((run.output as { file: string }).file);
  }
  const left = readdirSync(join(s.project.dir, 'jobs/data/backups')).map(
    (name) => `jobs/data/backups/${name}`,
  );
  expect(left.sort()).toEqual(files.slice(1).sort());
  const content = execFileSync('tar', ['-tzf', join(s.project.dir, files[2] ?? '')], {
    encoding: 'utf8',
  });
  expect(content).toContain('data/list.csv');
  expect(content).not.toContain('backups');
}, 60_000);
