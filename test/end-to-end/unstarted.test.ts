// The program of the workers is gone for a moment: jobrun or Node are being installed anew under a live daemon. What was
// accepted waits until it is there again: no code of it has run, so it has not failed.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, Project } from '../helpers/project.ts';

const FILES = {
  'jobs/fresh.mjs': `export default { isolation: 'fresh', run: (_, ctx) => ctx.attempt };`,
  'jobs/shared.mjs': `export default { isolation: 'shared', run: (_, ctx) => ctx.attempt };`,
  'jobs/ends.mjs': `export default { isolation: 'fresh', run: () => process.exit(3) };`,
  // Stands in front of every worker.
  'bin/setpriv': `#!/bin/sh\n[ ! -e "$AWAY" ] || { touch "$AWAY.met"; exit 127; }\nshift 3\nexec "$@"\n`,
};

test('runs whose processes cannot be started wait until they can, and none of them has failed', async () => {
  const project = new Project(FILES);
  const away = join(project.dir, 'away');
  Object.assign(project.env, { AWAY: away, PATH: `${project.dir}/bin:${project.env.PATH}` });
  const daemon = await project.daemon('--workers', '2');
  expect((await project.cli(['run', 'fresh'])).code).toBe(0);
  project.write('away', '');
  // The one that stands ready is used up first.
  const jobs = ['fresh', 'fresh', 'fresh', 'shared'];
  const ids: string[] = [];
  for (const job of jobs) ids.push((await project.json('schedule', job)).id);
  await eventually(
    () => existsSync(`${away}.met`) && daemon.log().includes('exit code 127'),
    30_000,
  );
  expect((await project.json('status')).counts.failed).toBe(0);
  rmSync(away);
  for (const id of ids) {
    const run = await project.until(id);
    expect(run).toMatchObject({ state: 'done', output: 1, attempt: 1 });
    const [last, ...before] = run.attempts
      .map(({ outcome }: { outcome: string }) => outcome)
      .reverse();
    expect([last, new Set(before)]).toEqual([
      'returned',
      new Set(before.length > 0 ? ['stopped'] : []),
    ]);
  }
  // Its own code ended it.
  expect((await project.cli(['run', 'ends'])).code).toBe(6);
}, 90_000);
