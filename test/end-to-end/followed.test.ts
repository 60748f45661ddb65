// Whoever follows a run is told what goes on between the lines of its log: why it waits, how attempts end, how far it
// is, and that it goes on when they leave. In a pipe these are plain lines beside the output.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, type Going, Project, ROOT } from '../helpers/project.ts';
import { Screen } from '../helpers/tmux.ts';

const GATED = `import { existsSync } from 'node:fs';
const gate = async (name) => {
  while (!existsSync(name)) await new Promise((resolve) => setTimeout(resolve, 20));
};
export default { retries: { limit: 2, delay: '1s' }, run: async (params, ctx) => {
  ctx.log.info('attempt ' + ctx.attempt);
  if (ctx.attempt === 1) throw new Error('the disk was busy');
  ctx.progress(50, 'half of it');
  await gate('open');
  return 1;
} };`;
const JOBS = { 'jobs/gated.mjs': GATED };
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f]/;

/** Waits until a command that goes on has said it, wherever. */
const says = (going: Going, what: RegExp): Promise<unknown> =>
  eventually(() => what.test(going.stdout() + going.stderr()), 20_000);

test('run tells why it waits, what failed and when it goes on; piped without control codes', async () => {
  const project = new Project(JOBS);
  const daemon = await project.daemon();
  await project.cli(['pause', 'gated']);
  const running = project.start('run', 'gated');
  await says(running, /waits: paused/);
  await project.cli(['resume', 'gated']);
  await says(running, /attempt 1 failed: Error: the disk was busy; the next one begins/);
  project.write('open', '');
  const { code } = await running.exited;
  const [stdout, stderr] = [running.stdout(), running.stderr()];
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^[\d:.]+ info {2}attempt 1\n[\d:.]+ info {2}attempt 2\n1 gated done, took .+ \(2 attempts in .+\)\n {2}1\n$/,
  );
  expect(stderr).toMatch(/^Scheduled gated as 1\nwaits: paused\n/);
  expect(stdout + stderr).not.toMatch(CONTROL);
  // What a program reads has nothing of it.
  const asked = await project.cli(['run', 'gated', '--json']);
  expect(JSON.parse(asked.stdout)).toMatchObject({ id: '2', state: 'done' });
  expect(asked.stderr).toBe('');
  // Read later, the log names each attempt; a program has that in each line.
  expect((await project.cli(['logs', '1'])).stdout).toMatch(
    /^-- attempt 1 --\n.+ info {2}attempt 1\n-- attempt 2 --\n.+ info {2}attempt 2\n$/,
  );
  expect((await project.cli(['logs', '1', '--attempt', '2'])).stdout).not.toContain('--');
  expect((await project.cli(['logs', '1', '--json'])).stdout).not.toContain('-- attempt');
  await daemon.kill('SIGTERM');
}, 60_000);

test('logs -f tells why a run waits and how it ended, beside the output, also of a run that is over', async () => {
  const project = new Project({
    'jobs/talks.mjs': `export default (_, ctx) => { ctx.log.info('it talks'); };`,
    'jobs/fails.mjs': `export default { retries: 0, run() { throw new Error('the disk is full'); } };`,
  });
  const daemon = await project.daemon();
  await project.cli(['schedule', 'talks', '--in', '20m']);
  const following = project.start('logs', '-f', '1');
  await says(following, /waits: due in (20m|19m \d+s)\n/);
  await project.cli(['update', '1', '--now']);
  expect((await following.exited).code).toBe(0);
  expect(following.stdout()).toMatch(/^[\d:.]+ info {2}it talks\n$/);
  expect(following.stderr()).toMatch(/\n1 talks done, took .+\n$/);

  const later = await project.cli(['logs', '-f', '1']);
  expect([later.code, later.stdout]).toEqual([0, following.stdout()]);
  expect(later.stderr).toMatch(/^1 talks done, took .+\n$/);
  await project.cli(['run', 'fails']);
  const failed = await project.cli(['logs', '-f', '2']);
  expect([failed.code, failed.stdout]).toEqual([0, '']);
  expect(failed.stderr).toMatch(/^2 fails failed, took .+\n {2}Error: the disk is full\n$/);

  // What a program reads has nothing of it, nor has a log that is read without following.
  const asked = await project.cli(['logs', '-f', '1', '--json']);
  expect([JSON.parse(asked.stdout).text, asked.stderr]).toEqual(['it talks', '']);
  expect((await project.cli(['logs', '-f', '-q', '1'])).stderr).toBe('');
  expect((await project.cli(['logs', '1'])).stderr).toBe('');
  await daemon.kill('SIGTERM');
}, 60_000);

test('a terminal shows one line of progress below the log, and Ctrl-C says that the run goes on', async () => {
  const project = new Project(JOBS);
  const daemon = await project.daemon();
  project.write('bin/jobrun', `#!/bin/sh\nexec ${process.execPath} ${ROOT}bin/jobrun.js "$@"\n`);
  const env = { ...project.env, PATH: `${join(project.dir, 'bin')}:${project.env.PATH}` };
  const screen = new Screen(project.dir, env, { columns: 80, rows: 24 });
  screen.type('jobrun run gated\n');
  await screen.shows('[==========>         ] 50% half of it');
  expect(screen.lines.findLastIndex((line) => line.includes('info'))).toBeLessThan(
    screen.lines.findIndex((line) => line.startsWith('[')),
  );
  screen.press('C-c');
  await screen.shows('Run 1 continues. Follow: jobrun logs -f 1. Stop: jobrun abort 1');
  expect(screen.text).not.toContain('half of it');

  screen.type('clear\njobrun logs -f 1\n');
  await screen.shows('50% half of it');
  project.write('open', '');
  await screen.shows(/^1 gated done, took .+ \(2 attempts in .+\)\n {2}1$/m);
  await screen.shows(/^\$$/m);
  expect(screen.text).not.toContain('half of it');
  expect(screen.text).toContain('attempt 2');
  expect((await project.show('1')).state).toBe('done');
  await daemon.kill('SIGTERM');

  // Questions about many runs say how many they are, and wait without holding the state.
  await project.json('schedule', 'gated', '--in', '1h');
  await project.json('schedule', 'gated');
  screen.type('clear\njobrun abort --all\n');
  await screen.shows('Abort 2 runs: 1 scheduled, 1 queued? [y/N]');
  expect((await project.json('schedule', 'gated', '--in', '1h')).id).toBe('4');
  screen.type('n\n');
  await screen.shows('nothing was aborted');
  expect((await project.show('2')).state).toBe('scheduled');
  screen.type('clear\njobrun prune --keep 0\n');
  await screen.shows('Remove for good 1 run: 1 done? [y/N]');
  screen.type('y\n');
  await screen.shows('Removed 1 run');
}, 60_000);
