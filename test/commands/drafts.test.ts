// From a request to a draft: what is filled in, and what is refused by which code.
import { describe, expect, test } from 'vitest';
import type { Catalog, Checked, FileEntry, JobEntry } from '../../src/catalog/catalog.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import { draftsOf, runOf } from '../../src/commands/shared/drafts.ts';
import { inTurns } from '../../src/commands/shared/several.ts';
import type { Policy } from '../../src/run/policy.ts';
import type { Run } from '../../src/run/run.ts';
import { systemClock } from '../../src/support/clock.ts';
import { JobrunError } from '../../src/support/errors.ts';
import type { Json } from '../../src/support/json.ts';
import { jobData, NOW, policy, queuedRun, retries } from '../helpers/runs.ts';

function sound(name: string, own: Partial<Policy> = {}, checked = false): FileEntry {
  const has = new Set(checked ? (['params'] as const) : []);
  const data = jobData({ policy: policy(own), has });
  return { name, file: `/jobs/${name}.js`, kind: 'module', state: 'ok', data };
}

const JOBS: readonly FileEntry[] = [
  sound('mail', { priority: 4, retries: retries(2) }),
  sound('strict', {}, true),
  { name: 'broken', file: '/jobs/broken.js', kind: 'module', state: 'broken', error: 'line 3' },
];

/** A catalog that checks as a job would which wants `to` and has a default for `count`. */
function catalog(calls: Json[][] = []): Catalog {
  const check = (params: Json): Checked => {
    const { to } = params as { to?: Json };
    if (to === undefined) return { ok: false, issues: ['to: is missing'] };
    return { ok: true, params: { to, count: 1 }, lock: String(to) };
  };
  return {
    all: () => JOBS,
    find: (name) => JOBS.find((job) => job.name === name) ?? null,
    names: () => JOBS.map((job) => job.name),
    rescan: async () => undefined,
    rereadBroken: async () => undefined,
    reread: async (name) => JOBS.find((job) => job.name === name) ?? null,
    ready: async () => undefined,
    known: async () => undefined,
    async check(_job, params) {
      calls.push([...params]);
      return params.map(check);
    },
  };
}

function context(calls?: Json[][]): Context {
  const find = async (id: number): Promise<Run | null> => (id === 7 ? queuedRun(7) : null);
  const config = { store: null, jobs: '/nowhere', trace: { join: 60_000 } };
  const clock = systemClock;
  return { catalog: catalog(calls), config, clock, engine: { find } } as unknown as Context;
}

async function make(request: unknown): Promise<unknown> {
  const [draft] = await draftsOf([runOf(request)], context(), NOW);
  if (draft instanceof JobrunError) throw draft;
  return draft;
}

test('a bare request gets empty params, the priority of its job, and is due at once', async () => {
  expect(await make({ job: 'mail' })).toEqual({
    job: 'mail',
    params: {},
    priority: 4,
    dueAt: null,
    origin: { maxAttempts: 3 },
  });
});

test('what was asked for this run alone stands in its origin', async () => {
  const request = {
    job: 'mail',
    priority: 9,
    key: 'k',
    retries: null,
    timeoutMs: 500,
    after: ['7'],
    inMs: 1000,
  };
  expect(await make(request)).toEqual({
    job: 'mail',
    params: {},
    priority: 9,
    dueAt: NOW + 1000,
    waitMs: 1000,
    origin: { key: 'k', retries: null, timeoutMs: 500, after: [7], maxAttempts: null },
  });
});

test('the run of a job without retries has no origin to carry', async () => {
  expect(await make({ job: 'strict', params: { to: 'a' }, retries: 0 })).toMatchObject({
    params: { to: 'a', count: 1 },
    origin: { lock: 'a', retries: 0 },
  });
});

test.each<[string, unknown, string]>([
  ['a job that is not there', { job: 'mial' }, 'unknown-job'],
  ['a broken job', { job: 'broken' }, 'broken-job'],
  ['params that do not fit', { job: 'strict' }, 'bad-params'],
  ['a key __proto__', { job: 'mail', params: JSON.parse('{"a":{"__proto__":1}}') }, 'bad-params'],
  ['params that are too large', { job: 'mail', params: 'x'.repeat(2 ** 20 + 1) }, 'too-large'],
  ['a run to wait for that is not there', { job: 'mail', after: ['8'] }, 'unknown-run'],
  ['an id that is none', { job: 'mail', after: ['x'] }, 'bad-option'],
  ['a path as a name', { job: '../mail' }, 'bad-option'],
  ['a name with a NUL', { job: 'ma\u0000il' }, 'bad-option'],
  ['no name', {}, 'bad-option'],
  ['a priority that is text', { job: 'mail', priority: 'high' }, 'bad-request'],
  ['a due time that is text', { job: 'mail', dueAt: 'soon' }, 'bad-time'],
  ['a due time beyond all dates', { job: 'mail', dueAt: 9e15 }, 'bad-time'],
  ['a key that is no text', { job: 'mail', key: { a: 1 } }, 'bad-request'],
  ['retries below zero', { job: 'mail', retries: -1 }, 'bad-request'],
  ['no object', null, 'bad-request'],
])('%s is refused', async (_, request, code) => {
  await expect(make(request)).rejects.toMatchObject({ code });
});

test('an unknown job comes with the name that was meant, and no control characters', async () => {
  await expect(make({ job: 'mial' })).rejects.toMatchObject({ hint: 'Did you mean "mail"?' });
  await expect(make({ job: '\u001b[2Jx' })).rejects.toMatchObject({
    message: 'job: "x" cannot be the name of a job',
  });
});

test('each issue of the params is told', async () => {
  await expect(make({ job: 'strict', params: {} })).rejects.toMatchObject({
    message: 'params of strict do not fit\nto: is missing',
  });
});

test('with force a job may be missing or broken, and then nothing checks its params', async () => {
  for (const job of ['later', 'broken']) {
    expect(await make({ job, force: true, params: [1] })).toMatchObject({ job, params: [1] });
  }
});

test('in a batch each has its own result in order, and a job checks all its params at once', async () => {
  const calls: Json[][] = [];
  const requests = [
    { job: 'strict', params: { to: 'a' } },
    { job: 'nosuch' },
    { job: 'strict', params: {} },
    { job: 'mail', texts: [['x', '1']] },
    { job: 'strict', params: { to: 'b' } },
  ];
  const drafts = await draftsOf(requests.map(runOf), context(calls), NOW, queuedRun(3));
  const told = drafts.map((one) => (one instanceof JobrunError ? one.code : one.params));
  expect(told).toEqual([
    { to: 'a', count: 1 },
    'unknown-job',
    'bad-params',
    { x: '1' },
    { to: 'b', count: 1 },
  ]);
  expect(calls).toEqual([[{ to: 'a' }, {}, { to: 'b' }]]);
  expect(drafts[0]).toMatchObject({ origin: { parent: 3, lock: 'a' } });
});

test('a job whose file came after the last look at the folder is found by one more look, which a batch shares', async () => {
  let looks = 0;
  const here = context();
  const names = (): readonly string[] => (looks > 0 ? here.catalog.names() : []);
  const find = (name: string): JobEntry | null => (looks > 0 ? here.catalog.find(name) : null);
  const rescan = async (): Promise<void> => void looks++;
  const late = { ...here, catalog: { ...here.catalog, names, find, rescan } };
  const requests = [{ job: 'mail' }, { job: 'broken' }, { job: 'none' }].map(runOf);
  const [mail, ...others] = await draftsOf(requests, late, NOW);
  expect(mail).toMatchObject({ job: 'mail', priority: 4 });
  expect(others).toMatchObject([{ code: 'broken-job' }, { code: 'unknown-job' }]);
  expect(looks).toBe(1);
});

describe('a thousand lines that are all wrong', () => {
  const KINDS: Record<string, (i: number) => object> = {
    'names of no job, each another': (i) => ({ job: `male-${i}` }),
    'the same name of no job': () => ({ job: 'mial' }),
    'a broken job': () => ({ job: 'broken' }),
    'options that are wrong': () => ({ job: 'mail', priority: 'high' }),
    'params that are nested too deeply': () => ({
      job: 'mail',
      params: JSON.parse('['.repeat(150) + ']'.repeat(150)),
    }),
  };

  for (const [kind, line] of Object.entries(KINDS))
    test(`${kind}: others have their turns meanwhile, and each name is looked for once`, async () => {
      const asked: string[] = [];
      const lists: string[] = [];
      const here = context();
      const jobs: Catalog = {
        ...here.catalog,
        rescan: async () => void asked.push('rescan'),
        reread: async (name) => {
          asked.push(name);
          return here.catalog.find(name);
        },
      };
      const members = {
        list: async () => {
          lists.push('list');
          return [];
        },
      };
      const config = { store: {}, jobs: '/nowhere' };
      // Each look at the clock takes half a millisecond, as a slow line does.
      let now = 0;
      const clock = { ...systemClock, monotonic: () => (now += 0.5) };
      const slow = { ...here, catalog: jobs, clock, config, members } as unknown as Context;
      let [turns, over] = [0, false];
      const turning = (async () => {
        for (; !over; turns++) await new Promise(setImmediate);
      })();
      const requests = await inTurns(
        clock,
        Array.from({ length: 1000 }, (_, i) => line(i)),
        runOf,
      );
      const drafts = await draftsOf(requests, slow, NOW);
      over = true;
      await turning;
      expect(drafts.every((one) => one instanceof JobrunError)).toBe(true);
      expect(turns).toBeGreaterThan(100);
      expect(asked.length).toBeLessThanOrEqual(1);
      expect(lists.length).toBeLessThanOrEqual(1);
    });

  test('the first names of no job have a suggestion, for as long as looking for one is no work', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => `a-job-with-a-rather-long-name-${i}`);
    const here = context();
    const catalog: Catalog = { ...here.catalog, names: () => many };
    const requests = Array.from({ length: 1000 }, (_, i) =>
      runOf({ job: `a-jbo-with-a-rather-long-name-${i}` }),
    );
    const before = process.cpuUsage();
    const drafts = await draftsOf(requests, { ...here, catalog }, NOW);
    const { user, system } = process.cpuUsage(before);
    const hints = drafts.map((one) => (one as JobrunError).hint);
    expect(hints[0]).toBe('Did you mean "a-job-with-a-rather-long-name-0"?');
    expect(hints.at(-1)).toBe('See which there are: jobrun jobs');
    // With a suggestion for each it is 20 s.
    expect((user + system) / 1000).toBeLessThan(2000);
  });
});
