// Lists of settled states are ordered by when the runs settled: on the command line, in the library and in the
// dashboard, with a daemon and without one. Every other list stays in the order of ids.
import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { type Doc, Project } from '../helpers/project.ts';

const idsOf = ({ runs }: Doc): string[] => runs.map(({ id }: Doc) => id);

test('what settled last is listed first, however early it was accepted; with states that are not settled it is by id', async () => {
  const project = new Project({
    'jobs/asks.mjs': 'export default (_params, ctx) => ctx.pending();',
    'jobs/works.mjs': 'export default () => 1;',
    'jobs/fails.mjs': `export default () => { throw new Error('no luck'); };`,
  });
  const daemon = await project.daemon();
  for (const job of ['asks', 'works', 'fails', 'works']) {
    const { id } = await project.json('schedule', job);
    await project.until(id, job === 'asks' ? ['waiting'] : undefined);
  }
  expect(idsOf(await project.json('list', '--state', 'done'))).toEqual(['4', '2']);
  await project.json('complete', '1');
  await project.json('retry', '3');
  await project.until('3');
  const later = await project.json('schedule', 'works', '--in', '1h');
  expect(later.id).toBe('5');
  await project.json('abort', '5');

  const jobs = await connect({ dir: project.dir });
  const lists: readonly (readonly [states: string, ids: readonly string[]])[] = [
    ['done', ['1', '4', '2']],
    ['failed,aborted', ['5', '3']],
    ['done,failed', ['3', '1', '4', '2']],
    ['done,queued', ['4', '2', '1']],
  ];
  for (const [states, ids] of lists) {
    expect(idsOf(await project.json('list', '--state', states)), states).toEqual(ids);
    const { runs } = await jobs.list({ state: states.split(',') as ['done'] });
    expect(
      runs.map(({ id }) => id),
      `the library: ${states}`,
    ).toEqual(ids);
  }
  expect(idsOf(await project.json('list'))).toEqual(['5', '4', '3', '2', '1']);
  const second = await project.json('list', '--state', 'done', '--offset', '1', '--limit', '1');
  expect([second.total, idsOf(second)]).toEqual([3, ['4']]);
  await jobs.close();
  const shown = await project.ask('list', { list: 'done', around: '4', short: true });
  expect([idsOf(shown as Doc), shown?.at]).toEqual([['1', '4', '2'], 1]);

  await daemon.kill('SIGTERM');
  for (const [states, ids] of lists)
    expect(idsOf(await project.json('list', '--state', states)), states).toEqual(ids);
});
