// What a run leaves behind: in a worker that is used again it must not reach the next job, and what it started must not
// live beside the next attempt.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test as plain } from 'vitest';
import { eventually, isAlive } from '../helpers/project.ts';
import { shared, whenOver } from '../helpers/shared.ts';
import { outcomes, type Site, site } from '../helpers/site.ts';

const LOOK = `export default () => ({
  pid: process.pid,
  database: process.env.DATABASE ?? null,
  hour: new Date(0).getHours(),
  umask: process.umask(),
  folder: process.cwd(),
});`;
const test = (title: string, run: () => Promise<void>): void => plain(title, run, 60_000);
const one = (jobs: Readonly<Record<string, string>>): Promise<Site> =>
  site({ ...jobs, look: LOOK }, '--workers', '1');

describe('what a job changes in its process', () => {
  const CHANGES = {
    'a variable': `process.env.DATABASE = 'of another job';`,
    'variables of a file': `process.loadEnvFile('other.env');`,
    'the time zone': `process.env.TZ = 'Asia/Tokyo';`,
    'the umask': `process.umask(0o000);`,
    'the folder': `process.chdir('/');`,
  };
  const ours = shared(() =>
    one({
      ...Object.fromEntries(
        Object.entries(CHANGES).map(([what, change]) => [
          what.replaceAll(' ', '-'),
          `export default () => { ${change} };`,
        ]),
      ),
      imported: `process.env.DATABASE = 'x'; export default () => 1;`,
      careful: `export default () => { process.env.X = '1'; delete process.env.X; return process.pid; };`,
    }),
  );

  plain.each(Object.keys(CHANGES))(
    '%s, does not reach the next job',
    async (what) => {
      const s = ours();
      s.project.write('other.env', 'DATABASE=of a file\n');
      const before = await s.run('look');
      expect((await s.run(what.replaceAll(' ', '-'))).state).toBe('done');
      const { pid: _, ...after } = (await s.run('look')).output as Record<string, unknown>;
      expect(before.output).toMatchObject(after);
    },
    60_000,
  );

  test('nor what its file changes while it is imported', async () => {
    const s = ours();
    await s.run('imported');
    expect((await s.run('look')).output).toMatchObject({ database: null });
  });

  test('is no reason for a new process where it is put back, or nothing was changed', async () => {
    const s = ours();
    const { output: first } = await s.run('careful');
    expect((await s.run('look')).output).toMatchObject({ pid: first });
    expect((await s.run('careful')).output).toBe(first);
  });
});

describe('a process that a run leaves behind', () => {
  const pidIn = (s: Site, name: string): number => {
    const file = join(s.project.dir, name);
    return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  };
  const WAYS = {
    'in its group': `spawn('sleep', ['1000'], { stdio: 'ignore' })`,
    'in a session of its own': `spawn('sleep', ['1000'], { stdio: 'ignore', detached: true })`,
    'without its environment': `spawn('sleep', ['1000'], { stdio: 'ignore', detached: true, env: {} })`,
  };
  const LEAVES = (start: string): string => `import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    export default { retries: { limit: 1, delay: 0 }, run: ({ how }, ctx) => {
      if (ctx.attempt === 2) return 'second';
      const left = ${start};
      left.unref();
      writeFileSync('left ' + ctx.id, String(left.pid));
      if (how === 'throw') throw new Error('the first attempt fails');
      if (how === 'exit') process.exit(3);
      return left.pid;
    } };`;

  const ours = shared(() =>
    one(
      Object.fromEntries(Object.values(WAYS).map((start, i) => [`leaves-${i}.mjs`, LEAVES(start)])),
    ),
  );

  for (const [i, way] of Object.keys(WAYS).entries()) {
    test(`${way}, is ended with a run that is done`, async () => {
      const { output: pid } = await ours().run(`leaves-${i}`);
      await eventually(() => !isAlive(pid as number));
    });

    plain.each(['throw', 'exit'])(
      `${way}, is dead before the next attempt begins: %s`,
      async (how) => {
        const s = ours();
        const { id } = await s.jobs.schedule(`leaves-${i}`, { how });
        const run = await s.when(id, ({ attempt }) => attempt === 2);
        expect(isAlive(pidIn(s, `left ${id}`))).toBe(false);
        expect(outcomes(run)[0]).toBe('threw');
        expect(await s.settled(id)).toMatchObject({ state: 'done', output: 'second' });
      },
      60_000,
    );
  }

  test('by a child that ended itself, is ended as well', async () => {
    const s = await one({
      'leaves.mjs': `import { execFileSync } from 'node:child_process';
        export default () => Number(execFileSync('sh', ['-c', 'env -i setsid sleep 1000 >/dev/null 2>&1 & echo $!']));`,
    });
    const { output: pid } = await s.run('leaves');
    await eventually(() => !isAlive(pid as number));
  });

  test('does not write into the log of the next job', async () => {
    const s = await one({
      'leaves.mjs': `import { spawn } from 'node:child_process';
        export default async (_, ctx) => {
          spawn('sh', ['-c', 'while :; do echo noise; sleep 0.05; done'], { stdio: 'inherit' });
          await ctx.sleep(300);
        };`,
      next: `export default async (_, ctx) => { await ctx.sleep(500); };`,
    });
    await s.run('leaves');
    expect((await s.run('next')).log).toEqual([]);
  });

  test('that has ended by itself costs the worker nothing', async () => {
    const s = await one({
      'starts.mjs': `import { execFileSync } from 'node:child_process';
        export default () => { execFileSync('true'); return process.pid; };`,
    });
    const { output: first } = await s.run('starts');
    expect((await s.run('starts')).output).toBe(first);
  });
});

describe('a chain of processes that each start the next and end, a thousand in a second', () => {
  /** Ends by itself where the test leaves it: with the file STOP, or with its own file. */
  const chain = (first: string, next: string, end: string): string => `#!/bin/sh
    [ "$1" = x ] || { ${first} "$0" x </dev/null >/dev/null 2>&1 & ${end}; }
    [ -e STOP ] && exit
    : >link
    ${next} "$0" x &
  `;
  const WAYS = [
    ['in the group of its run', '', ''],
    ['in a group of its own', 'setsid', ''],
    ['in a new group with each', 'setsid', 'setsid'],
  ] as const;

  async function begin(job: string) {
    const s = await one({ 'chain.sh': job });
    const link = join(s.project.dir, 'link');
    whenOver(() => void s.project.write('STOP', ''));
    const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    whenOver(() => void stranger.kill('SIGKILL'));
    const { id } = await s.jobs.schedule('chain');
    await eventually(() => existsSync(link), 30_000);
    const hasLink = async (): Promise<boolean> => {
      rmSync(link, { force: true });
      await new Promise((resolve) => setTimeout(resolve, 500));
      return existsSync(link);
    };
    const onlyStrangerLives = async (): Promise<void> => {
      expect(await hasLink()).toBe(false);
      expect(isAlive(stranger.pid as number)).toBe(true);
    };
    return { s, id, hasLink, onlyStrangerLives };
  }

  for (const [way, first, next] of WAYS) {
    test(`${way}, has ended when an abort is over`, async () => {
      const { s, id, onlyStrangerLives } = await begin(chain(first, next, 'sleep 1000'));
      expect((await s.project.cli(['abort', id])).code).toBe(0);
      await s.state(id, 'aborted');
      await onlyStrangerLives();
    });

    test(`${way}, has ended when a daemon has stopped`, async () => {
      const { s, onlyStrangerLives } = await begin(chain(first, next, 'sleep 1000'));
      expect((await s.project.cli(['stop', '--now'])).code).toBe(0);
      await onlyStrangerLives();
    });

    test(`${way}, is ended with a run that is done`, async () => {
      const { s, id, hasLink } = await begin(
        chain(first, next, 'until [ -e link ]; do sleep 0.05; done; exit'),
      );
      expect(await s.settled(id)).toMatchObject({ state: 'done' });
      await eventually(async () => !(await hasLink()));
    });
  }
});
