// Two hosts on one store: what a run on one of them says, and the rows that it adds, are read on the other one.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { hosts } from '../helpers/cluster.ts';
import { freshStore, query } from '../helpers/postgres.ts';
import { eventually, type Going, type Project } from '../helpers/project.ts';

beforeAll(async () => void (await freshStore({ fsync: true })), 120_000);

const files = {
  'jobs/talk.js': `import { existsSync } from 'node:fs';
export default { retries: 3, run: async (params, ctx) => {
  ctx.log.info('begins', { attempt: ctx.attempt });
  ctx.result({ step: 1, attempt: ctx.attempt });
  await ctx.save({ attempt: ctx.attempt });
  for (let n = 0; !existsSync('go-' + ctx.id); n++) {
    if (n % 10 === 0) console.log('turn ' + n / 10);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  ctx.result({ step: 2, attempt: ctx.attempt });
  ctx.log.warn('ends');
  return 'over';
} };
`,
  'jobs/climb.js': `import { existsSync, readFileSync } from 'node:fs';
export default { retries: { limit: 3, delay: 0 }, run: async (params, ctx) => {
  for (let last = ''; ; ) {
    const level = existsSync('level') ? readFileSync('level', 'utf8') : '';
    if (level === 'end') return;
    if (level === 'fail' && ctx.attempt === 1) throw new Error('no luck');
    if (level > '' && level < 'a' && level !== last) ctx.progress(Number(level), 'at ' + level);
    last = level;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
} };
`,
};

const said = (stdout: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).text);

const logsIn = ({ state }: Project): string[] => {
  const folder = join(state, 'logs');
  return existsSync(folder) ? readdirSync(folder).filter((name) => /^\d/.test(name)) : [];
};

it('a run of one host is followed, shown and tabulated on the other one while it runs and after it, also where no daemon is left', async () => {
  const { one, two, three } = await hosts(['one', 'two', 'three'], { files, lease: '30s' });
  await one.daemon();
  await one.cli(['pause']);
  const second = await two.daemon();
  const { id } = await two.json('schedule', 'talk');
  // The one that takes it may be either: the other one is who looks.
  await one.cli(['resume']);
  const running = await one.until(id, ['running'], 30_000);
  const [here, there] = running.worker.host === 'two' ? [one, two] : [two, one];

  const following: Going = here.start('logs', '-f', id, '--json');
  const without: Going = three.start('logs', '-f', id, '--json');
  await eventually(() => said(following.stdout()).includes('turn 1'), 20_000);
  await eventually(() => said(without.stdout()).includes('turn 1'), 20_000);
  const live = await here.show(id);
  expect(live).toMatchObject({ state: 'running', checkpoint: { attempt: 1 } });
  expect(live.results).toEqual([{ step: 1, attempt: 1 }]);
  expect(live.log[0]).toMatchObject({ text: 'begins', fields: { attempt: 1 }, attempt: 1 });
  expect(live.log.some(({ text }: { text: string }) => text === 'turn 1')).toBe(true);

  there.write(`go-${id}`, '');
  await following.exited;
  const lines = said(following.stdout());
  expect([lines[0], lines[1], lines.at(-1)]).toEqual(['begins', 'turn 0', 'ends']);
  expect(new Set(lines).size).toBe(lines.length);
  expect(await without.exited).toMatchObject({ code: 0 });
  expect(said(without.stdout())).toEqual(lines);

  for (const host of [here, there]) {
    const shown = await host.show(id);
    expect(shown).toMatchObject({ state: 'done', output: 'over' });
    expect(shown.results).toEqual([1, 2].map((step) => ({ step, attempt: 1 })));
    expect(said((await host.cli(['logs', id, '--json'])).stdout)).toEqual(lines);
    expect(said((await host.cli(['logs', id, '-n', '2', '--json'])).stdout)).toEqual(
      lines.slice(-2),
    );
    expect(logsIn(host)).toEqual([]);
  }
  await second.kill('SIGTERM');
  expect(said((await two.cli(['logs', id, '--json'])).stdout)).toEqual(lines);
  expect((await two.json('remove', id)).results).toEqual([{ id, removed: true }]);
  const store = JSON.parse((await two.cli(['status', '--json'])).stdout).engine;
  expect(await query(store, 'select run from log union all select run from log_writer')).toEqual(
    [],
  );
}, 120_000);

it('progress is seen on the other host within a second, in what is shown and as it comes', async () => {
  const { one, two } = await hosts(['one', 'two'], { files, lease: '1m' });
  await one.daemon();
  await two.daemon();
  await one.json('schedule', 'climb');
  const running = await one.until('1', ['running'], 30_000);
  const [here, there] = running.worker.host === 'two' ? [one, two] : [two, one];
  const watching = here.start('events');
  const percent = async (): Promise<number> =>
    (await here.ask('show', { id: '1' }))?.progress.percent;
  for (const level of [30, 70]) {
    there.write('level', `${level}`);
    const since = performance.now();
    await eventually(async () => (await percent()) === level, 10_000);
    expect(performance.now() - since).toBeLessThan(2000);
  }
  expect((await here.show('1')).progress).toEqual({ percent: 70, text: 'at 70' });
  await eventually(() => /"type":"run.progress".*"percent":70/.test(watching.stdout()), 10_000);
  there.write('level', 'fail');
  await eventually(async () => (await here.show('1')).attempt === 2, 30_000);
  for (const host of [one, two]) host.write('level', 'end');
  expect((await here.until('1', ['done'], 30_000)).progress.percent).toBe(100);
}, 120_000);

it('a daemon that is killed leaves its lines and its saved rows to the next host, which adds to them', async () => {
  const { one, two } = await hosts(['one', 'two'], { files });
  const first = await one.daemon();
  await one.json('schedule', 'talk');
  await eventually(async () => {
    const { stdout } = await one.cli(['logs', '1', '--json']);
    return said(stdout).includes('turn 1');
  }, 20_000);
  const before = said((await one.cli(['logs', '1', '--json'])).stdout);
  await first.kill('SIGKILL');
  expect(said((await two.cli(['logs', '1', '--json'])).stdout).slice(0, before.length)).toEqual(
    before,
  );
  await two.daemon();
  two.write('go-1', '');
  const done = await two.until('1', ['done'], 60_000);
  expect(done.attempts.map(({ host }: { host: string }) => host)).toEqual(['one', 'two']);
  const shown = await two.show('1');
  // The row that the first attempt saved stays, and the second one goes on after it.
  expect(shown.results[0]).toEqual({ step: 1, attempt: 1 });
  expect(shown.results.at(-1)).toEqual({ step: 2, attempt: 2 });
  const { stdout } = await two.cli(['logs', '1', '--json']);
  const lines = said(stdout);
  expect(lines.slice(0, before.length)).toEqual(before);
  expect(lines.filter((text) => text === 'begins')).toHaveLength(2);
  expect(lines.at(-1)).toBe('ends');
  const second = await two.cli(['logs', '1', '--attempt', '2', '--json']);
  expect(said(second.stdout)[0]).toBe('begins');
}, 120_000);
