// Every page for everybody: axe finds nothing wrong with it by WCAG 2.2 AA, light and dark, wide and narrow, and
// nothing on it is wider than the screen.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { apiProject } from '../helpers/api.ts';
import { profile, visit } from '../helpers/browser.ts';
import { platform } from '../helpers/platform.ts';
import { shared } from '../helpers/shared.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const STANDARDS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** As long as a name may be, and without a place to break it. */
const LONG = 'long'.repeat(25);

const FILES = {
  [`jobs/${LONG}.mjs`]: `export default { description: '${LONG}', run(params, ctx) {
    ctx.progress(50, '${LONG}'); ctx.log.info('${LONG}'); ctx.result({ '${LONG}': '${LONG}' });
    throw Object.assign(new Error('${LONG}'), { name: '${LONG}' }); } };`,
  'jobs/tidy.mjs': `export default { description: 'Works', cron: '0 3 * * *', retries: 2, params: { '~standard': {
    version: 1, vendor: 'test', validate: (value) => ({ value }), jsonSchema: { input: () => ({ type: 'object',
    properties: { name: { type: 'string', description: 'whose' }, most: { type: 'integer' }, on: { type: 'boolean' },
    how: { enum: ['a', 'b'] }, more: { type: 'object' } } }), output: () => ({}) } } },
    run: async (params, ctx) => { for (let i = 0; i < 5; i++) ctx.log.info('line ' + i, { i });
      ctx.log.warn('careful'); ctx.log.error('wrong'); ctx.result({ name: 'a' }); ctx.result({ name: 'b', error: 'no' });
      await ctx.save({ at: 1 }); ctx.progress(40, 'at work'); await ctx.sleep(params?.ms ?? 0);
      if (params?.fail) throw new Error('failed'); return { done: true, n: 1 }; } };`,
  'jobs/asks.mjs': 'export default (params, ctx) => ctx.pending();',
  'jobs/broken.mjs': 'export default {',
};
/** With the button that opens a window, where there is one to be looked at. */
const PAGES = [
  ['/runs'],
  ['/runs/1', 'Abort'],
  ['/runs/2', 'Remove'],
  ['/runs/3'],
  ['/runs/4', 'Complete'],
  ['/jobs'],
  ['/jobs/tidy'],
  ['/jobs/tidy/new'],
  ['/schedules'],
  ['/runs/6'],
  [`/jobs/${LONG}`],
] as const;

const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['dark', 360],
  ['light', 360],
] as const;

describe.runIf(platform.hasBrowser)('pages', { timeout: 120_000 }, () => {
  const opened = shared(async () => {
    const project = await apiProject(FILES);
    for (const params of [{ ms: 600_000 }, { fail: true }, {}])
      await project.api('POST', 'runs', { job: 'tidy', params });
    await project.api('POST', 'runs', { job: 'asks' });
    await project.cli(['schedule', 'ghost', '--force']);
    await project.cli(['run', LONG, '-p', `name=${LONG}`]);
    return { project, page: await visit(project, '/runs', { context: await profile() }) };
  });

  test('have nothing that keeps anybody out, light and dark, wide and narrow', async () => {
    const { project, page } = opened();
    await page.getByText('1–6 of 6').waitFor();
    const found: string[] = [];
    for (const [path, dialog] of PAGES) {
      await page.goto(project.url + path);
      await page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' });
      if (dialog) await page.getByRole('button', { name: dialog, exact: true }).click();
      // By the DevTools protocol, which the page's own policy does not bind.
      await page.evaluate(AXE);
      for (const [theme, width] of LOOKS) {
        await page.emulateMedia({ colorScheme: theme });
        await page.setViewportSize({ width, height: 860 });
        found.push(...(await problemsOf(page, `${path} ${theme} ${width}`)));
      }
    }
    expect(found).toEqual([]);
  });

  test('move nothing for those who asked for that, and are printed whole, dark on white', async () => {
    const { project, page } = opened();
    await page.goto(`${project.url}/runs/1`);
    await page.getByRole('log').getByText('careful').waitFor();
    const styleOf = (of: string, name: string): Promise<unknown> =>
      page.evaluate(`getComputedStyle(document.querySelector('${of}')).${name}`);
    const moves = (): Promise<unknown> => styleOf('.state.running svg', 'animationName');
    expect(await moves()).toBe('none');
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await moves()).toBe('turn');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect([await styleOf('.top', 'display'), await styleOf('.btn', 'display')]).toEqual([
      'none',
      'none',
    ]);
    expect(await styleOf('.log', 'maxHeight')).toBe('none');
    const instant = "getComputedStyle(document.querySelector('.facts time'), '::after').content";
    expect(await page.evaluate(instant), 'paper does not move with the clock').toMatch(
      /\d\d:\d\d:\d\d/,
    );
    expect(await styleOf('.panel', 'backgroundColor')).toBe('rgb(255, 255, 255)');
  });
});

async function problemsOf(page: Page, where: string): Promise<string[]> {
  const found = (await page.evaluate(`
    axe.run({ runOnly: ${JSON.stringify(STANDARDS)} }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 160)).join(' | ')))
  `)) as string[];
  const wide = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
  return [...found, ...(wide > 0 ? [`${wide} px too wide`] : [])].map((one) => `${where}: ${one}`);
}
