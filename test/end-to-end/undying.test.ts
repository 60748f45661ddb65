// A process of a run that jobrun cannot end, because it belongs to another user by now, as one that `sudo` started: no
// second attempt is begun beside it, and neither an abort, nor a stop, nor the next start waits for it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { limitOf } from '../../src/workers/processes.ts';
import { platform } from '../helpers/platform.ts';
import { type Doc, eventually, Project, ROOT } from '../helpers/project.ts';

const USER = 54_321;

/** A command line of that user. */
const as = (args: readonly string[]): string[] => [
  ...['setpriv', '--reuid', `${USER}`, '--regid', `${USER}`, '--clear-groups'],
  ...[process.execPath, join(ROOT, 'bin/jobrun.js'), ...args],
];

async function daemonOf(project: Project) {
  const [program = '', ...args] = as(['daemon']);
  const child = spawn(program, args, { cwd: project.dir, env: project.env, stdio: 'ignore' });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  await eventually(async () => (await project.ask('status'))?.pid === child.pid, 30_000);
  return { child, exited };
}

function cli(project: Project, ...args: readonly string[]): { code: number | null; doc: Doc } {
  const [program = '', ...words] = as([...args, '--json']);
  const options = {
    cwd: project.dir,
    env: project.env,
    encoding: 'utf8',
    timeout: 30_000,
  } as const;
  const { status, stdout, stderr } = spawnSync(program, words, options);
  return { code: status, doc: JSON.parse(stdout || stderr) };
}

test.runIf(platform.isRoot)(
  'a process of another user holds its run, and nothing else',
  async () => {
    const project = new Project({
      'jobs/sudo.mjs': `import { writeFileSync } from 'node:fs';
      export default async (_, ctx) => {
        writeFileSync('mark', process.env.JOBRUN_WORKER);
        writeFileSync('attempt', String(ctx.attempt));
        await ctx.sleep('1h');
      };`,
      'jobs/quick.mjs': 'export default () => 1;',
    });
    spawnSync('chown', ['-R', `${USER}:${USER}`, dirname(project.dir)]);
    const first = await daemonOf(project);
    cli(project, 'schedule', 'sudo');
    const mark = join(project.dir, 'mark');
    await eventually(() => existsSync(mark));
    // The test is root, and does what the job would do with sudo.
    const limit = limitOf(readFileSync(mark, 'utf8'));
    const held = spawn('sh', ['-c', `ulimit -w ${limit} || ulimit -x ${limit}; exec sleep 1000`]);
    onTestFinished(() => void held.kill('SIGKILL'));

    first.child.kill('SIGKILL');
    await first.exited;
    const second = await daemonOf(project);
    const quick = cli(project, 'schedule', 'quick').doc.id;
    await eventually(() => cli(project, 'show', quick).doc.state === 'done', 20_000);
    expect(cli(project, 'show', '1').doc).toMatchObject({ state: 'running', attempt: 1 });
    const { code, doc } = cli(project, 'abort', '1');
    expect([code, doc.error.message]).toEqual([5, expect.stringContaining(`${held.pid}`)]);
    expect(cli(project, 'stop').code).toBe(0);
    await second.exited;

    await daemonOf(project);
    expect(cli(project, 'show', '1').doc.state).toBe('running');
    held.kill('SIGKILL');
    await eventually(() => cli(project, 'show', '1').doc.state === 'aborted', 20_000);
    expect(readFileSync(join(project.dir, 'attempt'), 'utf8')).toBe('1');
  },
  120_000,
);
