// Values that make no sense from job code and from callers: numbers that are none, times that no calendar has, half
// characters. Each is refused or put right where it comes in, and whatever is listed afterwards can still be read.
import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { Project } from '../helpers/project.ts';
import { outcomes, refusal, Site, sharedSite } from '../helpers/site.ts';

const HALF = "'xxxxxxxxx😀'.slice(0, 10)";
const MENDED = 'xxxxxxxxx\ufffd';

const shop = sharedSite();

shop.add({
  late: `export default { run: () => { throw new Error('x'); }, onError: () => ({ retry: { at: 8.64e15 + 1 } }) };`,
  none: `export default { run: () => { throw new Error('x'); }, onError: () => ({ retry: { at: new Date(NaN) } }) };`,
  back: `export default (_p, ctx) => ctx.callback({ at: 8.64e15 + 1 });`,
  moved: `export default () => { const at = new Date(); const error = new RetryAt(at); at.setTime(NaN); throw error; };`,
  lock: `export default (_p, ctx) => ctx.extendLock(NaN);`,
  nap: `export default (_p, ctx) => ctx.sleep(Infinity);`,
  last: `export default { run: () => { throw new Error('x'); }, onError: () => ({ retry: { at: 8.64e15 } }) };`,
  shown: `export default (_p, ctx) => { ctx.progress(40); ctx.progress(NaN, 'still'); ctx.progress(-Infinity); };`,
});

test('a time from job code that no Date can hold is refused by name, and the last one of all is kept', async () => {
  const s = shop.begin();
  for (const job of ['late', 'none']) {
    const run = await s.run(job);
    expect(run).toMatchObject({ state: 'failed', error: { message: 'x' } });
    expect(run.log.map(({ text }) => text).join()).toContain('is not a time');
  }
  for (const job of ['back', 'moved', 'lock', 'nap']) {
    const run = await s.run(job);
    expect(outcomes(run), job).toEqual(['threw']);
    expect(run.error?.message, job).toMatch(/is not a (time|duration)/);
  }
  expect((await s.run('shown')).state).toBe('done');
  const { id } = await s.jobs.schedule('last');
  const run = await s.state(id, 'scheduled');
  expect(run.dueAt).toBe('+275760-09-13T00:00:00.000Z');
  const { stdout, code } = await s.project.cli(['list']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('last')]);
});

test('a schedule that begins at the end of all time, or repeats beyond it, can be listed', async () => {
  const s = new Site({ work: 'export default () => 1;' });
  const jobs = await connect({ dir: s.project.dir });
  const at = new Date(8.64e15);
  await jobs.schedule('work', {}, { every: '8000000d', at, name: 'rare' });
  await jobs.schedule('work', {}, { cron: '0 0 * * *', at, name: 'last' });
  const { stdout, code } = await s.project.cli(['schedules', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).schedules).toMatchObject([
    { name: 'last', next: ['+275760-09-13T00:00:00.000Z'] },
    { name: 'rare', next: ['+275760-09-13T00:00:00.000Z'] },
  ]);
  await jobs.close();
});

const OPTIONS: readonly (readonly [option: string, value: unknown])[] = [
  ['retries', Number.NaN],
  ['priority', Number.NaN],
  ['priority', Number.POSITIVE_INFINITY],
  ['key', Number.NaN],
  ['key', Symbol('k')],
  ['timeout', Number.NaN],
  ['in', Number.POSITIVE_INFINITY],
  ['at', new Date(Number.NaN)],
  ['at', 8.64e15 + 1],
  ['after', [Number.NaN]],
  ['priority', 5n],
];

test('an option that JSON would lose is refused by name at the caller, not taken for none; endless retries are meant', async () => {
  const s = new Site({ work: 'export default () => 1;' });
  const jobs = await connect({ dir: s.project.dir });
  for (const [option, value] of OPTIONS) {
    const options = { [option]: value } as never;
    const one = await refusal(jobs.schedule('work', {}, options));
    expect(one.message, `${option} ${String(value)}`).toContain(option);
    const [many] = await jobs.scheduleMany([{ job: 'work', ...(options as object) }]);
    expect(many, option).toMatchObject({ message: one.message });
  }
  const calls = [
    () => jobs.list({ limit: Number.NaN }),
    () => jobs.list({ offset: Number.POSITIVE_INFINITY }),
    () => jobs.update('1', { priority: Number.NaN }),
    () => jobs.schedule('work', {}, { every: Number.NaN }),
  ];
  for (const call of calls)
    expect((await refusal(call())).message).toMatch(/^(limit|offset|priority|every) is /);
  const params = [{ n: Number.NaN }, [Number.POSITIVE_INFINITY], { at: new Date(Number.NaN) }];
  for (const odd of params)
    expect((await refusal(jobs.schedule('work', odd))).message).toMatch(/^the params .*JSON/);
  expect((await jobs.list()).total).toBe(0);
  const endless = await jobs.schedule('work', {}, { retries: Number.POSITIVE_INFINITY });
  expect(endless.maxAttempts).toBe(null);
  await jobs.close();
});

const LOST = {
  output: 'return { rows: [{ total: 0 / 0 }] };',
  whole: 'return 1 / 0;',
  date: `return { at: new Date('never') };`,
  boxed: 'return [Object(NaN)];',
  later: `return ctx.callback({ in: '1s', output: { n: NaN } });`,
  save: 'await ctx.save({ n: -Infinity });',
  step: `await ctx.step('sum', () => ({ n: NaN }));`,
  row: 'ctx.result({ n: NaN });',
  first: '',
};

shop.add({
  ...Object.fromEntries(
    Object.entries(LOST).map(([name, body]) => [
      name,
      `export default { initialize: () => ${name === 'first' ? '({ n: NaN })' : '1'}, async run(_p, ctx) { ${body} } };`,
    ]),
  ),
  says: `export default (_p, ctx) => { ctx.log.info('said', { n: NaN, all: [Infinity], at: new Date(NaN), 1: 1 }); return { n: null, left: undefined }; };`,
});

test('a number or a date of which JSON would make null fails the attempt that gave it, with its place, and is not lost', async () => {
  const s = shop.begin();
  for (const job of Object.keys(LOST)) {
    const { state, error, output, checkpoint, results } = await s.run(job);
    expect([job, state, output, results]).toEqual([job, 'failed', null, []]);
    expect(checkpoint, job).toBe(job === 'first' ? null : 1);
    expect(error?.message, job).toMatch(
      / is (NaN|-?Infinity|an invalid Date), which JSON cannot hold$/,
    );
  }
  expect((await s.run('output')).error?.message).toContain('the output at "rows[0].total" is NaN');
  const said = await s.run('says');
  expect(said).toMatchObject({ state: 'done', output: { n: null } });
  const fields = { n: 'NaN', all: ['Infinity'], at: 'Invalid Date', 1: 1 };
  expect(said.log.find(({ text }) => text === 'said')?.fields).toEqual(fields);
}, 60_000);

shop.add({
  emits: `const values = { retries: NaN, priority: -Infinity, key: NaN, at: new Date(NaN), after: [Infinity] };
    export default async (_p, ctx) => {
      const said = {};
      for (const [name, value] of Object.entries(values))
        said[name] = await ctx.emit('afterwards', {}, { [name]: value }).then(() => 'accepted', (error) => error.message);
      return { said, id: await ctx.emit('afterwards', {}, { retries: Infinity, at: new Date(8.64e15) }) };
    };`,
});

test('ctx.emit refuses the same by name in the job that called it, and nothing is accepted', async () => {
  const s = shop.begin();
  const total = async (): Promise<number> => (await s.jobs.list({ job: 'afterwards' })).total;
  const before = await total();
  const { output } = await s.run('emits');
  const { said, id } = output as unknown as { said: Record<string, string>; id: string };
  for (const [name, message] of Object.entries(said)) expect(message).toContain(name);
  expect(await s.jobs.get(id)).toMatchObject({ state: 'scheduled', maxAttempts: null });
  expect(await total()).toBe(before + 1);
});

const WRONG_FIELDS = [
  'priority: NaN',
  'concurrency: NaN',
  'rateLimit: { limit: Infinity, per: 1000 }',
  'rateLimit: { limit: 1, per: NaN }',
  'retries: NaN',
  'retries: { limit: 1, delay: NaN }',
  'retries: { limit: 1, factor: NaN }',
  'retries: { limit: 1, jitter: NaN }',
  'retries: { limit: 1, maxDelay: Infinity }',
  'timeout: NaN',
  'lockTime: Infinity',
  'grace: NaN',
  'every: NaN',
  'keep: { done: Infinity }',
];

test('a definition with a number that is none is broken and names the field; retries without end are none of these', async () => {
  const jobs = WRONG_FIELDS.map((field, i) => [`w${i}`, `export default { run() {}, ${field} };`]);
  const s = new Site({
    ...Object.fromEntries(jobs),
    fine: 'export default { run() {}, retries: { limit: Infinity } };',
  });
  const { stdout } = await s.project.cli(['jobs', '--json']);
  const listed = JSON.parse(stdout).jobs as { name: string; state: string; error: string }[];
  for (const [i, field] of WRONG_FIELDS.entries()) {
    const job = listed.find(({ name }) => name === `w${i}`);
    expect(job?.state, field).toBe('broken');
    expect(job?.error, field).toContain(field.slice(0, field.indexOf(':')));
  }
  expect(listed.find(({ name }) => name === 'fine')?.state).toBe('ok');
});

shop.add({
  half: `const half = ${HALF};
    export default { retries: 1, description: half, run: async (params, ctx) => {
      if (ctx.attempt === 1) { await ctx.save({ half }); throw Object.assign(new Error(half), { name: half }); }
      ctx.progress(10, half);
      ctx.result({ [half]: half });
      ctx.log.info(half, { half });
      console.log(half);
      const step = await ctx.step(half, () => ({ half }));
      await ctx.emit('half', { half }, { in: '1h', key: half });
      await ctx.sleep(100);
      return { half, step, params, saved: ctx.checkpoint, whole: '😀', text: '\\\\ud83d' };
    } };`,
  'cmd.sh': `#!/bin/sh\necho '::output {"half":"xxxxxxxxx\\ud83d","whole":"\\ud83d\\ude00"}'\n`,
});

test('half a character from a job, in whatever it says, becomes U+FFFD where it is taken in, and whole ones stay', async () => {
  const s = shop.begin();
  const run = await s.run('half', { half: 'xxxxxxxxx\ud83d' }, { key: 'a\ud83d' });
  expect(run).toMatchObject({
    state: 'done',
    key: 'a\ufffd',
    params: { half: MENDED },
    progress: { text: MENDED },
    checkpoint: { half: MENDED },
    output: {
      half: MENDED,
      step: { half: MENDED },
      params: { half: MENDED },
      saved: { half: MENDED },
      whole: '😀',
      text: '\\ud83d',
    },
    results: [{ [MENDED]: MENDED }],
    attempts: [{ error: { name: MENDED, message: MENDED } }, {}],
  });
  expect((await s.run('cmd')).output).toEqual({ half: MENDED, whole: '😀' });
  await s.jobs.abort((await s.jobs.schedule('half', {}, { in: '1h' })).id, { reason: 'a\ud83d' });
  for (const args of [['list'], ['show', run.id], ['jobs'], ['logs', run.id]]) {
    const { stdout, code } = await s.project.cli([...args, '--json']);
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('xxxxxxxxx');
    expect(stdout).not.toMatch(/(?<!\\)\\ud[89a-f]/i);
  }
});

test('half a character from a caller without a daemon, or in a JSON text, becomes U+FFFD too', async () => {
  const project = new Project({ 'jobs/work.mjs': 'export default () => 1;' });
  const jobs = await connect({ dir: project.dir });
  const key = `k\udc00`;
  const { id } = await jobs.schedule('work', { a: ['b\ud800'] }, { key });
  expect(await jobs.get(id)).toMatchObject({ key: 'k\ufffd', params: { a: ['b\ufffd'] } });
  expect(await jobs.abort(id, { reason: key })).toMatchObject({ results: [{ id }] });
  expect(await jobs.get(id)).toMatchObject({ reason: 'k\ufffd' });
  await jobs.close();
  const typed = await project.cli([
    'schedule',
    'work',
    '--params',
    '{"a":"\\ud83d","b":"\\ud83d\\ude00"}',
    '--json',
  ]);
  expect(JSON.parse(typed.stdout)).toMatchObject({ params: { a: '\ufffd', b: '😀' } });
});
