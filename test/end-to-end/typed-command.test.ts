// Commands that are typed after `--`: what they are started as, that they are runs like any other, and that nothing but
// a command line can name a program.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { apiProject } from '../helpers/api.ts';
import { type Doc, eventually, Project } from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const JOBS = {
  'jobs/emits.mjs': `import { connect } from 'jobrun';
const argv = ['touch', 'emitted'];
export default async (_p, ctx) => {
  const refusals = [];
  const refused = async (make) => refusals.push(await make().then(() => 'accepted', (error) => error.message));
  await refused(() => ctx.emit('command', { argv, cwd: process.cwd() }));
  const jobs = await connect();
  await refused(() => jobs.schedule('command', { argv, cwd: process.cwd() }));
  await refused(() => jobs.schedule('command', { argv, cwd: process.cwd() }, { every: '1s' }));
  await refused(() => jobs.schedule('emits', {}, { command: { argv, cwd: process.cwd() } }));
  await jobs.close();
  return refusals;
};
`,
  'sub/says.sh': `#!/bin/sh
echo "in $(pwd) for $JOBRUN_ID of $JOBRUN_JOB, stdin [$(cat)], params [$JOBRUN_PARAMS]"
for word in "$@"; do echo "word [$word]"; done
`,
};
const ONLY_TYPED = 'the job "command" starts only what is typed on the command line';

const own = shared(() => apiProject(JOBS));
const sub = (): string => join(own().dir, 'sub');

/** What a command line sends for a typed command; a process for each would be most of the time. */
const typed = async (
  project: Project,
  argv: readonly string[],
  more: object = {},
  cwd = project.dir,
): Promise<Doc> => {
  const command = { argv: [...argv], cwd };
  const reply = await project.ask('schedule', { ...more, command });
  return reply.run ?? reply.schedule;
};
const HOUR = 3_600_000;

const logOf = async (id: string): Promise<string[]> =>
  (await own().show(id)).log.map(({ text }: Doc) => text);

it('a command runs where it was typed, word by word, without a shell and with nothing to read', async () => {
  const words = ['--json', 'a  b', "it's", '$HOME;ls', 'two\nlines', '', '--', '-h'];
  const ran = await own().cliIn(sub(), ['run', '--', './says.sh', ...words]);
  expect([ran.code, ran.stderr]).toEqual([0, 'Scheduled command as 1\n']);
  const [newest] = (await own().ask('list', { limit: 1 })).runs;
  expect(newest.params).toEqual({ argv: ['./says.sh', ...words], cwd: sub() });
  const [first, ...rest] = await logOf(newest.id);
  expect(first).toBe(`in ${sub()} for ${newest.id} of command, stdin [], params []`);
  expect(rest.join('\n')).toBe(words.map((word) => `word [${word}]`).join('\n'));
});

it('it fails with the exit code of the program, and says why one cannot be started', async () => {
  const failed = await own().cliIn(sub(), ['run', '--', 'sh', '-c', 'exit 3']);
  expect([failed.code, failed.stdout]).toEqual([6, expect.stringContaining('exit code 3')]);
  const missing = await own().cliIn(sub(), ['run', '--', 'no-such-program']);
  expect(missing.stdout).toContain("no-such-program is in no folder of the daemon's PATH");
  own().write('gone/.keep', '');
  const gone = join(own().dir, 'gone');
  const { id } = await typed(own(), ['touch', 'here'], { inMs: HOUR }, gone);
  rmSync(gone, { recursive: true });
  await own().ask('update', { id, dueAt: 0 });
  expect((await own().until(id)).error.message).toContain(
    `the folder where it was typed is gone: ${gone}`,
  );
  // The owner has mended it: the same command.
  own().write('gone/.keep', '');
  await own().ask('retry', { ids: [id] });
  expect(await own().until(id)).toMatchObject({ state: 'done', attempt: 2 });
});

it('options of a run hold for it; those of a job are refused beside it', async () => {
  const timedOut = await typed(own(), ['sleep', '60'], { timeoutMs: 100 });
  expect((await own().until(timedOut.id)).attempts).toMatchObject([{ outcome: 'timeout' }]);
  const keyed = { inMs: HOUR, key: 'build', priority: 3 };
  const first = await typed(own(), ['make'], keyed);
  expect(await typed(own(), ['make'], keyed)).toMatchObject({ id: first.id, existing: true });
  expect(first).toMatchObject({ state: 'scheduled', priority: 3, key: 'build' });
  await own().ask('abort', { ids: [first.id] });
  const dry = await own().cli(['run', '--dry-run', '--json', '--', 'make', '-j4']);
  expect(JSON.parse(dry.stdout)).toMatchObject({
    id: null,
    params: { argv: ['make', '-j4'], cwd: own().dir },
  });
  for (const [line, why] of [
    [['run', 'emits', '--', 'make'], 'a job and a command exclude each other'],
    [['run', '-p', 'a=b', '--', 'make'], '--param has a meaning only for a job'],
    [['run', '--'], 'no job was named'],
    [['run', '--', '-x'], '-x is no program'],
    [['schedule', '--batch', '-', '--', 'make'], 'only without --batch'],
  ] as const) {
    const { code, stderr } = await own().cli(line);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
  }
});

it('a schedule of it fires; what takes its place by HTTP does not start that program', async () => {
  const made = await typed(own(), ['echo', 'tick'], { everyMs: HOUR, name: 'tick' });
  expect(made).toMatchObject({ job: 'command' });
  const { lastRun } = await eventually(async () => {
    const { schedules } = await own().ask('schedules');
    const tick = schedules.find(({ name }: Doc) => name === 'tick');
    return tick.lastRun === null ? null : tick;
  });
  await own().until(lastRun);
  expect(await logOf(lastRun)).toEqual(['tick']);
  const { status, json } = await own().api('PUT', 'schedules/tick', {
    job: 'emits',
    params: { argv: ['touch', 'replaced'], cwd: own().dir },
    every: '1s',
  });
  expect([status, json.job]).toEqual([200, 'emits']);
  const [again] = await eventually(async () => {
    const { runs } = await own().ask('list', { job: 'emits', states: ['done'] });
    return runs.length > 0 ? runs : null;
  });
  expect(again).toMatchObject({ schedule: 'tick', job: 'emits' });
  await own().ask('unschedule', { name: 'tick' });
});

it('neither HTTP nor a job nor the library starts a command, or changes one', async () => {
  const params = { argv: ['touch', 'door'], cwd: own().dir };
  const asked: [string, string, object][] = [
    ['POST', 'runs', { job: 'command', params }],
    ['POST', 'runs', { job: 'command', params, dryRun: true }],
    ['POST', 'runs', { job: 'emits', command: params }],
    ['POST', 'runs', { command: params }],
    ['PUT', 'schedules/door', { job: 'command', params, every: '1s' }],
    ['PUT', 'schedules/door', { job: 'emits', command: params, every: '1s' }],
  ];
  for (const [method, path, body] of asked) {
    const { status, json } = await own().api(method, path, body);
    expect([path, status >= 400, json.error?.message]).toEqual([
      path,
      true,
      expect.stringMatching(/starts only what is typed|there is no "command"/),
    ]);
  }
  const started = await own().api('POST', '../../conductor/api/workflow', {
    name: 'command',
    input: params,
  });
  expect([started.status, started.json.message]).toEqual([
    409,
    expect.stringContaining(ONLY_TYPED),
  ]);

  const mine = await typed(own(), ['echo', 'mine'], { inMs: HOUR });
  const changed = await own().api('POST', `runs/${mine.id}/update`, { params });
  expect([changed.status, changed.json.error.message]).toEqual([
    409,
    `run ${mine.id} starts a command, which cannot be changed`,
  ]);
  expect((await own().api('POST', `runs/${mine.id}/update`, { in: '0s' })).status).toBe(200);
  expect(await own().until(mine.id)).toMatchObject({ state: 'done', params: mine.params });
  const again = await own().api('POST', `runs/${mine.id}/rerun`, {});
  expect(await own().until(again.json.id)).toMatchObject({ state: 'done', params: mine.params });
  expect(await logOf(again.json.id)).toEqual(['mine']);

  const { output } = await own().json('run', 'emits');
  expect(output).toEqual([
    ONLY_TYPED,
    ONLY_TYPED,
    ONLY_TYPED,
    expect.stringContaining('there is no "command"'),
  ]);
  const batch = await own().cli(
    ['schedule', '--batch', '-'],
    JSON.stringify({ job: 'command', params }),
  );
  expect([batch.code, batch.stderr]).toEqual([1, expect.stringContaining(ONLY_TYPED)]);
  const all = (await own().ask('jobs')).jobs.map(({ name }: Doc) => name);
  expect(all).not.toContain('door');
  const runs = (await own().ask('list', { job: 'command' })).runs as Doc[];
  expect(runs.filter(({ params: { argv } }) => argv[0] === 'touch').length).toBe(1);
});

it('a command goes on after a restart of the daemon, and without one it runs here with --local', async () => {
  const alone = new Project({ 'jobs/.keep': '' });
  const here = await alone.cli(['run', '--local', '--', 'sh', '-c', 'echo ::output 7']);
  expect([here.code, here.stdout]).toEqual([0, expect.stringContaining('1 command done')]);
  const daemon = await alone.daemon();
  const script = 'echo >> began; [ $(wc -l < began) = 2 ] || sleep 600';
  const started = await typed(alone, ['sh', '-c', script]);
  await eventually(() => existsSync(join(alone.dir, 'began')));
  await daemon.kill('SIGKILL');
  await alone.daemon();
  expect(await alone.until(started.id)).toMatchObject({ state: 'done', attempt: 2 });
}, 60_000);

it('a job file of that name takes its place: what was typed before waits while it is there, and its own runs while it is not', async () => {
  const alone = new Project({ 'jobs/.keep': '' });
  await alone.daemon();
  const before = await typed(alone, ['touch', 'typed'], { inMs: HOUR });
  alone.write('jobs/command.mjs', `export default ({ argv }) => 'a job, given ' + argv;`);
  const ran = await eventually(async () => {
    const { code, stdout } = await alone.cli(['run', 'command', '-p', 'argv=x', '--json']);
    return code === 0 ? JSON.parse(stdout) : null;
  });
  expect(ran.output).toBe('a job, given x');
  const refused = await alone.cli(['run', '--', 'touch', 'typed']);
  expect([refused.code, refused.stderr]).toEqual([
    5,
    expect.stringContaining('a job file has the name of the built-in job'),
  ]);
  const own = await alone.json('schedule', 'command', '--in', '1h', '-p', 'argv=y');
  const waits = async (id: string, why: string): Promise<void> => {
    await alone.ask('update', { id, inMs: 0 });
    await eventually(
      async () => (await alone.ask('show', { id })).error?.message.includes(why) || null,
    );
    expect(await alone.show(id)).toMatchObject({ state: 'scheduled', settledAt: null });
  };
  await waits(before.id, 'has taken the name of the built-in');
  renameSync(join(alone.dir, 'jobs/command.mjs'), join(alone.dir, 'away'));
  await eventually(async () => (await alone.cli(['run', '--dry-run', '--', 'ls'])).code === 0);
  await waits(own.id, 'is gone');
  await alone.ask('update', { id: before.id, inMs: 0 });
  expect((await alone.until(before.id)).state).toBe('done');
  expect(existsSync(join(alone.dir, 'typed'))).toBe(true);
  renameSync(join(alone.dir, 'away'), join(alone.dir, 'jobs/command.mjs'));
  await eventually(async () => (await alone.cli(['run', '--dry-run', '--', 'ls'])).code === 5);
  await alone.ask('update', { id: own.id, inMs: 0 });
  expect(await alone.until(own.id)).toMatchObject({ error: null, output: 'a job, given y' });
}, 60_000);
