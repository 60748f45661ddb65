// A real browser for the tests of the web page: Chromium as the system has it, one for each test file, with a profile
// of its own for each test. Whatever a page complains of in its console is an error of the test. On a machine without a
// browser these tests are left out, and say so; in CI they fail.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, expect } from 'vitest';
import type { ApiProject } from './api.ts';
import { needProgram, platform } from './platform.ts';
import { whenOver } from './shared.ts';

const found = (process.env.PATH ?? '')
  .split(':')
  .map((folder) => join(folder, 'chromium'))
  .find((file) => existsSync(file));

if (!platform.hasBrowser)
  process.stderr.write('no chromium here: the tests of the web page are left out\n');
if (!platform.hasNginx)
  process.stderr.write('no nginx here: the tests of the web page behind one are left out\n');

let browser: Promise<Browser> | null = null;
const complaints: string[] = [];

afterAll(async () => {
  await (await browser)?.close();
});

afterEach(() => {
  expect(complaints.splice(0), 'what pages complained of').toEqual([]);
});

export interface Visiting {
  readonly width?: number;
  readonly theme?: 'light' | 'dark';
  /** Without one the browser speaks to nobody. */
  readonly zone?: string;
}

/** A profile of a browser, closed with the test. */
export async function profile({
  width = 1280,
  theme = 'light',
  zone,
}: Visiting = {}): Promise<BrowserContext> {
  if (found === undefined) needProgram('chromium');
  // Names of other sites are bound to this machine.
  const args = ['--no-sandbox', '--host-resolver-rules=MAP *.example.com 127.0.0.1'];
  browser ??= chromium.launch({ executablePath: found ?? 'chromium', args });
  const context = await (await browser).newContext({
    viewport: { width, height: 860 },
    colorScheme: theme,
    reducedMotion: 'reduce',
    ignoreHTTPSErrors: true,
    ...(zone !== undefined && { timezoneId: zone }),
  });
  whenOver(() => context.close());
  return context;
}

/** Opens a page of a project as its user does: with the address that `jobrun web` prints. */
export async function visit(
  project: ApiProject,
  path = '/',
  {
    key = project.key(),
    context,
    ...visiting
  }: Visiting & {
    readonly key?: string | null;
    readonly context?: BrowserContext;
  } = {},
): Promise<Page> {
  const page = await (context ?? (await profile(visiting))).newPage();
  // The limit of the test is the limit of its waits.
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(project.url + path + (key === null ? '' : `#key=${key}`));
  return page;
}

/** The daemon was stopped, or refused something, on purpose: the browser's own line about that is no fault. */
export const expectFailedRequests = (): void => {
  const others = complaints.filter((text) => !text.startsWith('Failed to load resource'));
  complaints.splice(0, complaints.length, ...others);
};
