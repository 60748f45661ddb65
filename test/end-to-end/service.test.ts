// A daemon under systemd: a unit that systemd finds nothing wrong with, and the messages that it waits for, of which
// the sign of life comes from the scheduler alone.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { needProgram, platform } from '../helpers/platform.ts';
import { eventually, Project, ROOT } from '../helpers/project.ts';

/** Takes the place of systemd's program, and writes down what it was told and for whom. */
const NOTIFY = `#!/bin/sh
echo "$NOTIFY_SOCKET $*" >> "$(dirname "$0")/told.txt"
`;
const JOBS = {
  'jobs/long.mjs': 'export default (_p, ctx) => ctx.sleep(60_000);',
  'jobs/env.mjs':
    'export default () => Object.keys(process.env).filter((n) => /NOTIFY|WATCHDOG/.test(n));',
};

function supervised(watchdogMs: number): Project & { told(): string[] } {
  const project = new Project({ ...JOBS, 'bin/systemd-notify': NOTIFY });
  project.env.PATH = `${join(project.dir, 'bin')}:${project.env.PATH}`;
  project.env.NOTIFY_SOCKET = '/run/some/notify';
  project.env.WATCHDOG_USEC = String(watchdogMs * 1000);
  const told = (): string[] => {
    const text = spawnSync('cat', [join(project.dir, 'bin/told.txt')], { encoding: 'utf8' }).stdout;
    return text.split('\n').filter(Boolean);
  };
  return Object.assign(project, { told });
}

test('systemd is told when it serves, that it lives, and when it stops; jobs cannot say so in its name', async () => {
  const project = supervised(900);
  const daemon = await project.daemon('--drain', '30s');
  await eventually(() => project.told().length >= 4);
  const run = await project.cli(['run', 'env', '--json']);
  expect(JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ output: [] });
  const long = await project.json('schedule', 'long');
  await project.until(long.id, ['running']);
  await eventually(() => project.told().at(-1)?.includes('STATUS=1 running, 0 queued'));
  process.kill(daemon.pid, 'SIGTERM');
  await eventually(() => project.told().some((line) => line.includes('STOPPING=1')));
  const before = project.told().length;
  await eventually(() => project.told().length > before + 1);
  expect(project.told().at(-1), 'it lives while it drains').toContain('WATCHDOG=1');
  // Two signals within a second are one.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  process.kill(daemon.pid, 'SIGTERM');
  expect(await daemon.exited).toMatchObject({ code: 0 });
  const all = project.told();
  expect(all[0]).toBe('/run/some/notify READY=1');
  expect(all[1]).toMatch(/^\/run\/some\/notify WATCHDOG=1 STATUS=\d+ running, \d+ queued$/);
  expect(all.filter((line) => line.endsWith('READY=1')).length).toBe(1);
}, 60_000);

test('a daemon that hangs gives no sign of life', async () => {
  const project = supervised(600);
  const daemon = await project.daemon();
  await eventually(() => project.told().length >= 3);
  process.kill(daemon.pid, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = project.told().length;
  await new Promise((resolve) => setTimeout(resolve, 900));
  expect(project.told().length).toBe(before);
  process.kill(daemon.pid, 'SIGCONT');
  await eventually(() => project.told().length > before);
  await daemon.kill('SIGTERM');
}, 30_000);

/** A socket as systemd has one, which writes down what comes. */
const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(s.recv(4096).decode(), flush=True)
`;

test.runIf(platform.isLinux)(
  'the real systemd-notify carries the messages to a real socket',
  async () => {
    for (const program of ['systemd-notify', 'python3']) needProgram(program);
    const project = new Project(JOBS);
    const path = join(project.dir, 'notify');
    const listener = spawn('python3', ['-c', LISTEN, path]);
    onTestFinished(() => {
      listener.kill('SIGKILL');
    });
    let heard = '';
    listener.stdout.setEncoding('utf8').on('data', (text) => {
      heard += text;
    });
    await eventually(() => heard.includes('bound'));
    project.env.NOTIFY_SOCKET = path;
    project.env.WATCHDOG_USEC = '600000';
    const daemon = await project.daemon();
    await eventually(() => heard.includes('READY=1') && heard.includes('WATCHDOG=1'));
    await daemon.kill('SIGTERM');
    await eventually(() => heard.includes('STOPPING=1'));
    expect(daemon.log()).not.toContain('was not told');
  },
  30_000,
);

test.runIf(platform.givesOwnPids)(
  'as process 1 of a container it works, and drains on the signal that stops one',
  async () => {
    const project = new Project({
      ...JOBS,
      'jobs/short.mjs': 'export default (_p, ctx) => ctx.sleep(1500);',
      'jobs/leaves.sh': '#!/bin/sh\nsetsid sleep 0.2 & echo left one behind\n',
    });
    const own = ['--pid', '--fork', '--mount-proc', '--kill-child'];
    const outer = spawn('unshare', [...own, process.execPath, `${ROOT}bin/jobrun.js`, 'daemon'], {
      cwd: project.dir,
      env: project.env,
    });
    const exited = new Promise((resolve) => {
      outer.on('exit', resolve);
    });
    onTestFinished(() => {
      outer.kill('SIGKILL');
    });
    const status = await eventually(async () => {
      const { code, stdout } = await project.cli(['status', '--json']);
      return code === 0 ? JSON.parse(stdout) : null;
    }, 15_000);
    expect(status.pid).toBe(1);
    expect((await project.cli(['run', 'leaves'])).stdout).toContain('left one behind');
    const { id } = await project.json('schedule', 'short');
    await project.until(id, ['running']);
    const [inner = ''] = spawnSync('pgrep', ['-P', `${outer.pid}`], {
      encoding: 'utf8',
    }).stdout.split('\n');
    process.kill(Number(inner), 'SIGTERM');
    expect(await exited).toBe(0);
    expect((await project.json('show', id)).state).toBe('done');
  },
  40_000,
);

describe('the unit', () => {
  it('stops it as long as a drain may take, kills what is left, and does not start in a circle', async () => {
    const project = new Project({ 'jobrun.config.json': '{ "drain": "2m" }' });
    const { name, unit } = await project.json('service', '--http', '127.0.0.1:9464');
    expect(name).toBe('jobrun-project');
    for (const line of [
      'Type=notify',
      'NotifyAccess=all',
      'WatchdogSec=60',
      'KillMode=mixed',
      'TimeoutStopSec=150',
      'RestartPreventExitStatus=2 5 8',
      'OOMPolicy=continue',
      `WorkingDirectory=${project.dir}`,
      'WantedBy=multi-user.target',
    ])
      expect(unit.split('\n')).toContain(line);
    expect(unit).toMatch(/^ExecStart=\/.*node \/.*bin\/jobrun\.js daemon --dir .* --http 127/m);
    project.write('jobs/patient.mjs', `export default { grace: '90s', run: () => 1 };`);
    project.write('jobs/broken.mjs', 'export default {');
    const { unit: patient } = await project.json('service');
    expect(patient, 'with time for the longest grace').toContain('\nTimeoutStopSec=235\n');
    const own = await project.json('service', '--user');
    expect(own.unit).toContain('WantedBy=default.target');
    expect(own.unit).not.toContain('User=');
  });

  test.runIf(platform.isLinux)('is one that systemd-analyze finds nothing wrong with', async () => {
    needProgram('systemd-analyze');
    const project = new Project();
    const odd = join(project.dir, 'my "50%" $HOME dir');
    mkdirSync(join(odd, 'jobs'), { recursive: true });
    mkdirSync(join(project.dir, 'run'), { mode: 0o700 });
    for (const [dir, mode] of [
      [project.dir, []],
      [project.dir, ['--user']],
      [odd, []],
    ] as const) {
      const { stdout } = await project.cli(['service', '--dir', dir, ...mode]);
      const file = project.write('jobrun-test.service', stdout);
      const env = { ...process.env, XDG_RUNTIME_DIR: join(project.dir, 'run') };
      const args = ['verify', '--man=no', ...mode, file];
      const { status, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8', env });
      expect([mode, status, stderr]).toEqual([mode, 0, '']);
      const escaped = `--dir "${dir.replace(/["]/g, '\\"').replace('%', '%%').replace('$', '$$$$')}"`;
      if (dir === odd) expect(readFileSync(file, 'utf8')).toContain(escaped);
    }
  });
});
