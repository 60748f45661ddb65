// How attempts fail, and what becomes of their runs: retries, the author's word, time, silence, and processes that end.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { commandOf, eventually, isAlive, processesIn } from '../helpers/project.ts';
import { outcomes, refusal, sharedSite, site } from '../helpers/site.ts';

const waits = (run: {
  attempts: readonly { startedAt: string; endedAt: string | null }[];
}): number[] =>
  run.attempts
    .slice(1)
    .map((next, i) => Date.parse(next.startedAt) - Date.parse(run.attempts[i]?.endedAt ?? ''));

const fails = (fields: string): string =>
  `export default { ${fields}, run: (_p, ctx) => { mark('try', { job: ctx.job, attempt: ctx.attempt }); throw new Error('no ' + ctx.attempt); } };`;

const shop = sharedSite();

shop.add({
  fixed: fails("retries: { limit: 3, delay: 200, backoff: 'fixed', jitter: 0 }"),
  linear: fails("retries: { limit: 3, delay: 150, backoff: 'linear', jitter: 0 }"),
  exponential: fails(
    "retries: { limit: 3, delay: 150, backoff: 'exponential', factor: 2, jitter: 0, maxDelay: 400 }",
  ),
  jittered: fails("retries: { limit: 4, delay: 300, backoff: 'fixed', jitter: 0.5 }"),
  never: fails('retries: 0'),
});

test('retries wait as their backoff says, never sooner, and end at the limit with the last error', async () => {
  const s = shop.begin();
  const [fixed, linear, exponential, jittered, never] = await Promise.all(
    ['fixed', 'linear', 'exponential', 'jittered', 'never'].map((job) => s.run(job)),
  );
  for (const [run, wanted] of [
    [fixed, [200, 200, 200]],
    [linear, [150, 300, 450]],
    [exponential, [150, 300, 400]],
  ] as const) {
    expect(run).toMatchObject({
      state: 'failed',
      attempt: 4,
      maxAttempts: 4,
      error: { message: 'no 4' },
    });
    const seen = waits(run as never);
    wanted.forEach((ms, i) => {
      expect(seen[i], `${run?.job} ${seen}`).toBeGreaterThanOrEqual(ms - 2);
      expect(seen[i]).toBeLessThan(ms + 3000);
    });
  }
  for (const ms of waits(jittered as never)) expect(ms).toBeGreaterThanOrEqual(148);
  expect(new Set(waits(jittered as never)).size).toBeGreaterThan(1);
  expect(never).toMatchObject({ state: 'failed', attempt: 1, maxAttempts: 1 });
  expect(s.marks('try').filter(({ job }) => job === 'never')).toHaveLength(1);
});

shop.add({
  again: `export default { run: (_p, ctx) => { if (ctx.attempt < 3) throw new Error('x'); return ctx.attempt; },
    onError: (error, ctx) => { mark('asked', { message: error.message, attempt: ctx.attempt }); return { retry: { in: 100 } }; } };`,
  at: `export default { run: (_p, ctx) => { if (ctx.attempt < 2) throw new Error('x'); return ctx.attempt; },
    onError: () => ({ retry: { at: new Date(Date.now() + 150) } }) };`,
  dismissed: `export default { retries: 5, run: () => { throw new Error('useless'); }, onError: () => 'dismiss' };`,
  undecided: `export default { retries: { limit: 1, delay: 50, jitter: 0 }, run: () => { throw new Error('x'); }, onError: () => undefined };`,
  itself: `export default { retries: { limit: 1, delay: 50, jitter: 0 }, run: () => { throw new Error('the job'); },
    onError: () => { throw new Error('the hook'); } };`,
  late: `export default { timeout: 300, grace: 100, run: async (_p, ctx) => { if (ctx.attempt === 1) await sleep(60_000); return 'second'; },
    onError: (error) => { mark('late', { error: error.name }); return { retry: { in: 50 } }; } };`,
});

test('the author decides: onError retries when it says, dismisses for good, and its own failure decides nothing', async () => {
  const s = shop.begin();
  expect(await s.run('again')).toMatchObject({ state: 'done', output: 3 });
  expect(s.marks('asked').map(({ attempt }) => attempt)).toEqual([1, 2]);
  expect(await s.run('at')).toMatchObject({ state: 'done', output: 2 });
  expect(await s.run('dismissed')).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { message: 'useless' },
  });
  expect(await s.run('undecided')).toMatchObject({ state: 'failed', attempt: 2 });
  const itself = await s.run('itself');
  expect(itself).toMatchObject({ state: 'failed', attempt: 2, error: { message: 'the job' } });
  expect(itself.log.some(({ text }) => text.includes('the hook'))).toBe(true);
  expect(await s.run('late')).toMatchObject({ state: 'done', output: 'second' });
  // On a busy machine the second attempt may be late as well.
  expect(new Set(s.marks('late').map(({ error }) => error))).toEqual(new Set(['TimeoutError']));
});

shop.add({
  fatal: `export default { retries: 5, run: () => { mark('fatal'); throw new FatalError('closed'); } };`,
  plain: `export default { retries: 5, run: () => { mark('plain'); throw Object.assign(new Error('no'), { retryable: false }); } };`,
  later: `export default { run: async (_p, ctx) => { const n = (ctx.checkpoint ?? 0) + 1; await ctx.save(n);
    mark('later', { attempt: ctx.attempt });
    if (n < 4) throw new RetryAt(n === 1 ? new Date(Date.now() + 100) : 100, 'busy'); return n; } };`,
});

test('FatalError and retryable: false fail at once whatever retries says; RetryAt does not count', async () => {
  const s = shop.begin();
  const [fatal, plain, later] = await Promise.all(
    ['fatal', 'plain', 'later'].map((job) => s.run(job)),
  );
  expect(fatal).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { name: 'FatalError', message: 'closed' },
  });
  expect(plain).toMatchObject({ state: 'failed', attempt: 1 });
  expect([s.marks('fatal').length, s.marks('plain').length]).toEqual([1, 1]);
  expect(later).toMatchObject({ state: 'done', output: 4, attempt: 1, maxAttempts: 1 });
  expect(s.marks('later').map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
});

test('a slow start uses up neither the timeout nor the lock time; slow code of the job does', async () => {
  const s = await site({
    slow: `await sleep(1500); export default { timeout: 1000, lockTime: 900, run: () => 'in time' };`,
    late: `await sleep(1500); export default { timeout: 1000, grace: 50, initialize: () => sleep(60_000), run: () => 'never' };`,
  });
  const [slow, late] = await Promise.all([s.run('slow'), s.run('late')]);
  expect([slow.state, slow.output, outcomes(slow)]).toEqual(['done', 'in time', ['returned']]);
  expect([late.state, outcomes(late)]).toEqual(['failed', ['timeout']]);
  expect(late.error).toMatchObject({ name: 'TimeoutError', message: 'took longer than 1.0s' });
});

test('a daemon and its workers that were stopped together go on where they were; one that was not is timed out', async () => {
  const s = await site({
    half: `export default { timeout: 3000, lockTime: 2500, run: async (_p, ctx) => { mark('half', { group: process.pid }); await sleep(300); await ctx.save(1); await sleep(300); return 'whole'; } };`,
    late: `export default { timeout: 3000, grace: 50, run: () => sleep(60_000) };`,
  });
  const { id } = await s.jobs.schedule('half');
  const [begun] = await eventually(() => (s.marks('half').length > 0 ? s.marks('half') : null));
  const pids = [s.daemon.pid, begun?.group];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await sleep(5000);
  for (const pid of pids.reverse()) process.kill(pid, 'SIGCONT');
  const half = await s.settled(id);
  expect([half.state, half.output, outcomes(half)]).toEqual(['done', 'whole', ['returned']]);
  expect(outcomes(await s.run('late'))).toEqual(['timeout']);
});

test('a daemon that was stopped alone reads the heartbeats that came meanwhile before it calls a lock stale', async () => {
  const beats = (isolation: string) =>
    `export default { isolation: '${isolation}', lockTime: '1s', run: async (_p, ctx) => {
      mark('beats'); for (let i = 0; i < 60; i++) { ctx.progress(i); await sleep(100); } return ctx.attempt; } };`;
  const s = await site({
    alone: beats('process'),
    together: beats('shared'),
  });
  const jobs = ['alone', 'together', 'together', 'together'];
  const ids = await Promise.all(jobs.map(async (job) => (await s.jobs.schedule(job)).id));
  await eventually(() => s.marks('beats').length === jobs.length || null);
  for (let stops = 0; stops < 2; stops++) {
    process.kill(s.daemon.pid, 'SIGSTOP');
    await sleep(3000);
    process.kill(s.daemon.pid, 'SIGCONT');
    await sleep(1000);
  }
  const runs = await Promise.all(ids.map((id) => s.settled(id)));
  expect(runs.map((run) => run.output)).toEqual([1, 1, 1, 1]);
}, 60_000);

shop.add({
  deaf: `import { spawn } from 'node:child_process';
    export default { timeout: 400, grace: 200, run: async () => { const child = spawn('sleep', ['1000']); mark('child', { child: child.pid });
      process.on('SIGTERM', () => {}); for (;;) await sleep(50); } };`,
  blocked: `export default { timeout: 400, grace: 200, run: () => { for (;;); } };`,
  polite: `export default { timeout: 400, grace: 20_000, run: (_p, ctx) => new Promise((_, reject) => {
    const told = () => { mark('told', { cause: ctx.signal.reason.cause }); reject(ctx.signal.reason); };
    if (ctx.signal.aborted) told(); else ctx.signal.addEventListener('abort', told); }) };`,
});

test('an attempt past its timeout is told, then killed with all that it started; a run that obeys is not', async () => {
  const s = shop.begin();
  const [deaf, blocked, polite] = await Promise.all(
    ['deaf', 'blocked', 'polite'].map((job) => s.run(job)),
  );
  for (const run of [deaf, blocked, polite]) {
    expect(run).toMatchObject({ state: 'failed', error: { name: 'TimeoutError' } });
    expect(outcomes(run as never)).toEqual(['timeout']);
  }
  expect(isAlive(s.marks('child')[0].child), 'what it started must not live on').toBe(false);
  expect(s.marks('told')).toMatchObject([{ cause: 'timeout' }]);
  expect(Date.parse(polite?.settledAt ?? '') - Date.parse(polite?.startedAt ?? '')).toBeLessThan(
    10_000,
  );
});

shop.add({
  silent: `import { spawn } from 'node:child_process';
    export default { lockTime: 1500, grace: 100, onStale: (ctx) => mark('stale', { id: ctx.id }),
    run: async (_p, ctx) => { mark('begin', { attempt: ctx.attempt }); if (ctx.attempt === 1) { spawn('sleep', ['1000']); for (;;); } return 'ok'; } };`,
  lively: `export default { lockTime: 2500, run: async (_p, ctx) => { const signs = [() => ctx.progress(1), () => ctx.log.info('x'), () => ctx.save(1), () => console.log('y')];
    for (let i = 0; i < 6; i++) { await sleep(600); await signs[i % 4](); } return ctx.attempt; } };`,
  extended: `export default { lockTime: 2000, run: async (_p, ctx) => { ctx.extendLock('30s'); await sleep(3000); return ctx.attempt; } };`,
  shortened: `export default { lockTime: '1h', grace: 50, run: async (_p, ctx) => { if (ctx.attempt > 1) return ctx.attempt; ctx.extendLock(200); await sleep(60_000); } };`,
  limited: `export default { lockTime: 200, grace: 50, retries: { limit: 1, delay: 10 }, onFailed: () => mark('given-up'), run: () => { for (;;); } };`,
});

test('a silent attempt is stale: its process is gone before the next begins, onStale is told once, and heartbeats keep it', async () => {
  const s = shop.begin();
  const [silent, lively, extended, shortened, limited] = await Promise.all(
    ['silent', 'lively', 'extended', 'shortened', 'limited'].map((job) => s.run(job)),
  );
  expect(silent).toMatchObject({ state: 'done', output: 'ok', attempt: 2 });
  expect(outcomes(silent as never)).toEqual(['stale', 'returned']);
  expect(silent?.attempts[1]?.pid).not.toBe(silent?.attempts[0]?.pid);
  const [first, second] = silent?.attempts ?? [];
  expect(Date.parse(second?.startedAt ?? '')).toBeGreaterThanOrEqual(
    Date.parse(first?.endedAt ?? ''),
  );
  await eventually(() => s.marks('stale').length === 1);
  expect([lively?.output, extended?.output, shortened?.output]).toEqual([1, 1, 2]);
  expect(limited).toMatchObject({ state: 'failed', attempt: 2, error: { name: 'StaleError' } });
  expect(outcomes(limited as never)).toEqual(['stale', 'stale']);
  await eventually(() => s.marks('given-up').length === 1);
  expect(s.marks('stale')).toHaveLength(1);
  const left = processesIn(s.project.dir).map(commandOf);
  expect(left.filter((command) => command.startsWith('sleep 1000'))).toEqual([]);
});

const OOM = 'const all = []; for (;;) all.push({ n: all.length, text: String(Math.random()) });';

test('a process that ends under its run is a failed attempt that says how, and neither daemon nor other runs notice', async () => {
  const s = await site(
    {
      exits: `export default () => process.exit(3);`,
      zero: `export default () => process.exit(0);`,
      killed: `export default async () => { process.kill(process.pid, 'SIGKILL'); await sleep(10_000); };`,
      segfault: `export default async () => { process.kill(process.pid, 'SIGSEGV'); await sleep(10_000); };`,
      memory: `export default { memory: '64MB', run: () => { ${OOM} } };`,
      nothing: `export default () => new Promise(() => {});`,
      uncaught: `export default async () => { setTimeout(() => { throw new Error('from a timer'); }, 10); await sleep(10_000); };`,
      rejected: `export default async () => { Promise.reject(new Error('nobody caught it')); await sleep(10_000); };`,
      other: `export default async () => { await sleep(4000); return 'untouched'; };`,
    },
    '--workers',
    '4',
  );
  const other = await s.jobs.schedule('other');
  await s.state(other.id, 'running');
  const how = async (job: string) =>
    (await s.run(job)) as never as {
      state: string;
      error: { message: string };
      attempts: { exitCode: number; signal: string; outcome: string }[];
    };
  const [exits, zero, killed, segfault] = await Promise.all(
    ['exits', 'zero', 'killed', 'segfault'].map(how),
  );
  expect(exits).toMatchObject({ state: 'failed', attempts: [{ outcome: 'threw', exitCode: 3 }] });
  expect(exits?.error.message).toContain('exit code 3');
  expect(zero?.error.message).toContain('exit code 0');
  expect(killed).toMatchObject({ state: 'failed', attempts: [{ signal: 'SIGKILL' }] });
  expect(segfault?.error.message).toContain('SIGSEGV');
  const [memory, nothing, uncaught, rejected] = await Promise.all(
    ['memory', 'nothing', 'uncaught', 'rejected'].map(how),
  );
  expect(memory?.state).toBe('failed');
  expect(memory?.error.message).toContain('out of memory');
  expect(nothing?.error.message).toContain('nothing left to wait for');
  expect(uncaught?.error.message).toBe('from a timer');
  expect(rejected?.error.message).toBe('nobody caught it');
  expect(await s.settled(other.id)).toMatchObject({
    state: 'done',
    output: 'untouched',
    attempt: 1,
  });
  expect(await s.jobs.status()).toMatchObject({ running: true, pid: s.daemon.pid });
});

shop.add({
  belated: `export default { retries: { limit: 1, delay: 300, jitter: 0 }, run: async (_p, ctx) => {
    if (ctx.attempt === 2) { await sleep(600); return ctx.checkpoint ?? 'clean'; }
    const old = ctx;
    setTimeout(async () => { old.progress(77, 'late'); const told = []; for (const what of [() => old.save('late'), () => old.emit('other'), () => old.step('s', () => 1), () => old.result({ a: 1 })])
      try { await what(); told.push('took'); } catch (error) { told.push(error.code); } mark('late', { told }); }, 100);
    throw new Error('first'); } };`,
  other: `export default () => mark('other');`,
  twice: `export default () => new Promise((resolve, reject) => { resolve(1); reject(new Error('no')); resolve(2); });`,
});

test('what an attempt still says after it is over changes nothing', async () => {
  const s = shop.begin();
  const run = await s.run('belated');
  expect(run).toMatchObject({ state: 'done', output: 'clean', checkpoint: null, results: [] });
  expect(run.progress.text).toBe(null);
  for (const { told } of s.marks('late'))
    expect(told).toEqual(['refused', 'refused', 'refused', 'refused']);
  expect(s.marks('late')).toHaveLength(1);
  expect(s.marks('other')).toEqual([]);
  expect(await s.run('twice')).toMatchObject({ state: 'done', output: 1 });
});

shop.add({
  good: `export default { run: () => ({ n: 1 }), onDone: (output, ctx) => mark('done', { output, id: ctx.id }), onFailed: () => mark('wrong') };`,
  bad: `export default { retries: { limit: 1, delay: 20 }, run: () => { throw new Error('no'); }, onFailed: (error) => mark('failed', { message: error.message }), onDone: () => mark('wrong') };`,
  broken: `export default { run: () => 1, onDone: () => { throw new Error('the hook broke'); } };`,
  ends: `export default { run: () => 1, onDone: () => process.exit(9) };`,
});

test('hooks are told of the end once each, and what goes wrong in them changes nothing', async () => {
  const s = shop.begin();
  const runs = await Promise.all(['good', 'bad', 'broken', 'ends'].map((job) => s.run(job)));
  expect(runs.map(({ state }) => state)).toEqual(['done', 'failed', 'done', 'done']);
  await eventually(() => s.marks('done').length > 0 && s.marks('failed').length > 0);
  const told = /onDone failed: Error: the hook broke\n +at .*broken\.mjs:\d+/;
  await s.when(runs[2]?.id ?? '', ({ log }) => log.some(({ text }) => told.test(text)));
  await eventually(() => /"msg":"onDone failed"/.test(s.daemon.log()));
  expect(s.daemon.log()).toMatch(
    /"run":"\d+","job":"broken","err":\{"type":"Error","message":"[^"]*the hook broke","stack":"[^"]*broken\.mjs/,
  );
  await s.when(runs[3]?.id ?? '', ({ log }) =>
    log.some(({ text }) => text.includes('exit code 9')),
  );
  expect(s.marks('done')).toMatchObject([{ output: { n: 1 }, id: runs[0]?.id }]);
  expect(s.marks('failed')).toMatchObject([{ message: 'no' }]);
  expect(s.marks('wrong')).toEqual([]);
});

test('a run whose daemon was killed goes on with the next number, and fails when that happened too often', async () => {
  const s = await site({
    lost: `export default async (_p, ctx) => { mark('lost', { attempt: ctx.attempt }); await sleep(60_000); };`,
    counted: `export default { retries: { limit: 1, delay: 10 }, run: async (_p, ctx) => { mark('counted', { attempt: ctx.attempt }); await sleep(60_000); } };`,
    once: `export default { retries: 0, run: async () => { mark('once', {}); await sleep(60_000); } };`,
  });
  const [lost, counted] = [await s.jobs.schedule('lost'), await s.jobs.schedule('counted')];
  const once = await s.jobs.schedule('once');
  for (let n = 1; n <= 6; n++) {
    await eventually(
      () =>
        s.marks('lost').length === n &&
        s.marks('counted').length === Math.min(n, 2) &&
        s.marks('once').length === 1,
      30_000,
    );
    await s.kill9();
    await s.up();
  }
  expect(await s.settled(counted.id)).toMatchObject({
    state: 'failed',
    attempt: 2,
    error: { name: 'LostError' },
  });
  expect(await s.settled(once.id)).toMatchObject({
    state: 'failed',
    attempt: 1,
    maxAttempts: 1,
    error: { name: 'LostError' },
  });
  const run = await s.settled(lost.id);
  expect(run).toMatchObject({ state: 'failed', attempt: 6, error: { name: 'LostError' } });
  expect(s.marks('lost').map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(new Set(s.marks('lost').map(({ pid }) => pid)).size).toBe(6);
}, 90_000);

shop.add({
  parent: `export default (_, ctx) => { if (ctx.attempt < 2) throw new Error('not yet'); return 1; };`,
  child: `export default () => 2;`,
  once: `export default (_, ctx) => { if (ctx.attempt < 2) throw new Error('once'); return 3; };`,
});

test('a run that was to follow one that has failed, or was removed, is not retried alone, but with it, or with force', async () => {
  const s = shop.begin();
  const parent = await s.jobs.schedule('parent');
  const child = await s.jobs.schedule('child', {}, { after: [parent.id] });
  const other = await s.jobs.schedule('child', {}, { after: [parent.id] });
  for (const { id } of [child, other]) expect((await s.settled(id)).state).not.toBe('done');
  const refused = await refusal(s.jobs.retry(child.id));
  expect([refused.code, refused.message]).toEqual([
    'refused',
    `run ${child.id} runs after run ${parent.id}, which has failed`,
  ]);
  expect(refused.hint).toContain('force: true');
  await s.jobs.retry(other.id, { force: true });
  expect((await s.settled(other.id)).output).toBe(2);
  expect((await s.jobs.get(parent.id)).state).toBe('failed');
  await s.project.json('retry', parent.id, child.id);
  for (const { id } of [parent, child]) expect((await s.settled(id)).state).toBe('done');
  const late = await s.jobs.schedule('parent', {}, { in: '1h' });
  const last = await s.jobs.schedule('child', {}, { after: [late.id] });
  await s.jobs.abort(late.id);
  await s.settled(last.id);
  await s.project.json('remove', late.id);
  const unknown = await refusal(s.jobs.retry(last.id));
  expect([unknown.message, unknown.hint]).toEqual([
    `run ${last.id} runs after run ${late.id}, which was removed, so its result is not known`,
    expect.stringContaining(`retry('${last.id}', { force: true })`),
  ]);
  await s.jobs.retry(last.id, { force: true });
  expect((await s.settled(last.id)).output).toBe(2);
  // One that has begun before had its parent done, and it does not matter that this one was removed.
  const again = await s.jobs.schedule('once', {}, { after: [other.id] });
  expect((await s.settled(again.id)).state).toBe('failed');
  await s.project.json('remove', other.id);
  await s.jobs.retry(again.id);
  expect((await s.settled(again.id)).output).toBe(3);
  // What it waited for is done now: nothing is in its way.
  expect((await refusal(s.jobs.retry(child.id))).message).toContain('is done');
}, 60_000);
