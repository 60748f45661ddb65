// After a kill -9 of the daemon: what is shown says that no daemon runs, and until when its runs were known to be
// alive.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Project } from '../helpers/project.ts';
import { site } from '../helpers/site.ts';

const NOTICE = 'no daemon is running';

test('a run whose daemon was killed shows when it was last known to be alive, and no time that counts up', async () => {
  const s = await site({
    long: `export default { concurrency: 1, run: () => sleep(600_000) };`,
  });
  const { id } = await s.jobs.schedule('long');
  const queued = await s.jobs.schedule('long');
  await s.state(id, 'running');
  await s.when(queued.id, ({ reason }) => reason?.startsWith('concurrency') === true);
  expect((await s.project.cli(['list'])).stderr).not.toContain(NOTICE);
  // A heartbeat comes every two seconds while runs are under way.
  await sleep(3000);
  const killedAt = Date.now();
  await s.kill9();
  await sleep(3000);

  const shown = await s.project.cli(['list', '--json']);
  const runs = JSON.parse(shown.stdout).runs;
  expect(runs[1]).toMatchObject({ state: 'running', reason: null });
  expect(runs[0]).toMatchObject({ state: 'queued', reason: NOTICE });
  expect(shown.stderr).toBe('');

  for (const words of [['list'], ['show', id], ['jobs'], ['logs', id]]) {
    const said = await s.project.cli(words);
    expect(
      said.stderr.split('\n').filter((line) => line.startsWith(NOTICE)),
      words[0],
    ).toHaveLength(1);
    if (words[0] === 'list') expect(said.stdout).toMatch(/running +last known alive [\d.]+s ago/);
    if (words[0] !== 'show') continue;
    expect(said.stdout).toMatch(/^ {2}alive +last known /m);
    expect(said.stdout).not.toMatch(/^ {2}took /m);
  }
  expect((await s.project.cli(['list', '-q'])).stderr).toBe('');

  await s.up();
  const again = await s.state(id, 'running');
  const [lost] = again.attempts;
  expect(lost?.outcome).toBe('lost');
  const endedAt = Date.parse(lost?.endedAt ?? '');
  expect(endedAt).toBeLessThanOrEqual(killedAt);
  expect(endedAt).toBeGreaterThan(Date.parse(lost?.startedAt ?? '') + 1000);
  expect((await s.jobs.get(queued.id)).reason).not.toBe(NOTICE);
  await s.jobs.abort(id, { grace: 0 });
}, 60_000);

test('where nothing waits for a daemon, or the answer needs none, nothing is said of it', async () => {
  const project = new Project({ 'jobs/mail.mjs': 'export default () => 1;' });
  for (const words of [['list'], ['jobs'], ['next', '0 9 * * *']])
    expect((await project.cli(words)).stderr, words[0]).not.toContain(NOTICE);
  await project.cli(['schedule', 'mail']);
  expect((await project.cli(['next', '0 9 * * *'])).stderr).not.toContain(NOTICE);
  expect((await project.cli(['status'])).stderr).not.toContain(NOTICE);
  expect((await project.cli(['list'])).stderr).toContain(NOTICE);
});
