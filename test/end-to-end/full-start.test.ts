// A disk that refuses at the start of a daemon is no damage: its exit code tells a supervisor to try again.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { Project, ROOT } from '../helpers/project.ts';

const PRELOAD = pathToFileURL(join(ROOT, 'test/helpers/disk-fault.mjs')).href;
const JOBS = { 'jobs/quick.mjs': 'export default () => 1;' };

/** A project whose disk refuses to write, while `refuse` says how. */
function onBadDisk(): { project: Project; refuse: (errno: string | null) => void } {
  const project = new Project(JOBS);
  const control = join(project.dir, 'disk.json');
  let id = 0;
  const refuse = (errno: string | null): void => {
    const kinds = errno === null ? [] : ['create', 'write'];
    const faults = kinds.map((kind) => ({ kind, n: 0, errno, forever: true }));
    writeFileSync(control, JSON.stringify({ id: ++id, faults }));
  };
  refuse(null);
  project.env.JOBRUN_TEST_DISK = JSON.stringify({ state: project.state, control });
  project.env.NODE_OPTIONS = `--import=${PRELOAD}`;
  return { project, refuse };
}

test('a daemon that a disk lets not start ends with 74, and starts when the disk takes it; damage ends it with 8', async () => {
  const { project, refuse } = onBadDisk();
  await project.json('schedule', 'quick', '--in', '1h');
  for (const [errno, code] of [
    ['ENOSPC', 'disk-full'],
    ['EDQUOT', 'disk-full'],
    ['EIO', 'write-failed'],
  ] as const) {
    refuse(errno);
    const ended = await project.cli(['daemon', '--json']);
    const last = JSON.parse(ended.stderr.trimEnd().split('\n').at(-1) ?? '');
    expect([errno, ended.code, last.error?.code]).toEqual([errno, 74, code]);
  }
  refuse(null);
  const daemon = await project.daemon();
  expect(await project.json('run', 'quick')).toMatchObject({ state: 'done' });
  await daemon.kill('SIGTERM');
  project.write('state/manifest.json', '{ "half": ');
  const damaged = await project.cli(['daemon', '--json']);
  expect(damaged.code).toBe(8);
}, 60_000);
