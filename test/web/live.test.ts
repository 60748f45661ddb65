// What the tabs of one browser cost and know: one stream of changes for all of them, nothing for those that are hidden,
// and a daemon that stops is seen by all.
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { delay, systemClock } from '../../src/support/clock.ts';
import { ApiProject, apiProject } from '../helpers/api.ts';
import { expectFailedRequests, profile, visit } from '../helpers/browser.ts';
import { platform } from '../helpers/platform.ts';

const WORK = 'export default ({ ms = 0 }, ctx) => ctx.sleep(ms);';

/** The requests that a page makes from now on, by their paths. */
function requestsOf(page: Page): string[] {
  const paths: string[] = [];
  page.on('request', (request) => paths.push(new URL(request.url()).pathname));
  return paths;
}

const live = (page: Page): Promise<void> => page.getByText('live', { exact: true }).waitFor();

/** As a browser does where another tab is chosen: the headless one shows all of them. */
const turn = (page: Page, to: 'hidden' | 'visible'): Promise<unknown> =>
  page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { value: '${to}', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);

describe.runIf(platform.hasBrowser)('tabs', { timeout: 60_000 }, () => {
  test('share one stream, which another takes over when the first closes, and all see changes', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const context = await profile();
    const streams: Page[] = [];
    context.on('request', (request) => {
      if (request.url().endsWith('/changes')) streams.push(request.frame().page());
    });
    const tabs: Page[] = [];
    for (let i = 0; i < 12; i++) tabs.push(await visit(project, '/runs', { context }));
    await Promise.all(tabs.map(live));
    expect(streams).toEqual([tabs[0]]);
    await project.api('POST', 'runs', { job: 'work', in: '2h' });
    await Promise.all(tabs.map((page) => page.getByText('1–1 of 1').waitFor()));
    await tabs[0]?.close();
    await project.api('POST', 'runs', { job: 'work', in: '2h' });
    await Promise.all(tabs.slice(1).map((page) => page.getByText('1–2 of 2').waitFor()));
    await delay(systemClock, 300);
    expect(streams.length).toBe(2);
  });

  test('that are hidden ask for nothing, and know all when they are seen again', async () => {
    const project = await apiProject({ 'jobs/work.mjs': WORK });
    const page = await visit(project, '/runs');
    await live(page);
    await page.getByText('No runs yet').waitFor();
    await turn(page, 'hidden');
    await delay(systemClock, 300);
    const asked = requestsOf(page);
    await project.api('POST', 'runs', { job: 'work', params: { ms: 60_000 } });
    await delay(systemClock, 2500);
    expect(asked).toEqual([]);
    await turn(page, 'visible');
    await page.getByRole('row').getByText('running').waitFor();
  });

  test('show within three seconds that the daemon is stopped or hangs, and go on by themselves', async () => {
    const project = new ApiProject({ 'jobs/work.mjs': WORK });
    const daemon = await project.serve();
    const { port } = new URL(project.url);
    const context = await profile();
    const pages = [
      await visit(project, '/runs', { context }),
      await visit(project, '/jobs', { context }),
    ];
    await Promise.all(pages.map(live));
    const told = (): Promise<unknown> =>
      Promise.all(pages.map((page) => page.getByText('no answer').waitFor({ timeout: 3500 })));
    process.kill(daemon.pid, 'SIGSTOP');
    await told();
    process.kill(daemon.pid, 'SIGCONT');
    await Promise.all(pages.map(live));
    await daemon.kill('SIGKILL');
    await told();
    await project.daemon('--http', `127.0.0.1:${port}`);
    await Promise.all(pages.map(live));
    await project.api('POST', 'runs', { job: 'work', in: '2h' });
    await pages[0]?.getByText('1–1 of 1').waitFor();
    expectFailedRequests();
  });
});
