// Params are not for everybody: no process list and no log of the daemon ever shows them, and those that the config
// names are shown nowhere.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { logText } from '../helpers/kept-logs.ts';
import { eventually, Project } from '../helpers/project.ts';

const SECRET = 'correct-horse-battery-staple';
const FROM_CONFIG = 'value-of-a-variable-of-the-config';
const PARAMS = JSON.stringify({ to: 'ada', login: { password: SECRET, user: 'ada' } });

const LEAKY = `export default async (params, ctx) => {
  ctx.log.info('logging in with ' + params.login.password, { params, again: params.login.password });
  console.log(params);
  process.stdout.write('raw ' + params.login.password + '\\n');
  ctx.progress(50, 'as ' + params.login.password);
  await ctx.save({ token: params.login.password });
  await ctx.sleep(params.ms ?? 0);
  throw new Error('refused: ' + params.login.password);
};`;

const FILES = {
  'jobs/leaky.js': LEAKY,
  'jobs/shell': '#!/bin/sh\necho "with $JOBRUN_PARAMS"\nsleep 5\n',
  'jobs/fails.js': `export default (params, ctx) => { ctx.log.info('x', params); throw new Error('no'); };`,
  'jobs/slow.js': 'export default (_, ctx) => ctx.sleep(5000);',
};

/** What every process on the machine was started as. */
const allCommandLines = (): string =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('\n');

test('no process list and no log of the daemon shows params or variables of the config', async () => {
  const project = new Project({
    ...FILES,
    'jobrun.config.json': JSON.stringify({ env: { TOKEN: FROM_CONFIG } }),
  });
  const daemon = await project.daemon('-v');
  for (const job of ['slow', 'shell', 'fails']) {
    const scheduled = await project.cli(['schedule', job, '--params', '-', '-q'], PARAMS);
    expect(scheduled.code).toBe(0);
  }
  await eventually(async () => (await project.ask('status')).counts.running >= 2);
  expect(allCommandLines()).not.toMatch(new RegExp(`${SECRET}|${FROM_CONFIG}`));
  await project.until('3');
  const secrets = new RegExp(`${SECRET}|${FROM_CONFIG}`);
  expect(daemon.log()).toContain('failed');
  expect(daemon.log()).not.toMatch(secrets);
}, 60_000);

test('params that the config names are hidden wherever a run is shown, and their values in what its job says', async () => {
  const project = new Project({
    ...FILES,
    'jobrun.config.json': JSON.stringify({
      redact: ['password'],
      notify: [{ on: ['failed'], command: 'cat >> notified.json' }],
    }),
  });
  const daemon = await project.daemon('-v');
  const events = project.start('events');
  const scheduled = await project.cli(
    ['schedule', 'leaky', '--params', '-', '--json'],
    PARAMS.replace('{"to"', '{"ms":300,"to"'),
  );
  await project.until('1');
  const shown = await project.show('1');
  expect(shown.params).toEqual({ ms: 300, to: 'ada', login: { password: '***', user: 'ada' } });
  expect(shown.error.message).toBe('refused: ***');
  expect(shown.log.map(({ text }: { text: string }) => text)).toContain('logging in with ***');
  expect(shown.progress.text).toBe('as ***');
  const said = [scheduled.stdout, daemon.log(), JSON.stringify({ ...shown, checkpoint: null })];
  for (const args of [
    ['list', '--json'],
    ['logs', '1'],
    ['wait', '1', '--json'],
    ['jobs', 'leaky'],
  ])
    said.push((await project.cli(args)).stdout);
  said.push((await project.cli(['rerun', '1', '--json'])).stdout);
  await eventually(() => events.stdout().includes('run.settled'));
  said.push(events.stdout());
  const kept = await logText(project, '1');
  expect(kept).toContain('***');
  said.push(kept);
  // What it saves is its own, and is handed back to it as it was.
  expect(shown.checkpoint).toEqual({ token: SECRET });
  const leaks = said.map((text) => text.replaceAll(`"checkpoint":{"token":"${SECRET}"}`, ''));
  expect(leaks.filter((text) => text.includes(SECRET))).toEqual([]);
  await project.until('2');
}, 60_000);
