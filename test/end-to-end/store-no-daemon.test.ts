// Commands on a host without a daemon of its own, where the runs are in a store: what goes on hears of what the daemons
// of other hosts do. Where no host has a daemon, nothing would ever come, and that is said before anything is accepted.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { hosts } from '../helpers/cluster.ts';
import { freshStore } from '../helpers/postgres.ts';
import { type Doc, eventually, ROOT } from '../helpers/project.ts';
import { Screen } from '../helpers/tmux.ts';

beforeAll(async () => void (await freshStore({ fsync: true })), 120_000);

const FILES = {
  'jobs/hello.js': `export default ({ fail = false }, ctx) => {
  ctx.log.info('said on the way');
  if (fail) throw new Error('as asked');
  return 7;
};
`,
};

const documents = (text: string): Doc[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

it('run, schedule --wait and schedule --follow end with the run that another host carries out', async () => {
  const { web, shell } = await hosts(['web', 'shell'], { files: FILES });
  await web.daemon();
  // Any host could take it.
  const typed = await shell.cli(['run', '--', 'date']);
  expect([typed.code, typed.stderr]).toEqual([
    5,
    expect.stringContaining('a typed command needs a state folder'),
  ]);
  const ran = await shell.cli(['run', 'hello']);
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('said on the way')]);
  expect(ran.stdout).toMatch(/^1 hello done/m);
  const failed = await shell.cli(['schedule', 'hello', '-p', 'fail:=true', '--follow']);
  expect([failed.code, failed.stdout]).toEqual([6, expect.stringContaining('as asked')]);
  const waited = await shell.json('schedule', 'hello', '--wait');
  expect([waited.id, waited.state, waited.output]).toEqual(['3', 'done', 7]);
  expect((await web.json('show', '3')).attempts).toMatchObject([{ host: 'web' }]);
}, 90_000);

it('why a run waits is told without a daemon here as with one', async () => {
  const { web, shell } = await hosts(['web', 'shell'], { files: FILES });
  web.write('jobs/rare.js', 'export default () => 1;');
  shell.write('jobs/other.js', 'export default () => 1;');
  await web.daemon();
  await web.json('pause', 'hello');
  const reasons = [
    (await shell.json('schedule', 'hello')).reason,
    (await shell.json('show', '1')).reason,
    (await web.json('show', '1')).reason,
  ];
  expect(reasons).toEqual(Array(3).fill('paused'));
  await web.json('pause');
  expect((await shell.json('schedule', 'rare')).reason).toBe('only on web');
  await shell.cli(['schedule', 'other', '--force']);
  expect((await shell.json('show', '3')).reason).toBe('no job named other');
}, 90_000);

it('events and list --watch tell of what another host changes, as the daemon there does', async () => {
  const { web, shell } = await hosts(['web', 'shell'], { files: FILES });
  await web.daemon();
  await web.json('run', 'hello');
  const here = shell.start('events');
  const there = web.start('events', '--since', '3');
  const list = shell.start('list', '--watch', '--json');
  await eventually(() => list.stdout() !== '');
  // A run that comes before it listens is not told.
  await eventually(async () => {
    await web.json('run', 'hello');
    return here.stdout() !== '';
  }, 30_000);
  await eventually(() => documents(here.stdout()).at(-1)?.type === 'run.settled');
  const told = documents(here.stdout());
  const numbers = told.map(({ n }) => n);
  expect(told[0].n).toBeGreaterThan(3);
  expect(numbers).toEqual(numbers.map((_, i) => told[0].n + i));
  await eventually(() => documents(there.stdout()).length >= told.at(-1).n - 3);
  const same = documents(there.stdout()).filter(({ n }) => numbers.includes(n));
  expect(same.map(({ n, type }) => [n, type])).toEqual(told.map(({ n, type }) => [n, type]));
  await eventually(() => documents(list.stdout()).at(-1)?.total === told.at(-1).n / 3);
}, 90_000);

it('without a daemon on any host they end at once with 4, and nothing is accepted', async () => {
  const { shell } = await hosts(['shell'], { files: FILES });
  const all = [
    ['run', 'hello'],
    ['schedule', 'hello', '--follow'],
    ['schedule', 'hello', '--wait'],
  ];
  for (const args of all) {
    const { code, stderr } = await shell.cli(args);
    expect([code, stderr]).toEqual([4, expect.stringContaining('jobrun daemon')]);
  }
  expect((await shell.json('list')).total).toBe(0);
}, 60_000);

it('the dashboard shows what other hosts change, acts on it, and is of the daemon here once one runs', async () => {
  const { web, shell } = await hosts(['web', 'shell'], { files: FILES });
  await web.json('schedule', 'hello', '--in', '2h');
  const screen = new Screen(shell.dir, shell.env, { columns: 110, rows: 24 });
  screen.press(`node ${join(ROOT, 'bin/jobrun.js')}`, 'Enter');
  await screen.shows(/no daemon is running[\s\S]*2 Scheduled 1 /, 20_000);
  screen.press('2');
  await screen.shows(/> +1 +hello/, 20_000);
  screen.press('a');
  await screen.shows('Abort 1 hello?', 20_000);
  // A key that comes sooner is taken for one of a pasted text.
  await pause(200);
  screen.press('y');
  await screen.shows(/2 Scheduled 0 +3 Done 0 +4 Errors 1 /, 20_000);
  expect(await web.show('1')).toMatchObject({ state: 'aborted' });
  await web.daemon();
  await screen.shows('no daemon on this host', 20_000);
  await web.json('run', 'hello');
  await screen.shows(/3 Done 1 /, 20_000);
  screen.press('5');
  await screen.shows(/> +2 +hello +done[\s\S]*said on the way/, 20_000);
  const { pid } = await shell.daemon();
  await screen.shows(`pid ${pid}`, 20_000);
  expect(screen.text).not.toContain('no daemon');
}, 90_000);
