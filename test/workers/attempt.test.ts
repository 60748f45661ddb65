// One attempt in a real worker process: what it gets, what it says, how it ends.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { delay, systemClock } from '../../src/support/clock.ts';
import type { FromRun } from '../../src/workers/messages.ts';
import { assignment, carry, child, jobOf, project, runBody, until } from './harness.ts';

describe('what a job gives back', () => {
  test('its value is the output, and no value is null', async () => {
    expect((await runBody('return { a: [1, new Date(0)] }')).outcome).toEqual({
      kind: 'returned',
      output: { a: [1, '1970-01-01T00:00:00.000Z'] },
    });
    expect((await runBody('')).outcome).toEqual({ kind: 'returned', output: null });
  });

  test.each([
    ['const a = { list: [] }; a.list.push(a); return a', 'the output at "list[0]" is a circle'],
    ['return { a: { n: 10n } }', 'the output at "a.n" is a BigInt'],
    ['return () => 1', 'the output is a function'],
    ['return "x".repeat(1_100_000)', 'larger than 1 MB'],
    ['let a = {}; for (let i = 0; i < 200; i++) a = { a }; return a', 'nested too deeply'],
  ])('what is no JSON fails the attempt and is not cut: %s', async (body, message) => {
    const { outcome } = await runBody(body);
    expect(outcome).toMatchObject({
      kind: 'threw',
      error: { message: expect.stringContaining(message) },
    });
  });

  test('a value that is used twice is no circle', async () => {
    const { outcome } = await runBody('const a = [1]; return { x: a, y: a }');
    expect(outcome).toEqual({ kind: 'returned', output: { x: [1], y: [1] } });
  });
});

describe('what a job throws', () => {
  test.each([
    [
      'throw new TypeError("no such file", { cause: new Error("deep") })',
      'no such file',
      'caused by: Error: deep',
    ],
    ['throw "a text"', 'a text', ''],
    ['throw undefined', 'threw undefined', ''],
    ['throw { a: 1 }', 'threw {"a":1}', ''],
    ['throw new Error()', 'Error without a message', ''],
    ['throw new Proxy({}, { get() { throw new Error("evil") } })', 'threw', ''],
  ])('becomes an error that can be read: %s', async (body, message, stack) => {
    const { outcome } = await runBody(body);
    expect(outcome).toMatchObject({ kind: 'threw' });
    const { error } = outcome as Extract<typeof outcome, { kind: 'threw' }>;
    expect(error.message).toContain(message);
    expect(error.stack).toContain(stack);
  });

  test('FatalError, and whatever says retryable: false, is fatal; another error is not', async () => {
    expect((await runBody('throw new FatalError("gone")')).outcome).toMatchObject({ fatal: true });
    const plain = await runBody('throw Object.assign(new Error("x"), { retryable: false })');
    expect(plain.outcome).toMatchObject({ kind: 'threw', fatal: true });
    expect((await runBody('throw new Error("x")')).outcome).not.toHaveProperty('fatal');
  });

  test('RetryAt is a call-back that keeps its error', async () => {
    const { outcome } = await runBody('throw new RetryAt(new Date(5000), "busy")');
    expect(outcome).toMatchObject({ kind: 'callback', dueAt: 5000, error: { message: 'busy' } });
  });

  test('onError decides at once, and what it throws itself decides nothing but is logged', async () => {
    const dir = project({
      'jobs/a.mjs': `export default { run() { throw new Error('x') }, onError: () => ({ retry: { at: new Date(9) } }) }`,
      'jobs/b.mjs': `export default { run() { throw new Error('x') }, onError: () => 'dismiss' }`,
      'jobs/c.mjs': `export default { run() { throw new Error('x') }, onError() { throw new Error('y') } }`,
    });
    const worker = child(dir);
    const outcomeOf = async (name: string) => carry(worker, assignment(join(dir, 'jobs', name)));
    expect((await outcomeOf('a.mjs')).outcome).toMatchObject({ decision: { retryAt: 9 } });
    expect((await outcomeOf('b.mjs')).outcome).toMatchObject({ decision: 'dismiss' });
    const failing = await outcomeOf('c.mjs');
    expect(failing.outcome).not.toHaveProperty('decision');
    expect(failing.lines[0]).toContain('onError failed: Error: y');
  });
});

describe('endings that are no return', () => {
  test('callback and pending', async () => {
    const { outcome } = await runBody('return ctx.callback({ at: new Date(7000), output: 3 })');
    expect(outcome).toEqual({ kind: 'callback', dueAt: 7000, output: 3 });
    expect((await runBody('return ctx.pending()')).outcome).toEqual({ kind: 'pending' });
  });

  test('process.exit and signals end the process, and its last words are not lost', async () => {
    const left = await runBody('console.log("last words"); process.exit(3)');
    expect(left.exit).toEqual({ exitCode: 3, signal: null });
    expect(left.lines).toEqual(['stdout: last words']);
    const shot = await runBody('console.log("bye"); process.kill(process.pid, "SIGSEGV")');
    expect(shot.exit).toMatchObject({ signal: 'SIGSEGV' });
    expect(shot.lines).toEqual(['stdout: bye']);
  });

  test('out of memory ends the process alone', async () => {
    const body = 'const all = []; for (;;) all.push(new Array(1e5).fill({}))';
    const dir = project({ 'jobs/job.mjs': jobOf(body) });
    const { exit, outcome } = await carry(
      child(dir, { memoryMb: 40 }),
      assignment(join(dir, 'jobs/job.mjs')),
    );
    expect(outcome).toBe(null);
    expect(exit?.signal).toBe('SIGABRT');
  });

  test('a promise that can never settle fails the attempt, and the process goes on', async () => {
    const dir = project({
      'jobs/hung.mjs': jobOf('await new Promise(() => {})'),
      'jobs/next.mjs': jobOf('return 1'),
    });
    const worker = child(dir);
    const { outcome } = await carry(worker, assignment(join(dir, 'jobs/hung.mjs')));
    expect(outcome).toMatchObject({
      kind: 'threw',
      error: { message: expect.stringContaining('nothing left to wait for') },
    });
    const next = await carry(worker, assignment(join(dir, 'jobs/next.mjs'), { run: 2 }));
    expect(next.outcome).toEqual({ kind: 'returned', output: 1 });
  });

  test('a job that waits for a save, a timer or its abort has something left to wait for', async () => {
    const dir = project({
      'jobs/job.mjs': jobOf(
        'await ctx.save(1); await ctx.sleep(50); await new Promise((r) => ctx.signal.addEventListener("abort", r)); return ctx.signal.reason.cause',
      ),
    });
    const worker = child(dir);
    const abort = () =>
      setTimeout(
        () => worker.send({ type: 'abort', run: 1, cause: 'timeout', reason: 'too long' }),
        300,
      );
    const said = await carry(worker, assignment(join(dir, 'jobs/job.mjs')), () => {
      abort();
      return null;
    });
    expect(said.outcome).toEqual({ kind: 'returned', output: 'timeout' });
  });

  test('an error that nothing caught fails the run and taints the process', async () => {
    const later = await runBody(
      'setTimeout(() => { throw new Error("late") }, 5); await ctx.sleep(1000)',
    );
    expect(later).toMatchObject({
      tainted: true,
      outcome: { kind: 'threw', error: { message: 'late' } },
    });
    const forgotten = await runBody(
      'Promise.reject(new Error("forgotten")); await ctx.sleep(1000)',
    );
    expect(forgotten).toMatchObject({
      tainted: true,
      outcome: { error: { message: 'forgotten' } },
    });
  });

  test('an abort ends a sleep with its reason', async () => {
    const dir = project({ 'jobs/job.mjs': jobOf('ctx.log.info("begun"); await ctx.sleep("1h")') });
    const worker = child(dir);
    const said = await carry(
      worker,
      assignment(join(dir, 'jobs/job.mjs')),
      undefined,
      (message) => {
        if (message.type === 'log')
          worker.send({ type: 'abort', run: 1, cause: 'abort', reason: 'no longer wanted' });
      },
    );
    expect(said.outcome).toMatchObject({
      error: { name: 'AbortError', message: 'no longer wanted' },
    });
  });
});

describe('what a job says', () => {
  test('console, stdout, stderr and ctx.log arrive in the order in which they were said', async () => {
    const { lines } = await runBody(`
      console.log('a', { b: 1 }); ctx.log.warn('c'); process.stdout.write('d'); console.error('e');
      process.stdout.write(Buffer.from('f\\ng')); ctx.log.info('h');`);
    expect(lines).toEqual([
      'stdout: a { b: 1 }',
      'log: c',
      'stderr: e',
      'stdout: df',
      'log: h',
      'stdout: g',
    ]);
  });

  test('a job that closes, floods or garbles what it can reach does not disturb the channel', async () => {
    const said = await runBody(`
      process.stdout.end(); process.send?.({ type: 'outcome' });
      const { closeSync } = await import('node:fs'); closeSync(1);
      console.log('{"type":"outcome","run":1,"outcome":{"kind":"returned","output":"forged"}}');
      return 'true'`);
    expect(said.outcome).toEqual({ kind: 'returned', output: 'true' });
    expect(said.lines[0]).toContain('forged');
  });

  test('what a grandchild prints is the log of the run under way', async () => {
    const { lines } = await runBody(`execSync('echo out; echo err >&2', { stdio: 'inherit' })`);
    expect([...lines].sort()).toEqual(['stderr: err', 'stdout: out']);
  });

  test('a line of 100 MB costs no memory here, is cut and says how much is missing', async () => {
    const before = process.memoryUsage().rss;
    const { lines } = await runBody(
      `execSync("head -c 100000000 /dev/zero | tr '\\\\0' x", { stdio: 'inherit' })`,
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/x … \[cut: 99934464 more characters\]$/);
    expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000);
  });

  test('100,000 lines in one turn all arrive', async () => {
    const { lines } = await runBody('for (let i = 0; i < 1e5; i++) console.log(i)');
    expect(lines).toHaveLength(100_000);
    expect(lines.at(-1)).toBe('stdout: 99999');
  });

  test('a million reports of progress are a few messages, and the last one is the last', async () => {
    const { messages } = await runBody(
      'for (let i = 0; i <= 1e6; i++) ctx.progress(i / 5000, "at " + i)',
    );
    const progress = messages.filter((message) => message.type === 'progress');
    expect(progress.length).toBeLessThan(60);
    expect(progress.at(-1)).toMatchObject({ percent: 100, text: 'at 1000000' });
    expect(messages.at(-1)?.type).toBe('outcome');
  });

  test('a job that changes how JSON is written ends its process with a word about it, and does not hang', async () => {
    const said = await runBody(
      `Object.defineProperty(Object.prototype, 'toJSON', { value: () => 'spoilt' }); return { n: 1 };`,
    );
    expect([said.outcome, said.exit?.exitCode]).toEqual([null, 70]);
    expect(said.lines.join()).toContain('how JSON is written');
  });

  test('a table is bounded in bytes as well, over all attempts, with a clear error; what was added stays', async () => {
    const said = await runBody(
      `const row = 'x'.repeat(1024 * 1024 - 2); let n = 0;
       try { for (;; n++) ctx.result(row); }
       catch (error) { await ctx.save(n); return [n, error.code, error.message]; }`,
      { rows: 3, rowBytes: 15 * 1024 * 1024 },
    );
    expect(said.outcome).toEqual({
      kind: 'returned',
      output: [5, 'too-large', expect.stringContaining('at most 20 MB')],
    });
  });

  test('rows are numbered on from those that the checkpoint has', async () => {
    const said = await runBody(
      'ctx.result({ a: 1 }); ctx.result({ error: "x" }); await ctx.save("k")',
      { rows: 5 },
    );
    const rows = said.messages.filter((message) => message.type === 'row');
    expect(rows.map((row) => row.n)).toEqual([5, 6]);
    expect(said.messages.find((message) => message.type === 'save')).toMatchObject({
      checkpoint: 'k',
      rows: 7,
    });
  });
});

describe('what a run keeps', () => {
  const dir = () =>
    project({
      'jobs/job.mjs': `let n = 0;
        export default {
          async initialize(params, ctx) { n++; return { from: params.from }; },
          async run(params, ctx) { return { n, ...ctx.checkpoint, step: await ctx.step('s', () => 42) }; },
        };`,
    });

  test('initialize gives the first checkpoint, saved together with the note that it succeeded', async () => {
    const at = dir();
    const said = await carry(
      child(at),
      assignment(join(at, 'jobs/job.mjs'), { params: { from: 3 } }),
    );
    expect(said.outcome).toEqual({ kind: 'returned', output: { n: 1, from: 3, step: 42 } });
    const saves = said.messages.filter((message) => message.type === 'save');
    expect(saves).toMatchObject([
      { checkpoint: { from: 3 }, initialized: true },
      { step: { name: 's', value: 42 } },
    ]);
  });

  test('once it has succeeded it is never called again, and a finished step neither', async () => {
    const at = dir();
    const kept = { initialized: true, checkpoint: { from: 9 }, steps: { s: 1 } };
    const said = await carry(child(at), assignment(join(at, 'jobs/job.mjs'), kept));
    expect(said.outcome).toEqual({ kind: 'returned', output: { n: 0, from: 9, step: 1 } });
    expect(said.messages.map((message) => message.type)).toEqual(['outcome']);
  });

  test('a save or emit that the daemon refuses rejects in the job', async () => {
    const body = 'return ctx.save(1).catch((e) => [e.code, e.message])';
    const at = project({ 'jobs/job.mjs': jobOf(body) });
    const said = await carry(
      child(at),
      assignment(join(at, 'jobs/job.mjs')),
      () => new Error('disk is full'),
    );
    expect(said.outcome).toEqual({ kind: 'returned', output: ['refused', 'disk is full'] });
  });

  test('emit resolves with the id of the run', async () => {
    const at = project({
      'jobs/job.mjs': jobOf('return ctx.emit("mail", { to: "x" }, { in: "5m" })'),
    });
    const said = await carry(child(at), assignment(join(at, 'jobs/job.mjs')), () => '77');
    expect(said.outcome).toEqual({ kind: 'returned', output: '77' });
    const emit = said.messages.find((message) => message.type === 'emit');
    expect(emit).toMatchObject({ job: 'mail', params: { to: 'x' }, options: { in: '5m' } });
  });
});

describe('many runs in one process', () => {
  test('what each prints goes to its own log, also from its callbacks', async () => {
    const body = `for (let i = 0; i < 20; i++) { console.log(params.n); await ctx.sleep(1 + (params.n * i) % 3);
      setTimeout(() => console.log(params.n), 1); } await ctx.sleep(20)`;
    const dir = project({ 'jobs/job.mjs': jobOf(body) });
    const worker = child(dir);
    const runs = Array.from({ length: 20 }, (_, n) =>
      carry(worker, assignment(join(dir, 'jobs/job.mjs'), { run: n + 1, params: { n } })),
    );
    for (const [n, said] of (await Promise.all(runs)).entries()) {
      expect(said.lines).toHaveLength(40);
      expect(new Set(said.lines)).toEqual(new Set([`stdout: ${n}`]));
    }
  });

  test('an error that nothing caught fails the run that it belongs to, and no other', async () => {
    const body = `if (params.n === 3) { setTimeout(() => { throw new Error('mine') }, 5); } await ctx.sleep(60); return params.n`;
    const dir = project({ 'jobs/job.mjs': jobOf(body) });
    const worker = child(dir);
    const runs = Array.from({ length: 5 }, (_, n) =>
      carry(worker, assignment(join(dir, 'jobs/job.mjs'), { run: n + 1, params: { n } })),
    );
    const kinds = (await Promise.all(runs)).map((said) => said.outcome?.kind);
    expect(kinds).toEqual(['returned', 'returned', 'returned', 'threw', 'returned']);
  });
});

test('what is left over from a finished run does not get into the next', async () => {
  const dir = project({
    'jobs/first.mjs': jobOf('setTimeout(() => { console.log("late"); ctx.progress(9) }, 30)'),
    'jobs/second.mjs': jobOf('await ctx.sleep(100); console.log("second")'),
  });
  const worker = child(dir);
  await carry(worker, assignment(join(dir, 'jobs/first.mjs')));
  const said = await carry(worker, assignment(join(dir, 'jobs/second.mjs'), { run: 2 }));
  await until(() => said.outcome !== null);
  expect(said.lines).toEqual(['stdout: second']);
});

test('of emits that a job does not wait for, a few are read at once, and all are answered in the end', async () => {
  const body = `const all = Array.from({ length: 20_000 }, (_, n) => ctx.emit('other', { n }));
    return (await Promise.all(all)).length;`;
  const dir = project({ 'jobs/job.mjs': jobOf(body) });
  const worker = child(dir);
  const calls: number[] = [];
  let isAnswering = false;
  const answer = (call: number): void =>
    worker.send({ type: 'answer', run: 1, call, answer: { ok: true, value: '2' } });
  const outcome = new Promise((resolve) => {
    const onMessage = (message: FromRun): void => {
      if (message.type === 'outcome') resolve(message.outcome);
      if (message.type !== 'emit') return;
      if (isAnswering) answer(message.call);
      else calls.push(message.call);
    };
    worker.listen(1, { onMessage });
  });
  worker.send({ type: 'run', assignment: assignment(join(dir, 'jobs/job.mjs')) });
  await until(() => calls.length > 999);
  await delay(systemClock, 500);
  // A thousand, and what was in the piece that was read last.
  expect(calls.length).toBeLessThan(4000);
  isAnswering = true;
  for (const call of calls) answer(call);
  expect(await outcome).toEqual({ kind: 'returned', output: 20_000 });
}, 60_000);
