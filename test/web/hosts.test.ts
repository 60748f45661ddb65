// The page of one host of a store: it shows what the other hosts do as if it were done here, and what becomes of it.
import type { Locator, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { profile, visit } from '../helpers/browser.ts';
import { hosts } from '../helpers/cluster.ts';
import { platform } from '../helpers/platform.ts';
import { freshStore } from '../helpers/postgres.ts';
import { eventually } from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const WORK = `import { appendFileSync } from 'node:fs';
export default async ({ ms = 600_000 }, ctx) => {
  ctx.log.info('began as attempt ' + ctx.attempt);
  ctx.progress(40, 'at work');
  ctx.signal.addEventListener('abort', () => appendFileSync('ledger.jsonl', '{"aborted":"' + ctx.id + '"}\\n'));
  await ctx.sleep(ms);
};`;

describe.runIf(platform.hasBrowser)('the page of a host', { timeout: 120_000 }, () => {
  beforeAll(async () => void (await freshStore({ fsync: true })), 120_000);

  const cluster = shared(async () => {
    const { one, two } = await hosts(['one', 'two'], {
      files: { 'jobs/here.mjs': WORK },
      lease: '10s',
    });
    two.write('jobs/rare.mjs', WORK);
    two.write('jobs/moves.mjs', WORK);
    await one.serve();
    const second = await two.daemon();
    const page = await visit(one, '/jobs', { context: await profile() });
    return { one, two, second, page };
  });

  const open = async (path: string): Promise<Page> => {
    const { one, page } = cluster();
    await page.goto(one.url + path);
    return page;
  };

  const accept = async (job: string): Promise<string> =>
    (await cluster().one.api('POST', 'runs', { job })).json.id;

  const button = (place: Pick<Page, 'getByRole'>, name: string): Locator =>
    place.getByRole('button', { name, exact: true });

  const fact = (page: Page, name: string): Locator =>
    page.locator(`.facts dt:text-is("${name}") + dd`);

  test('counts the hosts and their workers, and lists the jobs that only another has', async () => {
    const page = await open('/jobs');
    const row = page.getByRole('row', { name: 'rare' });
    await row.getByText('ok', { exact: true }).waitFor();
    await open('/runs');
    await page.getByText('of 4 busy on 2 hosts').waitFor();
  });

  test('follows a run of another host: where it is, how far, what it says, and its abort', async () => {
    const { two } = cluster();
    const page = await open('/runs?q=job%3Arare');
    await page.getByText('No run fits this filter.').waitFor();
    const id = await accept('rare');
    const row = page.getByRole('row', { name: `Run ${id}` });
    await row.getByText('running', { exact: true }).waitFor();
    await row.getByText('40% at work').waitFor();
    await row.getByRole('link', { name: `Run ${id}` }).click();
    expect(await fact(page, 'Host').textContent()).toBe('two');
    await page.getByRole('log').getByText('began as attempt 1').waitFor();
    await button(page, 'Abort').click();
    await button(page.getByRole('dialog'), 'Abort').click();
    await page.getByText(`run ${id} is over`).waitFor();
    await button(page, 'Retry').waitFor();
    await eventually(() => two.ledger().some(({ aborted }) => aborted === id));
  });

  test('says that a host is silent, and shows its run go on at another', async () => {
    const { one, second } = cluster();
    const page = await open('/jobs');
    const id = await accept('moves');
    await open(`/runs/${id}`);
    await page.getByRole('log').getByText('began as attempt 1').waitFor();
    expect(await fact(page, 'Host').textContent()).toBe('two');
    one.write('jobs/moves.mjs', WORK);
    await second.kill('SIGKILL');
    await page.getByRole('alert').getByText('No sign of two').waitFor();
    await page.getByRole('log').getByText('began as attempt 2').waitFor();
    expect(await fact(page, 'Host').textContent()).toBe('one');
    const attempts = page.locator('.tries li');
    await attempts.getByText(/^lost.* on two/).waitFor();
    await attempts.getByText(/^running.* on one/).waitFor();
    await page.getByRole('alert').waitFor({ state: 'hidden' });
    const { id: rare } = await one.json('schedule', 'rare', '--force');
    await open('/runs?q=job%3Arare');
    await page
      .getByRole('row', { name: `Run ${rare}` })
      .getByText('no job named rare')
      .waitFor();
  });
});
