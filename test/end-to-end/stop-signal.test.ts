// A stop that reaches everything at once, as systemd, pm2 and a closed container send it: what it ends has not failed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test as plain } from 'vitest';
import { type DaemonProcess, eventually, Project, processesIn } from '../helpers/project.ts';

const test = (title: string, run: () => Promise<void>): void => plain(title, run, 60_000);

const JOBS = {
  'jobs/waits.mjs': `import { appendFileSync } from 'node:fs';
    export default async (_, ctx) => {
      appendFileSync('begun', ctx.job + '\\n');
      if (ctx.checkpoint) return 'went on';
      await ctx.save(1);
      await ctx.sleep('1s');
      return 'whole';
    };`,
  'jobs/child.mjs': `import { execFile } from 'node:child_process';
    import { promisify } from 'node:util';
    import { appendFileSync, existsSync } from 'node:fs';
    export default async (_, ctx) => {
      if (ctx.checkpoint) return 'went on';
      await ctx.save(1);
      appendFileSync('begun', ctx.job + '\\n');
      await promisify(execFile)('sleep', ['1000']);
    };`,
  'jobs/command.sh': `#!/bin/sh
if [ -n "$JOBRUN_CHECKPOINT" ]; then echo '::output "went on"'; exit 0; fi
echo '::save 1'
echo command >> begun
sleep 1000
`,
  'jobs/catches.sh': `#!/bin/sh
trap 'exit 143' TERM INT
if [ -n "$JOBRUN_CHECKPOINT" ]; then echo '::output "went on"'; exit 0; fi
echo '::save 1'
echo catches >> begun
while :; do sleep 0.05; done
`,
};

async function under(project: Project): Promise<DaemonProcess> {
  const daemon = await project.daemon('--workers', '4');
  for (const job of ['waits', 'child', 'command', 'catches']) await project.json('schedule', job);
  await eventually(() => {
    try {
      return readFileSync(join(project.dir, 'begun'), 'utf8').trim().split('\n').length === 4;
    } catch {
      return false;
    }
  }, 30_000);
  return daemon;
}

function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has gone with another one.
    }
  }
}

async function expectToGoOn(project: Project): Promise<void> {
  for (const id of ['2', '3', '4']) {
    const run = await project.show(id);
    expect([id, run.state, run.attempt, run.attempts[0].outcome]).toEqual([
      id,
      'queued',
      1,
      'stopped',
    ]);
  }
  expect(await project.show('1'), 'workers ignore it, and may end').toMatchObject({
    output: 'whole',
  });
  await project.daemon();
  for (const id of ['2', '3', '4'])
    expect(await project.until(id)).toMatchObject({ state: 'done', output: 'went on', attempt: 1 });
}

describe('runs go on at the next start after', () => {
  plain.each(['SIGTERM', 'SIGINT'] as const)(
    '%s to all, the daemon last',
    async (name) => {
      const project = new Project(JOBS);
      const daemon = await under(project);
      signalAll(
        processesIn(project.dir).filter((pid) => pid !== daemon.pid),
        name,
      );
      await pause(100);
      process.kill(daemon.pid, name);
      expect(await daemon.exited).toEqual({ code: 0, signal: null });
      await expectToGoOn(project);
    },
    60_000,
  );

  test('SIGTERM to all, the daemon first: what ends with a code of its own too', async () => {
    const project = new Project({
      ...JOBS,
      'jobs/catches.sh': JOBS['jobs/catches.sh'].replace('143', '1'),
    });
    const daemon = await under(project);
    signalAll([daemon.pid, ...processesIn(project.dir)], 'SIGTERM');
    expect(await daemon.exited).toEqual({ code: 0, signal: null });
    await expectToGoOn(project);
  });
});

test('a command that somebody ends without a stop has failed, as one has that ends by itself', async () => {
  const project = new Project({
    'jobs/killed.sh': '#!/bin/sh\nkill -TERM $$\n',
    'jobs/code.sh': '#!/bin/sh\nexit 143\n',
    'jobs/fails.sh': '#!/bin/sh\nexit 3\n',
  });
  await project.daemon();
  for (const job of ['killed', 'code', 'fails']) {
    const { id } = await project.json('schedule', job);
    expect(await project.until(id)).toMatchObject({ state: 'failed', attempt: 1 });
  }
});

test('workers ignore signals that stop, and a job that listens for them still hears them', async () => {
  const project = new Project({
    'jobs/plain.mjs': `export default async (_, ctx) => { await ctx.sleep('2s'); return process.pid; };`,
    'jobs/listens.mjs': `export default (_, ctx) => new Promise((resolve) => {
      process.once('SIGTERM', () => resolve('heard'));
      ctx.progress(1);
      setTimeout(resolve, 30_000);
    });`,
  });
  await project.daemon();
  const plainRun = await project.json('schedule', 'plain');
  const listens = await project.json('schedule', 'listens');
  const pidOf = async (id: string): Promise<number> =>
    (await project.until(id, ['running'])).worker.pid;
  const pid = await pidOf(plainRun.id);
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    await pause(300);
    process.kill(pid, name);
  }
  await eventually(
    async () => (await project.ask('show', { id: listens.id })).progress.percent === 1,
  );
  process.kill(await pidOf(listens.id), 'SIGTERM');
  expect(await project.until(plainRun.id)).toMatchObject({ state: 'done', output: pid });
  expect(await project.until(listens.id)).toMatchObject({ state: 'done', output: 'heard' });
});

test('a run that fails by itself while `jobrun stop` waits for it has failed: no signal reached it', async () => {
  const project = new Project({
    'jobs/fails.mjs': `import { existsSync } from 'node:fs';
      export default async (_, ctx) => {
        ctx.progress(1);
        while (!existsSync('now')) await ctx.sleep(20);
        throw new Error('genuine');
      };`,
  });
  const daemon = await project.daemon();
  const { id } = await project.json('schedule', 'fails');
  await eventually(async () => (await project.ask('show', { id })).progress.percent === 1, 30_000);
  const stop = project.start('stop');
  await eventually(() => daemon.log().includes('drain') || daemon.log().includes('stop'), 30_000);
  project.write('now', '');
  expect((await stop.exited).code).toBe(0);
  const failed = { state: 'failed', attempt: 1, error: { message: 'genuine' } };
  expect(await project.show(id)).toMatchObject(failed);
});
