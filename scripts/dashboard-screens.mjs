// Takes the pictures of docs/dashboard.md from the real thing: a project in a temporary folder, its daemon, the
// dashboard in tmux, keys pressed, the screen as it is. Puts them between the marks in the page, and draws an SVG of
// the first one beside it.
//
//   npm run build && node scripts/dashboard-screens.mjs
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

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
    // Its exit code says that there is no daemon yet.
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
    await settled(13);
    jobrun('schedule', 'resize-images');
    jobrun('schedule', 'send-newsletter');
    jobrun('schedule', 'import-products', '-p', 'file=spring.csv');
    jobrun('schedule', 'import-products', '--in', '8h', '-p', 'file=summer.csv', '--key', 'summer');
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
    const screens = await takeScreens();
    writeFileSync(PAGE, filled(readFileSync(PAGE, 'utf8'), screens));
    writeFileSync(PICTURE, svg(screens.wide.split('\n')));
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
  const wide = await shot(/ RESULT [\s\S]* log ─[\s\S]*Tab list/);
  tmux('resize-window', '-t', 't', '-x', '80', '-y', '24');
  await press('Enter');
  const detail = await shot(/results \(2\)[\s\S]*Esc back/);
  await press('Escape', 'a');
  const abort = await shot(/n keep it/);
  await press('n', 's', ...'im', 'Enter', ...'winter.csv', 'Tab', 'Tab');
  tmux('send-keys', '-t', 't', '-l', 'tomorrow 9:00');
  const form = await shot(/09:00 UTC, in \d[\s\S]*Esc leave/);
  await press('Escape', '6');
  const jobs = await shot(/30 2 \* \* \*[\s\S]*what +Imports/);
  return { list, detail, abort, form, jobs, wide };
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

const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The letters of a screen in a window, on a grid: fonts differ in how wide their blocks are. */
function svg(lines) {
  const [wide, high, left, top] = [8.4, 18, 20, 44];
  const width = Math.max(...lines.map((line) => line.length)) * wide + 2 * left;
  const height = lines.length * high + top + 14;
  const rows = lines.map((line, i) => {
    const texts = [...line.matchAll(/\S+(?: \S+)*/g)].map(({ 0: text, index }) => {
      const x = left + index * wide;
      return `<text x="${x.toFixed(1)}" y="${top + i * high}" textLength="${(text.length * wide).toFixed(1)}">${escaped(text)}</text>`;
    });
    return texts.join('');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${height}" role="img" aria-label="The dashboard of jobrun">`,
    '<style>text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d8dee9;white-space:pre}</style>',
    '<rect width="100%" height="100%" rx="10" fill="#1b1f27"/>',
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (color, i) => `<circle cx="${20 + 20 * i}" cy="18" r="6" fill="${color}"/>`,
    ),
    ...rows.filter(Boolean),
    '</svg>',
    '',
  ].join('\n');
}

await main();
