// Takes the pictures of docs/web.md from the real thing: a project in a temporary folder, its daemon, and Chromium on
// its web page.
//
//   npm run build && node scripts/web-screens.mjs
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'bin/jobrun.js');
const home = mkdtempSync(join(tmpdir(), 'jobrun-screens-'));
const dir = join(home, 'shop-tasks');
const env = { PATH: process.env.PATH, HOME: home, TZ: 'UTC' };

const JOBS = {
  'import-products.mjs': `export default { description: 'Imports a product list', group: 'catalog', retries: 4,
    params: { '~standard': { version: 1, vendor: 'screens', validate: (value) => ({ value }), jsonSchema: {
      output: () => ({}), input: () => ({ type: 'object', required: ['file'], properties: {
        file: { type: 'string', description: 'the CSV file, in data/' },
        limit: { type: 'integer', minimum: 1, default: 5000, description: 'rows at most' },
        mode: { enum: ['replace', 'merge', 'dry'], default: 'merge', description: 'what happens to rows that are there' },
        strict: { type: 'boolean', default: false, description: 'fail at the first wrong row' } } }) } } },
    async run({ file, limit = 5000, fail }, ctx) {
      ctx.log.info('reading ' + file);
      for (let row = 0; row < limit; row += 100) {
        if (row % 500 === 0) { ctx.log.info('row ' + row + ' of ' + limit, { file }); await ctx.save({ row }); }
        if (row % 1000 === 0) ctx.result(row === 1000 ? { sku: 'A-1000', error: 'price missing' } : { sku: 'A-' + row, result: 'updated' });
        if (row === 1000) ctx.log.warn('row 1080: price missing, skipped', { sku: 'A-1002' });
        if (fail && row > 1500) throw new Error('socket hang up while reading ' + file);
        ctx.progress((100 * row) / limit, row + ' of ' + limit + ' rows');
        await ctx.sleep(limit > 20000 ? 40 : 4);
      }
      return { imported: limit };
    } };`,
  'send-newsletter.mjs': `export default { description: 'Sends the newsletter to all subscribers', concurrency: 1,
    async run({ to = 400 }, ctx) { for (let i = 0; i < to; i++) { ctx.progress((100 * i) / to, i + ' of ' + to + ' sent'); await ctx.sleep(to > 500 ? 150 : 1); } } };`,
  'clean-up.mjs': `export default { description: 'Removes carts that nobody came back to', run(params, ctx) { ctx.progress(90, '312 carts removed'); } };`,
  'nightly-report.mjs': `export default { description: "Mails last night's figures", cron: '30 2 * * *', run: () => 'sent' };`,
};

const jobrun = (...args) =>
  execFileSync(process.execPath, [BIN, '--dir', dir, ...args], { env, encoding: 'utf8' }).trim();

/** Runs of some minutes, as a shop has them. */
async function work() {
  jobrun('schedule', 'send-newsletter', '-p', 'to:=9000', '-q');
  for (let i = 0; i < 9; i++) jobrun('run', 'clean-up', '-q');
  jobrun(
    'schedule',
    'import-products',
    '-p',
    'file=bad.csv',
    '-p',
    'fail:=true',
    '--retries',
    '0',
    '-q',
  );
  jobrun('run', 'import-products', '-p', 'file=summer.csv', '-p', 'limit:=8000', '-q');
  jobrun('schedule', 'import-products', '-p', 'file=winter.csv', '--at', 'tomorrow 9:00', '-q');
  jobrun('schedule', 'send-newsletter', '-q');
  for (let i = 0; i < 5; i++) jobrun('run', 'clean-up', '-q');
  const id = jobrun(
    'schedule',
    'import-products',
    '-p',
    'file=spring.csv',
    '-p',
    'limit:=60000',
    '-q',
  );
  await sleep(12_000);
  return id;
}

async function take(browser, url, name, path, colorScheme, prepare = async () => undefined) {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 820 } });
  const page = await context.newPage();
  await page.goto(url.replace('/#', `${path}#`));
  await page.getByText('live', { exact: true }).waitFor();
  await prepare(page);
  await sleep(1200);
  await page.screenshot({ path: join(ROOT, 'docs', `web-${name}-${colorScheme}.png`) });
  await context.close();
}

mkdirSync(join(dir, 'jobs'), { recursive: true });
for (const [name, text] of Object.entries(JOBS)) writeFileSync(join(dir, 'jobs', name), text);
const daemon = spawn(process.execPath, [BIN, '--dir', dir, 'daemon', '--http', '127.0.0.1:0'], {
  env,
  stdio: 'ignore',
});
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  while (readIf(join(dir, 'state/http-key')) === '') await sleep(100);
  await sleep(1000);
  const id = await work();
  const url = jobrun('web', '--print');
  await take(browser, url, 'runs', '/runs', 'dark');
  await take(browser, url, 'run', `/runs/${id}`, 'light');
  await take(browser, url, 'new', '/jobs/import-products/new', 'light', async (page) => {
    await page.getByLabel('file').fill('winter.csv');
    await page.getByLabel('When').fill('tomorrow 9:00');
  });
} finally {
  await browser.close();
  daemon.kill('SIGKILL');
  await sleep(500);
  rmSync(home, { recursive: true, force: true });
}

function readIf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
