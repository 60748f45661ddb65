// What an author writes, as data, or the error that tells how to write it.
import { describe, expect, test } from 'vitest';
import { dataToJson, defaultsOf, readDefinition } from '../../src/catalog/definition.ts';
import { DEFAULT_RETRIES } from '../../src/run/policy.ts';
import { dataFromJson } from '../../src/workers/reading.ts';
import { jobData } from '../helpers/runs.ts';

const read = (fields: object, defaults = {}) => readDefinition({ run() {}, ...fields }, defaults);
const HOUR = 3_600_000;

describe('what is read', () => {
  test('a mere function is a job with every default', () => {
    const data = readDefinition(() => 1, {});
    expect(data).toEqual(jobData());
  });

  test('every data field, in numbers and in texts', () => {
    const { policy, ...data } = read({
      description: 'd',
      group: 'g',
      priority: -3,
      concurrency: 2,
      rateLimit: { limit: 5, per: '1m' },
      retries: {
        limit: Number.POSITIVE_INFINITY,
        delay: 500,
        backoff: 'linear',
        factor: 3,
        maxDelay: 'PT20M',
        jitter: 0,
      },
      timeout: '1h30m',
      lockTime: 2000,
      autostart: true,
      keep: { done: 0, failed: '1w' },
      isolation: 'fresh',
      memory: '1.5GB',
      grace: 0,
    });
    expect(data).toMatchObject({ description: 'd', group: 'g', autostart: true });
    expect(policy).toEqual({
      priority: -3,
      concurrency: 2,
      rateLimit: { limit: 5, perMs: 60_000 },
      retries: {
        limit: Number.POSITIVE_INFINITY,
        delayMs: 500,
        backoff: 'linear',
        factor: 3,
        maxDelayMs: HOUR / 3,
        jitter: 0,
      },
      timeoutMs: 1.5 * HOUR,
      lockTimeMs: 2000,
      graceMs: 0,
      isolation: 'fresh',
      memoryMb: 1536,
      keepDoneMs: 0,
      keepFailedMs: 7 * 24 * HOUR,
    });
  });

  test('retries as a number keeps the other defaults; no word of it is no policy', () => {
    expect(read({ retries: 3 }).policy.retries).toEqual({ ...DEFAULT_RETRIES, limit: 3 });
    expect(read({}).policy.retries).toBe(null);
  });

  test('recurrence by every, with its floor, by cron and by function', () => {
    expect(read({ every: '10ms' }).recurrence?.rule).toEqual({ kind: 'every', everyMs: 1000 });
    const cron = read({ cron: '@daily', timezone: 'Asia/Tokyo', catchUp: 'all', overlap: 'queue' });
    expect(cron.recurrence).toEqual({
      rule: { kind: 'cron', cron: '@daily', timezone: 'Asia/Tokyo' },
      catchUp: 'all',
      overlap: 'queue',
    });
    // The defaults may have one that the job does not want.
    expect(read({ every: null }, { every: '5m' }).recurrence).toBe(null);
    const next = read({ nextRun: () => null });
    expect(next.recurrence?.rule).toEqual({ kind: 'nextRun' });
    expect(next.has).toEqual(new Set(['nextRun']));
  });

  test('the config stands in where the job says nothing, and nowhere else', () => {
    const defaults = defaultsOf({
      defaults: { retries: { delay: '5s' }, timeout: '1m', cron: '@daily' },
      keep: { done: 24 * HOUR, runs: 10 },
      timezone: 'Asia/Tokyo',
    });
    const data = read({ retries: 2, keep: { failed: '2d' }, every: '1m' }, defaults);
    expect(data.policy).toMatchObject({
      retries: { limit: 2, delayMs: 5000 },
      timeoutMs: 60_000,
      keepDoneMs: 24 * HOUR,
      keepFailedMs: 48 * HOUR,
    });
    expect(data.recurrence?.rule).toEqual({ kind: 'every', everyMs: 60_000 });
    expect(read({ cron: '0 9 * * *' }, defaults).recurrence?.rule).toMatchObject({
      timezone: 'Asia/Tokyo',
    });
  });

  test('comes through JSON as it was', () => {
    const data = read({ retries: Number.POSITIVE_INFINITY, lock: () => '', every: 5000 });
    expect(dataFromJson(JSON.parse(JSON.stringify(dataToJson(data))))).toEqual(data);
    expect(dataFromJson(dataToJson(read({})))).toEqual(read({}));
    const keptWaits = read({ retries: { delay: '5s' } });
    expect(dataFromJson(dataToJson(keptWaits))).toEqual(keptWaits);
  });

  test('is no definition where a job wrote it into the pipe of its worker itself', () => {
    const sent = dataToJson(read({ every: 5000 })) as { readonly policy: object };
    expect(dataFromJson(sent)).not.toBeNull();
    for (const forged of [
      null,
      'ok',
      {},
      { ...sent, has: ['toString'] },
      { ...sent, policy: { ...sent.policy, graceMs: 'soon' } },
      { ...sent, recurrence: { rule: { kind: 'every' }, catchUp: 'once', overlap: 'skip' } },
      { ...sent, more: 1 },
    ])
      expect(dataFromJson(forged)).toBeNull();
  });
});

describe('what is refused, with the field and what it takes', () => {
  test.each([
    [{ timout: '5s' }, 'no field "timout": did you mean "timeout"'],
    [{ max_retries: 3 }, 'no field "max_retries": did you mean "retries"?'],
    [{ handler() {} }, 'no field "handler": did you mean "run"?'],
    [{ schedule: '@daily' }, 'no field "schedule": did you mean "cron" or "every"?'],
    [{ name: 'mail' }, 'no field "name": a job\'s name is that of its file'],
    [{ backoff: 'fixed' }, 'no field "backoff": it stands in "retries"'],
    [
      { colour: 'red' },
      'no field "colour": known are: run, params, retries, timeout, cron, every, concurrency and 20 more: see "All fields"',
    ],
    [{ retries: { attempts: 3 } }, 'retries has no field "attempts": did you mean "limit"?'],
    [{ rateLimit: { max: 1, per: '1m' } }, 'rateLimit has no field "max": did you mean "limit"?'],
    [{ timeout: '1 hour' }, 'not "1 hour": write it as "1h"'],
    [{ overlap: 'forbid' }, 'overlap: there is no "forbid": did you mean "skip"?'],
    [{ retries: -1 }, 'retries must be a whole number from 0, not -1'],
    [{ retries: '3' }, 'retries must be'],
    [{ retries: { tries: 3 } }, 'retries has no field "tries"'],
    [{ every: 0 }, 'every must be longer than zero'],
    [{ every: -5 }, 'every must be'],
    [{ every: '5' }, 'every must be a duration'],
    [{ every: '1m', cron: '@daily' }, 'every and cron exclude each other'],
    [{ cron: '@daily', nextRun() {} }, 'cron and nextRun exclude each other'],
    [{ cron: 'not a cron' }, 'cron'],
    [{ cron: '@daily', timezone: 'Mars/Olympus' }, 'Mars/Olympus'],
    [{ memory: 512 }, "memory must be a size from 16MB such as '512MB'"],
    [{ memory: '1MB' }, 'memory must be'],
    [{ isolation: 'thread' }, 'isolation: there is no "thread": known are: process, shared, fresh'],
    [{ isolation: 5 }, "isolation must be 'process' or 'shared' or 'fresh', not 5"],
    [{ concurrency: 0 }, 'concurrency must be a whole number from 1'],
    [{ rateLimit: { limit: 1 } }, 'rateLimit.per is missing: it must be a duration'],
    [{ isolation: 'shard' }, 'isolation: there is no "shard": did you mean "shared"?'],
    [{ timezone: 'Europe/Berln' }, 'timezone: there is no time zone "Europe/Berln": did you mean'],
    [{ catchUp: 'never' }, 'catchUp: there is no "never"'],
    [{ *run() {} }, 'run must be a plain or async function, not a generator'],
    [{ timeout: 0 }, 'timeout must be longer than zero'],
    [{ autostart: 'yes' }, 'autostart must be true or false'],
    [{ params: { type: 'object' } }, 'params must be a Standard Schema validator'],
    [{ onDone: true }, 'onDone must be a function'],
    [{ run: 5 }, 'run must be a function'],
    [{ keep: { done: 'ever' } }, 'keep.done must be a duration'],
  ])('%j', (fields, message) => {
    expect(() => read(fields)).toThrow(message);
  });

  test.each([[undefined], [null], [5], ['text'], [[]], [{}]])('a default export %j', (raw) => {
    expect(() => readDefinition(raw, {})).toThrow();
  });
});
