// Work that outlives its attempts: steps, call-backs, outside results, checkpoints, and jobs that start by themselves.
import { expect, test } from 'vitest';
import { eventually } from '../helpers/project.ts';
import { outcomes, refusal, sharedSite, site } from '../helpers/site.ts';

test('a step never runs twice once it is saved, over failures, kill -9 of the worker and of the daemon', async () => {
  const s = await site({
    steps: `export default { retries: 6, run: async (_p, ctx) => {
      const once = (name) => ctx.step(name, () => { mark(name); return { name, at: Date.now() }; });
      const a = await once('a');
      if (!ctx.checkpoint) { await ctx.save(1); throw new Error('after a'); }
      const b = await once('b');
      if (ctx.checkpoint === 1) { await ctx.save(2); process.kill(process.pid, 'SIGKILL'); await sleep(9999); }
      const c = await once('c');
      if (ctx.checkpoint === 2) { await ctx.save(3); mark('ready'); await sleep(60_000); }
      const again = await ctx.step('a', () => { throw new Error('must not run'); });
      return [a, b, c, again]; } };`,
    failing: `export default { run: async (_p, ctx) => { let n = 0; for (;;) try { return await ctx.step('x', () => { if (++n < 3) throw new Error('no'); return n; }); } catch { mark('step-failed'); } } };`,
    odd: `export default { run: async (_p, ctx) => { await ctx.step('x', () => { mark('odd'); return 5n; }); } };`,
    same: `export default { run: async (_p, ctx) => Promise.all([1, 2, 3].map(() => ctx.step('x', async () => { mark('same'); await sleep(50); return 'one'; }))) };`,
  });
  const run = await s.jobs.schedule('steps');
  await eventually(() => s.marks('ready').length === 1, 30_000);
  await s.kill9();
  await s.up();
  const done = await s.settled(run.id);
  expect(done.state).toBe('done');
  const [a, , , again] = done.output as { name: string }[];
  expect(again).toEqual(a);
  expect(['a', 'b', 'c'].map((name) => s.marks(name).length)).toEqual([1, 1, 1]);
  expect(await s.run('failing')).toMatchObject({ state: 'done', output: 3 });
  expect((await s.run('odd')).error?.message).toContain('BigInt');
  expect(await s.run('same')).toMatchObject({ output: ['one', 'one', 'one'] });
  expect(s.marks('same')).toHaveLength(1);
}, 60_000);

const shop = sharedSite();

shop.add({
  large: `export default { retries: { limit: 1, delay: 10 }, run: async (_p, ctx) => {
    const take = (n) => ctx.step('s' + n, () => { mark('step', { n }); return 'x'.repeat(1024 * 1024 - 1000); });
    let sum = 0;
    for (let n = 0; n < 8; n++) sum += (await take(n)).length;
    if (ctx.attempt === 1) throw new Error('once');
    try { await take(8); } catch (error) { return [sum, error.code, error.message]; } } };`,
});

test('steps of 8 MB in all come back in the next attempt; one more is refused, and the attempt says so', async () => {
  const s = shop.begin();
  const run = await s.run('large');
  expect(run).toMatchObject({ state: 'done', attempt: 2 });
  const message = 'the step "s8" does not fit: the steps of a run save 8 MB at most';
  expect(run.output).toEqual([8 * (1024 * 1024 - 1000), 'too-large', message]);
  expect(s.marks('step').map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
}, 60_000);

shop.add({
  poll: `export default { run: async (_p, ctx) => { const n = (ctx.checkpoint ?? 0) + 1; await ctx.save(n); mark('poll', { attempt: ctx.attempt });
    return n < 4 ? ctx.callback({ in: 150, output: { n } }) : { all: n }; } };`,
  far: `export default { run: (_p, ctx) => ctx.callback({ in: '1h', output: 'so far' }) };`,
});

test('a call-back comes again with its checkpoint and the same attempt count, and shows its output meanwhile', async () => {
  const s = shop.begin();
  const run = await s.run('poll');
  expect(run).toMatchObject({
    state: 'done',
    output: { all: 4 },
    attempt: 1,
    maxAttempts: 1,
    checkpoint: 4,
  });
  expect(outcomes(run)).toEqual(['callback', 'callback', 'callback', 'returned']);
  expect(s.marks('poll').map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  const far = await s.when((await s.jobs.schedule('far')).id, ({ state }) => state === 'scheduled');
  expect(far).toMatchObject({ output: 'so far', attempt: 1 });
  expect(Date.parse(far.dueAt) - Date.now()).toBeGreaterThan(3_500_000);
});

test('a pending run waits without a process until it is completed or failed, over a restart, and only once', async () => {
  const s = await site({
    ask: `export default { retries: 3, run: (_p, ctx) => { mark('ask'); return ctx.pending(); }, onFailed: () => mark('failed') };`,
  });
  const [one, two, three] = [
    await s.jobs.schedule('ask'),
    await s.jobs.schedule('ask'),
    await s.jobs.schedule('ask'),
  ];
  for (const { id } of [one, two, three])
    expect(await s.state(id, 'waiting')).toMatchObject({ attempt: 1 });
  expect((await s.jobs.get(one.id)).reason).toBe(
    `waits for an outside result: jobrun complete ${one.id}`,
  );
  expect((await s.jobs.status()).workers.busy).toBe(0);
  await s.kill9();
  await s.up();
  expect(await s.jobs.get(one.id)).toMatchObject({ state: 'waiting' });
  const waited = s.jobs.result(one.id);
  expect(await s.jobs.complete(one.id, { approved: true })).toMatchObject({
    state: 'done',
    output: { approved: true },
  });
  expect(await waited).toEqual({ approved: true });
  expect(await s.jobs.fail(two.id, 'refused by the bank')).toMatchObject({
    state: 'failed',
    error: { message: 'refused by the bank' },
  });
  expect((await refusal(s.jobs.complete(one.id))).code).toBe('refused');
  expect((await refusal(s.jobs.fail(one.id))).code).toBe('refused');
  expect((await s.project.cli(['complete', three.id, '--output', '{"by":"shell"}'])).code).toBe(0);
  expect(await s.jobs.get(three.id)).toMatchObject({ state: 'done', output: { by: 'shell' } });
  const later = await s.jobs.schedule('ask', {}, { in: '1h' });
  expect((await s.project.cli(['complete', later.id])).code).toBe(5);
  expect(s.marks('ask'), 'never started again').toHaveLength(3);
});

shop.add({
  saves: `export default { retries: 1, run: async ({ size }, ctx) => { if (ctx.attempt === 1) { await ctx.save({ text: 'x'.repeat(size) }); throw new Error('again'); } return ctx.checkpoint.text.length; } };`,
  wrong: `export default async (_p, ctx) => { const circle = {}; circle.me = circle; const told = [];
    for (const value of [circle, 5n, { f() {} }, Array.from({ length: 200 }).reduce((inner) => [inner], 1)]) try { await ctx.save(value); } catch (error) { told.push(error.code + ' ' + error.message); }
    return { told, kept: ctx.checkpoint ?? null }; };`,
});

test('checkpoints up to 1 MB are kept, a larger one and one that is no JSON are refused with what is wrong', async () => {
  const s = shop.begin();
  expect(await s.run('saves', { size: 1024 * 1024 - 20 })).toMatchObject({
    state: 'done',
    output: 1024 * 1024 - 20,
  });
  const over = await s.run('saves', { size: 1024 * 1024 + 20 });
  expect(over.state).toBe('failed');
  expect(over.attempts[0]?.error?.message).toMatch(/checkpoint.*(1 MB|too large|bytes)/i);
  const { told, kept } = (await s.run('wrong')).output as { told: string[]; kept: unknown };
  expect(kept).toBe(null);
  expect(told[0]).toContain('contains itself');
  expect(told[1]).toContain('BigInt');
  expect(told[2]).toContain('a function');
  expect(told[3]).toMatch(/deep/);
});

test('an autostart job initializes once, executes until it has succeeded, goes on after each restart, and done stays done', async () => {
  const s = await site({
    move: `export default { autostart: true, retries: { limit: Infinity, delay: 100, backoff: 'fixed', jitter: 0 },
      initialize: async () => { mark('init'); await sleep(300); return { done: 0 }; },
      run: async (_p, ctx) => { mark('run', { from: ctx.checkpoint.done });
        for (let i = ctx.checkpoint.done; i < 12; i++) { await sleep(120); await ctx.save({ done: i + 1 }); if (i === 1) throw new Error('hiccup'); }
        return 'moved'; } };`,
    unlucky: `export default { autostart: true, retries: { limit: Infinity, delay: 50, jitter: 0, backoff: 'fixed' },
      initialize: () => { mark('try'); if (Math.random() < 2 && (globalThis.n = (globalThis.n ?? 0) + 1) < 3) throw new Error('not yet'); }, run: (_p, ctx) => { mark('unlucky'); return ctx.checkpoint ?? 'none'; } };`,
  });
  const find = async (job: string) => (await s.jobs.list({ job })).runs[0];
  const id = (await eventually(async () => (await find('move')) ?? null)).id;
  await s.when(id, ({ checkpoint }) => (checkpoint as { done: number } | null)?.done === 4);
  await s.kill9();
  await s.up();
  const run = await s.settled(id);
  expect(run).toMatchObject({
    state: 'done',
    output: 'moved',
    maxAttempts: null,
    checkpoint: { done: 12 },
  });
  expect(s.marks('init'), 'never initialized again').toHaveLength(1);
  expect(s.marks('run').map(({ from }) => from)).toEqual([0, 2, expect.any(Number)]);
  await s.settled((await find('unlucky'))?.id ?? '');
  expect(s.marks('unlucky')).toHaveLength(1);
  await s.project.cli(['stop']);
  await s.daemon.exited;
  await s.up();
  s.put('move', `export default { autostart: true, run: () => mark('run') };`);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect((await s.jobs.list({ job: 'move' })).total, 'exactly one run, done stays done').toBe(1);
  expect(s.marks('run')).toHaveLength(3);
  const again = await s.project.json('rerun', id);
  expect(await s.settled(again.id)).toMatchObject({ state: 'done' });
}, 60_000);

shop.add({
  step: `export default async (_p, ctx) => { await ctx.step('n'.repeat(500), () => 1);
    await ctx.step('n'.repeat(501), () => mark('long')); };`,
  lock: `export default { lock: ({ n }) => 'l'.repeat(n), run: () => 'ran' };`,
});

test('a step or a lock is named, not described: a long name is refused and says so', async () => {
  const s = shop.begin();
  const run = await s.run('step');
  expect(run.error?.message).toBe("a step's name has 501 characters: at most 500 are kept");
  expect(s.marks('long')).toEqual([]);
  expect(await s.run('lock', { n: 4096 })).toMatchObject({ output: 'ran' });
  const error = await refusal(s.jobs.schedule('lock', { n: 4097 }));
  expect(error.message).toContain('lock gave a text of 4097 characters: at most 4096 are kept');
});
