// A request that comes again, as after a connection that was lost before its answer: it gets the runs that it made,
// whatever has become of its job and of what it named.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Tools } from '../../src/commands/command.ts';
import { rerun } from '../../src/commands/rerun.ts';
import { schedule } from '../../src/commands/schedule.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { eventually, Project } from '../helpers/project.ts';

type Reply = { readonly id?: string; readonly results?: readonly { readonly id?: string }[] };

test('gives the same runs though its job has gone and a run that it named was removed; another request is refused', async () => {
  const project = new Project({ 'jobs/brief.mjs': 'export default () => 1;' });
  const daemon = await daemonHere(project, { workers: 1, watch: true });
  const { tools } = daemon;
  const { engine } = tools;
  const as = (request: string): Tools => ({ ...tools, request });
  const run = { job: 'brief', params: {} };
  const one = async (request: string): Promise<unknown> => {
    const asked = { kind: 'run', run, wait: false, follow: false, dryRun: false };
    const reply = await schedule.handle?.(asked as never, as(request));
    return (reply as { run: Reply }).run.id;
  };
  const lines = [1, 2, 3].map((line) => ({
    line,
    run: line === 2 ? { ...run, after: ['1'] } : run,
  }));
  const batch = async (request: string): Promise<unknown> => {
    const reply = await schedule.handle?.({ kind: 'batch', lines } as never, as(request));
    return (reply as Reply).results?.map(({ id }) => id);
  };
  const again = (request: string): Promise<Reply> =>
    rerun.handle?.({ id: '1', force: false }, as(request)) as Promise<Reply>;

  expect(await one('first')).toBe('1');
  await eventually(() => engine.counts().done === 1);
  expect(await batch('many')).toEqual(['2', '3', '4']);
  expect((await again('more')).id).toBe('5');
  expect(await one('last')).toBe('6');
  await eventually(() => engine.counts().done === 6);
  await engine.remove([1]);
  rmSync(join(project.dir, 'jobs/brief.mjs'));
  await eventually(() => tools.catalog.find('brief') === null);

  expect(await batch('many')).toEqual(['2', '3', '4']);
  expect((await again('more')).id).toBe('5');
  expect(await one('last')).toBe('6');
  expect(engine.counts().done).toBe(5);
  await expect(again('new')).rejects.toThrow('there is no run 1');
  expect(await batch('other')).toEqual([undefined, undefined, undefined]);
}, 30_000);
