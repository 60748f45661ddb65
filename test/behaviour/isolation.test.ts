// Which runs share a process, and what one can do to another there.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Details } from '../../src/index.ts';
import { eventually, isAlive } from '../helpers/project.ts';
import { outcomes, sharedSite, site } from '../helpers/site.ts';

const SPOIL = `globalThis.poisoned = true; process.env.POISON = 'yes'; process.chdir('/'); Array.prototype.map = null; JSON.parse = () => 'spoilt';`;
const LOOK = `return { pid: process.pid, poisoned: globalThis.poisoned ?? null, env: process.env.POISON ?? null, cwd: process.cwd(), map: typeof [].map };`;

test('a job that changes globals, folder or environment cannot harm the next one in fresh', async () => {
  const s = await site(
    {
      fresh: `export default { isolation: 'fresh', run: ({ spoil }) => { if (spoil) { ${SPOIL} return null; } ${LOOK} } };`,
    },
    '--workers',
    '2',
  );
  const pids = new Set<number>();
  for (let i = 0; i < 3; i++) {
    expect(await s.run('fresh', { spoil: true })).toMatchObject({ state: 'done' });
    const { output } = await s.run('fresh');
    expect(output).toMatchObject({
      poisoned: null,
      env: null,
      cwd: s.project.dir,
      map: 'function',
    });
    pids.add((output as { pid: number }).pid);
  }
  expect(pids.size, 'a new process for each attempt').toBe(3);
});

test('process reuses a worker for one run at a time and never a killed one', async () => {
  const s = await site(
    {
      work: `export default async () => { mark('work'); await sleep(50); mark('over'); return process.pid; };`,
      deaf: `export default { grace: 50, run: () => { for (;;); } };`,
    },
    '--workers',
    '1',
  );
  const pids: unknown[] = [];
  for (let i = 0; i < 4; i++) pids.push((await s.run('work')).output);
  expect(new Set(pids).size).toBe(1);
  const deaf = await s.jobs.schedule('deaf');
  const { worker } = await s.state(deaf.id, 'running');
  await s.jobs.abort(deaf.id);
  expect(isAlive(worker?.pid ?? 0)).toBe(false);
  expect((await s.run('work')).output).not.toBe(worker?.pid);
  await s.jobs.scheduleMany(Array.from({ length: 6 }, () => ({ job: 'work' })));
  await eventually(async () => (await s.jobs.status()).counts.done === 11);
  let now = 0;
  for (const { name } of s.marks()) {
    now += name === 'work' ? 1 : -1;
    expect(now).toBeLessThanOrEqual(1);
  }
});

test('a result and the start that takes its place are one commit, and so are an acceptance and its start', async () => {
  const s = await site({ work: `export default () => process.pid;` }, '--workers', '1');
  const first = await s.run('work');
  await s.jobs.pause('work');
  const runs = await s.jobs.scheduleMany(Array.from({ length: 4 }, () => ({ job: 'work' })));
  await s.jobs.resume('work');
  for (const run of runs) await s.settled((run as { id: string }).id);
  const folder = join(s.project.dir, 'state', 'journal');
  const lines = readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8').split('\n'),
  );
  const ops = lines.flatMap((line) => (line.includes('"ops"') ? [opsOf(line)] : []));
  expect(ops).toContainEqual(
    expect.arrayContaining([`run ${first.id}`, `set ${first.id} running`]),
  );
  const [one, two] = runs.map((run) => (run as { id: string }).id);
  const both = [`set ${one} done`, `set ${two} running`];
  expect(ops).toContainEqual(expect.arrayContaining(both));
});

function opsOf(line: string): string[] {
  const { ops } = JSON.parse(line.slice(9)) as {
    ops: [string, never, { state?: { name: string } }][];
  };
  return ops.map(([kind, what, { state } = {}]) =>
    kind === 'run' ? `run ${(what as { id: number }).id}` : `${kind} ${what} ${state?.name}`,
  );
}

test('500 shared runs that each wait a second finish together in about a second, and what each prints is its own', async () => {
  const s = await site({
    io: `export default { isolation: 'shared', run: async ({ n }) => { console.log('begin ' + n); await sleep(1000); console.log('end ' + n); return n; } };`,
  });
  await s.run('io', { n: -1 });
  const runs = (await s.jobs.scheduleMany(
    Array.from({ length: 500 }, (_, n) => ({ job: 'io', params: { n } })),
  )) as { id: string }[];
  await eventually(async () => (await s.jobs.status()).counts.done === 501, 30_000);
  const { runs: all } = await s.jobs.list({ job: 'io', limit: 600 });
  const own = all.filter(({ params }) => (params as { n: number }).n >= 0);
  const [from, to] = [
    Math.min(...own.map((run) => Date.parse(run.startedAt ?? ''))),
    Math.max(...own.map((run) => Date.parse(run.settledAt ?? ''))),
  ];
  expect(to - from).toBeLessThan(6000);
  expect(to - from).toBeGreaterThanOrEqual(995);
  for (const n of [0, 250, 499]) {
    const { log, output } = await s.jobs.get(runs[n]?.id ?? '');
    expect([log.map(({ text }) => text), output]).toEqual([[`begin ${n}`, `end ${n}`], n]);
  }
}, 60_000);

const shop = sharedSite();

shop.add({
  shares: `export default { isolation: 'shared', run: async ({ n }, ctx) => { mark('shares', { n, attempt: ctx.attempt }); await ctx.sleep(1500); return [n, ctx.attempt]; } };`,
  other: `export default { isolation: 'shared', run: async () => { await sleep(2500); return process.pid; } };`,
  single: `export default async () => { await sleep(2500); return 'fine'; };`,
});

test('shared runs whose process dies are lost and made good, other jobs do not notice, and one abort ends one run', async () => {
  const s = shop.begin();
  const others = [await s.jobs.schedule('other'), await s.jobs.schedule('single')];
  const runs = (await s.jobs.scheduleMany(
    Array.from({ length: 20 }, (_, n) => ({ job: 'shares', params: { n } })),
  )) as { id: string }[];
  await eventually(() => s.marks('shares').length === 20);
  await s.jobs.abort(runs[7]?.id ?? '');
  process.kill(s.marks('shares')[0].pid, 'SIGKILL');
  for (const [n, { id }] of runs.entries()) {
    const run = await s.settled(id);
    if (n === 7) expect(run).toMatchObject({ state: 'aborted', attempt: 1 });
    else {
      expect(run).toMatchObject({ state: 'done', output: [n, 2] });
      expect(outcomes(run)).toEqual(['lost', 'returned']);
    }
  }
  for (const { id } of others)
    expect(await s.settled(id)).toMatchObject({ state: 'done', attempt: 1 });
});

test('a shared run that ends its process ends it once for the others: it dies alone, and all of them are done', async () => {
  const s = await site(
    {
      io: `import { existsSync } from 'node:fs';
      export default { isolation: 'shared', run: async ({ n }, ctx) => {
        mark('begin', { n, attempt: ctx.attempt });
        if (n === -1) {
          while (ctx.attempt === 1 && !existsSync('go')) await sleep(20);
          process.exit(3);
        }
        await ctx.step('once', () => mark('step', { n }));
        while (ctx.attempt === 1) await sleep(50);
        mark('end', { n });
        return n;
      } };`,
    },
    '--workers',
    '3',
  );
  const runs = (await s.jobs.scheduleMany(
    Array.from({ length: 11 }, (_, n) => ({ job: 'io', params: { n: n - 1 }, retries: 1 })),
  )) as { id: string }[];
  await eventually(() => s.marks('step').length === 10 && s.marks('begin').length === 11);
  s.project.write('go', '');
  const [guilty, ...innocent] = await Promise.all(runs.map(({ id }) => s.settled(id)));
  for (const [n, run] of innocent.entries()) {
    expect(run).toMatchObject({ state: 'done', output: n });
    expect(run.attempts).toMatchObject([{ outcome: 'lost', exitCode: 3 }, { outcome: 'returned' }]);
    const did = s.marks().filter((one) => one.n === n);
    expect(did.map(({ name }) => name)).toEqual(['begin', 'step', 'begin', 'end']);
  }
  expect(guilty).toMatchObject({
    state: 'failed',
    error: { message: 'the process ended before its job did: exit code 3' },
  });
  expect(outcomes(guilty as Details)).toEqual(['lost', 'threw', 'threw']);
}, 60_000);

shop.add({
  blocks: `export default { isolation: 'shared', timeout: '3s', grace: 100, run: async ({ n }) => {
    mark('begin', { n });
    await sleep(500);
    while (n === 0);
    await sleep(400);
    return n;
  } };`,
});

test('a shared run that blocks its process past its timeout costs the others nothing: it is tried alone, and fails', async () => {
  const s = shop.begin();
  const params = [0, 1, 2, 3].map((n) => ({ job: 'blocks', params: { n } }));
  const [deaf, ...others] = (await s.jobs.scheduleMany(params)) as { id: string }[];
  for (const { id } of others)
    expect(await s.settled(id)).toMatchObject({ state: 'done', attempt: 2 });
  const failed = await s.settled(deaf?.id ?? '');
  expect([failed.state, ...outcomes(failed)]).toEqual(['failed', 'timeout', 'timeout']);
  const shared = s.marks('begin')[0].pid;
  const again = failed.attempts.slice(1).map(({ pid }) => pid);
  const probe = await s.run('blocks', { n: 5 });
  expect([shared, probe.attempts[0]?.pid].some((pid) => again.includes(pid ?? 0))).toBe(false);
  expect(probe).toMatchObject({ state: 'done', attempt: 1 });
}, 60_000);

test('an abort that comes while onError is asked about a shared attempt ends no neighbour', async () => {
  const s = await site({
    io: `export default { isolation: 'shared', timeout: '2s',
      run: async ({ n }, ctx) => {
        mark('begin', { n });
        if (n === 0) await ctx.sleep('1h');
        await ctx.extendLock('1m');
        while (n === 1 && !existsSync('go')) await sleep(20);
        return ctx.attempt;
      },
      onError: async (_, ctx) => { mark('asked'); while (!existsSync('go')) await sleep(20); } };
      import { existsSync } from 'node:fs';`,
  });
  const timed = await s.jobs.schedule('io', { n: 0 });
  const beside = await s.jobs.schedule('io', { n: 1 }, { timeout: '1m' });
  await eventually(() => s.marks('asked').length === 1);
  const aborted = s.jobs.abort(timed.id, { grace: 0 });
  const journal = join(s.project.state, 'journal');
  const written = () => readdirSync(journal).map((name) => readFileSync(join(journal, name)));
  await eventually(() => Buffer.concat(written()).includes('"abort":'));
  s.project.write('go', '');
  expect(await s.settled(beside.id)).toMatchObject({ state: 'done', output: 1 });
  await aborted;
  expect((await s.settled(timed.id)).state).toBe('aborted');
});

shop.add({
  small: `import v8 from 'node:v8'; export default { memory: '128MB', run: () => v8.getHeapStatistics().heap_size_limit };`,
  usual: `import v8 from 'node:v8'; export default () => v8.getHeapStatistics().heap_size_limit;`,
});

test('memory limits the heap of its own job alone', async () => {
  const s = shop.begin();
  const MB = 1024 * 1024;
  const [small, usual] = [
    (await s.run('small')).output as number,
    (await s.run('usual')).output as number,
  ];
  expect(small).toBeLessThan(400 * MB);
  expect(usual).toBeGreaterThan(small);
});

shop.add({
  asks: `import { connect } from 'jobrun'; export default async (_p, ctx) => { const jobs = await connect(); const { job } = await jobs.get(ctx.id); const made = await jobs.schedule('leaf', { n: 1 }); await jobs.close(); return [job, made.state, made.id]; };`,
  leaf: `export default ({ n }) => n;`,
});

test('a job sees the daemon that runs it: connect in a job and jobrun in a command reach the same state', async () => {
  const s = shop.begin();
  const { output } = await s.run('asks');
  expect(output).toEqual(['asks', 'queued', expect.any(String)]);
  expect(await s.jobs.result((output as string[])[2] ?? '')).toBe(1);
});
