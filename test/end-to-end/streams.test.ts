// What goes on until it is ended: it can be read line by line, stopped at any line, and tells its end by its exit
// code. And what all commands keep: one document with --json, 80 columns, nothing that moves a terminal.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connected, type Doc, eventually, type Going, Project, ROOT } from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const BIN = join(ROOT, 'bin/jobrun.js');
const ESC = '\u001b';
const EVIL = `${ESC}[31mred${ESC}]0;title\u0007 \u202eevil ${ESC}[2J\u009b5A`;

const JOBS = {
  'jobs/talks.js': `export default { description: 'talks', run: async ({ lines = 5, ms = 100 }, ctx) => {
    for (let i = 1; i <= lines; i++) {
      ctx.log.info('line ' + i, { i });
      ctx.progress((100 * i) / lines, 'at ' + i);
      await ctx.sleep(ms);
    }
    return { lines };
  } };`,
  'jobs/fails.js': `export default async (_, ctx) => { ctx.log.warn('soon'); throw new TypeError('no luck'); };`,
  'jobs/waits.js': `export default (_, ctx) => new Promise((_, no) => ctx.signal.addEventListener('abort', no));`,
  'jobs/evil.js': `const evil = ${JSON.stringify(EVIL)};
    export default { description: 'says ' + evil, group: evil, run: (params, ctx) => {
      ctx.log.info('text ' + evil + '\\nsecond line', { evil });
      console.log('printed ' + evil);
      process.stderr.write('raw ' + evil + '\\n');
      ctx.progress(50, 'progress ' + evil);
      ctx.result({ evil, long: 'x'.repeat(200) });
      throw new Error('failed ' + evil + '\\n' + 'y'.repeat(300));
    } };`,
};

/** Whether it listens already shows only when something happens. */
async function heard(project: Project, events: Going): Promise<void> {
  await eventually(async () => {
    await project.until(await project.accept('talks', { lines: 1, ms: 0 }));
    return events.stdout().includes('run.settled');
  }, 20_000);
}

async function aborted(project: Project, id: string): Promise<void> {
  await project.ask('abort', { ids: [id] });
  await project.until(id);
}

const isSettled = ({ type }: Doc): boolean => type === 'run.settled';

const lines = (text: string): Doc[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('following', () => {
  const made = shared(async () => {
    const project = new Project(JOBS);
    await project.daemon();
    return project;
  });

  test('run shows the log as it comes and ends with the result', async () => {
    const project = made();
    const going = project.start('run', 'talks', '-p', 'lines:=30');
    await eventually(() => going.stdout().includes('line 2'), 20_000);
    expect(going.stdout(), 'while it runs').not.toContain('done');
    expect((await going.exited).code).toBe(0);
    expect(going.stdout().match(/line \d+/g)).toHaveLength(30);
    expect(going.stdout()).toMatch(/\d+ talks done, took .+\n {2}\{"lines":30\}\n$/);

    const failed = await project.cli(['run', 'fails']);
    expect([failed.code, failed.stdout]).toEqual([
      6,
      expect.stringContaining('TypeError: no luck'),
    ]);
    const json = await project.cli(['run', 'fails', '--json']);
    expect([json.code, JSON.parse(json.stdout)]).toEqual([
      6,
      expect.objectContaining({ state: 'failed' }),
    ]);
    const waits = project.start('schedule', 'waits', '--follow');
    await eventually(async () => (await project.ask('status')).counts.running === 1, 20_000);
    await project.json('abort', '--job', 'waits');
    expect((await waits.exited).code).toBe(7);
  }, 60_000);

  test('logs -f gives every line once, from the first, and ends with the run', async () => {
    const project = made();
    const id = await project.accept('talks', { lines: 200, ms: 10 });
    await eventually(async () => (await project.ask('show', { id })).log.length > 0, 20_000);
    const followers = [
      project.start('logs', '-f', id, '--json'),
      project.start('logs', '-f', id, '--json'),
    ];
    for (const follower of followers) {
      expect((await follower.exited).code).toBe(0);
      expect(lines(follower.stdout()).map((line) => line.fields.i)).toEqual(
        Array.from({ length: 200 }, (_, i) => i + 1),
      );
    }
    expect((await project.cli(['logs', id, '-n', '3'])).stdout.trim().split('\n')).toHaveLength(3);
    const first = await project.cli(['logs', id, '--attempt', '1']);
    expect([first.stdout.trim().split('\n').length, first.stderr]).toEqual([200, '']);
    const second = await project.cli(['logs', id, '--attempt', '2']);
    expect([second.stdout, second.stderr]).toEqual(['', 'it has begun 1 attempt so far\n']);
    expect(
      (await project.cli(['logs', '-f', id, '-n', '2'])).stdout.trim().split('\n'),
    ).toHaveLength(2);
  }, 60_000);

  test('events tells the life of a run in order, and again from any of its numbers', async () => {
    const project = made();
    const going = project.start('events', '--job', 'talks');
    await heard(project, going);
    const before = lines(going.stdout()).length;
    await project.until(await project.accept('fails'));
    await project.until(await project.accept('talks'));
    const since = (): Doc[] => lines(going.stdout()).slice(before);
    await eventually(() => since().at(-1)?.type === 'run.settled', 20_000);
    const told = since();
    const types = told.map((event) => event.type);
    expect(types.slice(0, 2)).toEqual(['run.accepted', 'run.started']);
    expect(types.at(-1)).toBe('run.settled');
    expect(types).toContain('run.progress');
    expect(told.every((event) => event.run.job === 'talks' && event.at && event.n > 0)).toBe(true);
    expect(await going.kill('SIGINT')).toEqual({ code: 130, signal: null });

    const again = project.start('events', '--since', String(told[0].n - 1));
    await eventually(() => again.stdout().includes('run.settled'), 20_000);
    expect(lines(again.stdout())[0]).toMatchObject({ n: told[0].n, type: 'run.accepted' });
  }, 60_000);

  test('events of a run under way, told again, have the progress of their time and not of now', async () => {
    const project = made();
    const id = await project.accept('talks', { lines: 1000 });
    const now = async (): Promise<number> =>
      (await project.ask('show', { id })).progress.percent ?? 0;
    await eventually(async () => (await now()) > 0.3, 20_000);
    const going = project.start('events', '--since', '0');
    const ofRun = (): Doc[] => lines(going.stdout()).filter(({ run }) => run?.id === id);
    const isAt6 = ({ run }: Doc): boolean => run.progress.text === 'at 6';
    await eventually(() => ofRun().some(isAt6), 20_000);
    await aborted(project, id);
    await eventually(() => ofRun().some(isSettled), 20_000);
    const told = ofRun();
    const at = (type: string): (number | null)[] =>
      told
        .filter((event) => event.type === type)
        .map(({ run }) => (run.progress.text === null ? null : Number(run.progress.text.slice(3))));
    expect(at('run.started')).toEqual([null]);
    const steps = at('run.progress');
    expect(steps[0]).toBe(1);
    expect(steps.every((step, i) => i === 0 || Number(step) > Number(steps[i - 1]))).toBe(true);
    // The run may get on between the wish to abort it and its end.
    const ends = told.filter(({ type }) => type === 'run.updated' || type === 'run.settled');
    expect(ends).toHaveLength(2);
    for (const end of ends) {
      const before = told
        .slice(0, told.indexOf(end))
        .findLast(({ type }) => type === 'run.progress');
      expect(end.run.progress.text, end.type).toBe(before?.run.progress.text);
    }
  }, 60_000);

  test('wait ends with the worst of the results, with --any at the first, and with 124 when time is up', async () => {
    const project = made();
    const done = await project.accept('talks');
    const failed = await project.accept('fails');
    const waits = await project.accept('waits');
    expect((await project.cli(['wait', done])).code).toBe(0);
    expect((await project.cli(['wait', done, failed])).code).toBe(6);
    expect((await project.cli(['wait', waits, done, '--any'])).code).toBe(0);
    const late = await project.cli(['wait', waits, '--timeout', '300ms', '--json']);
    expect([late.code, late.stdout]).toEqual([124, '']);
    const waiting = project.start('wait', waits, '--json');
    await connected(waiting);
    await aborted(project, waits);
    expect((await waiting.exited).code).toBe(7);
    expect(JSON.parse(waiting.stdout()).runs).toMatchObject([{ id: waits, state: 'aborted' }]);
  }, 60_000);

  test('Ctrl-C ends the command with 130 and SIGTERM with 143; the run goes on', async () => {
    const project = made();
    const id = await project.accept('talks', { lines: 80 });
    const follow = project.start('logs', '-f', id);
    await eventually(() => follow.stdout().includes('line 1'), 20_000);
    expect(await follow.kill('SIGINT')).toEqual({ code: 130, signal: null });
    const wait = project.start('wait', id);
    await connected(wait);
    expect(await wait.kill('SIGTERM')).toEqual({ code: 143, signal: null });
    expect(follow.stderr()).toMatch(
      new RegExp(`Run ${id} continues. Follow: jobrun logs -f ${id}. Stop: jobrun abort ${id}\n$`),
    );
    expect(wait.stderr()).toBe('');
    expect((await project.until(id)).state).toBe('done');
  }, 60_000);
});

const STEPS = `export default async (_, ctx) => {
  for (let i = ctx.checkpoint ?? 0; i < 30; ) {
    ctx.log.info('step ' + ++i);
    await ctx.save(i);
    await ctx.sleep(100);
  }
};`;
const numbersIn = (text: string): number[] =>
  [...text.matchAll(/step (\d+)/g)].map(([, n]) => Number(n));

describe('a daemon that goes away', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    '(%s) and is started again: run, schedule --follow, logs -f, wait and events go on, with nothing lost or shown twice',
    async (signal) => {
      const project = new Project({ ...JOBS, 'jobs/steps.js': STEPS });
      const daemon = await project.daemon('--drain', '0s');
      const events = project.start('events');
      await connected(events);
      const run = project.start('run', 'steps');
      await eventually(() => run.stdout().includes('step 2'), 20_000);
      const others = [
        project.start('logs', '-f', '1', '-n', '1'),
        project.start('wait', '1', '--timeout', '2m'),
        project.start('schedule', 'talks', '--follow', '-p', 'lines:=20'),
      ];
      await eventually(() => others[2]?.stdout().includes('line 2'), 20_000);
      await daemon.kill(signal);
      await eventually(() => run.stderr().includes('the daemon went away'), 20_000);
      await project.daemon();
      for (const one of [run, ...others]) expect(await one.exited).toMatchObject({ code: 0 });

      // The lines of the last moment before a kill may not have been written: a log is no promise.
      const shown = numbersIn(run.stdout());
      expect(shown.length).toBeGreaterThan(signal === 'SIGTERM' ? 29 : 26);
      expect(new Set(shown).size).toBe(shown.length);
      const followed = numbersIn(others[0]?.stdout() ?? '');
      expect(followed).toEqual(shown.slice(-followed.length));
      expect(others[2]?.stdout().match(/line 20\b/g)).toHaveLength(1);
      for (const one of [run, others[0]])
        expect(one?.stderr().match(/attempt 1 .*the next one begins/g)).toHaveLength(1);
      expect((await project.json('list')).total, 'nothing was accepted twice').toBe(2);

      const settled = (): boolean => lines(events.stdout()).filter(isSettled).length === 2;
      await eventually(settled, 20_000);
      const told = lines(events.stdout());
      const kept = told.filter(({ type }) => type !== 'run.progress' && type !== 'gap');
      const jumps = kept.filter((event, i) => i > 0 && event.n !== kept[i - 1].n + 1);
      expect(told.filter(({ type }) => type === 'gap')).toHaveLength(jumps.length);
      expect(new Set(kept.map(({ n }) => n)).size).toBe(kept.length);
    },
    120_000,
  );

  test('and does not come back: it is told, waited for as long as --timeout says, and then the exit code is 4', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    await project.json('schedule', 'talks', '-p', 'lines:=1000');
    const wait = project.start('wait', '1', '--timeout', '8s');
    const log = project.start('logs', '-f', '1');
    await connected(wait);
    await eventually(() => log.stdout().includes('\n'), 20_000);
    await daemon.kill('SIGKILL');
    const lost = performance.now();
    expect((await wait.exited).code).toBe(4);
    expect(performance.now() - lost).toBeGreaterThan(1000);
    expect(wait.stderr()).toMatch(/^the daemon went away: .+\nerror: .+\n {2}.+\n$/);
    // Whoever waits can leave at any time.
    expect(await log.kill('SIGINT')).toEqual({ code: 130, signal: null });
  }, 60_000);

  test.each([['wait', '1'], ['events']])(
    'before the first request of %s: nothing is waited for',
    async (...args) => {
      const project = new Project(JOBS);
      await project.json('schedule', 'talks');
      const { code, stdout, stderr } = await project.cli(args);
      expect([code, stdout]).toEqual([4, '']);
      expect(stderr).toContain('jobrun daemon');
      expect(stderr).not.toContain('went away');
    },
    60_000,
  );
});

const LONG = [
  ['list', '--limit', '1000'],
  ['list', '--limit', '1000', '--json'],
  ['logs', '1'],
  ['logs', '-f', '1'],
  ['events', '--since', '0'],
  ['show', '1'],
  ['jobs'],
  ['--help'],
];

test('whatever is printed may be cut off at any line: | head breaks nothing', async () => {
  const project = new Project(JOBS);
  await project.daemon();
  const batch = Array(300).fill('{"job":"talks","params":{"lines":1,"ms":0}}').join('\n');
  await project.cli(['run', 'talks', '-p', 'lines:=3000', '-p', 'ms:=0']);
  await project.cli(['schedule', '--batch', '-', '-q'], batch);
  for (const args of LONG)
    expect([args, await piped(project, args)]).toEqual([args, { code: '0', stderr: '' }]);
}, 60_000);

/** `jobrun … | head -n 1`, with the exit code of jobrun on a line of its own. */
function piped(
  project: Project,
  args: readonly string[],
): Promise<{ code: string; stderr: string }> {
  const script = '("$@"; echo "code $?" >&2) | head -n 1 > /dev/null';
  const child = spawn('bash', ['-c', script, 'bash', process.execPath, BIN, ...args], {
    cwd: project.dir,
    env: project.env,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  child.stdout.resume();
  return new Promise((resolve) => {
    child.on('close', () => {
      const [, said = '', code = ''] = /^([\s\S]*)code (\d+)\n$/.exec(stderr) ?? [];
      resolve({ code, stderr: said });
    });
  });
}

const COMMANDS = [
  ['status'],
  ['list'],
  ['show', '1'],
  ['show', '2'],
  ['logs', '1'],
  ['logs', '2'],
  ['jobs'],
  ['jobs', 'evil'],
  ['jobs', 'talks'],
  ['schedules'],
  ['wait', '1', '2'],
  ['schedule', 'talks'],
  ['schedule', 'talks', '--in', '1h'],
  ['schedule', 'talks', '--dry-run'],
  ['schedule', 'talks', '--every', '1h', '--name', 'hourly'],
  ['schedules'],
  ['schedules', 'hourly'],
  ['next', 'hourly'],
  ['next', '@daily'],
  ['update', '3', '--priority', '3'],
  ['rerun', '2'],
  ['retry', '1'],
  ['pause'],
  ['pause', 'talks'],
  ['resume', 'talks'],
  ['resume'],
  ['abort', '3'],
  ['unschedule', 'hourly'],
  ['remove', '2'],
  ['prune', '--older-than', '1d', '-y'],
  ['new', 'fresh'],
  ['init'],
];

describe('what is printed', () => {
  test('fits into 80 columns and has nothing that a terminal acts on, whatever a job says', async () => {
    const project = await shown();
    project.env.COLUMNS = '80';
    for (const args of COMMANDS) {
      const { stdout, stderr, code } = await project.cli(args);
      expect([args, code === 0 || args[0] === 'wait', stderr]).toEqual([args, true, stderr]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      if (['list', 'jobs', 'schedules'].includes(args[0] ?? '') && args.length === 1)
        for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
      expect(stdout + stderr).not.toMatch(/undefined|NaN|\[object|Invalid/);
    }
  }, 120_000);

  test('--json is one document on one line and nothing else; -q is ids', async () => {
    const project = await shown();
    const results = await project.calls(COMMANDS.map((args) => [...args, '--json']));
    for (const [i, { stdout, stderr }] of results.entries()) {
      const args = COMMANDS[i] as string[];
      // A log is a line for each of its lines.
      const wanted = args[0] === 'logs' ? stdout.trim().split('\n').length + 1 : 2;
      expect([args, stdout.split('\n').length, stderr]).toEqual([args, wanted, '']);
      if (args[0] === 'logs') continue;
      expect(typeof JSON.parse(stdout)).toBe('object');
      expect(stdout).not.toContain('\u202e');
    }
    expect((await project.cli(['list', '-q'])).stdout).toMatch(/^(?:\d+\n)+$/);
    expect(await project.cli(['schedule', 'talks', '-q'])).toMatchObject({
      stdout: expect.stringMatching(/^\d+\n$/),
      stderr: '',
    });
  }, 120_000);

  test('colour comes only where it is asked for', async () => {
    const project = await shown();
    const colored = async (args: string[]): Promise<boolean> =>
      (await project.cli(['list', ...args])).stdout.includes(`${ESC}[`);
    expect(await colored([])).toBe(false);
    expect(await colored(['--color', 'always'])).toBe(true);
    expect(await colored(['--color', 'always', '--json'])).toBe(false);
    project.env.FORCE_COLOR = '1';
    expect(await colored([])).toBe(true);
    expect(await colored(['--color', 'never'])).toBe(false);
  }, 60_000);

  test('every command has help with examples, within 80 columns', async () => {
    const project = new Project(JOBS);
    const help = await project.cli(['--help']);
    const names = [...help.stdout.matchAll(/^ {2}([a-z]+)(?:, \w+)? {2,}\S/gm)].map(
      ([, name]) => name,
    );
    expect(names.length).toBeGreaterThan(24);
    const helps = await project.calls(names.map((name) => [String(name), '--help']));
    for (const [i, { stdout, code }] of helps.entries()) {
      const name = names[i];
      expect([name, code, stdout.includes('Examples:')]).toEqual([name, 0, true]);
      for (const line of stdout.split('\n'))
        expect([line, line.length <= 80]).toEqual([line, true]);
    }
  }, 120_000);
});

/** A project with a run that failed with evil words and one that is done. */
async function shown(): Promise<Project> {
  const project = new Project(JOBS);
  await project.daemon();
  await project.cli(['run', 'evil']);
  await project.cli(['run', 'talks', '-p', `evil=${EVIL.replaceAll('\u0000', '')}`, '-p', 'ms:=0']);
  await project.json('schedule', 'talks', '--in', '1h', '--key', `key ${EVIL}`);
  return project;
}
