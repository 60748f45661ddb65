// Makes test/golden/<name>: a state folder as this version writes it, by its own commands, and what they show of it.
// `format-2` was stopped, `format-2-killed` has all in its journal that a kill left there. Made once for each format,
// by the version that brings it: later ones have to read it for ever, so none is made anew.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const JOBS = {
  'hello.js': `export default async (params, ctx) => {
  ctx.log.info('hello', { name: params.name ?? null });
  ctx.result({ row: 1 });
  await ctx.save({ half: true });
  if (params.fail) throw new Error('no luck');
  return { greeted: params.name ?? null };
};
`,
  'long.js': `export default async (_, ctx) => {
  const before = ctx.checkpoint;
  await ctx.step('first', () => 'one');
  await ctx.step('second', () => 'two');
  await ctx.save({ from: ctx.attempt });
  await ctx.step('third', () => 'three');
  ctx.progress(40);
  if (ctx.attempt === 1) await ctx.sleep('1h');
  return { before, third: await ctx.step('third', () => 'again') };
};
`,
};
const STATES = { 'format-2': stopped, 'format-2-killed': killed };

const [name = ''] = process.argv.slice(2);
const make = STATES[name];
const golden = join(root, 'test/golden', name);
if (!make || existsSync(golden)) {
  const why = make ? `${golden} is there` : `name one of: ${Object.keys(STATES).join(', ')}`;
  console.error(why);
  process.exit(2);
}
const dir = mkdtempSync(join(tmpdir(), 'jobrun-golden-'));
mkdirSync(join(dir, 'jobs'));
writeFileSync(join(dir, 'package.json'), '{ "type": "module" }\n');
for (const [file, text] of Object.entries(JOBS)) writeFileSync(join(dir, 'jobs', file), text);
try {
  const ids = await make();
  keep();
  const shown = {
    list: json('list'),
    runs: ids.map((id) => json('show', String(id))),
    schedules: json('schedules').schedules.map(({ next: _, ...schedule }) => schedule),
  };
  writeFileSync(join(golden, 'shown.json'), `${JSON.stringify(shown, null, 1)}\n`);
} finally {
  rmSync(dir, { recursive: true });
}

async function stopped() {
  jobrun('schedule', 'hello', '-p', 'name=Ada');
  jobrun('schedule', 'hello', '-p', 'fail:=true', '--retries', '1');
  jobrun('daemon', '--until-idle');
  jobrun('schedule', 'hello', '--at', '9999-01-01', '--key', 'far', '--priority', '7');
  jobrun('schedule', 'hello', '--after', '3');
  jobrun('schedule', 'hello', '-p', 'name=Eve');
  jobrun('abort', '5', '--reason', 'not wanted');
  jobrun('schedule', 'hello', '--every', '10m', '--name', 'ten', '--at', '9999-01-01');
  jobrun('pause', 'hello');
  return [1, 2, 3, 4, 5];
}

/** A daemon at work: a run done, one under way with its lease, one aborted, one that waits, a schedule and a pause. */
async function killed() {
  jobrun('daemon', '--detach', '-q', '--workers', '2');
  const { pid } = json('status');
  jobrun('run', 'hello', '-q', '-p', 'name=Ada');
  jobrun('schedule', 'long');
  await until(() => json('show', '2').progress.percent === 40);
  jobrun('schedule', 'hello', '--at', '9999-01-01', '--key', 'far', '--priority', '7');
  jobrun('schedule', 'hello', '--after', '3');
  jobrun('schedule', 'hello', '--at', '9999-01-01');
  jobrun('abort', '5', '--reason', 'not wanted');
  jobrun('schedule', 'hello', '--every', '10m', '--name', 'ten', '--at', '9999-01-01');
  jobrun('pause', 'hello');
  process.kill(pid, 'SIGKILL');
  await until(() => !isRunning());
  return [1, 2, 3, 4, 5];
}

function keep() {
  mkdirSync(golden, { recursive: true });
  const left = ['lock', 'reserve', 'README.md', 'jobrun.sock', 'aside', 'logs/daemon.log'];
  cpSync(join(dir, 'state'), join(golden, 'state'), {
    recursive: true,
    filter: (path) => !left.some((file) => path.endsWith(`state/${file}`)),
  });
  cpSync(join(dir, 'jobs'), join(golden, 'jobs'), { recursive: true });
}

function jobrun(...args) {
  return execFileSync(process.execPath, [join(root, 'bin/jobrun.js'), ...args], {
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function json(...args) {
  return JSON.parse(jobrun(...args, '--json'));
}

/** `status` ends with an error where no daemon is. */
function isRunning() {
  try {
    return json('status').running;
  } catch {
    return false;
  }
}

async function until(holds) {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 200) throw new Error(`it never comes to: ${holds}`);
    await sleep(50);
  }
}
