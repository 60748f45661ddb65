// A request that comes again, as after a connection that was lost before its answer: it gets the runs that it made,
// whatever has become of its job and of what it named.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Request } from '../../src/api/protocol.ts';
import { dispatcher, handle } from '../../src/commands/dispatch.ts';
import { rerun } from '../../src/commands/rerun.ts';
import { schedule } from '../../src/commands/schedule.ts';
import { acceptBatch, type BatchResult, resultsOf } from '../../src/commands/shared/batch.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import { abortIdle } from '../../src/run/transitions.ts';
import type { Json } from '../../src/support/json.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { eventually, Project } from '../helpers/project.ts';

type Reply = { readonly id?: string; readonly results?: readonly { readonly id?: string }[] };

test('gives the same runs though its job has gone and a run that it named was removed; another request is refused', async () => {
  const project = new Project({ 'jobs/brief.mjs': 'export default () => 1;' });
  const daemon = await daemonHere(project, { workers: 1, watch: true });
  const { context } = daemon;
  const { engine } = context;
  const as = (request: string): Context => ({ ...context, request });
  const run = { job: 'brief', params: {} };
  const one = async (request: string): Promise<unknown> => {
    const reply = await handle(schedule, run, as(request));
    return (reply as { run: Reply }).run.id;
  };
  const lines = [1, 2, 3].map((line) => ({
    line,
    run: line === 2 ? { ...run, after: ['1'] } : run,
  }));
  const batch = async (request: string): Promise<unknown> => {
    const reply = await handle(schedule, { lines }, as(request));
    return (reply as Reply).results?.map(({ id }) => id);
  };
  const again = (request: string): Promise<Reply> =>
    handle(rerun, { id: '1' }, as(request)) as Promise<Reply>;

  expect(await one('first')).toBe('1');
  await eventually(async () => (await engine.counts()).done === 1);
  expect(await batch('many')).toEqual(['2', '3', '4']);
  expect((await again('more')).id).toBe('5');
  expect(await one('last')).toBe('6');
  await eventually(async () => (await engine.counts()).done === 6);
  await engine.remove([1]);
  rmSync(join(project.dir, 'jobs/brief.mjs'));
  await eventually(() => context.catalog.find('brief') === null);

  expect(await batch('many')).toEqual(['2', '3', '4']);
  expect((await again('more')).id).toBe('5');
  expect(await one('last')).toBe('6');
  expect((await engine.counts()).done).toBe(5);
  await expect(again('new')).rejects.toThrow('there is no run 1');
  expect(await batch('other')).toEqual([undefined, undefined, undefined]);
}, 30_000);

test('the same request twice at once makes its runs once', async () => {
  const { context } = await daemonHere(
    new Project({ 'jobs/brief.mjs': 'export default () => 1;' }),
  );
  const answer = dispatcher(context);
  const ask = (args: object, request: string): Promise<Json> => {
    const frame = { v: 1, id: 1, command: 'schedule', args: args as Json, request, stream: false };
    return answer(frame as Request, new AbortController().signal) as Promise<Json>;
  };
  const run = { job: 'brief', params: {} };
  const many = { lines: [1, 2, 3].map((line) => ({ line, run })) };
  const rule = { ...run, everyMs: 3_600_000, name: 'often' };
  for (const [i, args] of [run, many, rule].entries()) {
    const [first, second] = await Promise.all([ask(args, `r${i}`), ask(args, `r${i}`)]);
    const ids = (reply: Json | undefined): string[] =>
      JSON.stringify(reply).match(/"(id|name)":"[^"]+"/g) ?? [];
    expect(ids(second)).toEqual(ids(first));
  }
  const { total } = await context.engine.list({ limit: 1 });
  // The schedule has made its first run by itself, or is about to.
  expect([4, 5]).toContain(total);
});

test('a batch that comes again is answered line by line as before, also what was refused or was there already', async () => {
  const project = new Project({ 'jobs/brief.mjs': 'export default () => 1;' });
  const { context } = await daemonHere(project, { workers: 1, watch: true });
  const ask = (request: string): Promise<Json> => {
    const args = { kind: 'batch', lines } as unknown as Json;
    const frame = { v: 1, id: 1, command: 'schedule', args, request, stream: false };
    return answer(frame as Request, new AbortController().signal) as Promise<Json>;
  };
  const answer = dispatcher(context);
  const later = { job: 'brief', params: {}, inMs: 3_600_000 };
  const runs = [
    { ...later, job: 'comes-later' },
    { ...later, key: 'k' },
    { ...later, key: 'k' },
  ];
  const lines = runs.map((run, i) => ({ line: i + 1, run }));
  const [first, twin] = await Promise.all([ask('a'), ask('a')]);
  expect(first).toMatchObject({
    results: [{ error: { code: 'unknown-job' } }, { id: '1' }, { id: '1', existing: true }],
  });
  project.write('jobs/comes-later.mjs', 'export default () => 2;');
  await eventually(() => context.catalog.find('comes-later') !== null);
  expect([twin, await ask('a')]).toEqual([first, first]);
  expect((await context.engine.list({ limit: 9 })).total).toBe(1);
});

test('a run that was ended before it began is told again with its end', async () => {
  const { context } = await daemonHere(
    new Project({ 'jobs/brief.mjs': 'export default () => 1;' }),
  );
  const run = { job: 'brief', params: null, inMs: 3_600_000 };
  const lines = [{ line: 1, run }];
  const ask = async (): Promise<readonly BatchResult[]> =>
    resultsOf(await acceptBatch(lines, { ...context, request: 'a' }, Date.now()), lines);
  expect(await ask()).toMatchObject([{ state: 'scheduled' }]);
  await context.engine.change(1, (one) => abortIdle(one, 'not needed', Date.now()));
  const [again] = await ask();
  expect(again).toMatchObject({
    state: 'aborted',
    reason: 'not needed',
    settledAt: expect.anything(),
  });
});
