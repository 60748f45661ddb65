// Workers outside over real HTTP: they take runs, report and end them; what is late, wrong or from another hand changes
// nothing.
import { expect, test } from 'vitest';
import { accept, OutsideWorker, outsideProject } from '../helpers/outside.ts';
import { eventually } from '../helpers/project.ts';

test('a worker takes a run, reports, and its result is that of the run', async () => {
  const [project, worker] = await outsideProject({ description: 'made elsewhere' });
  const id = await accept(project, { params: { file: 'a.png' } });
  const [lease] = await worker.take();
  expect(lease).toEqual({
    ...{ lease: `${id}.1`, id, job: 'resize', attempt: 1, params: { file: 'a.png' } },
    ...{ checkpoint: null, dueAt: expect.any(String), lockTimeMs: 3_600_000 },
    traceparent: expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-01$/),
  });
  const running = await project.get(`runs/${id}`);
  expect(running.state).toBe('running');
  expect(running.worker).toEqual({ name: 'w1', pid: null, at: expect.stringMatching(/Z$/) });
  expect((await project.json('status')).external).toEqual([
    { name: 'w1', jobs: ['resize'], seenAt: expect.any(String), running: 1 },
  ]);
  const { stdout } = await project.cli(['show', id]);
  expect(stdout).toContain('w1 (outside)');
  expect(stdout).toMatch(/^NO +OUTCOME +STARTED +TOOK +WORKER .*\n1 +running .* w1\b/m);
  const heard = await worker.says(lease.lease, {
    ...{ progress: { percent: 40, text: 'half' }, log: ['a line', { level: 'warn', text: 'b' }] },
    ...{ save: { at: 3 }, rows: [{ n: 1 }, { error: 'no' }] },
    emit: [{ job: 'resize', params: { of: id }, in: '1h', key: 'next' }],
  });
  expect(heard.status).toBe(200);
  expect(heard.json).toMatchObject({ abort: null, emitted: [String(Number(id) + 1)] });
  expect(Date.parse(heard.json.leaseUntil) - Date.now()).toBeGreaterThan(3_500_000);
  const shown = await project.get(`runs/${id}`);
  expect(shown).toMatchObject({ progress: { percent: 40, text: 'half' }, checkpoint: { at: 3 } });
  expect(
    shown.log.map(({ level, text }: { level: string; text: string }) => [level, text]),
  ).toEqual([
    ['info', 'a line'],
    ['warn', 'b'],
  ]);
  expect(shown.results).toEqual([{ n: 1 }, { error: 'no' }]);
  expect(await project.get(`runs/${Number(id) + 1}`)).toMatchObject({ parent: id, key: 'next' });
  const done = await worker.says(`${lease.lease}/done`, { output: { width: 9 } });
  expect(done.status).toBe(200);
  expect(done.json).toMatchObject({ id, state: 'done', output: { width: 9 }, worker: null });
  const after = await project.get(`runs/${id}`);
  expect(after.attempts).toMatchObject([
    { number: 1, outcome: 'returned', pid: null, worker: 'w1' },
  ]);
  expect(await worker.refusal(`${lease.lease}/done`, { output: 'other' })).toBe('409 lost-lease');
  expect((await project.get(`runs/${id}`)).output, 'the first result stays').toEqual({ width: 9 });
});

test('a poll waits for a run and gets it at once; without one it ends empty, and a poll that has gone gets none', async () => {
  const [project, worker] = await outsideProject();
  const began = performance.now();
  expect(await worker.take(['resize'], { wait: '300ms' })).toEqual([]);
  expect(performance.now() - began).toBeGreaterThan(250);
  expect(await worker.take(['resize'], { wait: 0 })).toEqual([]);
  const polling = worker.take(['other', 'resize']);
  await eventually(async () => (await project.ask('status')).external[0]?.jobs.length === 2);
  const at = performance.now();
  const id = await accept(project);
  expect((await polling).map(({ lease }) => lease)).toEqual([`${id}.1`]);
  expect(performance.now() - at).toBeLessThan(2000);
  const gone = new AbortController();
  const lost = fetch(`${project.url}/api/v1/leases`, {
    method: 'POST',
    headers: { authorization: `Bearer ${project.key()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ jobs: ['resize'], worker: 'gone' }),
    signal: gone.signal,
  }).catch(() => null);
  await eventually(async () => (await project.ask('status')).external.length === 2);
  gone.abort();
  await lost;
  await new Promise((resolve) => setTimeout(resolve, 100));
  const next = await accept(project);
  expect((await project.get(`runs/${next}`)).state).toBe('queued');
  expect((await worker.take()).map(({ lease }) => lease)).toEqual([`${next}.1`]);
});

test("several workers share the queue by its order, and a job's concurrency holds for them", async () => {
  const [project, worker] = await outsideProject({ concurrency: 2 });
  const ids = [
    await accept(project),
    await accept(project, { priority: 5 }),
    await accept(project),
  ];
  const other = new OutsideWorker(project, 'w2');
  const taken = [
    ...(await worker.take(['resize'], { count: 1 })),
    ...(await other.take(['resize'], { count: 9 })),
  ];
  expect(taken.map(({ id }) => id)).toEqual([ids[1], ids[0]]);
  expect(await other.take(['resize'], { wait: 0 })).toEqual([]);
  expect((await project.get(`runs/${ids[2]}`)).reason).toMatch(/^concurrency 2 of resize/);
  await worker.says(`${taken[0].lease}/done`, {});
  expect((await other.take()).map(({ id }) => id)).toEqual([ids[2]]);
});

test('failures follow the retries of the job, or what the worker says', async () => {
  const [project, worker] = await outsideProject({ retries: { limit: 1, delay: 1 } });
  const id = await accept(project);
  const [first] = await worker.take();
  const failed = await worker.says(`${first.lease}/failed`, { message: 'no disk', stack: 'at x' });
  expect(failed.json).toMatchObject({
    error: { name: 'Error', message: 'no disk', stack: 'at x' },
  });
  const [second] = await worker.take();
  expect(second.lease).toBe(`${id}.2`);
  expect((await worker.says(`${second.lease}/failed`, { message: 'again' })).json.state).toBe(
    'failed',
  );
  const fatal = await accept(project);
  await worker.take();
  expect((await worker.says(`${fatal}.1/failed`, { message: 'x', retry: false })).json.state).toBe(
    'failed',
  );
  const later = await accept(project);
  await worker.take();
  const waits = await worker.says(`${later}.1/failed`, { message: 'x', retry: { in: '1h' } });
  expect(waits.json.state).toBe('scheduled');
  expect(Date.parse(waits.json.dueAt) - Date.now()).toBeGreaterThan(3_500_000);
});

test('a call-back keeps the number of the attempt under a new lease, and the lease before it is lost', async () => {
  const [project, worker] = await outsideProject();
  const id = await accept(project);
  await worker.take();
  const waits = await worker.says(`${id}.1/callback`, { in: 1, save: { page: 2 } });
  expect(waits.json).toMatchObject({ checkpoint: { page: 2 }, attempt: 1 });
  const [again] = await worker.take();
  expect(again).toMatchObject({ lease: `${id}.1.2`, attempt: 1, checkpoint: { page: 2 } });
  for (const [path, body] of [
    ['', {}],
    ['/done', {}],
    ['/failed', { message: 'x' }],
    ['/callback', { in: 1 }],
    ['/pending', {}],
  ] as const)
    expect([path, await worker.refusal(`${id}.1${path}`, body)]).toEqual([path, '409 lost-lease']);
  const pending = await worker.says(`${id}.1.2/pending`);
  expect(pending.json).toMatchObject({ state: 'waiting', worker: null });
  expect(await worker.refusal(`${id}.1.2/done`)).toBe('409 lost-lease');
  const { json } = await project.api('POST', `runs/${id}/complete`, { output: 7 });
  expect(json).toMatchObject({ state: 'done', output: 7 });
});

test('an abort settles the run at once, and the worker hears of it with its next message', async () => {
  const [project, worker] = await outsideProject();
  const id = await accept(project);
  await worker.take();
  const { json } = await project.api('POST', `runs/${id}/abort`, { reason: 'wrong file' });
  expect(json.results).toMatchObject([{ id, state: 'aborted' }]);
  const heard = await worker.says(`${id}.1`, {
    save: 1,
    rows: [1],
    log: ['late'],
    emit: [{ job: 'resize' }],
  });
  expect([heard.status, heard.json.abort]).toEqual([200, 'wrong file']);
  expect(await project.get(`runs/${id}`)).toMatchObject({
    ...{ state: 'aborted', reason: 'wrong file', checkpoint: null, results: [], log: [] },
    attempts: [{ outcome: 'aborted', worker: 'w1' }],
  });
  expect((await project.get('runs')).total).toBe(1);
  for (const [path, body] of [
    ['done', {}],
    ['failed', { message: 'x' }],
    ['callback', { in: 1 }],
    ['pending', {}],
  ] as const)
    expect([path, await worker.refusal(`${id}.1/${path}`, body)]).toEqual([path, '409 lost-lease']);
  await project.api('POST', `runs/${id}/retry`, {});
  const [again] = await worker.take();
  expect(again.lease).toBe(`${id}.2`);
  expect(await worker.refusal(`${id}.1`)).toBe('409 lost-lease');
});

test('what is wrong with a message is said, and nothing of it is done', async () => {
  const [project, worker] = await outsideProject({}, { 'jobs/own.mjs': 'export default () => 1;' });
  const id = await accept(project);
  const wrong = async (body: object): Promise<string> => {
    const { status, json } = await worker.asks(body);
    return `${status} ${json.error?.message}`;
  };
  expect(await wrong({ jobs: ['own'], worker: 'w' })).toBe('400 the job own is not external');
  expect(await wrong({ jobs: [], worker: 'w' })).toMatch(/^400 jobs must be a list/);
  expect(await wrong({ jobs: ['resize'] })).toMatch(/^400 worker/);
  expect(await wrong({ jobs: ['resize'], worker: 'w', count: 0 })).toMatch(/^400 count/);
  expect(await wrong({ jobs: ['resize'], worker: 'w', wiat: 1 })).toMatch(/there is no "wiat"/);
  const [lease] = await worker.take();
  const bad = async (body: object, path = ''): Promise<string> => {
    const { status, json } = await worker.says(`${lease.lease}${path}`, body);
    return `${status} ${json.error?.message}`;
  };
  const good = { rows: [1], log: ['x'], save: { n: 1 } };
  expect(await bad({ ...good, progress: 'half' })).toMatch(/^400 progress must be/);
  expect(await bad({ ...good, log: [5] })).toMatch(/^400 log must be/);
  expect(await bad({ ...good, log: [{ level: 'loud', text: 'x' }] })).toMatch(/^400 log.level/);
  expect(await bad({ ...good, emit: [{ job: 'resize' }, { job: 'a b' }] })).toMatch(
    /^400 .*cannot be the name/,
  );
  expect(await bad({ ...good, emit: [{ job: 'resize', cron: '@daily' }] })).toMatch(/^400/);
  expect(await bad({ ...good, extend: 'soon' })).toMatch(/^400 extend/);
  expect(await bad({ ...good, sve: 1 })).toMatch(/there is no "sve"/);
  expect(await bad({}, '/failed')).toMatch(/^400 message/);
  expect(await bad({ message: 'x', retry: { in: '1h', at: 1 } }, '/failed')).toMatch(/^400 retry/);
  expect(await bad({ message: 'x', retry: 'no' }, '/failed')).toMatch(/^400 retry/);
  expect(await bad({}, '/callback')).toMatch(/^400 in/);
  for (const other of ['x', '1', '1.1.1.1', '0.1', `${id}.01`, '__proto__'])
    expect([other, (await worker.says(other)).status]).toEqual([
      other,
      other === `${id}.01` ? 409 : 400,
    ]);
  expect(await worker.refusal('99.1')).toBe('409 lost-lease');
  expect(await worker.refusal(`${id}.2`)).toBe('409 lost-lease');
  const shown = await project.get(`runs/${id}`);
  expect(shown).toMatchObject({ state: 'running', checkpoint: null, results: [], log: [] });
  expect((await project.get('runs')).total, 'and no run was emitted').toBe(1);
  const read = await project.api(
    'POST',
    'leases',
    { jobs: ['resize'], worker: 'w' },
    { authorization: `Bearer ${project.key('read-key')}` },
  );
  expect(read.status).toBe(403);
});

test('a message that comes again under its Idempotency-Key is one message', async () => {
  const [project, worker] = await outsideProject();
  const id = await accept(project);
  await worker.take();
  const said = { rows: [{ n: 1 }], emit: [{ job: 'resize' }], log: ['once'] };
  const key = { 'idempotency-key': 'm1' };
  const [a, b] = [await worker.says(`${id}.1`, said, key), await worker.says(`${id}.1`, said, key)];
  expect(b.json).toEqual(a.json);
  const shown = await project.get(`runs/${id}`);
  expect([shown.results.length, shown.log.length, (await project.get('runs')).total]).toEqual([
    1, 1, 2,
  ]);
  const end = { 'idempotency-key': 'm2' };
  const done = await worker.says(`${id}.1/done`, { output: 1 }, end);
  expect((await worker.says(`${id}.1/done`, { output: 1 }, end)).json).toEqual(done.json);
});

test('without a worker that asks, the run says so; with one it does not', async () => {
  const [project, worker] = await outsideProject();
  const id = await accept(project);
  expect((await project.get(`runs/${id}`)).reason).toBe('no worker has asked for it');
  await worker.take(['other'], { wait: 0 });
  expect((await project.get(`runs/${id}`)).reason).toBe('no worker has asked for it');
  const [lease] = await worker.take();
  await accept(project);
  expect((await project.get('runs')).runs[0].reason).toBe(null);
  await worker.says(`${lease.lease}/done`, {});
});

test('the hooks and the lock of a module that is external are asked, and secrets are hidden in what a worker says', async () => {
  const [project, worker] = await outsideProject(
    {},
    {
      'jobrun.config.json': JSON.stringify({ redact: ['token'] }),
      'jobs/mod.mjs': `export default {
  external: true,
  retries: 5,
  params: { type: 'object', required: ['token'] },
  lock: ({ token }) => token,
  onError: (error) => (error.message === 'hopeless' ? 'dismiss' : { retry: { in: 1 } }),
  onDone: (output, ctx) => ctx.log.info('done with ' + output),
  onFailed: (error, ctx) => ctx.log.info('failed with ' + error.message),
};`,
    },
  );
  const params = { token: 'secret-text' };
  expect((await project.api('POST', 'runs', { job: 'mod' })).json.error.message).toContain(
    'token is missing',
  );
  const [first, second] = [
    await accept(project, { job: 'mod', params }),
    await accept(project, { job: 'mod', params }),
  ];
  const [lease] = await worker.take(['mod'], { count: 9 });
  expect([lease.id, lease.params], 'the lock lets one run start').toEqual([first, params]);
  expect((await project.get(`runs/${second}`)).reason).toMatch(/^lock ".*" is held by/);
  // Else it would have the lock before the other is due again.
  await project.api('POST', `runs/${second}/update`, { in: '1h' });
  await worker.says(lease.lease, {
    log: ['with secret-text'],
    progress: { percent: 1, text: 'secret-text' },
  });
  const again = await worker.says(`${lease.lease}/failed`, { message: 'not yet' });
  expect(again.json).toMatchObject({ error: { message: 'not yet' }, params: { token: '***' } });
  const [next] = await worker.take(['mod']);
  expect(next).toMatchObject({ id: first, attempt: 2 });
  const dismissed = await worker.says(`${next.lease}/failed`, { message: 'hopeless' });
  expect(dismissed.json.state).toBe('failed');
  await project.api('POST', `runs/${second}/update`, { in: 0 });
  const [other] = await worker.take(['mod']);
  await worker.says(`${other.lease}/done`, { output: 'x' });
  const lines = async (id: string, last: string): Promise<string[]> =>
    eventually(async () => {
      const { log } = await project.get(`runs/${id}`);
      const texts = log.map(({ text }: { text: string }) => text);
      return texts.at(-1) === last ? texts : null;
    });
  expect(await lines(first, 'failed with hopeless')).toEqual(['with ***', 'failed with hopeless']);
  expect(await lines(second, 'done with x')).toEqual(['done with x']);
});
