// The program of the workers is gone for a moment: jobrun or Node are being installed anew under a live daemon. What
// was accepted waits until it is there again: no code of it has run, so it has not failed.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { delay, systemClock } from '../../src/support/clock.ts';
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

const TYPED = (text: string) => `const text: string = '${text}';
  export default { params: { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) } },
    run: (): string => text };`;

test.each(['dist/workers', 'dist/parts/typescript.cjs'])(
  'a job is read when jobrun has been installed again, and is not called broken while %s is missing',
  async (missing) => {
    const project = new Project({ 'jobs/typed.ts': TYPED('first') });
    const path = join(project.install(), missing);
    const daemon = await project.daemon('--workers', '1');
    expect((await project.json('run', 'typed')).output).toBe('first');
    renameSync(path, `${path}.away`);
    project.write('jobs/added.ts', TYPED('added'));
    const added = project.start('schedule', 'added', '--wait', '--json');
    const known = project.start('schedule', 'typed', '--wait', '--json');
    await delay(systemClock, 3000);
    renameSync(`${path}.away`, path);
    expect([await added.exited, await known.exited]).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect(JSON.parse(added.stdout())).toMatchObject({
      state: 'done',
      output: 'added',
      attempt: 1,
    });
    expect(daemon.log()).not.toContain('broken');
    // Told once, and not by the stack that each try prints.
    const told = daemon.log().match(/no worker process could be started: .*is being replaced/g);
    expect(told ?? []).toHaveLength(missing === 'dist/workers' ? 1 : 0);
    expect(daemon.log()).not.toMatch(/printed outside a run|could not be started.*could not/);
    // What its own code does to the process is the job's fault, as before.
    project.write('jobs/ends.ts', 'process.exit(1);');
    const refused = await project.cli(['schedule', 'ends']);
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringContaining('ended its process while it was loaded: exit code 1'),
    ]);
  },
  90_000,
);
