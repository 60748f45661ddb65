// Makes test/golden/format-1: a state folder as this version writes it, by its own commands, and what they show of it.
// Made once for each format; later versions have to read it for ever.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const golden = join(root, 'test/golden/format-1');
const dir = mkdtempSync(join(tmpdir(), 'jobrun-golden-'));
mkdirSync(join(dir, 'jobs'));
writeFileSync(join(dir, 'package.json'), '{ "type": "module" }\n');
writeFileSync(
  join(dir, 'jobs/hello.js'),
  `export default async (params, ctx) => {
  ctx.log.info('hello', { name: params.name ?? null });
  ctx.result({ row: 1 });
  await ctx.save({ half: true });
  if (params.fail) throw new Error('no luck');
  return { greeted: params.name ?? null };
};
`,
);
const jobrun = (...args) =>
  execFileSync(process.execPath, [join(root, 'bin/jobrun.js'), ...args], {
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
jobrun('schedule', 'hello', '-p', 'name=Ada');
jobrun('schedule', 'hello', '-p', 'fail:=true', '--retries', '1');
jobrun('daemon', '--until-idle');
jobrun('schedule', 'hello', '--at', '9999-01-01', '--key', 'far', '--priority', '7');
jobrun('schedule', 'hello', '--after', '3');
jobrun('schedule', 'hello', '-p', 'name=Eve');
jobrun('abort', '5', '--reason', 'not wanted');
jobrun('schedule', 'hello', '--every', '10m', '--name', 'ten', '--at', '9999-01-01');
jobrun('pause', 'hello');
const json = (...args) => JSON.parse(jobrun(...args, '--json'));
const shown = {
  list: json('list'),
  runs: ['1', '2', '3', '4', '5'].map((id) => json('show', id)),
  schedules: json('schedules').schedules.map(({ next: _, ...schedule }) => schedule),
};
rmSync(golden, { recursive: true, force: true });
mkdirSync(golden, { recursive: true });
const left = ['lock', 'reserve', 'README.md', 'jobrun.sock', 'aside'];
cpSync(join(dir, 'state'), join(golden, 'state'), {
  recursive: true,
  filter: (path) => !left.some((name) => path.endsWith(`state/${name}`)),
});
cpSync(join(dir, 'jobs'), join(golden, 'jobs'), { recursive: true });
writeFileSync(join(golden, 'shown.json'), `${JSON.stringify(shown, null, 1)}\n`);
rmSync(dir, { recursive: true });
