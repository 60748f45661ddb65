// Chromium as the system has it, without a window, and what is measured in it. Times begin with the navigation.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { find } from '../peers/servers.mjs';
import { nowMs } from '../stats.mjs';

const KB_IN_MB = 1024;

export class Browser {
  #browser;

  static async open() {
    const executablePath = find('chromium');
    if (executablePath === null) throw new Error('no chromium is installed');
    const browser = new Browser();
    browser.#browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    return browser;
  }

  /** A tab of a fresh profile, for the length of `work`. */
  async visit(address, work) {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 860 } });
    const page = await context.newPage();
    await page.goto(address, { waitUntil: 'commit' });
    try {
      return await work(new Tab(page));
    } finally {
      await context.close();
    }
  }

  /** Megabytes that belong to the largest page alone. */
  async pageMemory() {
    const session = await this.#browser.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    await session.detach();
    const pages = processInfo.filter(({ type }) => type === 'renderer');
    return Math.max(...pages.map(({ id }) => ownKb(id))) / KB_IN_MB;
  }

  close() {
    return this.#browser.close();
  }
}

function ownKb(pid) {
  const told = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const sizes = [...told.matchAll(/^Private_\w+:\s+(\d+)/gm)];
  return sizes.reduce((sum, [, kb]) => sum + Number(kb), 0);
}

class Tab {
  #page;

  constructor(page) {
    this.#page = page;
  }

  /** Milliseconds until an element with such a text is there. */
  async shown(selector, text = /./) {
    const found = this.#page.locator(selector).filter({ hasText: text }).first();
    await found.waitFor({ timeout: 120_000 });
    return this.#page.evaluate(() => performance.now());
  }

  firstPaint() {
    return this.#page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    );
  }

  /** Milliseconds from the last key of a filter until a row that fits is there. */
  async filtered(filter, selector, text) {
    const field = this.#page.getByLabel('Filter runs');
    await field.fill('state:failed');
    await this.#page.locator(selector).first().waitFor({ state: 'detached' });
    const begin = nowMs();
    await field.fill(filter);
    const found = this.#page.locator(selector).filter({ hasText: text }).first();
    await found.waitFor({ timeout: 120_000 });
    return nowMs() - begin;
  }
}
