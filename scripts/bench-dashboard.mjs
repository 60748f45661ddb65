// Measures the dashboard with very many runs: writes a state of that size, starts its daemon, opens the dashboard in
// tmux and drives it by keys. It takes the time until the screen shows what a key asks for.
//
//   npm run build && node scripts/bench-dashboard.mjs [runs, 1000000 by default] [a folder to keep the state in]
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'bin/jobrun.js');
const total = Number(process.argv[2] ?? 1_000_000);
const home = mkdtempSync(join(tmpdir(), 'jobrun-bench-'));
const kept = process.argv[3];
const dir = kept ? resolve(kept) : join(home, 'project');
const state = join(dir, 'state');
const socket = join(home, 'tmux');
const env = { PATH: process.env.PATH, HOME: home, TZ: 'UTC', LANG: 'C.UTF-8', TERM: 'screen' };

const jiti = createJiti(import.meta.url);
const { connectDaemon } = await jiti.import(join(ROOT, 'src/api/client.ts'));
const { MANY_JOBS, HELD_JOB, writeManyRuns } = await jiti.import(
  join(ROOT, 'test/helpers/many-runs.ts'),
);
const tmux = (...args) => execFileSync('tmux', ['-S', socket, ...args], { env, encoding: 'utf8' });
const press = (...keys) => tmux('send-keys', '-t', 't', ...keys);
const screen = () => tmux('capture-pane', '-p', '-t', 't');
const memoryOf = (pid) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return `${Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)} MB`;
};

/** Milliseconds until the screen shows it. */
async function shows(what) {
  const began = performance.now();
  while (!what.test(screen())) {
    if (performance.now() - began > 20_000) throw new Error(`never showed ${what}:\n${screen()}`);
    await sleep(1);
  }
  return performance.now() - began;
}

const say = (name, ...values) => console.log(name.padEnd(44), ...values);
const ms = (value) => `${value.toFixed(0)} ms`;

/** The time that a key takes, each time another; the slowest and the one in the middle. */
async function time(name, steps) {
  const took = [];
  for (const [key, what] of steps) {
    press(...key);
    took.push([await shows(what), key.join(' ')]);
    await sleep(60);
  }
  took.sort(([a], [b]) => a - b);
  const [middle] = took[Math.floor(took.length / 2)];
  const [slowest, key] = took.at(-1);
  say(name, `middle ${ms(middle)}, slowest ${ms(slowest)} (${key}) of ${took.length}`);
}

/** Asks the daemon something small again and again: the longest answer tells how long its loop was held. */
async function watchLoop(client, signal) {
  const took = [];
  while (!signal.aborted) {
    const began = performance.now();
    await client.call('status', {});
    took.push(performance.now() - began);
    await sleep(5);
  }
  took.sort((a, b) => a - b);
  say('answers of the daemon meanwhile', `99 % ${ms(took[Math.floor(took.length * 0.99)] ?? 0)},`);
  say('', `slowest ${ms(took.at(-1) ?? 0)} of ${took.length}`);
}

async function measure(daemon) {
  const client = await connected();
  const ended = new AbortController();
  const watching = watchLoop(client, ended.signal);
  const began = performance.now();
  const size = ['-x', '120', '-y', '40'];
  tmux('-f', '/dev/null', '-u', 'new-session', '-d', '-s', 't', ...size, '-c', dir, `node ${BIN}`);
  await shows(/\d of 4|nothing runs/);
  say('first frame, from the start of the process', ms(performance.now() - began));
  const pid = tmux('list-panes', '-t', 't', '-F', '#{pane_pid}').trim();
  const before = memoryOf(pid);
  const whole = total.toLocaleString('en-US');
  const lists = [
    ['3', /\d-\d+ of .* last settled first/],
    ['5', new RegExp(`1-32 of ${whole}`)],
    ['4', /! \d+ .* failed/],
    ['2', /next due first/],
    ['6', />.*clean-up/],
    ['5', new RegExp(`1-32 of ${whole}`)],
  ].map(([key, what]) => [[key], what]);
  await time('another list, of a daemon just started', lists);
  await time('another list, seen before', lists);
  await time('to the last row and back', [
    [['G'], new RegExp(`-${whole} of ${whole}[\\s\\S]*`)],
    [['g'], new RegExp(`1-32 of ${whole}`)],
    [['G'], />\s+1 /],
    [['g'], new RegExp(`1-32 of ${whole}`)],
  ]);
  const pages = Array.from({ length: 60 }, (_, i) => {
    const under = new RegExp(`^>[ !] +${total - 31 * (i + 1)} `, 'm');
    return [['NPage'], under];
  });
  await time('a page down', pages);
  await time('a filter by job, letter by letter', [
    [['/', 's', 'y'], /> *\d+ +sync-stock/],
    [['Escape'], /next due|newest|last settled first/],
  ]);
  press('/');
  tmux('send-keys', '-t', 't', '-l', 'key:key-1000');
  say('a key of 1,000 runs from the first: found', ms(await shows(/> *1000 /)));
  press('Escape');
  await shows(new RegExp(`of ${whole}`));
  press('2', 'G');
  say('the last of those that wait', ms(await shows(/> *\d+ +held-back/)));
  ended.abort();
  await watching;
  client.close();
  say('memory of the dashboard', `${before} at first, ${memoryOf(pid)} now`);
  say('memory of the daemon', memoryOf(daemon.pid));
}

async function connected() {
  for (let tries = 0; tries < 600; tries++) {
    const client = await connectDaemon(join(state, 'jobrun.sock'));
    if (client) return client;
    await sleep(50);
  }
  throw new Error('no daemon answers');
}

async function main() {
  mkdirSync(join(dir, 'jobs'), { recursive: true });
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }\n');
  for (const job of [...MANY_JOBS, HELD_JOB])
    writeFileSync(join(dir, 'jobs', `${job}.mjs`), 'export default { run() {} };\n');
  if (!existsSync(join(state, 'manifest.json'))) await writeManyRuns(state, total, Date.now());
  const began = performance.now();
  const daemon = spawn(process.execPath, [BIN, 'daemon'], { cwd: dir, env, stdio: 'ignore' });
  try {
    (await connected()).close();
    say('runs', total.toLocaleString('en-US'));
    say('the daemon is there after', ms(performance.now() - began));
    await sleep(1000);
    await measure(daemon);
  } finally {
    spawnSync('tmux', ['-S', socket, 'kill-server']);
    daemon.kill('SIGKILL');
    await sleep(300);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

await main();
