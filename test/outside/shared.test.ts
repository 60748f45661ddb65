// Workers outside where daemons share a store: they talk to any of them, and no lease depends on one.
import { beforeAll, expect, test } from 'vitest';
import { ApiProject } from '../helpers/api.ts';
import { accept, external, OutsideWorker } from '../helpers/outside.ts';
import { freshStore } from '../helpers/postgres.ts';
import { type Doc, eventually } from '../helpers/project.ts';

beforeAll(async () => void (await freshStore({ fsync: true })), 120_000);

/** Two hosts with their daemons, and a worker at each of them. */
async function pair(options: object = {}) {
  const engine = await freshStore({ fsync: true });
  const files = { 'jobs/resize.json': external(options) };
  const make = async (host: string) => {
    const config = JSON.stringify({ engine, host, lease: '3s', workers: 1 });
    const project = new ApiProject({ ...files, 'jobrun.config.json': config });
    const daemon = await project.serve();
    return { project, daemon, worker: new OutsideWorker(project, `at-${host}`) };
  };
  return { one: await make('one'), two: await make('two') };
}

test('a run is taken at one host, reported at the other, and outlives the first; no host takes it for lost', async () => {
  const { one, two } = await pair();
  const polling = one.worker.take();
  const id = await accept(two.project, { params: { n: 1 } });
  expect((await polling).map(({ lease }) => lease)).toEqual([`${id}.1`]);
  expect((await one.worker.says(`${id}.1`, { rows: ['a'], save: 1, log: ['first'] })).status).toBe(
    200,
  );
  await one.daemon.kill('SIGKILL');
  const said = await two.worker.says(`${id}.1`, {
    rows: ['b'],
    emit: [{ job: 'resize' }],
    log: ['second'],
  });
  expect([said.status, said.json.emitted]).toEqual([200, [String(Number(id) + 1)]]);
  // Longer than the lease of the daemon that was killed: what it held itself would be lost by now.
  await eventually(async () => {
    const { hosts } = await two.project.json('status');
    return hosts.every(({ host }: Doc) => host === 'two');
  }, 20_000);
  expect((await two.project.get(`runs/${id}`)).state).toBe('running');
  expect(await two.worker.refusal(`${id}.2/done`)).toBe('409 lost-lease');
  expect((await two.worker.says(`${id}.1/done`, { output: 5 })).json.state).toBe('done');
  const shown = await two.project.get(`runs/${id}`);
  expect(shown).toMatchObject({ results: ['a', 'b'], checkpoint: 1, attempt: 1, output: 5 });
  expect(shown.log.map(({ text }: Doc) => text)).toEqual(['first', 'second']);
  expect(await two.worker.refusal(`${id}.1`, { rows: ['late'] })).toBe('409 lost-lease');
}, 60_000);

test('a worker that falls silent is found by the daemon that is left, and each host shows the workers of all', async () => {
  const { one, two } = await pair({ lockTime: '4s' });
  const id = await accept(one.project);
  await one.worker.take();
  await two.worker.take(['resize'], { wait: 0 });
  const names = await eventually(async () => {
    const { external: seen } = await two.project.json('status');
    // The other host is heard once a beat: of its worker first, then of the run that this has.
    return seen.length === 2 && seen[0].running > 0 ? seen : null;
  });
  expect(names).toMatchObject([
    { name: 'at-one', jobs: ['resize'], running: 1 },
    { name: 'at-two', jobs: ['resize'], running: 0 },
  ]);
  const waiting = await accept(two.project, { in: '1h' });
  await one.daemon.kill('SIGKILL');
  const [again] = await two.worker.take(['resize'], { wait: '20s' });
  expect(again).toMatchObject({ id, lease: `${id}.2` });
  expect((await two.project.get(`runs/${id}`)).attempts[0].outcome).toBe('stale');
  expect((await two.project.get(`runs/${waiting}`)).state).toBe('scheduled');
}, 60_000);

test('a run is aborted from the other host at once, and an earlier lease takes nothing with it', async () => {
  const { one, two } = await pair();
  const id = await accept(one.project);
  await one.worker.take();
  const { json } = await two.project.api('POST', `runs/${id}/abort`, { reason: 'no more' });
  expect(json.results).toMatchObject([{ state: 'aborted' }]);
  const heard = await one.worker.says(`${id}.1`, { emit: [{ job: 'resize' }] });
  expect([heard.json.abort, heard.json.emitted]).toEqual(['no more', []]);
  expect((await two.project.get('runs')).total).toBe(1);
  expect((await two.project.cli(['doctor'])).code).toBe(0);
}, 60_000);
