// The web page in a real browser, as its user sees it: what each page shows and does.
import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { type ApiProject, apiProject } from '../helpers/api.ts';
import { expectFailedRequests, visit } from '../helpers/browser.ts';
import { platform } from '../helpers/platform.ts';
import { eventually } from '../helpers/project.ts';

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

const LOG = "document.querySelector('.log')";

const run = async (project: ApiProject, job: string, more: object = {}): Promise<string> =>
  (await project.api('POST', 'runs', { job, ...more })).json.id;

const state = async (project: ApiProject, id: string): Promise<string> =>
  (await project.get(`runs/${id}`)).state;

const until = (project: ApiProject, id: string, wanted: string): Promise<unknown> =>
  eventually(async () => ((await state(project, id)) === wanted ? true : null));

const button = (place: Pick<Page, 'getByRole'>, name: string): Locator =>
  place.getByRole('button', { name, exact: true });

describe.runIf(platform.hasBrowser)('the page', () => {
  test('takes its key out of the address, keeps it, and asks for it where there is none', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const page = await visit(project);
    await page.getByText('live', { exact: true }).waitFor();
    expect(page.url()).toBe(`${project.url}/`);
    await page.goto(`${project.url}/jobs`);
    await page.getByText('live', { exact: true }).waitFor();
    const locked = await visit(project, '/', { key: null });
    await locked.getByText('jobrun web').waitFor();
    await locked.getByLabel('Key').fill(`${project.url}/#key=${project.key()}`);
    await button(locked, 'Open').click();
    await locked.getByText('live', { exact: true }).waitFor();
    expectFailedRequests();
  });

  test('lists runs as they come, change and end, and leaves what fits a filter', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const page = await visit(project, '/runs');
    await page.getByText('No runs yet').waitFor();
    await run(project, 'work', { params: { ms: 60_000, city: 'Paris' } });
    const row = page.getByRole('row').filter({ hasText: 'work' });
    await row.getByText('running').waitFor();
    await row.getByText('40% at work').waitFor();
    await page.getByRole('link', { name: 'Running1' }).waitFor();
    await project.api('POST', 'runs/1/abort', {});
    await row.getByText('aborted', { exact: true }).waitFor();
    await run(project, 'work', { params: { city: 'Rome' } });
    await page.getByText('1–2 of 2').waitFor();
    await page.getByLabel('Filter runs').fill('param:city=Rome');
    await page.getByText('1–1 of 1').waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('param:city=Rome');
    await page.getByLabel('Filter runs').fill('since:never');
    await page.getByRole('alert').getByText('cannot read "since:never"').waitFor();
    expectFailedRequests();
  });

  test('asks before it ends work: Enter and Esc keep it running', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const id = await run(project, 'work', { params: { ms: 60_000 } });
    const page = await visit(project, `/runs/${id}`);
    for (const key of ['Enter', 'Escape']) {
      await button(page, 'Abort').click();
      await page.getByRole('dialog').getByText(`jobrun abort ${id}`).waitFor();
      await page.keyboard.press(key);
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    }
    expect(await state(project, id)).toBe('running');
    expect(await button(page, 'Retry').count(), 'only what works is shown').toBe(0);
    await button(page, 'Abort').click();
    await button(page.getByRole('dialog'), 'Abort').click();
    await page.getByText('aborted on the web page').first().waitFor();
    await button(page, 'Retry').waitFor();
    expect([await state(project, id), await button(page, 'Abort').count()]).toEqual(['aborted', 0]);
  });

  test('shows what a job wrote as text, and what cannot be seen by its code point', async () => {
    const project = await apiProject({ 'jobs/hostile.mjs': HOSTILE });
    const id = await run(project, 'hostile', {
      params: { '<b>': '<script>window.harmed=3</script>' },
    });
    await until(project, id, 'failed');
    const page = await visit(project, `/runs/${id}`);
    await page.getByRole('log').getByText('<img src=x onerror').first().waitFor();
    const codes = await page.locator('.code').allTextContents();
    expect([codes.includes('U+202E'), codes.includes('U+0007')]).toEqual([true, true]);
    for (const path of ['/runs', '/jobs', '/jobs/hostile', `/jobs/hostile/new?from=${id}`]) {
      await page.goto(project.url + path);
      await page.getByText('hostile').first().waitFor();
      expect(
        await page.evaluate(
          "[window.harmed ?? null, document.querySelectorAll('main img').length]",
        ),
      ).toEqual([null, 0]);
    }
  });

  test('makes a form of what a job takes, and puts a refusal at its field', async () => {
    const project = await apiProject({
      'jobs/form.mjs': FORM,
      'jobrun.config.json': '{ "timezone": "Asia/Tokyo" }',
    });
    const page = await visit(project, '/jobs/form/new');
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
    await page.getByRole('heading', { name: '#1 form' }).waitFor();
    const made = await project.get('runs/1');
    expect([made.params, made.dueAt]).toEqual([
      { city: 'Rome', most: 7, how: 'slow', dry: true },
      '2100-01-01T00:00:00.000Z',
    ]);
    await page.goto(`${project.url}/jobs/form/new?from=1`);
    await page.getByLabel('city').and(page.locator('[value="Rome"], input')).waitFor();
    expect(await page.getByLabel('city').inputValue()).toBe('Rome');
    expectFailedRequests();
  });

  test('changes a run that waits, and starts it', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const id = await run(project, 'work', { in: '2h' });
    const page = await visit(project, `/runs/${id}`);
    await button(page, 'Change').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Params').fill('{"a":1}');
    await dialog.getByLabel('When').fill('in 3h');
    await button(dialog, 'Change').click();
    await dialog.waitFor({ state: 'hidden' });
    const changed = await project.get(`runs/${id}`);
    const hours = (Date.parse(changed.dueAt) - Date.parse(changed.createdAt)) / 3_600_000;
    expect([changed.params, Math.round(hours)]).toEqual([{ a: 1 }, 3]);
    await button(page, 'Run now').click();
    await button(dialog, 'Run now').click();
    await until(project, id, 'done');
  });

  test('follows a log until it is scrolled, finds words in all of it, and saves it', async () => {
    const project = await apiProject({
      'jobs/talk.mjs': `export default async (params, ctx) => {
        for (let i = 0; i < 3000; i++) ctx.log.info(i === 5 ? 'a needle' : 'line ' + i);
        await ctx.sleep(1500);
        ctx.log.warn('the last one');
      };`,
    });
    const id = await run(project, 'talk');
    const page = await visit(project, `/runs/${id}`);
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
    const project = await apiProject({
      'jobs/work.mjs': WORK,
      'jobs/broken.mjs': 'export default {\n  run( };',
    });
    await project.cli(['schedule', 'ghost', '--force']);
    const page = await visit(project, '/jobs');
    await page.getByText('jobs/broken.mjs:2').waitFor();
    await page.getByText('jobrun new ghost').waitFor();
    await button(page, 'Discard').click();
    await button(page.getByRole('dialog'), 'Discard').click();
    await page.getByText('that does not exist').waitFor({ state: 'hidden' });
    expect(await state(project, '1')).toBe('aborted');
    await page.getByRole('link', { name: 'work', exact: true }).click();
    await button(page, 'Pause').click();
    await button(page, 'Resume').waitFor();
    expect((await project.get('jobs/work')).state).toBe('paused');
  });

  test('shows a schedule with its next times, pauses and removes it', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
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
    const page = await visit(project, '/schedules');
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
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const lines = Array.from({ length: 1500 }, () => '{"job":"work","in":"2h"}').join('\n');
    await project.cli(['schedule', '--batch', '-', '-q'], lines);
    const page = await visit(project, '/runs?list=scheduled');
    await page.getByLabel('Mark run 2', { exact: true }).check();
    await page.getByLabel('Mark run 3', { exact: true }).check();
    await button(page, 'Abort').click();
    await page.getByRole('dialog').getByText('jobrun abort 2 3').waitFor();
    await button(page.getByRole('dialog'), 'Abort').click();
    await page.getByText('2 runs: over').waitFor();
    await button(page, 'Abort all …').click();
    await page.getByText('Abort all 1,498 runs that match?').waitFor();
    await button(page.getByRole('dialog'), 'Abort').click();
    await page.getByText('No run is in this list').waitFor();
    expect((await project.get('status')).counts).toMatchObject({ scheduled: 0, aborted: 1500 });
  });

  test('is used by keys alone, as the dashboard is', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    for (let i = 0; i < 3; i++) await run(project, 'work', { in: '2h' });
    const page = await visit(project, '/runs');
    await page.getByText('1–3 of 3').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('2');
    await page.keyboard.press('Space');
    await page.getByText('1 run marked').waitFor();
    await page.keyboard.press('Escape');
    await run(project, 'work', { in: '2h' });
    await page.getByText('1–4 of 4').waitFor();
    expect(
      await page.evaluate('document.activeElement.textContent'),
      'the focus stays with its run',
    ).toBe('2');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '#2 work' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('work');
    await page.getByLabel('Filter runs').and(page.locator(':focus')).waitFor();
    await page.getByLabel('Filter runs').blur();
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('go through the rows').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('6');
    await page.getByRole('heading', { name: 'Jobs' }).first().waitFor();
  });

  test('shows no action to those who may only read', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const id = await run(project, 'work', { in: '2h' });
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
    const project = await apiProject({
      'jobs/work.mjs': WORK,
      'jobrun.config.json': '{ "timezone": "Asia/Tokyo" }',
    });
    const id = await run(project, 'work', { at: '2100-01-01T00:00:00Z' });
    const page = await visit(project, `/runs/${id}`, { zone: 'Europe/Berlin' });
    const due = page.locator('time[datetime="2100-01-01T00:00:00.000Z"]').first();
    await eventually(async () =>
      (await due.getAttribute('title'))?.includes('09:00:00 GMT+9') ? true : null,
    );
    expect(await due.getAttribute('title')).toContain('01:00:00 CET (yours)');
  });
});
