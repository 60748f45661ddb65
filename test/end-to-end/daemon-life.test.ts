// How a daemon begins and ends, and what it notices while it lives.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Doc, eventually, isAlive, Project, processesIn, ROOT } from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const TELL = `import { appendFileSync } from 'node:fs';
const tell = (what) => appendFileSync('ledger.jsonl', JSON.stringify({ what }) + '\\n');
`;
const JOBS = {
  'jobs/quick.js': 'export default () => 1;',
  'jobs/steps.js': `${TELL}export default async (_, ctx) => {
    let at = ctx.checkpoint ?? 0;
    tell('from ' + at);
    for (; at < 20; await ctx.save(++at)) await ctx.sleep(100);
    return 'all';
  };`,
  'jobs/stubborn.js': `${TELL}export default { grace: 300, run: async () => {
    tell('begun');
    for (;;) await new Promise((next) => setTimeout(next, 50));
  } };`,
};

const begun = (project: Project): Promise<unknown> =>
  eventually(() => project.ledger().length > 0, 20_000);

/** For tests that leave a daemon as it was. */
const lasting = shared(async () => {
  const project = new Project(JOBS);
  return { project, daemon: await project.daemon() };
});

describe('the beginning', () => {
  test.each([
    [20, ['daemon']],
    [50, ['daemon']],
    [50, ['daemon', '--detach']],
    [50, ['run', 'quick', '--local']],
    [20, ['schedule', 'quick']],
    [26, ['schedule', 'quick']],
  ])(
    'with ulimit -n %i, %j is refused in one line that says so, with what to do',
    (limit, args) => {
      const project = new Project(JOBS);
      const script = `ulimit -n ${limit} && exec "$@"`;
      const words = [process.execPath, join(ROOT, 'bin/jobrun.js'), ...args];
      const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], {
        cwd: project.dir,
        env: project.env,
        encoding: 'utf8',
      });
      expect([status, stdout]).toEqual([5, '']);
      expect(stderr).toMatch(/^error: .*open.*\n {2}Raise the limit: ulimit -n .+\n$/);
    },
    60_000,
  );

  test('what a job file prints while it is read is in the log of the daemon, as JSON lines', async () => {
    const project = new Project({
      'jobs/talks.js':
        "console.log('read now'); console.error('and this'); export default () => 1;",
    });
    const daemon = await project.daemon();
    await eventually(() => daemon.log().includes('and this'), 30_000);
    const lines: Doc[] = daemon
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ stream }) => stream)).toMatchObject([
      { stream: 'stdout', msg: 'printed outside a run: read now' },
      { stream: 'stderr', msg: 'printed outside a run: and this' },
    ]);
  }, 60_000);

  test('a second daemon is refused with 5 and the pid of the first, which is not disturbed', async () => {
    const { project, daemon: first } = lasting();
    for (const args of [['daemon'], ['daemon', '--detach'], ['daemon', '--until-idle']]) {
      const second = await project.cli([...args, '--json']);
      expect([args, second.code]).toEqual([args, 5]);
      const { error } = JSON.parse(second.stderr);
      expect(error.code).toBe('daemon-running');
      expect(error.message).toContain(String(first.pid));
    }
    expect((await project.cli(['run', 'quick'])).code).toBe(0);
    expect((await project.json('status')).pid).toBe(first.pid);
  }, 60_000);

  test('the state is for its owner alone', async () => {
    const { project } = lasting();
    await project.until(await project.accept('quick'));
    const wrong = everything(project.state).filter(({ path, mode, folder }) => {
      if (path.endsWith('README.md')) return false;
      return mode !== (folder ? 0o700 : 0o600);
    });
    expect(wrong).toEqual([]);
    expect(statSync(project.state).mode & 0o777).toBe(0o700);
  }, 60_000);

  test('a state folder that others may write to is refused with 8', async () => {
    const project = new Project(JOBS);
    await project.json('schedule', 'quick');
    chmodSync(project.state, 0o777);
    const daemon = await project.cli(['daemon', '--until-idle']);
    expect([daemon.code, daemon.stderr]).toEqual([8, expect.stringContaining('chmod')]);
  }, 60_000);

  test('--detach answers when the daemon does, gives its pid, and leaves it alive', async () => {
    const project = new Project(JOBS);
    const { pid, log } = await project.json('daemon', '--detach', '--workers', '2');
    try {
      expect(isAlive(pid)).toBe(true);
      const status = await project.json('status');
      expect(status).toMatchObject({ pid, workers: { total: 2 } });
      expect((await project.cli(['run', 'quick'])).code).toBe(0);
      expect(existsSync(log)).toBe(true);
      expect((await project.cli(['stop'])).code).toBe(0);
      expect(isAlive(pid), 'stop returns when it is over').toBe(false);
    } finally {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
  }, 60_000);

  test('a detached daemon that cannot start says why', async () => {
    const project = new Project({ ...JOBS, 'jobrun.config.json': '{ "wrokers": 2 }' });
    const result = await project.cli(['daemon', '--detach']);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining('"workers"')]);
  }, 60_000);

  test('--workers bounds what runs at once', async () => {
    const project = new Project(JOBS);
    await project.daemon('--workers', '2');
    for (let i = 0; i < 4; i++) await project.accept('steps');
    await eventually(async () => (await project.ask('status')).counts.running === 2, 20_000);
    for (let look = 0; look < 5; look++) {
      await pause(300);
      const { counts, workers } = await project.ask('status');
      expect(counts.running).toBeLessThanOrEqual(2);
      expect(workers.total).toBe(2);
    }
    for (const workers of ['0', 'many', '-1', '1.5'])
      expect((await project.cli(['daemon', `--workers=${workers}`])).code).toBe(2);
  }, 60_000);
});

describe('the end', () => {
  test('SIGTERM lets what runs end, starts nothing more, and exits with 0', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon('--workers', '1');
    await project.accept('steps');
    await project.accept('quick');
    await begun(project);
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await project.show('1')).toMatchObject({ state: 'done', output: 'all' });
    expect((await project.show('2')).state).toBe('queued');
    expect(processesIn(project.dir)).toEqual([]);
  }, 60_000);

  test('one that comes while it starts is heard as well', async () => {
    const project = new Project(JOBS);
    const daemon = project.start('daemon');
    await eventually(() => existsSync(join(project.state, 'lock')), 20_000);
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect((await project.cli(['status'])).code).toBe(4);
    expect(processesIn(project.dir)).toEqual([]);
  }, 60_000);

  test('a second SIGTERM hastens it: the attempt is stopped, not counted, and goes on with the next daemon', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    await project.accept('steps');
    await eventually(async () => (await project.ask('show', { id: '1' })).checkpoint >= 2, 20_000);
    process.kill(daemon.pid, 'SIGTERM');
    // Sooner it would be the same signal, passed on by a supervisor.
    await pause(1200);
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const stopped = await project.show('1');
    expect(stopped).toMatchObject({ state: 'queued', attempt: 1 });
    expect(stopped.attempts).toMatchObject([{ number: 1, outcome: 'stopped' }]);
    await project.daemon();
    expect(await project.until('1')).toMatchObject({ state: 'done', attempt: 1 });
    expect(project.ledger()[1].what).toBe(`from ${stopped.checkpoint}`);
  }, 60_000);

  test('stop --now does the same, also to a job that does not listen', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    await project.accept('stubborn');
    await begun(project);
    const stop = await project.cli(['stop', '--now', '--json']);
    expect([stop.code, JSON.parse(stop.stdout)]).toEqual([0, { stopped: true, pid: daemon.pid }]);
    expect((await daemon.exited).code).toBe(0);
    expect(processesIn(project.dir)).toEqual([]);
    const stopped = await project.show('1');
    expect(stopped).toMatchObject({ state: 'queued', attempt: 1 });
    expect(stopped.attempts).toMatchObject([{ number: 1, outcome: 'stopped' }]);
  }, 60_000);

  test('a drain that takes longer than --drain is cut short', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon('--drain', '500ms');
    await project.accept('stubborn');
    await begun(project);
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect((await project.show('1')).attempts).toMatchObject([{ outcome: 'stopped' }]);
  }, 60_000);

  test('while it drains it answers, and accepts what the next one will do', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    await project.accept('steps');
    await begun(project);
    process.kill(daemon.pid, 'SIGTERM');
    expect((await project.cli(['status'])).code).toBe(0);
    const { id } = await project.json('schedule', 'quick');
    expect((await daemon.exited).code).toBe(0);
    expect((await project.show(id)).state).toBe('queued');
    await project.daemon();
    expect((await project.until(id)).state).toBe('done');
  }, 60_000);

  test('--until-idle does all that is due, retries too, and leaves what is later', async () => {
    const project = new Project({
      ...JOBS,
      'jobs/second.js': `export default { retries: { limit: 1, delay: 1 }, run: (_, ctx) => {
        if (ctx.attempt === 1) throw new Error('once');
        return ctx.emit('quick', {});
      } };`,
    });
    const batch = Array.from({ length: 20 }, (_, i) => `{"job":"${i % 2 ? 'quick' : 'second'}"}`);
    expect((await project.cli(['schedule', '--batch', '-'], batch.join('\n'))).code).toBe(0);
    await project.json('schedule', 'quick', '--in', '1h');
    const daemon = await project.cli(['daemon', '--until-idle']);
    expect([daemon.code, daemon.stdout]).toEqual([0, '']);
    const { counts } = JSON.parse((await project.cli(['status', '--json'])).stdout);
    expect(counts).toMatchObject({ done: 30, scheduled: 1, queued: 0, running: 0, failed: 0 });
    const again = await project.cli(['daemon', '--until-idle']);
    expect(again.code, 'with nothing to do it ends at once').toBe(0);
  }, 120_000);
});

describe('jobs while it runs', () => {
  test('a new job is there, a broken one keeps its queue and starts nothing, a mended one goes on', async () => {
    const { project } = lasting();
    project.write('jobs/late.js', `export default () => 'late';`);
    expect(await outputOf(project, 'late')).toBe('late');
    project.write('jobs/late.js', 'export default (');
    await eventually(async () => (await project.ask('status')).broken.includes('late'), 5000);
    expect((await project.cli(['schedule', 'late'])).code).toBe(5);
    const { id } = await project.json('schedule', 'late', '--force');
    await pause(500);
    const held = await project.show(id);
    expect(held).toMatchObject({ state: 'queued', attempt: 0 });
    expect(held.reason).toContain('broken');
    project.write('jobs/late.js', `export default () => 'mended';`);
    expect((await project.until(id)).output).toBe('mended');
    expect((await project.ask('status')).broken).toEqual([]);
  }, 60_000);

  test('runs of a deleted job are kept with the reason, and go on when it comes back', async () => {
    const { project } = lasting();
    const { id } = await project.json('schedule', 'quick', '--in', '1s');
    unlinkSync(join(project.dir, 'jobs/quick.js'));
    await eventually(
      async () => (await project.ask('show', { id })).reason === 'no job named quick',
      20_000,
    );
    expect((await project.show(id)).state).toBe('queued');
    expect((await project.cli(['schedule', 'quick'])).code).toBe(3);
    expect((await project.json('schedule', 'quick', '--force')).reason).toBe('no job named quick');
    project.write('jobs/quick.js', 'export default () => 2;');
    expect((await project.until(id)).output).toBe(2);
  }, 60_000);

  test('--no-watch leaves them as they were at the start', async () => {
    const project = new Project(JOBS);
    // One worker, which has the file already: another would load it as it is now.
    await project.daemon('--no-watch', '--workers', '1');
    expect(await outputOf(project, 'quick')).toBe(1);
    project.write('jobs/quick.js', 'export default () => 2;');
    await pause(1000);
    expect(await outputOf(project, 'quick')).toBe(1);
  }, 60_000);

  test('an autostart job has exactly one run, and that stays done over restarts and edits', async () => {
    const job = (output: number) =>
      `export default { autostart: true, run: async () => { ${TELL.replace(/^import.*\n/, `const { appendFileSync } = await import('node:fs');`)} tell('began'); return ${output}; } };`;
    const project = new Project({ 'jobs/setup.js': job(1) });
    for (let start = 0; start < 3; start++) {
      const daemon = await project.daemon();
      await eventually(async () => (await project.ask('status')).counts.done === 1);
      project.write('jobs/setup.js', job(start + 2));
      await pause(400);
      await daemon.kill(start === 1 ? 'SIGKILL' : 'SIGTERM');
    }
    expect((await project.json('list')).total).toBe(1);
    expect(project.ledger()).toHaveLength(1);
    await project.daemon();
    await project.json('retry', '1').catch(() => null);
    const rerun = await project.json('rerun', '1');
    expect((await project.until(rerun.id)).state).toBe('done');
  }, 120_000);

  test('a file that never finishes loading keeps no other job waiting where no daemon runs', async () => {
    const project = new Project({
      'jobs/blocks.js': 'while (true) {}',
      'jobs/hangs.js': 'await new Promise(() => {}); export default () => 1;',
      'jobs/other.js': 'export default () => 1;',
    });
    // It is given ten seconds to load.
    const { code, ms } = await project.cli(['schedule', 'other']);
    expect([code, ms < 7000]).toEqual([0, true]);
  }, 60_000);

  test('two files of one name are both refused, with both paths, until one has gone', async () => {
    const project = new Project({ ...JOBS, 'jobs/quick.ts': 'export default () => 3;' });
    await project.daemon();
    const { jobs } = await project.json('jobs', 'quick');
    expect(jobs).toMatchObject([{ state: 'broken' }]);
    expect(jobs[0].error).toMatch(/quick\.js.*quick\.ts|quick\.ts.*quick\.js/);
    renameSync(join(project.dir, 'jobs/quick.ts'), join(project.dir, 'jobs/other.ts'));
    expect(await outputOf(project, 'other')).toBe(3);
    expect(await outputOf(project, 'quick')).toBe(1);
  }, 60_000);
});

/** The job may be new: it is known within a second. */
async function outputOf(project: Project, job: string): Promise<Doc> {
  const { id } = await eventually(async () => {
    const result = await project.cli(['schedule', job, '--json']);
    return result.code === 0 ? JSON.parse(result.stdout) : null;
  }, 10_000);
  return (await project.until(id)).output;
}

interface Found {
  readonly path: string;
  readonly mode: number;
  readonly folder: boolean;
}

function everything(folder: string): Found[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    const found = {
      path,
      mode: statSync(path).mode & 0o777,
      folder: entry.isDirectory(),
    };
    return entry.isDirectory() ? [found, ...everything(path)] : [found];
  });
}
