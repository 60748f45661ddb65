// The web page by keys alone, as the dashboard is used: no key is lost that follows the one which closes a window. The
// tests share one daemon and one tab, and each has a job of its own.
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { type ApiProject, apiProject } from '../helpers/api.ts';
import { profile, visit } from '../helpers/browser.ts';
import { platform } from '../helpers/platform.ts';
import { shared } from '../helpers/shared.ts';

const WORK = 'export default ({ ms = 0 }, ctx) => ctx.sleep(ms);';

const FILES = {
  ...Object.fromEntries(['keys', 'other', 'paused'].map((job) => [`jobs/${job}.mjs`, WORK])),
  'jobs/asks.mjs': 'export default (params, ctx) => ctx.pending();',
};

const run = async (project: ApiProject, job: string, more: object = {}): Promise<string> =>
  (await project.api('POST', 'runs', { job, ...more })).json.id;

/** Holds back the answers to requests that begin so. Resolves with what lets them through. */
async function holdBack(page: Page, path: string): Promise<() => void> {
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const asks = (url: URL): boolean => `${url.pathname}${url.search}`.startsWith(`/api/v1${path}`);
  await page.route(asks, async (route) => {
    await gate;
    await route.continue();
  });
  return open;
}

const type = async (page: Page, keys: string): Promise<void> => {
  for (const key of keys.split(' ')) await page.keyboard.press(key);
};

const focused = (page: Page): Promise<unknown> =>
  page.evaluate('document.activeElement.textContent');

describe.runIf(platform.hasBrowser)('the page', { timeout: 60_000 }, () => {
  const shop = shared(async () => {
    const project = await apiProject(FILES);
    return { project, page: await visit(project, '/runs', { context: await profile() }) };
  });

  test('is used by keys alone, as the dashboard is', async () => {
    const { project, page } = shop();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push(await run(project, 'keys', { in: '2h' }));
    await page.goto(`${project.url}/runs?q=job%3Akeys`);
    await page.getByText('1–3 of 3').waitFor();
    await type(page, 'j j');
    expect(await focused(page)).toBe(ids[1]);
    await type(page, 'Space');
    await page.getByText('1 run marked').waitFor();
    await type(page, 'Escape');
    await run(project, 'keys', { in: '2h' });
    await page.getByText('1–4 of 4').waitFor();
    expect(await focused(page), 'the focus stays with its run').toBe(ids[1]);
    await type(page, 'Enter');
    await page.getByRole('heading', { name: `#${ids[1]} keys` }).waitFor();
    await type(page, 'Escape');
    await page.getByText('1–4 of 4').waitFor();
    expect(new URL(page.url()).searchParams.get('q'), 'back to the same list').toBe('job:keys');
    await type(page, 'j');
    expect(await focused(page), 'and to the row below the one that was open').toBe(ids[0]);
    await type(page, '/ o t h e r Enter 6');
    await page.getByRole('heading', { name: 'Jobs' }).first().waitFor();
    // A page that was opened by its address too: s is its own key before it is the one of every page.
    await page.goto(`${project.url}/jobs/keys`);
    await page.getByRole('link', { name: 'all of them' }).waitFor();
    await type(page, 's');
    await page.getByRole('heading', { name: 'New run of keys' }).waitFor();
  });

  test('loses no key that follows the one that closes a window, before the next frame too', async () => {
    const { project, page } = shop();
    await page.goto(`${project.url}/runs`);
    await page.getByText('live', { exact: true }).waitFor();
    for (const [key, heading] of [
      ['6', 'Jobs'],
      ['7', 'Schedules'],
    ] as const) {
      await type(page, '?');
      await page.getByRole('dialog').getByText('go through the rows').waitFor();
      // As Esc does, with the key after it in the same frame.
      await page.evaluate(`(async () => {
        document.querySelector('dialog').requestClose();
        await null;
        const event = new KeyboardEvent('keydown', { key: '${key}', bubbles: true });
        document.activeElement.dispatchEvent(event);
      })()`);
      await page.getByRole('heading', { name: heading }).first().waitFor();
    }
  });

  test('leaves a page that is still loading with the next key', async () => {
    const { project, page } = shop();
    await page.goto(`${project.url}/schedules`);
    await page.getByText('No schedules').waitFor();
    const letJobs = await holdBack(page, '/jobs?');
    await type(page, '6 7');
    await page.getByText('No schedules').waitFor();
    letJobs();
    await page.getByText('No schedules').waitFor();
    expect(new URL(page.url()).pathname).toBe('/schedules');
  });

  test('pauses the job of the row that has the focus', async () => {
    const { project, page } = shop();
    await page.goto(`${project.url}/jobs`);
    const row = page.getByRole('row', { name: 'paused' });
    await row.getByRole('link', { name: 'paused', exact: true }).focus();
    await type(page, 'P');
    await page.getByText('paused paused').waitFor();
    await row.locator('.state.paused').waitFor();
    expect((await project.get('jobs/keys')).state, 'this one alone').toBe('ok');
    await type(page, 'P');
    await page.getByText('resumed paused').waitFor();
    await row.locator('.state.ok').waitFor();
  });

  test('completes or fails a run that waits for an outside result, and removes a schedule', async () => {
    const { project, page } = shop();
    const id = await run(project, 'asks');
    await project.until(id, ['waiting']);
    await page.goto(`${project.url}/runs/${id}`);
    await page.getByRole('button', { name: 'Complete' }).waitFor();
    await type(page, 'c');
    await page
      .getByRole('dialog')
      .getByRole('heading', { name: `Complete run ${id}` })
      .waitFor();
    await type(page, 'Escape f');
    await page
      .getByRole('dialog')
      .getByRole('heading', { name: `Fail run ${id}` })
      .waitFor();
    await type(page, 'Escape');
    await project.json('schedule', 'other', '--every', '1d', '--name', 'daily');
    await page.goto(`${project.url}/schedules`);
    await page.getByRole('row', { name: 'daily' }).waitFor();
    await type(page, 'j x');
    await page.getByRole('dialog').getByText('Remove the schedule daily?').waitFor();
    await type(page, 'Escape');
  });
});
