// Programs that use the library: they end by themselves, outlive a restart of the daemon, and print nothing of ours.
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { eventually, Project, ROOT } from '../helpers/project.ts';
import { Site, site } from '../helpers/site.ts';

const IMPORT = `import { connect, startDaemon } from '${ROOT}dist/index.js';\n`;
const WORK = { 'jobs/work.js': 'export default async ({ ms = 0 }, ctx) => ctx.sleep(ms);' };

test('an open connection to a daemon lets a program end; what it waits for keeps it alive', async () => {
  const project = new Project({
    ...WORK,
    'ends.mjs': `${IMPORT}const jobs = await connect();
      await jobs.schedule('work');
      for await (const { type } of jobs.events({ since: 0 })) if (type === 'run.settled') break;
      console.log((await jobs.status()).running);`,
    'waits.mjs': `${IMPORT}const jobs = await connect();
      jobs.schedule('work', { ms: 2000 }).then(({ id }) => jobs.result(id)).then(() => console.log('done'));`,
  });
  await project.daemon();
  const ended = await project.node('ends.mjs');
  expect([ended.code, ended.stdout]).toEqual([0, 'true\n']);
  expect(ended.ms, 'not held by a timer either').toBeLessThan(5000);
  expect(await project.node('waits.mjs')).toMatchObject({ code: 0, stdout: 'done\n' });
}, 60_000);

test('results and events outlive a restart of the daemon', async () => {
  const s = await site({
    slow: 'export default async (_, ctx) => { await ctx.sleep(1500); return 7; };',
  });
  const { id } = await s.jobs.schedule('slow');
  await s.state(id, 'running');
  const types: string[] = [];
  const settled = (async () => {
    for await (const event of s.jobs.events({ job: 'slow' })) {
      types.push(event.type);
      if (event.type === 'run.settled') return event.run.output;
    }
    return null;
  })();
  const result = s.jobs.result(id);
  await s.daemon.kill('SIGTERM');
  // Longer than a connection is tried for.
  await new Promise((resolve) => setTimeout(resolve, 6000));
  await s.up();
  expect([await result, await settled]).toEqual([7, 7]);
  expect(types).not.toContain('gap');
}, 90_000);

test('many waits at one moment print no warning of listeners: in a program, in a job, in the log of the daemon', async () => {
  const jobs = Object.fromEntries(
    Array.from({ length: 14 }, (_, i) => [`blocks-${i}.mjs`, 'await new Promise(() => {});']),
  );
  const s = new Site({
    ...jobs,
    many: 'export default (_, ctx) => Promise.all(Array.from({ length: 30 }, () => ctx.sleep(300)));',
  });
  s.project.write(
    'waits.mjs',
    `${IMPORT}const jobs = await connect();
    const made = await jobs.scheduleMany(Array.from({ length: 20 }, () => ({ job: 'many' })));
    const one = new AbortController();
    await Promise.all(made.map(({ id }, i) => jobs.result(id, i % 2 ? { signal: one.signal } : {})));`,
  );
  await s.up();
  const ended = await s.project.node('waits.mjs');
  expect([ended.code, ended.stderr]).toEqual([0, '']);
  expect((await s.jobs.get('1')).log).toEqual([]);
  await eventually(async () => (await s.jobs.status()).broken.length === 14, 60_000);
  for (const line of s.daemon.log().trim().split('\n'))
    expect(() => JSON.parse(line)).not.toThrow();
}, 120_000);

test('a program that a bundler made with jobrun in it: startDaemon is refused and names the file, what looks works', async () => {
  const project = new Project({
    ...WORK,
    'bundled.mjs': `${IMPORT}const code = async (call) => {
        const { code, message, hint } = await call.then(() => ({ code: 'fine' }), (error) => error);
        return [code, message, hint];
      };
      const jobs = await connect();
      console.log(JSON.stringify([
        await code(startDaemon()),
        await code(jobs.schedule('work')),
        await code(jobs.list()),
      ]));`,
  });
  await project.json('schedule', 'work');
  const bundle = await rolldown({ input: join(project.dir, 'bundled.mjs'), platform: 'node' });
  const file = join(project.dir, 'out', 'program.mjs');
  await bundle.write({ file, codeSplitting: false });
  await bundle.close();
  const { stdout, stderr } = await project.node(file);
  expect(stderr).toBe('');
  const [daemon, schedule, list] = JSON.parse(stdout);
  for (const [code, message, hint] of [daemon, schedule]) {
    expect(code).toBe('bad-config');
    expect(message).toContain(join(project.dir, 'workers', 'entry.js'));
    expect(hint).toContain('--external:jobrun');
  }
  expect(list[0]).toBe('fine');
}, 60_000);
