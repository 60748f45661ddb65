// Files of the state that are removed under a daemon that works on them.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test as plain } from 'vitest';
import { eventually, Project } from '../helpers/project.ts';

const test = (title: string, run: () => Promise<void>): void => plain(title, run, 60_000);

const IN_AN_HOUR = { job: 'a', params: {}, in: 3_600_000 };

const JOBS = { 'jobs/a.mjs': 'export default async () => 1;' };

test('a daemon whose socket is removed answers again', async () => {
  const project = new Project(JOBS);
  const daemon = await project.daemon();
  rmSync(join(project.state, 'jobrun.sock'));
  expect((await project.json('schedule', 'a')).id).toBe('1');
  expect((await project.until('1')).state).toBe('done');
  expect(daemon.log()).toContain('jobrun.sock was gone: it is made anew');
  expect((await project.json('stop')).stopped).toBe(true);
});

for (const words of [['stop'], ['stop', '--now']])
  test(`a daemon that cannot listen again is named by doctor, and ended by ${words.join(' ')}`, async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    const socket = join(project.state, 'jobrun.sock');
    rmSync(socket);
    mkdirSync(join(socket, 'in-the-way'), { recursive: true });
    await eventually(() => daemon.log().includes('cannot be removed'));
    const doctor = await project.cli(['doctor']);
    expect(doctor.code).toBe(8);
    expect(doctor.stdout).toContain(`a daemon (pid ${daemon.pid}) runs, and nobody listens at`);
    expect(await project.json(...words)).toEqual({ stopped: true, pid: daemon.pid });
    expect(await daemon.exited).toEqual({ code: 0, signal: null });
  });

test('what a daemon accepts after its journal was removed is there after a stop, and after a kill', async () => {
  for (const end of ['stop', 'kill']) {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    await project.json('schedule', 'a', '--in', '1h');
    rmSync(join(project.state, 'journal'), { recursive: true });
    const scheduled = Array.from({ length: 12 }, () => project.ask('schedule', IN_AN_HOUR));
    expect((await Promise.all(scheduled)).length).toBe(12);
    expect(daemon.log()).toContain('was removed or replaced while it was in use');
    if (end === 'stop') expect((await project.json('stop')).stopped).toBe(true);
    else await daemon.kill('SIGKILL');
    expect((await project.json('list')).total).toBe(13);
    expect((await project.cli(['doctor'])).code).toBe(0);
  }
});

test('what an idle daemon accepted before its journal and its pages were removed is there after a kill', async () => {
  const project = new Project(JOBS);
  const daemon = await project.daemon();
  for (let i = 0; i < 3; i++) await project.json('schedule', 'a', '--in', '1h');
  const folders = ['journal', 'runs'].map((name) => join(project.state, name));
  for (const folder of folders) rmSync(folder, { recursive: true });
  // The manifest, which comes last, names a segment that is there.
  const isWhole = (): boolean => {
    const { segment } = JSON.parse(readFileSync(join(project.state, 'manifest.json'), 'utf8'));
    return existsSync(join(project.state, 'journal', `${`${segment}`.padStart(8, '0')}.jsonl`));
  };
  await eventually(isWhole);
  await daemon.kill('SIGKILL');
  expect((await project.json('list')).total).toBe(3);
  expect((await project.cli(['doctor'])).code).toBe(0);
});

test('a stop keeps what the daemon took before its journal was moved away', async () => {
  const project = new Project(JOBS);
  await project.daemon();
  await project.json('schedule', 'a', '--in', '1h');
  renameSync(join(project.state, 'journal'), join(project.dir, 'moved'));
  expect((await project.json('stop')).stopped).toBe(true);
  expect((await project.json('list')).total).toBe(1);
});

test('what a run says after its log was removed is kept, and whoever follows misses nothing', async () => {
  const project = new Project({
    'jobs/talk.mjs': `export default async (_, ctx) => {
      for (let n = 1; n <= 120; n++) {
        console.log('line ' + n);
        ctx.result(n);
        if (n % 10 === 0) await ctx.save(n);
        await ctx.sleep(20);
      }
    };`,
  });
  await project.daemon();
  await project.json('schedule', 'talk');
  const logs = join(project.state, 'logs');
  const following = project.cli(['logs', '-f', '1', '--json']);
  for (let i = 0; i < 3; i++) {
    await eventually(() => existsSync(join(logs, '1.jsonl')));
    rmSync(logs, { recursive: true, maxRetries: 20 });
  }
  expect((await project.until('1')).state).toBe('done');
  const { stdout, code } = await following;
  expect(code).toBe(0);
  const said = Array.from({ length: 120 }, (_, i) => `line ${i + 1}`);
  /** The lines without the number of those that are missing at the begin, if any are. */
  const withoutGap = (texts: readonly string[]): string[] => {
    const gap =
      /^… (\d+) (?:line is missing: it was|lines are missing: they were) removed from the log …$/;
    const missing = gap.exec(texts[0] ?? '')?.[1];
    return missing ? [...said.slice(0, Number(missing)), ...texts.slice(1)] : [...texts];
  };
  const textsOf = (lines: readonly { readonly text: string }[]): string[] =>
    lines.map(({ text }) => text);
  const followed = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(withoutGap(textsOf(followed))).toEqual(said);
  const { log, results } = await project.json('show', '1');
  expect(log.length).toBeLessThan(120);
  expect(withoutGap(textsOf(log))).toEqual(said);
  // A row that a save has made durable and that was removed then cannot come back.
  const numbers = results.filter((row: unknown) => typeof row === 'number');
  expect(results).toHaveLength(120);
  expect(numbers).toEqual(said.map((_, i) => i + 1).slice(120 - numbers.length));
  const lost = { error: 'this row is lost' };
  expect(results.slice(0, 120 - numbers.length)).toEqual(Array(120 - numbers.length).fill(lost));
});
