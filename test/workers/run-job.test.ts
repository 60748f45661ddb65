// `jobrun/testing`: one attempt of a job in the process of a test, with what it did recorded.
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { defineJob, FatalError, RetryAt } from '../../src/catalog/job.ts';
import { runJob } from '../../src/testing.ts';

const price = defineJob({
  params: z.object({ sku: z.string(), limit: z.number().default(2) }),
  async initialize({ sku }) {
    return { sku, at: 0 };
  },
  async run({ sku, limit }, ctx) {
    for (let at = ctx.checkpoint.at; at < limit; at++) {
      await ctx.sleep('1h');
      ctx.progress((100 * (at + 1)) / limit, `row ${at}`);
      ctx.result({ at });
      await ctx.save({ sku, at: at + 1 });
    }
    ctx.log.info('over', { sku });
    const id = await ctx.emit('mail', { sku }, { in: '5m' });
    const found = await ctx.step('look', () => 42);
    return { sku, id, found, attempt: ctx.attempt };
  },
});

describe('a job in the process of a test', () => {
  it('gets its params filled in, sleeps no real time, and has all that it did recorded', async () => {
    const began = Date.now();
    const result = await runJob(price, { sku: 'A-1' }, { now: '2026-12-01T09:00:00Z' });
    expect(Date.now() - began).toBeLessThan(60_000);
    expectTypeOf(result.output).toEqualTypeOf<
      { sku: string; id: string; found: number; attempt: number } | undefined
    >();
    expect(result).toEqual({
      output: { sku: 'A-1', id: '2', found: 42, attempt: 1 },
      ...{ error: null, again: null, pending: false },
      checkpoint: { sku: 'A-1', at: 2 },
      saved: [0, 1, 2].map((at) => ({ sku: 'A-1', at })),
      progress: [
        { percent: 50, text: 'row 0' },
        { percent: 100, text: 'row 1' },
      ],
      results: [{ at: 0 }, { at: 1 }],
      emitted: [{ job: 'mail', params: { sku: 'A-1' }, options: { in: '5m' } }],
      steps: { look: 42 },
      log: [{ level: 'info', text: 'over', fields: { sku: 'A-1' } }],
      sleptMs: 7_200_000,
    });
  });

  it('goes on from a checkpoint and from steps that were taken, without initialize', async () => {
    const result = await runJob(
      price,
      { sku: 'B', limit: 3 },
      { checkpoint: { sku: 'B', at: 2 }, attempt: 2, steps: { look: 7 } },
    );
    expect(result.saved).toEqual([{ sku: 'B', at: 3 }]);
    expect(result.output).toMatchObject({ found: 7, attempt: 2 });
    expect(result.steps).toEqual({});
  });

  it('is refused params that do not fit, as where a run is accepted', async () => {
    await expect(runJob(price, { sku: 5 } as never)).rejects.toMatchObject({
      code: 'bad-params',
      message: expect.stringContaining('sku: '),
    });
  });

  it('throws as its own error, and says when it wants to be called again', async () => {
    const closed = await runJob(() => {
      throw new FatalError('closed');
    }, {});
    expect(closed.error).toBeInstanceOf(FatalError);
    expect(closed.again).toBe(null);
    const now = new Date('2026-12-01T09:00:00Z');
    const later = new Date('2026-12-01T09:15:00Z');
    const busy = await runJob(
      async () => {
        throw new RetryAt('15m');
      },
      {},
      { now },
    );
    expect([busy.again, busy.error]).toEqual([later, expect.any(RetryAt)]);
    const polled = await runJob(
      (_: object, ctx) => ctx.callback({ in: '15m', output: 1 }),
      {},
      { now },
    );
    expect([polled.again, polled.output, polled.error]).toEqual([later, 1, null]);
    expect((await runJob((_: object, ctx) => ctx.pending(), {})).pending).toBe(true);
  });

  it('fails on an output that is no JSON, as it would in a worker', async () => {
    const { error } = await runJob(() => new Map(), {});
    expect(String(error)).toContain('the output');
  });

  it('refuses what is no job, a job that would be broken, and options that are none', async () => {
    const given = (job: unknown, options?: object): Promise<unknown> =>
      runJob(job as () => number, {}, options);
    for (const [job, options, code, says, hint] of [
      ['mail', {}, 'bad-option', 'not its name', 'Import it'],
      [undefined, {}, 'bad-option', 'not undefined', 'Import it'],
      [{ default: () => 1 }, {}, 'bad-option', 'not the module', 'default export'],
      [{ run: () => 1, retires: 3 }, {}, 'broken-job', 'mean "retries"', 'Fix it'],
      [() => 1, { chekpoint: 1 }, 'bad-option', 'no field "chekpoint"', '"checkpoint"'],
      [() => 1, { attempt: 0 }, 'bad-option', 'attempt must be a whole number from 1', 'Correct'],
      [() => 1, { now: 'soon' }, 'bad-time', 'soon is not a time', 'an ISO text such as'],
    ] as const)
      await expect(given(job, options), says).rejects.toMatchObject({
        code,
        message: expect.stringContaining(says),
        hint: expect.stringContaining(hint),
      });
  });

  it('refuses options of emit as the daemon would, and answers with the name of a schedule', async () => {
    const emit = (options: object): Promise<{ error: unknown; emitted: readonly unknown[] }> =>
      runJob((_: object, ctx) => ctx.emit('mail', {}, { ...options }), {});
    for (const [options, code, says] of [
      [{ dealy: '5m' }, 'bad-option', 'no "dealy"'],
      [{ delay: '5m' }, 'bad-option', 'no "delay"'],
      [{ in: 'soon' }, 'bad-time', 'in must be a duration'],
      [{ in: '5m', at: 5 }, 'bad-option', 'at and in exclude each other'],
      [{ overlap: 'skip' }, 'bad-option', 'overlap has a meaning only with every or cron'],
      [{ priority: 'high' }, 'bad-request', 'priority must be'],
      [{ cron: 'often' }, 'bad-time', 'often'],
    ] as const) {
      const { error, emitted } = await emit(options);
      expect(error, says).toMatchObject({ code, message: expect.stringContaining(says) });
      expect(emitted).toEqual([]);
    }
    const all = await runJob(
      async (_: object, ctx) => [
        await ctx.emit('mail', {}, { cron: '@daily' }),
        await ctx.emit('mail', {}, { every: '1h', name: 'hourly' }),
        await ctx.emit('mail', {}, { at: new Date(5), priority: 2, key: 'k', retries: 0 }),
      ],
      {},
    );
    expect(all).toMatchObject({ error: null, output: ['mail', 'hourly', '4'] });
    expect(all.emitted).toHaveLength(3);
  });

  it('is aborted by a signal; its sleeps end in the order of their times', async () => {
    const ended = new AbortController();
    const order: string[] = [];
    const result = await runJob(
      async (_: object, ctx) => {
        const nap = async (time: string): Promise<void> => {
          await ctx.sleep(time);
          order.push(time);
        };
        await Promise.all([nap('3s'), nap('1s'), nap('2s')]);
        ended.abort(new Error('no longer needed'));
        await ctx.sleep('1s');
      },
      {},
      { signal: ended.signal },
    );
    expect(order).toEqual(['1s', '2s', '3s']);
    expect(result.sleptMs).toBe(3000);
    expect(result.error).toMatchObject({ name: 'AbortError', message: 'no longer needed' });
  });
});
