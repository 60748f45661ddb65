// A batch is answered in few words, and what its asker makes of them is the run as everybody else sees it.
import { expect, test } from 'vitest';
import { handle } from '../../src/commands/dispatch.ts';
import { schedule } from '../../src/commands/schedule.ts';
import {
  acceptBatch,
  type BatchLine,
  type BatchResult,
  resultsOf,
  type ToldResult,
} from '../../src/commands/shared/batch.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import { viewRun } from '../../src/commands/shared/views.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { eventually, Project } from '../helpers/project.ts';

const SCHEMA = `{ '~standard': { version: 1, vendor: 'x', validate: (v) => ({ value: { n: 1, ...v } }) } }`;
const JOBS = {
  'jobs/mail.mjs': 'export default () => 1;',
  'jobs/sure.mjs': `export default { params: ${SCHEMA}, retries: 2, run: () => 1 };`,
};

test('each run of a batch is told to its asker as it is told to everybody', async () => {
  const { context } = await daemonHere(new Project(JOBS), { workers: 1 });
  await eventually(() => context.catalog.find('sure')?.state === 'ok');
  await context.engine.pause({ all: true }, true);
  const params = { to: 'ada' };
  const lines = (
    [
      { job: 'mail', params },
      { job: 'mail', params, inMs: 60_000, priority: 7 },
      { job: 'mail', params, key: 'k' },
      { job: 'mail', params, key: 'k' },
      { job: 'mail', params, after: ['1'] },
      { job: 'mail', params, retries: 3 },
      { job: 'mail' },
      { job: 'sure', params },
      { job: 'later', params, force: true },
      { job: 'later', params },
      { job: 'mail', params: null },
    ] as const
  ).map((run, i): BatchLine => ({ line: i + 1, run: run as never }));
  const ask = async (as: Context): Promise<readonly ToldResult[]> => {
    const reply = await handle(schedule, { lines }, as);
    return (JSON.parse(JSON.stringify(reply)) as { results: ToldResult[] }).results;
  };

  await context.engine.accept([{ job: 'mail', params, priority: 1, dueAt: null, origin: null }], 1);
  const told = await ask(context);
  expect(told[0]).not.toHaveProperty('params');
  const results = resultsOf(told, lines);
  expect(results[9]).toMatchObject({ line: 10, error: { code: 'unknown-job' } });
  for (const [i, result] of results.entries()) {
    if ('line' in result) continue;
    const run = await context.engine.find(Number(result.id));
    const { existing, ...seen } = result;
    expect(existing).toBe(i === 3 ? true : undefined);
    expect(seen).toEqual(run && (await viewRun(run, context)));
  }

  // What is to be hidden is hidden from whoever asked as well.
  const hiding = { ...context, config: { ...context.config, redact: ['to'] } };
  expect(resultsOf(await ask(hiding), lines)[0]).toMatchObject({ params: { to: '***' } });
}, 30_000);

test('lines with a request of their own are each accepted once, and one that was refused is looked at again', async () => {
  const { context } = await daemonHere(new Project(JOBS), { workers: 1 });
  await eventually(() => context.catalog.find('mail')?.state === 'ok');
  await context.engine.pause({ all: true }, true);
  const line = (n: number, job: string, request: string): BatchLine =>
    ({ line: n, run: { job, params: { n } }, request }) as BatchLine;
  const ask = async (lines: readonly BatchLine[]): Promise<readonly BatchResult[]> =>
    resultsOf(await acceptBatch(lines, context, Date.now()), lines);

  const first = await ask([line(1, 'mail', 'a'), line(2, 'typo', 'b'), line(3, 'mail', 'c')]);
  expect(first).toMatchObject([
    { id: '1' },
    { line: 2, error: { code: 'unknown-job' } },
    { id: '2' },
  ]);
  // The second time with others beside them, of which one would have been refused for its number of lines.
  const again = await ask([
    line(3, 'mail', 'c'),
    line(2, 'mail', 'b'),
    line(1, 'mail', 'a'),
    line(4, 'mail', 'd'),
  ]);
  expect(again).toMatchObject([{ id: '2' }, { id: '3' }, { id: '1' }, { id: '4' }]);
  const odd = { lines: [{ line: 1, run: { job: 'mail' }, request: 7 }] };
  await expect(async () => handle(schedule, odd, context)).rejects.toThrow(/lines\[0\]/);
  expect((await ask([line(5, 'mail', 'e')]))[0]).toMatchObject({ id: '5' });
}, 30_000);
