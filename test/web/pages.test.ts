// The web page in a real browser, as its user sees it: what each page shows and does. The tests share one daemon and
// one tab, and each has a job of its own.
import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { type ApiProject, apiProject } from '../helpers/api.ts';
import { expectFailedRequests, profile, visit } from '../helpers/browser.ts';
import { platform } from '../helpers/platform.ts';
import { eventually } from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const WORK = `export default async ({ ms = 0, fail }, ctx) => {
  ctx.progress(40, 'at work');
  await ctx.sleep(ms);
  if (fail) throw new Error(fail);
};`;

/** Validators as libraries make them: a check, and the JSON Schema that describes it. */
const FORM = `export default {
  params: { '~standard': { version: 1, vendor: 'test',
    validate: (value) => typeof value.city !== 'string'
      ? { issues: [{ message: 'is needed', path: ['city'] }] }
      : value.most > 9 ? { issues: [{ message: 'is more than 9', path: ['most'] }] } : { value },
    jsonSchema: { input: () => ({ type: 'object', required: ['city'], properties: {
      city: { type: 'string', description: 'where to' }, most: { type: 'integer', default: 3 },
      how: { enum: ['fast', 'slow'] }, dry: { type: 'boolean', default: false } } }), output: () => ({}) } } },
  run: (params) => params,
};`;

const HARM =
  '<img src=x onerror="window.harmed=1"><script>window.harmed=2</script>\\u202egnp\\u0007';
const HOSTILE = `export default { description: '${HARM}', run: (params, ctx) => {
  ctx.log.info('${HARM}', { '${HARM}': '${HARM}' });
  ctx.progress(50, '${HARM}');
  ctx.result({ '${HARM}': '${HARM}' });
  throw Object.assign(new Error('${HARM}'), { name: '${HARM}' });
} };`;

/** Once it holds, an abort waits for a file `go`. */
const HOLDS = `import { existsSync } from 'node:fs';
export default { grace: '10m', async run({ holds }) {
  while (holds && !existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 20));
} };`;

const TALK = `export default async (params, ctx) => {
  for (let i = 0; i < 3000; i++) ctx.log.info(i === 5 ? 'a needle' : 'line ' + i);
  await ctx.sleep(1500);
  ctx.log.warn('the last one');
};`;

const SHOP = {
  ...Object.fromEntries(
    ['work', 'asked', 'later', 'secret', 'looked'].map((job) => [`jobs/${job}.mjs`, WORK]),
  ),
  'jobs/form.mjs': FORM,
  'jobs/hostile.mjs': HOSTILE,
  'jobs/talk.mjs': TALK,
  'jobs/pending.mjs': 'export default (params, ctx) => ctx.pending();',
  'jobs/many.mjs': HOLDS,
  'jobs/video.json': '{ "external": true }',
  'jobs/broken.mjs': 'export default {\n  run( };',
  'jobrun.config.json': '{ "timezone": "Asia/Tokyo", "redact": ["token"] }',
};

const LOG = "document.querySelector('.log')";

const run = async (project: ApiProject, job: string, more: object = {}): Promise<string> =>
  (await project.api('POST', 'runs', { job, ...more })).json.id;

const state = async (project: ApiProject, id: string): Promise<string> =>
  (await project.get(`runs/${id}`)).state;

const until = (project: ApiProject, id: string, wanted: string): Promise<unknown> =>
  eventually(async () => ((await state(project, id)) === wanted ? true : null), 20_000);

const button = (place: Pick<Page, 'getByRole'>, name: string): Locator =>
  place.getByRole('button', { name, exact: true });

const live = (page: Page): Promise<void> => page.getByText('live', { exact: true }).waitFor();

describe.runIf(platform.hasBrowser)('the page', { timeout: 60_000 }, () => {
  const shop = shared(async () => {
    const project = await apiProject(SHOP);
    const context = await profile({ zone: 'Europe/Berlin' });
    return { project, context, page: await visit(project, '/', { context }) };
  });
  const open = async (path: string): Promise<Page> => {
    const { project, page } = shop();
    await page.goto(project.url + path);
    return page;
  };

  test('takes its key out of the address, keeps it, and asks for it where there is none', async () => {
    const { project, page } = shop();
    await live(page);
    expect(page.url()).toBe(`${project.url}/`);
    await live(await open('/jobs'));
    const locked = await visit(project, '/', { key: null });
    await locked.getByText('jobrun web').waitFor();
    await locked.getByLabel('Key').fill(`${project.url}/#key=${project.key()}`);
    await button(locked, 'Open').click();
    await live(locked);
    expectFailedRequests();
  });

  test('lists runs as they come, change and end, and leaves what fits a filter', async () => {
    const { project } = shop();
    const page = await open('/runs');
    await page.getByText('No runs yet').waitFor();
    const id = await run(project, 'work', { params: { ms: 600_000, city: 'Paris' } });
    const row = page.getByRole('row').filter({ hasText: 'work' });
    await row.getByText('running').waitFor();
    await row.getByText('40% at work').waitFor();
    await page.getByRole('link', { name: 'Running1' }).waitFor();
    await project.api('POST', `runs/${id}/abort`, {});
    await row.getByText('aborted', { exact: true }).waitFor();
    await run(project, 'work', { params: { city: 'Rome' } });
    await page.getByText('1–2 of 2').waitFor();
    await page.getByLabel('Filter runs').fill('param:city=Rome');
    await page.getByText('1–1 of 1').waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('param:city=Rome');
    await page.getByLabel('Filter runs').fill('since:never');
    await page.getByRole('alert').getByText('cannot read "since:never"').waitFor();
    await open('/jobs');
    expectFailedRequests();
  });

  test('asks before it ends work: Enter and Esc keep it running', async () => {
    const { project } = shop();
    const id = await run(project, 'asked', { params: { ms: 600_000 } });
    const page = await open(`/runs/${id}`);
    for (const key of ['Enter', 'Escape']) {
      await button(page, 'Abort').click();
      await page.getByRole('dialog').getByText(`jobrun abort ${id}`).waitFor();
      await page.keyboard.press(key);
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    }
    expect(await state(project, id)).toBe('running');
    for (const name of ['Retry', 'Remove', 'Complete', 'Change'])
      expect([name, await button(page, name).count()], 'only what works').toEqual([name, 0]);
    await button(page, 'Abort').click();
    await button(page.getByRole('dialog'), 'Abort').click();
    await page.getByText('aborted on the web page').first().waitFor();
    await button(page, 'Retry').waitFor();
    expect([await state(project, id), await button(page, 'Abort').count()]).toEqual(['aborted', 0]);
    await button(page, 'Remove').click();
    await page.getByRole('dialog').getByText(`jobrun remove ${id}`).waitFor();
    await button(page.getByRole('dialog'), 'Remove').click();
    await page.getByText(`run ${id} is removed`).waitFor();
    expect((await project.api('GET', `runs/${id}`)).status).toBe(404);
    expectFailedRequests();
  });

  test('settles a run that waits for an outside result, by an output or as failed', async () => {
    const { project } = shop();
    const ids = [await run(project, 'pending'), await run(project, 'pending')] as const;
    for (const id of ids) await until(project, id, 'waiting');
    const page = await open(`/runs/${ids[0]}`);
    const dialog = page.getByRole('dialog');
    await button(page, 'Complete').click();
    await dialog.getByLabel('Output').fill('{"approved":');
    await button(dialog, 'Complete').click();
    await dialog.getByRole('alert').getByText('That is no JSON').waitFor();
    await dialog.getByLabel('Output').fill('{"approved":true}');
    await dialog.getByText(`jobrun complete ${ids[0]} --output '{"approved":true}'`).waitFor();
    await button(dialog, 'Complete').click();
    await button(page, 'Run again').waitFor();
    expect((await project.get(`runs/${ids[0]}`)).output).toEqual({ approved: true });
    await open(`/runs/${ids[1]}`);
    await button(page, 'Fail').click();
    await dialog.getByLabel('Message').fill('the shop said no');
    await dialog.getByText(`jobrun fail ${ids[1]} --message 'the shop said no'`).waitFor();
    await button(dialog, 'Fail').click();
    await page.getByLabel('Error', { exact: true }).getByText('the shop said no').waitFor();
    expect(await state(project, ids[1])).toBe('failed');
  });

  test('shows what a job wrote as text, and what cannot be seen by its code point', async () => {
    const { project } = shop();
    const id = await run(project, 'hostile', {
      params: { '<b>': '<script>window.harmed=3</script>' },
    });
    await until(project, id, 'failed');
    const page = await open(`/runs/${id}`);
    const unharmed = async (): Promise<void> =>
      expect(
        await page.evaluate(
          "[window.harmed ?? null, document.querySelectorAll('main img').length]",
        ),
      ).toEqual([null, 0]);
    await page.getByRole('log').getByText('<img src=x onerror').first().waitFor();
    const codes = async (): Promise<boolean[]> => {
      const shown = await page.locator('.code').allTextContents();
      return ['U+202E', 'U+0007'].map((code) => shown.includes(code));
    };
    expect(await codes()).toEqual([true, true]);
    for (const path of ['/runs?q=job:hostile', '/jobs', '/jobs/hostile']) {
      await open(path);
      await page.getByText('<img src=x').first().waitFor();
      await unharmed();
      expect([path, ...(await codes())]).toEqual([path, true, true]);
    }
    await open(`/jobs/hostile/new?from=${id}`);
    await page.getByLabel('params').waitFor();
    await unharmed();
  });

  test('makes a form of what a job takes, and puts a refusal at its field', async () => {
    const { project } = shop();
    const page = await open('/jobs/form/new');
    await page.getByLabel('most').fill('12');
    await page.getByLabel('city').fill('Rome');
    await page.getByLabel('how').selectOption('slow');
    await page.getByLabel('When').fill('2100-01-01 9:00');
    await page.getByText('1 Jan 2100 09:00 UTC+09:00').waitFor();
    await page
      .getByText("jobrun schedule form -p city=Rome -p most:=12 -p how=slow --at '2100-01-01 9:00'")
      .waitFor();
    await button(page, 'Schedule').click();
    await page
      .locator('.field', { hasText: 'most' })
      .getByRole('alert')
      .getByText('is more than 9')
      .waitFor();
    await page.getByLabel('most').fill('7');
    await page.getByLabel('dry').check();
    await button(page, 'Schedule').click();
    await page.getByRole('heading', { name: /^#\d+ form$/ }).waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1);
    const made = await project.get(`runs/${id}`);
    expect([made.params, made.dueAt]).toEqual([
      { city: 'Rome', most: 7, how: 'slow', dry: true },
      '2100-01-01T00:00:00.000Z',
    ]);
    await open(`/jobs/form/new?from=${id}`);
    await page.getByLabel('city').and(page.locator('[value="Rome"], input')).waitFor();
    expect(await page.getByLabel('city').inputValue()).toBe('Rome');
    expectFailedRequests();
  });

  test('changes a run that waits, and starts it', async () => {
    const { project } = shop();
    const id = await run(project, 'later', { in: '2h' });
    const page = await open(`/runs/${id}`);
    await button(page, 'Change').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Params').fill('{"a":1}');
    await dialog.getByLabel('When').fill('in 3h');
    await dialog.getByLabel('Priority').fill('7');
    await dialog.getByText(`--at 'in 3h' --priority 7 --params`).waitFor();
    await button(dialog, 'Change').click();
    await dialog.waitFor({ state: 'hidden' });
    const changed = await project.get(`runs/${id}`);
    const hours = (Date.parse(changed.dueAt) - Date.parse(changed.createdAt)) / 3_600_000;
    expect([changed.params, Math.round(hours), changed.priority]).toEqual([{ a: 1 }, 3, 7]);
    await button(page, 'Run now').click();
    await button(dialog, 'Run now').click();
    await until(project, id, 'done');
  });

  test('never sends back a hidden param: a run keeps its own, and a copy has none', async () => {
    const { project } = shop();
    const params = { token: 's3cret', city: 'Rome', deep: { token: 'too' } };
    const id = await run(project, 'secret', { in: '2h', params });
    const page = await open(`/runs/${id}`);
    await page.getByLabel('Params', { exact: true }).getByText('"***"').first().waitFor();
    await button(page, 'Change').click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByLabel('Params').inputValue()).toBe('{\n  "city": "Rome"\n}');
    await dialog.getByLabel('Params').fill('{"city":"Oslo"}');
    await dialog.getByText(`jobrun update ${id} -p 'city:="Oslo"'`).waitFor();
    await button(dialog, 'Change').click();
    await dialog.waitFor({ state: 'hidden' });
    const stored = (await project.cli(['export'])).stdout;
    expect(stored).toContain('"params":{"token":"s3cret","city":"Oslo","deep":{"token":"too"}}');
    await open(`/jobs/secret/new?from=${id}`);
    expect(await page.getByLabel('params').inputValue()).toBe('{\n  "city": "Oslo"\n}');
  });

  test('follows a log until it is scrolled, finds words in all of it, and saves it', async () => {
    const { project } = shop();
    const id = await run(project, 'talk');
    const page = await open(`/runs/${id}`);
    const log = page.getByRole('log');
    await log.getByText('the last one').waitFor();
    expect(
      await page.evaluate(`${LOG}.scrollHeight - ${LOG}.clientHeight - ${LOG}.scrollTop < 30`),
    ).toBe(true);
    await page.getByText('3,001 lines').waitFor();
    await page.getByLabel('Find in the log').fill('NEEDLE');
    await log.locator('mark').getByText('needle').waitFor();
    await page.getByText('1 found in 3,001 lines').waitFor();
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      button(page, 'Download').click(),
    ]);
    const text = readFileSync(await saved.path(), 'utf8');
    expect([saved.suggestedFilename(), text.split('\n').length]).toEqual([
      `jobrun-${id}.log`,
      3002,
    ]);
    await page.getByLabel('Find in the log').fill('');
    await log.getByText('the last one').waitFor();
    await page.evaluate(`${LOG}.scrollTop = ${LOG}.scrollHeight / 2`);
    await page.getByLabel('Follow').and(page.locator(':not(:checked)')).waitFor();
  });

  test('tells what is wrong with a job, pauses one, and discards what asks for one that is not there', async () => {
    const { project } = shop();
    const ghost = await project.json('schedule', 'ghost', '--force');
    const page = await open('/jobs');
    await page.getByText('jobs/broken.mjs:2').waitFor();
    await page.getByText('jobrun new ghost').waitFor();
    await button(page, 'Discard').click();
    await button(page.getByRole('dialog'), 'Discard').click();
    await page.getByText('that does not exist').waitFor({ state: 'hidden' });
    expect(await state(project, ghost.id)).toBe('aborted');
    await page.getByRole('link', { name: 'work', exact: true }).click();
    await button(page, 'Pause').click();
    await button(page, 'Resume').waitFor();
    expect((await project.get('jobs/work')).state).toBe('paused');
    await button(page, 'Resume').click();
    await button(page, 'Pause').waitFor();
  });

  test('lists the programs outside that take runs', async () => {
    const { project } = shop();
    await run(project, 'video');
    await project.api('POST', 'leases', { jobs: ['video'], worker: 'render-7', wait: '10s' });
    const page = await open('/jobs');
    const workers = page.locator('.panel', { hasText: 'Workers outside' });
    await workers.getByText('render-7').waitFor();
    await workers.getByText('video · 1 running').waitFor();
  });

  test('shows a schedule with its next times, pauses and removes it', async () => {
    const { project } = shop();
    await project.cli([
      'schedule',
      'work',
      '--cron',
      '0 3 * * *',
      '--tz',
      'UTC',
      '--name',
      'nightly',
    ]);
    const page = await open('/schedules');
    await page.getByRole('row', { name: 'nightly' }).locator('summary').click();
    expect(await page.locator('.next li').count()).toBe(5);
    await button(page, 'Pause nightly').click();
    await button(page, 'Resume nightly').waitFor();
    await button(page, 'Remove nightly').click();
    await page.getByRole('dialog').getByText('jobrun unschedule nightly').waitFor();
    await button(page.getByRole('dialog'), 'Remove').click();
    await page.getByText('No schedules').waitFor();
  });

  test('acts on the runs that are marked, and on all that match, with progress and a stop', async () => {
    const { project } = shop();
    const counted = async (of: string): Promise<number> =>
      (await project.get(`runs?q=${encodeURIComponent(`job:many ${of}`)}&limit=0`)).total;
    const batch = Array.from({ length: 1100 }, () => '{"job":"many","in":"2h"}').join('\n');
    await project.cli(['schedule', '--batch', '-', '-q'], batch);
    // The part of those after the first thousand that are aborted waits for this one.
    await until(project, await run(project, 'many', { params: { holds: true } }), 'running');
    await project.cli(['schedule', '--batch', '-', '-q'], batch);
    const page = await open('/runs?q=job%3Amany');
    const dialog = page.getByRole('dialog');
    const mark = page.getByLabel(/^Mark run/);
    await mark.first().check();
    await page.getByText('1 run marked').waitFor();
    await button(page, 'Abort').click();
    await dialog.getByText(/jobrun abort \d+$/).waitFor();
    await button(dialog, 'Abort').click();
    await page.getByText('1 run: over').waitFor();
    await button(page, 'Abort all that match …').click();
    await dialog.getByText('Abort all 2,200 runs that match?').waitFor();
    await button(dialog, 'Abort').click();
    await page.getByText('abort: 1,000 of 2,200').waitFor();
    const top = "document.querySelector('.bulk').getBoundingClientRect().top";
    expect(Number(await page.evaluate(top)), 'seen from the end of the list').toBeGreaterThan(50);
    await button(page, 'Stop').click();
    project.write('go', '');
    await page.getByText('stopped: 1,200 runs: over').waitFor();
    expect(await counted('state:scheduled')).toBe(1000);
    await button(page, 'Abort all that match …').click();
    await button(dialog, 'Abort').click();
    await page.getByText('1,000 runs: over', { exact: true }).waitFor();
    expect(await counted('state:aborted')).toBe(2201);
  });

  test('offers no form for a run that was typed in a shell, and says how another is started', async () => {
    const { project } = shop();
    const id = (await project.cli(['schedule', '-q', '--', 'true'])).stdout.trim();
    const page = await open(`/runs/${id}`);
    await button(page, 'Run again').waitFor();
    const edit = page.getByRole('link', { name: 'Edit and run' });
    expect(await edit.count()).toBe(0);
    await page.keyboard.press('s');
    await page.getByRole('row', { name: 'work' }).waitFor();
    await open('/jobs/command/new');
    await page.getByText('jobrun run -- <command…>').waitFor();
    expect(await page.getByRole('link', { name: 'New run' }).count(), 'the one of each page').toBe(
      1,
    );
    await open(`/runs/${await run(project, 'later', { in: 0 })}`);
    await edit.waitFor();
  });

  test('shows no action to those who may only read', async () => {
    const { project } = shop();
    const id = await run(project, 'looked', { in: '2h' });
    const page = await visit(project, '/runs', { key: project.key('read-key') });
    await page.getByText('live, read only').waitFor();
    for (const path of ['/runs', `/runs/${id}`, '/jobs', '/jobs/work', '/schedules']) {
      await page.goto(project.url + path);
      await page.getByText('live, read only').waitFor();
      await page.getByText('loading …').waitFor({ state: 'hidden' });
      const shown = await page.locator('main').getByRole('button').allTextContents();
      expect([path, shown.filter((name) => !['Copy', 'Download'].includes(name))]).toEqual([
        path,
        [],
      ]);
      expect(await page.getByText('New run').count()).toBe(0);
    }
  });

  test('gives times in the zone of the project, and in your own on hover', async () => {
    const { project } = shop();
    const id = await run(project, 'work', { at: '2100-01-01T00:00:00Z' });
    const page = await open(`/runs/${id}`);
    const due = page.locator('time[datetime="2100-01-01T00:00:00.000Z"]').first();
    await eventually(async () =>
      (await due.getAttribute('title'))?.includes('09:00:00 GMT+9') ? true : null,
    );
    expect(await due.getAttribute('title')).toContain('01:00:00 CET (yours)');
  });
});
