// `jobrun run --local`: the process of the command is the daemon for the length of one run.
import { existsSync, mkdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually, isAlive, Project } from '../helpers/project.ts';

const JOBS = {
  'jobs/hello.mjs': `export default async ({ name }, ctx) => {
    console.log('hello ' + name);
    if (name === 'nobody') throw new Error('no name');
    await ctx.emit('other', {});
    return { name };
  };`,
  'jobs/other.mjs': `import { appendFileSync } from 'node:fs';
    export default { every: '1s', run: () => appendFileSync('ledger.jsonl', '"other"\\n') };`,
  'jobs/tries.mjs': `export default { retries: { limit: 2, delay: 50 }, run: (_p, ctx) => {
    if (ctx.attempt < 3) throw new Error('try ' + ctx.attempt);
    return ctx.attempt;
  } };`,
  'jobs/tells.mjs': `export default { retries: { limit: 1, delay: 10 },
    run: () => { throw new Error('bad'); },
    onFailed: async (error) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      console.log('told of ' + error.message);
    } };`,
  'jobs/long.mjs': `import { writeFileSync, rmSync } from 'node:fs';
    export default async (_p, ctx) => {
      writeFileSync('busy', String(process.pid));
      try { await ctx.sleep('60s'); } finally { rmSync('busy'); console.log('tidied up'); }
    };`,
};

describe('run --local', () => {
  test('runs it without a daemon, shows its log, and exits with its result; the run is kept, nothing else starts', async () => {
    const project = new Project(JOBS);
    const waits = await project.json('schedule', 'tries', '--key', 'k');
    const good = await project.cli(['run', 'hello', '--local', '-p', 'name=Ada']);
    expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining('hello Ada') });
    expect(good.stdout).toContain('2 hello done');
    const bad = await project.cli(['run', 'hello', '--local', '-p', 'name=nobody', '--json']);
    expect(bad.code).toBe(6);
    expect(JSON.parse(bad.stdout)).toMatchObject({
      state: 'failed',
      error: { message: 'no name' },
    });
    expect((await project.cli(['run', 'tries', '--local', '--json'])).code).toBe(0);
    expect(await project.show('2')).toMatchObject({ state: 'done', output: { name: 'Ada' } });
    const { runs } = await project.json('list', '--job', 'other');
    expect(runs, 'what it emitted waits, and no schedule was made').toMatchObject([
      { state: 'queued', parent: '2' },
    ]);
    expect(await project.show(waits.id)).toMatchObject({ state: 'queued', attempt: 0 });
    expect(project.ledger()).toEqual([]);
    expect((await project.json('schedules')).schedules).toEqual([]);
    expect((await project.cli(['run', 'nothing', '--local'])).code).toBe(3);
    expect((await project.cli(['run', 'hello', '--local', '--dry-run'])).code).toBe(0);
    expect((await project.cli(['status'])).code).toBe(4);
    const past = ['run', 'tries', '--local', '--at', '2020-01-01', '--key', 'k'];
    const { stdout, stderr } = await project.cli(past);
    expect(stderr).toMatch(/^note: .*runs at once\nRun 1 of tries has this key and is queued\n/);
    expect(stderr).toContain('attempt 2 failed: Error: try 2; the next one begins');
    expect(stdout).toContain('1 tries done');
  }, 60_000);

  test('leaves when its job has been told after the fact, and what it says then is of the last attempt', async () => {
    const project = new Project(JOBS);
    expect((await project.cli(['run', 'tells', '--local'])).code).toBe(6);
    const { log } = await project.show('1');
    expect(log).toMatchObject([{ text: 'told of bad', attempt: 2 }]);
  }, 30_000);

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s aborts the run, which may tidy up first', async (signal, code) => {
    const project = new Project(JOBS);
    const local = project.start('run', 'long', '--local');
    const busy = join(project.dir, 'busy');
    await eventually(() => existsSync(busy) && local.stdout() !== undefined, 20_000);
    const { worker } = await project.show('1');
    expect(isAlive(worker.pid)).toBe(true);
    expect(await local.kill(signal)).toEqual({ code, signal: null });
    expect(local.stdout()).toMatch(/tidied up[\s\S]*1 long aborted/);
    expect(existsSync(busy)).toBe(false);
    expect(isAlive(worker.pid)).toBe(false);
    expect(await project.show('1')).toMatchObject({ state: 'aborted', reason: 'interrupted' });
  });

  test('other commands see and abort it meanwhile; where a daemon runs it is refused with what to do', async () => {
    const project = new Project(JOBS);
    const local = project.start('run', 'long', '--local');
    await eventually(() => existsSync(join(project.dir, 'busy')), 20_000);
    const second = await project.cli(['run', 'hello', '--local']);
    expect(second.code).toBe(5);
    expect(second.stderr).toContain('Leave out --local');
    expect((await project.json('abort', '1')).results).toMatchObject([{ state: 'aborted' }]);
    expect((await local.exited).code).toBe(7);
  });

  test('killed on the spot, its run is taken back by the next daemon, as any other', async () => {
    const project = new Project(JOBS);
    const local = project.start('run', 'long', '--local');
    await eventually(() => existsSync(join(project.dir, 'busy')), 20_000);
    await local.kill('SIGKILL');
    await project.daemon();
    const run = await project.until('1', ['running']);
    expect(run.attempts).toMatchObject([{ outcome: 'lost' }, { number: 2 }]);
  });

  test('waits for a package that is being installed, and not for one that nobody installs', async () => {
    const project = new Project({
      'jobs/uses.mjs': `import { part } from 'part'; export default () => part;`,
      'node_modules/part/package.json': '{ "name": "part", "type": "module" }',
      'node_modules/part/index.js': `export const part = 'part';`,
    });
    const packages = join(project.dir, 'node_modules');
    renameSync(packages, `${packages}.away`);
    utimesSync(project.dir, 0, 0);
    const refused = await project.cli(['run', 'uses', '--local', '--json']);
    expect(refused.code).toBe(5);
    expect(JSON.parse(refused.stderr).error).toMatchObject({ code: 'broken-job' });

    mkdirSync(packages);
    const going = project.start('run', 'uses', '--local', '--json');
    await eventually(() => existsSync(join(project.state, 'jobrun.sock')));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    renameSync(`${packages}.away/part`, join(packages, 'part'));
    expect(await going.exited).toMatchObject({ code: 0 });
    expect(JSON.parse(going.stdout())).toMatchObject({ state: 'done', output: 'part', attempt: 1 });
  });
});
