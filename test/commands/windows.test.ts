// What a client asks for that shows lists: a window in an order, the place of one row, short rows, and a count of
// changes that says whether to ask again.
import { expect, onTestFinished, test } from 'vitest';
import { commandOf, followed, handle } from '../../src/commands/dispatch.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import type { Json } from '../../src/support/json.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { type Doc, eventually, Project } from '../helpers/project.ts';
import { draft } from '../helpers/runs.ts';

const LARGE = 'x'.repeat(20_000);

const FILES = {
  'jobs/import.mjs': `export default { description: 'Takes a price list', group: 'shop', run() {} };`,
  'jobs/mail.mjs': `export default { group: 'letters', cron: '0 3 * * *', run() {} };`,
  'jobrun.config.json': JSON.stringify({ redact: ['password'], timezone: 'UTC' }),
};

async function here(): Promise<{
  context: Context;
  project: Project;
  ask: (name: string, args?: object) => Promise<Doc>;
}> {
  const project = new Project(FILES);
  const { context } = await daemonHere(project);
  await eventually(async () => (await context.engine.schedules()).length > 0);
  return {
    context,
    project,
    ask: async (name, args = {}) => (await handle(await commandOf(name), args, context)) as Doc,
  };
}

const idsOf = ({ runs }: Doc): string[] => runs.map(({ id }: Doc) => id);
const namesOf = (all: readonly Doc[]): string[] => all.map(({ name }) => name);

test('a window of runs has what the filter leaves, in its order, with the place of one of them, and short rows', async () => {
  const { context, ask } = await here();
  const later = context.clock.now() + 3_600_000;
  const params: readonly Json[] = [
    { file: 'spring.csv', large: LARGE },
    { file: 'autumn.csv' },
    { password: 'spring' },
    7,
  ];
  await context.engine.pause({ all: true }, true);
  await context.engine.accept(
    params.map((one, i) =>
      draft({ job: i % 2 ? 'import' : 'mail', params: one, dueAt: later - i * 1000 }),
    ),
    context.clock.now(),
  );
  expect(idsOf(await ask('list', { list: 'scheduled', order: 'due' }))).toEqual([
    '4',
    '3',
    '2',
    '1',
  ]);
  const part = await ask('list', {
    order: 'oldest',
    offset: 1,
    limit: 2,
    around: '4',
    short: true,
  });
  expect([part.total, part.at, idsOf(part)]).toEqual([4, 3, ['2', '3']]);
  for (const name of ['params', 'checkpoint', 'output'])
    expect(part.runs[0]).not.toHaveProperty(name);
  expect(await ask('list', { around: '9' })).toMatchObject({ at: null });
  expect(await ask('list')).not.toHaveProperty('at');
  const found = async (q: string, more = {}): Promise<string[]> =>
    idsOf(await ask('list', { q, ...more }));
  expect(await found('SPRING')).toEqual(['1']);
  expect(await found('csv -autumn')).toEqual(['1']);
  expect(await found('job:mai group:letters')).toEqual(['3', '1']);
  expect(await found('#3')).toEqual(['3']);
  expect(await found('7')).toEqual(['4']);
  expect(await found('state:sched', { states: 'queued' })).toEqual([]);
  expect(await found('', { list: 'errors' })).toEqual([]);
  await expect(ask('list', { q: 'since:soon' })).rejects.toMatchObject({ code: 'bad-option' });
});

test('a search tells what it has found so far, and all of it at last', async () => {
  const { context } = await here();
  await context.engine.pause({ all: true }, true);
  const drafts = Array.from({ length: 10 }, (_, i) => draft({ job: 'mail', params: { i } }));
  await context.engine.accept(drafts, context.clock.now());
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const parts: Doc[] = [];
  const args = { q: 'mail', limit: 3, short: true, parts: true };
  for await (const part of followed(await commandOf('list'), args, context, ended.signal))
    parts.push(part as Doc);
  expect(parts.at(-1)).toMatchObject({ total: 10, complete: true });
  expect(idsOf(parts.at(-1) as Doc)).toEqual(['10', '9', '8']);
});

test('windows of jobs and schedules are filtered and ordered too, and a list without a window is whole', async () => {
  const { context, ask } = await here();
  await context.engine.pause({ all: true }, true);
  await context.engine.accept(
    [draft({ job: 'gone' }), draft({ job: 'gone' })],
    context.clock.now(),
  );
  // Two days ahead: whatever the time of day, the job that is due daily comes first.
  const far = new Date(context.clock.now() + 48 * 3_600_000);
  const cron = `0 4 ${far.getUTCDate()} ${far.getUTCMonth() + 1} *`;
  await ask('schedule', { job: 'import', cron, timezone: 'UTC', name: 'far' });
  const jobs = async (args: object): Promise<string[]> => namesOf((await ask('jobs', args)).jobs);
  expect(await jobs({})).toEqual(['gone', 'import', 'mail']);
  expect(await jobs({ order: 'next' })).toEqual(['mail', 'import', 'gone']);
  expect(await jobs({ q: 'PRICE' })).toEqual(['import']);
  expect(await jobs({ q: '-o' })).toEqual(['mail']);
  expect(await jobs({ q: 'group:letters' })).toEqual(['mail']);
  const part = await ask('jobs', {
    order: 'waiting',
    limit: 1,
    offset: 1,
    around: 'mail',
    short: true,
  });
  expect([part.total, part.at, namesOf(part.jobs)]).toEqual([3, 2, ['import']]);
  expect(part.jobs[0].schedule).toMatchObject({ name: 'far', inFile: false });
  const schedules = await ask('schedules', {
    order: 'next',
    limit: 1,
    around: 'far',
    short: true,
  });
  expect([schedules.total, schedules.at, namesOf(schedules.schedules)]).toEqual([2, 1, ['mail']]);
  expect(schedules.schedules[0]).toMatchObject({ inFile: true });
  expect(schedules.schedules[0]).not.toHaveProperty('next');
  const { schedules: all } = await ask('schedules');
  expect([namesOf(all), all[0].next.length]).toEqual([['far', 'mail'], 5]);
});

test('the count of changes stays where nothing changes, grows with whatever does, and is told on a stream', async () => {
  const { context, ask } = await here();
  const count = async (): Promise<number> => (await ask('changes')).n;
  const before = await count();
  expect(await count()).toBe(before);
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const command = await commandOf('changes');
  const told = followed(command, { since: before }, context, ended.signal)[Symbol.asyncIterator]();
  for (const change of [
    () => context.engine.accept([draft({ job: 'gone' })], context.clock.now()),
    () => context.engine.pause({ all: true }, true),
    () => ask('schedule', { job: 'import', everyMs: 60_000, name: 'often' }),
  ]) {
    const known = await count();
    const next = told.next();
    await change();
    expect(((await next).value as Doc).n).toBeGreaterThan(known);
  }
  ended.abort();
});

test('the parts of a run are asked for as far as they are shown', async () => {
  const { context, ask } = await here();
  await context.engine.accept([draft({ job: 'gone' })], context.clock.now());
  context.logs.begin(1, 1, 0, [0, 1]);
  for (let i = 0; i < 5; i++) context.logs.row(1, i, { i });
  await context.logs.flush(1, false);
  expect(await ask('results', { id: '1', last: 2 })).toEqual({
    total: 5,
    results: [{ i: 3 }, { i: 4 }],
  });
  expect((await ask('results', { id: '1' })).results).toHaveLength(5);
  expect(await ask('show', { id: '1', results: 0, log: 0 })).toMatchObject({
    results: [],
    log: [],
  });
  expect((await ask('show', { id: '1', results: 3 })).results).toEqual([
    { i: 2 },
    { i: 3 },
    { i: 4 },
  ]);
  await expect(ask('results', { id: '2' })).rejects.toMatchObject({ code: 'unknown-run' });
});

test('how much there is of everything is told only to those who ask', async () => {
  const { ask } = await here();
  expect(await ask('status')).not.toHaveProperty('overview');
  const { overview } = await ask('status', { overview: true });
  expect(overview).toMatchObject({ jobs: 2, schedules: 1 });
  expect(overview.throughput.ended).toHaveLength(16);
});

test('a job is found by its name as soon as its file is there, and one without a file is not', async () => {
  const { project, ask } = await here();
  project.write('jobs/late.mjs', `export default { description: 'Just written', run() {} };`);
  expect(await ask('jobs', { name: 'late' })).toMatchObject({ description: 'Just written' });
  await expect(ask('jobs', { name: 'later' })).rejects.toMatchObject({ code: 'unknown-job' });
});
