// The web page in a real browser, as its user sees it: what each page shows and does.
import { describe, expect, test } from 'vitest';
import { apiProject } from '../helpers/api.ts';
import { expectFailedRequests, visit } from '../helpers/browser.ts';
import { platform } from '../helpers/platform.ts';

const WORK = `export default async ({ ms = 0, fail }, ctx) => {
  ctx.progress(40, 'at work');
  await ctx.sleep(ms);
  if (fail) throw new Error(fail);
};`;

describe.runIf(platform.hasBrowser)('the page', () => {
  test('takes its key out of the address, keeps it, and asks for it where there is none', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const page = await visit(project);
    await page.getByRole('status').getByText('live').waitFor();
    expect(page.url()).toBe(`${project.url}/`);
    await page.goto(`${project.url}/jobs`);
    await page.getByRole('status').getByText('live').waitFor();
    const locked = await visit(project, '/', { key: null });
    await locked.getByText('jobrun web').waitFor();
    await locked.getByLabel('Key').fill(`${project.url}/#key=${project.key()}`);
    await locked.getByRole('button', { name: 'Open' }).click();
    await locked.getByRole('status').getByText('live').waitFor();
    expectFailedRequests();
  });

  test('lists runs as they come, change and end, without being asked', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const page = await visit(project, '/runs');
    await page.getByText('No runs yet').waitFor();
    await project.api('POST', 'runs', { job: 'work', params: { ms: 60_000 } });
    const row = page.getByRole('row').filter({ hasText: 'work' });
    await row.getByText('running').waitFor();
    await row.getByText('40% at work').waitFor();
    await page.getByRole('link', { name: 'Running1' }).waitFor();
    await project.api('POST', 'runs/1/abort', {});
    await row.getByText('aborted', { exact: true }).waitFor();
  });

  test('a filter leaves what fits, stands in the address, and says what it cannot read', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    for (const city of ['Berlin', 'Paris'])
      await project.api('POST', 'runs', { job: 'work', params: { city } });
    const page = await visit(project, '/runs?list=all');
    await page.getByRole('row').nth(2).waitFor();
    await page.getByLabel('Filter runs').fill('param:city=Paris');
    await page.getByText('1–1 of 1').waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('param:city=Paris');
    expect(await page.getByRole('link', { name: 'Run 2', exact: true }).count()).toBe(1);
    await page.getByLabel('Filter runs').fill('since:never');
    await page.getByRole('alert').getByText('cannot read "since:never"').waitFor();
    await page.getByLabel('Filter runs').fill('');
    await page.getByText('1–2 of 2').waitFor();
    expectFailedRequests();
  });
});
