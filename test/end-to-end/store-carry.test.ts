// A state that is carried from files into a store and back, as somebody does it at a terminal.
import { expect, it } from 'vitest';
import { freshStore, query } from '../helpers/postgres.ts';
import { Project } from '../helpers/project.ts';

const LONG = 120_000;

const JOBS = {
  'jobs/hello.js': `export default { rateLimit: { limit: 9, per: '1h' },
    lock: (params) => params.door ?? null, run: async (params, ctx) => {
    ctx.log.info('hello ü \u0000', { params });
    ctx.result({ row: ctx.id });
    await ctx.save({ half: true });
    console.log('after the save');
    if (params.fail) throw new Error('no luck');
    return params;
  } };`,
  'jobs/slow.js': `export default { retries: 3, run: async (params, ctx) => {
    ctx.result('row ' + ctx.attempt);
    await ctx.save({});
    ctx.log.info('attempt ' + ctx.attempt);
    if (ctx.attempt === 1) await new Promise((resolve) => setTimeout(resolve, 600_000));
    return ctx.attempt;
  } };`,
  'jobs/flood.js': `export default async (params, ctx) => {
    for (let n = 0; n < 300; n++) {
      ctx.log.info(n + ' ' + 'x'.repeat(60_000));
      if (n % 50 === 0) ctx.result({ n });
      if (n % 20 === 0) await ctx.save(n);
    }
  };`,
};

/** Settled, failed and scheduled runs, some that wait, for a lock and for another run, a key, a schedule, a pause. */
async function lived(): Promise<string> {
  const project = new Project(JOBS);
  await project.json('schedule', 'hello', '-p', 'name=Ada');
  await project.json('schedule', 'hello', '-p', 'fail:=true', '--retries', '0');
  await project.cli(['daemon', '--until-idle']);
  await project.json('schedule', 'hello', '--in', '1h', '--key', 'k');
  await project.json('schedule', 'hello', '--after', '3');
  await project.json('schedule', 'hello', '-p', 'door=a \\ b', '--priority', '2');
  await project.json('schedule', 'hello', '-p', 'door=a \\ b', '--priority', '3');
  await project.json('schedule', 'hello', '--every', '10m', '--name', 'ten', '--in', '1h');
  await project.json('schedule', 'hello', '--every', '10m', '--name', 'nine', '--in', '1h');
  await project.json('pause', 'hello');
  return exported(project);
}

let known: Promise<string> | null = null;

/** Its stream, which all tests here carry about. */
const streamOf = (): Promise<string> => {
  known ??= lived();
  return known;
};

const exported = async (project: Project): Promise<string> => {
  const { code, stdout, stderr } = await project.cli(['export']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};

/** All of a stream but its first line, which says when it was made. */
const below = (stream: string): string => stream.slice(stream.indexOf('\n'));

function on(project: Project, engine: string): Project {
  project.env.JOBRUN_ENGINE = engine;
  return project;
}

it(
  'a state goes into a store and back, and each stream is the same but for its first line',
  async () => {
    const first = await streamOf();
    const project = new Project(JOBS);
    const store = await freshStore({ fsync: true });
    const imported = await on(project, store).cli(['import'], first);
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(imported.stdout.trimEnd().split('\n').at(-1)).toBe(
      `  "engine": ${JSON.stringify(store)}`,
    );
    expect(below(await exported(project))).toBe(below(first));
    const doctor = await project.json('doctor');
    expect(doctor.checks.filter(({ status }: { status: string }) => status !== 'ok')).toEqual([]);
    const back = new Project(JOBS);
    expect((await on(back, 'json').cli(['import'], await exported(project))).stdout).toMatch(
      /\n {2}"engine": "json"\n$/,
    );
    expect(below(await exported(back))).toBe(below(first));
  },
  2 * LONG,
);

/** What a run has said, and its rows. */
async function saidIn(project: Project, id: string): Promise<unknown> {
  const { stdout } = await project.cli(['logs', id, '--json']);
  return [stdout, (await project.show(id)).results];
}

it(
  'logs and rows go along, also of a log whose middle is not kept, and go on after it',
  async () => {
    const first = new Project(JOBS);
    await first.json('schedule', 'flood');
    await first.json('schedule', 'hello', '-p', 'fail:=true', '--retries', '0');
    await first.cli(['daemon', '--until-idle']);
    const [flood, hello] = [await saidIn(first, '1'), await saidIn(first, '2')];
    expect(JSON.stringify(flood)).toMatch(/299 x+.*"n":250/);
    expect(JSON.stringify(flood)).toContain('lines left out');
    const stream = await exported(first);
    const project = on(new Project(JOBS), await freshStore({ fsync: true }));
    expect(await project.cli(['import'], stream)).toMatchObject({ code: 0, stderr: '' });
    expect(await saidIn(project, '1')).toEqual(flood);
    expect(await saidIn(project, '2')).toEqual(hello);
    expect(below(await exported(project)) === below(stream)).toBe(true);
    await project.json('retry', '2');
    await project.cli(['daemon', '--until-idle']);
    const [lines, rows] = (await saidIn(project, '2')) as [string, unknown[]];
    const texts = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).text);
    expect(texts).toEqual(['hello ü \0', 'after the save', 'hello ü \0', 'after the save']);
    expect(rows).toEqual([{ row: '2' }, { row: '2' }]);
    const back = on(new Project(JOBS), 'json');
    expect((await back.cli(['import'], await exported(project))).code).toBe(0);
    expect(await saidIn(back, '1')).toEqual(flood);
    expect(await saidIn(back, '2')).toEqual([lines, rows]);
  },
  2 * LONG,
);

it(
  'after an import the key is held, the request is known, numbers go on, and all runs in its order',
  async () => {
    const stream = await streamOf();
    const store = await freshStore({ fsync: true });
    const project = on(new Project(JOBS), store);
    await project.cli(['import'], stream);
    const asked = stream.split('\n').filter((line) => line.startsWith('{"request":'));
    const rows = await query(store, 'select id from request order by at, id');
    expect(rows.map(({ id }) => id)).toEqual(asked.map((line) => JSON.parse(line).request[0]));
    expect(asked.length).toBeGreaterThan(0);
    expect((await project.json('schedule', 'hello', '--in', '2h', '--key', 'k')).id).toBe('3');
    expect((await project.json('schedule', 'hello', '--in', '2h')).id).toBe('7');
    await project.json('resume', 'hello');
    await project.daemon();
    for (const id of ['5', '6']) await project.until(id);
    const [five, six] = [await project.show('5'), await project.show('6')];
    expect([five.state, six.state]).toEqual(['done', 'done']);
    expect(five.attempts[0].startedAt > six.attempts[0].startedAt).toBe(true);
    expect(await project.show('4')).toMatchObject({ state: 'waiting' });
    await project.json('abort', '3');
    expect(await project.until('4')).toMatchObject({ state: 'aborted' });
  },
  2 * LONG,
);

it(
  'a running run arrives as lost, and a daemon goes on with it',
  async () => {
    const from = new Project(JOBS);
    const daemon = await from.daemon();
    await from.json('schedule', 'slow');
    await from.until('1', ['running']);
    const stream = await exported(from);
    await daemon.kill('SIGKILL');
    const project = on(new Project(JOBS), await freshStore({ fsync: true }));
    expect((await project.cli(['import'], stream)).code).toBe(0);
    await project.daemon();
    expect(await project.until('1', ['done'], 60_000)).toMatchObject({
      state: 'done',
      output: 2,
      attempts: [{ outcome: 'lost' }, { outcome: 'returned' }],
      results: ['row 1', 'row 2'],
      log: [{ text: 'attempt 1' }, { text: 'attempt 2' }],
    });
  },
  2 * LONG,
);

it(
  'only an empty store that no daemon shares takes a stream, and all of it or nothing',
  async () => {
    const stream = await streamOf();
    const store = await freshStore({ fsync: true });
    const project = on(new Project(JOBS), store);
    const cut = await project.cli(['import'], stream.split('\n').slice(0, -2).join('\n'));
    expect(cut.code).toBe(8);
    expect(cut.stderr).toMatch(/the stream was cut off/);
    expect(await project.json('list')).toMatchObject({ total: 0 });
    const daemon = await project.daemon();
    const live = await project.cli(['import'], stream);
    expect(live.code).toBe(5);
    expect(live.stderr).toMatch(/^error: daemons share the store postgres:.*: \S+\n/);
    await daemon.kill('SIGTERM');
    await project.json('schedule', 'hello', '--in', '1h');
    const full = await project.cli(['import', '--json'], stream);
    expect(full.code).toBe(5);
    expect(JSON.parse(full.stderr).error).toMatchObject({ code: 'store-in-use' });
    expect(await query(store, 'select count(*)::int as n from run')).toEqual([{ n: 1 }]);
  },
  2 * LONG,
);

it(
  'the line for the config does not have the password',
  async () => {
    const store = await freshStore({ fsync: true });
    const project = on(new Project(JOBS), store.replace('jobrun@', 'jobrun:secret@'));
    const stream = await streamOf();
    const { stdout, stderr, code } = await project.cli(['import'], stream);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('secret');
    expect(stdout).toContain(`"engine": ${JSON.stringify(store)}`);
  },
  LONG,
);
