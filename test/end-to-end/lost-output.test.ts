// What a command prints is whole, or its exit code says that it is not.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { platform } from '../helpers/platform.ts';
import { Project, ROOT } from '../helpers/project.ts';

const JOBS = { 'jobs/quick.js': 'export default () => 1;' };

function shell(project: Project, script: string, args: readonly string[]) {
  const words = [process.execPath, join(ROOT, 'bin/jobrun.js'), ...args];
  return spawnSync('bash', ['-c', script, 'bash', ...words], {
    cwd: project.dir,
    env: project.env,
    encoding: 'utf8',
  });
}

test.runIf(platform.hasFullDevice)(
  'output that a full disk does not take is one line on stderr and exit 1: documents, lists, scripts, help, streams',
  async () => {
    const project = new Project(JOBS);
    await project.daemon();
    await project.json('run', 'quick');
    const commands = [
      'list --json',
      'list',
      'jobs',
      'show 1',
      'export',
      'completion bash',
      '--help',
      'list --help',
      '--version',
      'events --since 0',
      'run quick',
      'list --watch',
    ];
    for (const command of commands) {
      const { status, stderr } = shell(project, '"$@" > /dev/full', command.split(' '));
      const said = stderr.split('\n').filter((line) => /cannot be written/.test(line));
      expect([command, status, said.length]).toEqual([command, 1, 1]);
      expect(stderr.trimEnd().split('\n').at(-1), command).toBe(said[0]);
      expect(stderr, 'no stack').not.toContain('    at ');
    }
    const json = shell(project, '"$@" > /dev/full', ['list', '--json']);
    expect(JSON.parse(json.stderr).error.code).toBe('output-lost');
  },
  120_000,
);

test('a reader that leaves is no failure, and talk that nobody takes is none either', async () => {
  const project = new Project(JOBS);
  for (let i = 0; i < 3; i++) await project.json('schedule', 'quick', '--in', '1h');
  const left = shell(project, 'set -o pipefail; "$@" | true', ['list', '--json']);
  expect([left.status, left.stderr]).toEqual([0, '']);
  if (!platform.hasFullDevice) return;
  const silent = shell(project, '"$@" 2> /dev/full', ['schedule', 'quick', '--in', '1h', '--json']);
  expect(silent.status).toBe(0);
  expect(JSON.parse(silent.stdout).state).toBe('scheduled');
});
