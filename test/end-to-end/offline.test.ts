// Where no daemon runs, commands work on the files themselves, under the same lock: one after the other, however many
// are typed at once, and also while a daemon is just coming or going.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Doc, eventually, isAlive, Project } from '../helpers/project.ts';

const JOBS = {
  'jobs/hello.js': `export default { description: 'says hello', run: (params, ctx) => {
    ctx.log.info('hello');
    ctx.result({ row: 1 });
    return params;
  } };`,
  'jobs/fails.js': `export default () => { throw new Error('no luck'); };`,
};

describe('without a daemon', () => {
  test('a run that a killed daemon left running is aborted when nothing of it lives, and is not taken up again', async () => {
    const project = new Project({
      // It tells its pid when it has left the group.
      'jobs/away.sh': `#!/bin/sh\nsetsid sh -c 'echo $$ > away.pid; exec sleep 1000' &\nsleep 1000\n`,
      'jobs/next.mjs': 'export default () => 1;',
    });
    const daemon = await project.daemon();
    const { id } = await project.json('schedule', 'away');
    const pid = await eventually(() => {
      const file = join(project.dir, 'away.pid');
      return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
    });
    await daemon.kill('SIGKILL');
    expect(await project.show(id)).toMatchObject({ state: 'running' });
    expect(isAlive(pid), 'it left its group, and outlives its daemon').toBe(true);
    const aborted = await project.cli(['abort', id, '--reason', 'no longer wanted']);
    expect(aborted).toMatchObject({ code: 0, stdout: expect.stringContaining('aborted') });
    expect(isAlive(pid)).toBe(false);
    await project.daemon();
    const next = await project.json('schedule', 'next');
    await project.until(next.id);
    expect(await project.show(id)).toMatchObject({
      state: 'aborted',
      reason: 'no longer wanted',
      attempts: [{ outcome: 'aborted' }],
    });
    expect((await project.cli(['abort', id])).code, 'once').toBe(5);
  });

  test('runs are accepted, changed, ended and shown; the next daemon does what is left', async () => {
    const project = new Project(JOBS);
    const made = await project.json('schedule', 'hello', '-p', 'name=Ada', '--key', 'k');
    expect(made).toMatchObject({ id: '1', state: 'queued', params: { name: 'Ada' }, key: 'k' });
    const again = await project.json('schedule', 'hello', '--key', 'k');
    expect(again).toMatchObject({ id: '1', existing: true });
    const later = await project.json('schedule', 'hello', '--in', '1h', '--priority', '7');
    expect(later).toMatchObject({ id: '2', state: 'scheduled', priority: 7 });
    const batch = await project.cli(
      ['schedule', '--batch', '-', '-q'],
      '{"job":"hello"}\n{"job":"fails"}\n',
    );
    expect(batch.stdout).toBe('3\n4\n');
    expect((await project.json('schedule', 'hello', '--dry-run')).id).toBe(null);

    expect(await project.json('update', '2', '--now', '-p', 'n:=2')).toMatchObject({
      state: 'queued',
      params: { n: 2 },
    });
    expect((await project.json('abort', '3')).results).toMatchObject([{ state: 'aborted' }]);
    expect(await project.json('rerun', '3')).toMatchObject({ id: '5', state: 'queued' });
    expect(await project.json('retry', '3')).toMatchObject({ id: '3', state: 'queued' });
    await project.json('abort', '3');
    expect((await project.json('list', '--state', 'aborted')).total).toBe(1);
    expect((await project.show('3')).reason).toBe('aborted on request');
    expect((await project.cli(['logs', '3'])).code).toBe(0);
    expect((await project.cli(['wait', '3'])).code, 'it is settled').toBe(7);
    await project.json('pause', 'fails');
    expect((await project.json('jobs')).jobs).toMatchObject([
      { name: 'fails', state: 'paused', counts: { queued: 1 } },
      { name: 'hello', state: 'ok', description: 'says hello', counts: { queued: 3, aborted: 1 } },
    ]);
    await project.json('remove', '3');
    expect((await project.cli(['show', '3'])).code).toBe(3);

    expect((await project.cli(['daemon', '--until-idle'])).code).toBe(0);
    expect((await counted(project)).counts).toMatchObject({ done: 3, queued: 1, failed: 0 });
    await project.json('resume', 'fails');
    expect((await project.cli(['daemon', '--until-idle'])).code).toBe(0);
    expect((await counted(project)).counts).toMatchObject({ done: 3, queued: 0, failed: 1 });
    expect((await project.show('1')).log).toMatchObject([{ text: 'hello' }]);
    expect((await project.show('1')).results).toEqual([{ row: 1 }]);
    expect((await project.json('prune', '--state', 'done', '-y')).removed).toBe(3);
    expect((await project.json('list')).total).toBe(1);
  }, 120_000);

  test('what holds a run up is told at once: a broken job, and a pause', async () => {
    const project = new Project({ ...JOBS, 'jobs/broken.js': 'export default {' });
    expect((await project.cli(['schedule', 'broken'])).code).toBe(5);
    const forced = await project.cli(['schedule', 'broken', '--force']);
    expect(forced.code).toBe(0);
    expect(forced.stdout).toContain('the job broken is broken: ');
    const { reason } = await project.json('schedule', 'broken', '--force');
    expect(reason).toContain('the job broken is broken: ');
    expect((await project.json('schedule', 'hello')).reason).toBe(null);

    expect((await project.cli(['status'])).stdout).not.toContain('paused');
    await project.json('pause', 'hello');
    expect((await project.cli(['status'])).stdout).toContain('paused    hello');
    expect((await counted(project)).paused).toEqual({ all: false, jobs: ['hello'] });
    expect((await project.json('schedule', 'hello')).reason).toBe('paused');
    await project.json('pause');
    expect((await project.cli(['status'])).stdout).toContain('paused    all jobs');
    await project.json('resume');
    await project.json('resume', 'hello');
    expect((await counted(project)).paused).toEqual({ all: false, jobs: [] });
  }, 60_000);

  test('what needs one says so with 4, and has done nothing', async () => {
    const project = new Project(JOBS);
    await project.json('schedule', 'hello', '--in', '1h');
    for (const args of [
      ['run', 'hello'],
      ['schedule', 'hello', '--wait'],
      ['schedule', 'hello', '--follow'],
      ['logs', '-f', '1'],
      ['wait', '1'],
    ]) {
      const result = await project.cli(args);
      expect([args, result.code, result.stdout]).toEqual([args, 4, '']);
      expect(result.stderr).toContain('jobrun daemon');
    }
    expect(await project.cli(['stop'])).toMatchObject({ code: 4, stdout: '' });
    const status = await project.cli(['status', '--json']);
    expect(status.code).toBe(4);
    expect(JSON.parse(status.stdout)).toMatchObject({
      running: false,
      pid: null,
      counts: { scheduled: 1 },
    });
    expect((await project.json('list')).total).toBe(1);
  }, 60_000);

  test('a folder that is no project gets no state', async () => {
    const project = new Project(JOBS);
    rmSync(join(project.dir, 'jobs'), { recursive: true });
    for (const args of [['list'], ['schedule', 'hello'], ['status'], ['daemon']])
      expect([args, (await project.cli(args)).code]).toEqual([args, 2]);
    expect(existsSync(project.state)).toBe(false);
    expect((await project.cli(['list', '--dir', join(project.dir, 'typo')])).code).toBe(2);
  }, 60_000);
});

const counted = async (project: Project): Promise<Doc> =>
  JSON.parse((await project.cli(['status', '--json'])).stdout);

describe('at the same time', () => {
  test('ten commands all succeed, and give ten different ids', async () => {
    const project = new Project(JOBS);
    const made = await Promise.all(
      Array.from({ length: 10 }, () => project.cli(['schedule', 'hello', '-q'])),
    );
    expect(made.map(({ code, stderr }) => [code, stderr])).toEqual(Array(10).fill([0, '']));
    const ids = made.map(({ stdout }) => Number(stdout)).sort((a, b) => a - b);
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect((await project.json('list')).total).toBe(10);
  }, 60_000);

  test('one that waits for the code of a job keeps no other from the state, and is accepted all the same', async () => {
    const project = new Project({
      ...JOBS,
      'jobs/slow.js': `import { existsSync, writeFileSync } from 'node:fs';
        writeFileSync(new URL('../loads', import.meta.url), '');
        while (!existsSync(new URL('../go', import.meta.url))) await new Promise((next) => setTimeout(next, 20));
        export default () => 1;`,
    });
    const slow = project.start('schedule', 'slow', '-q');
    await eventually(() => existsSync(join(project.dir, 'loads')), 20_000);
    expect(await project.cli(['schedule', 'hello', '-q'])).toMatchObject({
      code: 0,
      stdout: '1\n',
    });
    project.write('go', '');
    expect(await slow.exited).toEqual({ code: 0, signal: null });
    expect(slow.stdout()).toBe('2\n');
  }, 60_000);

  test('a daemon that comes and goes makes none of them fail, and none is lost or doubled', async () => {
    const project = new Project(JOBS);
    const made: Promise<{ code: number | null; stdout: string; stderr: string }>[] = [];
    for (let round = 0; round < 3; round++) {
      const daemon = project.start('daemon');
      for (let i = 0; i < 5; i++) {
        made.push(project.cli(['schedule', 'hello', '-q']));
        await new Promise((next) => setTimeout(next, 120));
      }
      made.push(project.cli(['list', '-q']));
      await eventually(() => daemon.stderr().includes(`daemon ${daemon.pid} works on`), 20_000);
      const stopped = daemon.kill('SIGTERM');
      made.push(project.cli(['schedule', 'hello', '-q']), project.cli(['list', '-q']));
      expect(await stopped).toEqual({ code: 0, signal: null });
    }
    const results = await Promise.all(made);
    expect(results.filter(({ code }) => code !== 0)).toEqual([]);
    expect((await project.json('list')).total).toBe(3 * 6);
    expect((await project.cli(['daemon', '--until-idle'])).code).toBe(0);
    expect((await counted(project)).counts).toMatchObject({ done: 3 * 6, queued: 0 });
  }, 120_000);
});
