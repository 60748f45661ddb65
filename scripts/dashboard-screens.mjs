// Takes the pictures of docs/dashboard.md from the real thing: a project in a temporary folder, its daemon, the
// dashboard in tmux, keys pressed, the screen as it is. Puts them between the marks in the page, and draws the widest
// one as an SVG beside it, in its colours.
//
//   npm run build && node scripts/dashboard-screens.mjs
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { screenSvg } from './screen-svg.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'bin/jobrun.js');
const PAGE = join(ROOT, 'docs/dashboard.md');
const PICTURE = join(ROOT, 'docs/dashboard.svg');

const home = mkdtempSync(join(tmpdir(), 'jobrun-screens-'));
const dir = join(home, 'shop-tasks');
const env = {
  PATH: process.env.PATH,
  HOME: home,
  TZ: 'UTC',
  LANG: 'C.UTF-8',
  TERM: 'xterm-256color',
};
const socket = join(home, 'tmux');

const JOBS = {
  'import-products.mjs': `export default { description: 'Imports a product list', retries: 4,
    params: schema({ file: { type: 'string', description: 'the CSV file' }, limit: { type: 'number', default: 5000 } }),
    async run({ file, limit = 5000 }, ctx) {
      ctx.log.info('reading ' + file);
      ctx.result({ sku: 'A-1001', result: 'updated' });
      ctx.result({ sku: 'A-1002', error: 'price missing' });
      for (let row = 100; row <= limit; row += 100) {
        ctx.progress((100 * row) / limit, row + ' of ' + limit + ' rows');
        if (row % 500 === 0) ctx.log.info('row ' + row + ' of ' + limit);
        if (row === 1800) ctx.log.warn('row 1780: price missing, skipped');
        await ctx.sleep(file === 'autumn.csv' ? 1 : 900);
      }
      return { rows: limit };
    } };`,
  'send-newsletter.mjs': `export default { description: 'Sends the newsletter', async run({ fail }, ctx) {
      if (fail) throw new Error('SMTP 451: try again later');
      for (let i = 1; i < 400; i++) { ctx.progress(i / 4, 'letter ' + i); await ctx.sleep(500); } } };`,
  'sync-stock.mjs': `export default { description: 'Asks the warehouse what is there',
    retries: { limit: 5, delay: '12m' }, run() { throw new Error('the warehouse does not answer'); } };`,
  'clean-up.mjs': `export default { description: 'Removes carts that nobody came back for',
    run(_, ctx) { ctx.progress(100, '312 carts removed'); } };`,
  'nightly-report.mjs': `export default { description: 'The figures of the day', cron: '30 2 * * *', run() {} };`,
  'resize-images.mjs': `export default { description: 'Makes thumbnails', run: (_, ctx) => ctx.sleep(60_000) };`,
};
const SCHEMA = `const schema = (properties) => ({ '~standard': { version: 1, vendor: 'shop',
  validate: (value) => ({ value }), jsonSchema: { input: () => ({ type: 'object', properties, required: ['file'] }) } } });\n`;

const tmux = (...args) => execFileSync('tmux', ['-S', socket, ...args], { env, encoding: 'utf8' });
const press = async (...keys) => {
  for (const key of keys) {
    tmux('send-keys', '-t', 't', key);
    await sleep(120);
  }
  await sleep(500);
};
const capture = (...how) => tmux('capture-pane', '-p', ...how, '-t', 't').trimEnd();
const jobrun = (...args) =>
  execFileSync(process.execPath, [BIN, ...args], {
    cwd: dir,
    env,
    encoding: 'utf8',
    stdio: 'pipe',
  });

/** The screen once it shows this: how long that takes depends on what else the machine does. */
async function shot(what) {
  for (let tries = 0; tries < 300; tries++) {
    const screen = capture();
    if (what.test(screen)) return screen;
    await sleep(100);
  }
  throw new Error(`the screen never showed ${what}:\n${capture()}`);
}

/** Waits until the daemon is there and so many runs are over. */
async function settled(count) {
  for (let tries = 0; tries < 300; tries++) {
    // Its exit code shows whether a daemon runs yet.
    const { stdout } = spawnSync(process.execPath, [BIN, 'status', '--json'], { cwd: dir, env });
    const { pid, counts } = JSON.parse(stdout);
    if (pid && counts.done + counts.failed >= count) return;
    await sleep(200);
  }
  throw new Error('the daemon does not come or does not go on');
}

async function main() {
  mkdirSync(join(dir, 'jobs'), { recursive: true });
  for (const [name, text] of Object.entries(JOBS))
    writeFileSync(join(dir, 'jobs', name), SCHEMA + text);
  const daemon = spawn(process.execPath, [BIN, 'daemon'], { cwd: dir, env, stdio: 'ignore' });
  try {
    await settled(0);
    for (let i = 0; i < 12; i++) jobrun('schedule', 'import-products', '-p', 'file=autumn.csv');
    jobrun('schedule', 'send-newsletter', '-p', 'fail:=true');
    jobrun('schedule', 'clean-up');
    jobrun('schedule', 'sync-stock');
    await settled(14);
    jobrun('schedule', 'resize-images');
    jobrun('schedule', 'send-newsletter');
    jobrun('schedule', 'import-products', '-p', 'file=spring.csv');
    jobrun('schedule', 'import-products', '--in', '8h', '-p', 'file=summer.csv', '--key', 'summer');
    jobrun('schedule', 'clean-up', '--after', '18');
    const cron = ['--cron', '0 6 * * mon-fri', '--tz', 'Europe/Berlin', '--name', 'early-import'];
    jobrun('schedule', 'import-products', ...cron, '-p', 'file=prices.csv');
    tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-s',
      't',
      '-x',
      '80',
      '-y',
      '24',
      '-c',
      dir,
      `node ${BIN}`,
    );
    const { colored, ...screens } = await takeScreens();
    writeFileSync(PAGE, filled(readFileSync(PAGE, 'utf8'), screens));
    writeFileSync(PICTURE, screenSvg(colored, 'The dashboard of jobrun'));
  } finally {
    spawnSync('tmux', ['-S', socket, 'kill-server']);
    daemon.kill('SIGKILL');
    await sleep(500);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function takeScreens() {
  const list = await shot(/row 2000 of 5000/);
  tmux('resize-window', '-t', 't', '-x', '120', '-y', '40');
  await press('5', 'j', 'j');
  const wide = await shot(/>.*import-products +running[\s\S]* RESULT [\s\S]* log ─[\s\S]*Tab list/);
  const colored = capture('-e');
  await press('1');
  tmux('resize-window', '-t', 't', '-x', '80', '-y', '24');
  await press('Enter');
  const detail = await shot(/results \(2\)[\s\S]*Esc back/);
  await press('Escape', 'a');
  const abort = await shot(/n\/Esc keep it/);
  await press('n', 's', ...'im', 'Enter', ...'winter.csv', 'Tab', 'Tab');
  tmux('send-keys', '-t', 't', '-l', 'tomorrow 9:00');
  const form = await shot(/09:00 UTC, in \d[\s\S]*Esc leave/);
  await press('Escape', '6', 'j');
  const jobs = await shot(/30 2 \* \* \*[\s\S]*what +Imports/);
  await press('7');
  const schedules = await shot(/> +early-import[\s\S]*next .*06:00/);
  return { list, detail, abort, form, jobs, schedules, wide, colored };
}

/** Between `<!-- screen name -->` and the next end of a fence stands the screen of that name. */
function filled(page, screens) {
  return Object.entries(screens).reduce((text, [name, screen]) => {
    const place = new RegExp(`(<!-- screen ${name} -->\n)(?:\`\`\`text\n[\\s\\S]*?\n\`\`\`\n)?`);
    return text.replace(place, (_, mark) => `${mark}\`\`\`text\n${clean(screen)}\n\`\`\`\n`);
  }, page);
}

const clean = (screen) =>
  screen
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');

await main();
