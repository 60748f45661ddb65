// A daemon and its commands on a state in which many records make no sense, each in another field: it starts, goes on
// with all that makes sense, says of the rest what is wrong, and is whole again once somebody has looked.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect, type RunView } from '../../src/index.ts';
import { sumOf } from '../../src/support/files.ts';
import { editDocument, mutationsOf } from '../helpers/odd-state.ts';
import { type Doc, eventually, Project } from '../helpers/project.ts';
import { Site } from '../helpers/site.ts';

const JOBS = {
  work: `export default { isolation: 'shared', run: ({ i = 0 }) => i };`,
  boom: `export default { isolation: 'shared', run: () => { throw new Error('no'); } };`,
  slow: `export default { isolation: 'fresh', run: async (_p, ctx) => { ctx.log.info('up'); mark('slow', { attempt: ctx.attempt }); if (ctx.attempt === 1) await sleep(600_000); } };`,
};

/** Every third stays as it is; the others get one mutation each, as long as there are any. */
function spoil(records: Doc[], skip: (record: Doc) => boolean): ReadonlyMap<Doc, string> {
  const spoilt = new Map<Doc, string>();
  const mutable = records.filter((record) => !skip(record));
  const sample = mutable[0];
  const all = mutationsOf(structuredClone(sample)).filter(({ what }) => !/^(id|name)\b/.test(what));
  let next = 0;
  for (const [i, record] of mutable.entries()) {
    if (i % 3 === 0) continue;
    // Spread over all fields, for there are more mutations than records.
    const mutation = all[(next++ * 17) % all.length];
    mutation?.apply(record);
    spoilt.set(record.id ?? record.name, mutation?.what ?? '');
  }
  return spoilt;
}

test('a daemon starts, and every command answers, where stored runs and schedules make no sense in any field; nothing else is affected', async () => {
  const s = await new Site(JOBS).up();
  const { project, jobs } = s;
  const many = async (job: string, count: number, more = {}) =>
    (await jobs.scheduleMany(
      Array.from({ length: count }, (_, i) => ({ job, params: { i }, ...more })),
    )) as RunView[];
  const done = await many('work', 90);
  const failed = await many('boom', 60);
  for (const { id } of [...done, ...failed]) await s.settled(id);
  const later = await many('work', 150, { in: '1h', retries: 2, timeout: '1m' });
  for (let i = 0; i < 60; i++)
    await jobs.schedule('work', {}, { cron: '0 3 * * *', name: `cron-${i}`, timezone: 'UTC' });
  await project.cli(['stop']);
  await s.daemon.exited;

  const before = await jobs.list({ limit: 1000 });
  const spoilt = new Map<string, string>();
  const take = (of: ReadonlyMap<Doc, string>): void => {
    for (const [key, what] of of) spoilt.set(String(key), what);
  };
  editDocument(join(project.state, 'runs/000000.json'), ({ runs }) => {
    for (const list of [done, failed, later]) {
      const ids = new Set(list.map(({ id }) => Number(id)));
      take(spoil(runs, ({ id }: Doc) => !ids.has(id)));
    }
  });
  editDocument(join(project.state, 'schedules.json'), ({ schedules }) => {
    take(spoil(schedules, () => false));
    const unreadable = { cron: '61 * * * *', timezone: 'UTC' };
    schedules.find(({ name }: Doc) => name === 'cron-0').rule = { kind: 'cron', ...unreadable };
    spoilt.set('cron-0', 'its cron');
  });

  const others = ({ runs }: { runs: readonly RunView[] }): readonly RunView[] =>
    runs.filter(({ id }) => !spoilt.has(id));
  const answers = async (up: boolean): Promise<void> => {
    for (const [args, code] of [
      [['list', '--limit', '1000', '--json'], 0],
      [['schedules', '--json'], 0],
      [['jobs', '--json'], 0],
      [['show', [...spoilt.keys()][0] ?? '', '--json'], 0],
      [['status', '--json'], up ? 0 : 4],
      [['wait', done[0]?.id ?? '', failed[0]?.id ?? '', '--json'], 6],
      [['doctor', '--json'], 8],
    ] as const) {
      const said = await project.cli(args);
      expect({ args, code: said.code, stderr: said.stderr }).toMatchObject({ args, code });
      JSON.parse(said.stdout);
    }
    const listed = await jobs.list({ limit: 1000 });
    expect(listed.total).toBe(before.total);
    expect(others(listed)).toEqual(others(before));
  };
  await answers(false);
  const { stdout } = await project.cli(['schedules', '--json']);
  const schedules = JSON.parse(stdout).schedules as Doc[];
  expect(schedules).toHaveLength(60);
  expect(schedules.find(({ name }) => name === 'cron-0')).toMatchObject({
    state: 'stopped',
    nextAt: null,
    note: expect.stringContaining('61'),
  });
  for (const { name, state, next } of schedules)
    if (!spoilt.has(name))
      expect({ name, state, next: next.length }).toEqual({ name, state: 'ok', next: 5 });

  await s.up();
  await answers(true);
  expect((await s.run('work', { i: 7 })).output).toBe(7);
  await jobs.schedule('work', {}, { every: '1s', name: 'tick' });
  await eventually(
    async () =>
      (await jobs.list({ job: 'work', state: 'done', limit: 1 })).runs[0]?.schedule === 'tick',
  );
  expect(s.daemon.log()).toContain('makes no sense');

  const asides = (await jobs.list({ limit: 1000 })).runs.filter(({ reason }) =>
    reason?.startsWith('set aside'),
  );
  expect(asides.length).toBeGreaterThan(80);
  const last = asides.find(({ state, job }) => state === 'failed' && job === 'work');
  const again = await jobs.retry(last?.id ?? '');
  expect((await s.settled(again.id)).state).toBe('done');
  const named = (await project.cli(['doctor'])).stdout;
  expect(named).not.toContain(`run ${again.id} is set aside`);
  expect(named).toContain('schedule cron-0 is stopped');

  // A run is as it stands once somebody has looked; a schedule stays stopped until it is asked for anew, or ended.
  await project.cli(['stop']);
  await s.daemon.exited;
  const repaired = await project.cli(['doctor', '--repair']);
  expect(repaired.code).toBe(8);
  expect(repaired.stdout).toContain('schedule cron-0 makes no sense and stays stopped');
  expect((await project.cli(['doctor'])).stdout).not.toMatch(/run \d+ is set aside/);
  const anew = ['schedule', 'work', '--cron', '0 4 * * *', '--name', 'cron-0', '--replace'];
  expect((await project.cli(anew)).code).toBe(0);
  const kept = JSON.parse((await project.cli(['schedules', '--json'])).stdout).schedules as Doc[];
  expect(kept.find(({ name }) => name === 'cron-0')).toMatchObject({ state: 'ok' });
  for (const { name, state } of kept)
    if (state === 'stopped') await project.cli(['unschedule', name]);
  expect((await project.cli(['doctor'])).code).toBe(0);
}, 240_000);

test('a run whose lease makes no sense is taken back by the next daemon, and its log with odd lines is shown', async () => {
  const s = await new Site(JOBS).up();
  const { project } = s;
  const ids = (await s.jobs.scheduleMany([
    { job: 'slow' },
    { job: 'slow' },
    { job: 'slow' },
  ])) as RunView[];
  for (const { id } of ids) await s.state(id, 'running');
  await eventually(() => s.marks('slow').length === 3);
  const log = join(project.state, 'logs', `${ids[0]?.id}.jsonl`);
  await eventually(() => existsSync(log));
  await s.kill9();
  // Into the files, so that they can be edited: a command that changes something opens and folds.
  const quiet = await connect({ dir: project.dir });
  await quiet.pause('work');
  await quiet.close();
  editDocument(join(project.state, 'locks.json'), ({ leases, workers }) => {
    leases[0].mark = null;
    leases[1].run = -5;
    leases[2].token = 'odd';
    for (const worker of workers) worker.pid = 'odd';
  });
  const odd = { row: 4e9, value: 1 };
  const body = JSON.stringify(odd).slice(0, -1);
  writeFileSync(log, `${readFileSync(log, 'utf8')}${body},"sum":"${sumOf(body)}"}\n`);
  expect((await project.cli(['doctor'])).code).toBe(8);
  await s.up();
  for (const { id } of ids) {
    const run = await s.settled(id);
    expect(run).toMatchObject({
      state: 'done',
      attempts: [{ outcome: 'lost' }, { outcome: 'returned' }],
    });
  }
}, 120_000);

test('an import names what makes no sense line by line, sets it aside and takes all else', async () => {
  const from = new Project({ 'jobs/work.mjs': JOBS.work });
  const jobs = await connect({ dir: from.dir });
  for (let i = 0; i < 3; i++) await jobs.schedule('work', { i }, { in: '1h' });
  await jobs.schedule('work', {}, { cron: '0 3 * * *', name: 'nightly' });
  await jobs.close();
  const { stdout } = await from.cli(['export']);
  const [, ...lines] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Doc);
  for (const line of lines) {
    if (line.run?.id === 2) line.run.state.dueAt = null;
    if (line.schedule) line.schedule.rule.cron = '61 * * * *';
    if (line.starts) line.starts[1] = 'odd';
  }
  const head = stdout.slice(0, stdout.indexOf('\n') + 1);
  const end = lines.pop();
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const stream = `${head}${text}${JSON.stringify({ ...end, sum: sumOf(text) })}\n`;
  const into = new Project({ 'jobs/work.mjs': JOBS.work });
  const imported = await into.cli(['import', '--json'], stream);
  expect(imported).toMatchObject({ code: 0 });
  expect(JSON.parse(imported.stdout)).toMatchObject({
    imported: 3,
    setAside: [
      expect.stringMatching(/^line \d+: schedule nightly makes no sense: .*61/),
      expect.stringMatching(
        /^line \d+: run 2 makes no sense: state.dueAt must be a time, not null/,
      ),
    ],
  });
  const listed = JSON.parse((await into.cli(['list', '--json'])).stdout);
  expect(listed.runs).toMatchObject([
    { id: '3', state: 'scheduled' },
    { id: '2', state: 'failed', reason: expect.stringContaining('state.dueAt') },
    { id: '1', state: 'scheduled' },
  ]);
  const looked = await into.cli(['doctor']);
  expect(looked.code).toBe(8);
  expect(looked.stdout).toContain('run 2 is set aside');
  expect(looked.stdout).toContain('schedule nightly is stopped');
  // What cannot even be a stream of ours is refused as before, and nothing is taken.
  const third = new Project({ 'jobs/work.mjs': JOBS.work });
  expect((await third.cli(['import'], stream.replace('"nightly"', '"other"'))).code).toBe(8);
}, 60_000);
