// Leases of workers outside: how long a worker may be silent, by clocks that are moved, and what stays of a lease where
// the daemon, or the worker, is killed.
import { expect, test } from 'vitest';
import { Leases } from '../../src/daemon/outside/leases.ts';
import { heard, isHeldUnder, leaseOf, marginMs } from '../../src/run/external.ts';
import type { Run } from '../../src/run/run.ts';
import { abortIdle, claim, retry, settle } from '../../src/run/transitions.ts';
import { ApiProject } from '../helpers/api.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { accept, external, OutsideWorker, outsideProject } from '../helpers/outside.ts';
import { eventually } from '../helpers/project.ts';
import { NOW, policy, queuedRun } from '../helpers/runs.ts';

const POLICY = policy({ lockTimeMs: 10_000 });

const taken = (run: Run = queuedRun(12), now = NOW): Run =>
  claim(run, POLICY, 0, now, undefined, 'w1');

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const quiet = async (): Promise<void> => {
  await turn();
  await turn();
};

function watched(own = POLICY) {
  const clock = new FakeClock(NOW);
  const over: string[] = [];
  const leases = new Leases({
    clock,
    policyOf: () => own,
    onOver: ({ lease }, kind, reason) => void over.push(`${lease} ${kind}: ${reason}`),
  });
  const advance = (ms: number): Promise<void> => clock.advance(ms, quiet);
  return { clock, over, leases, advance };
}

test('the margin beyond lockTime is a quarter of it, at least 1 s and at most 60 s', () => {
  expect([1, 2000, 4000, 20_000, 240_000, 3_600_000].map(marginMs)).toEqual([
    1000, 1000, 1000, 5000, 60_000, 60_000,
  ]);
});

test('a lease is over when its worker was silent for lockTime and the margin, not before, and a message begins that anew', async () => {
  const { over, leases, advance } = watched();
  const held = leases.follow(taken(), 'here');
  await advance(12_400);
  expect(over).toEqual([]);
  if (held) leases.heard(held);
  await advance(12_400);
  expect(over).toEqual([]);
  await advance(200);
  expect(over).toEqual(['12.1 stale: the worker w1 was silent for longer than 10s']);
});

test('extend sets how long the worker may be silent, longer or shorter; a plain message takes nothing of it away', async () => {
  const { over, leases, advance } = watched();
  const held = leases.follow(taken(), 'here');
  if (!held) throw new Error('not held');
  expect(leases.heard(held, 60_000)).toBe(60_000);
  await advance(1000);
  expect(leases.heard(held)).toBe(59_000);
  await advance(61_000);
  expect(over).toEqual([]);
  leases.heard(held, 100);
  await advance(2550);
  expect(over).toEqual([]);
  await advance(100);
  expect(over.length).toBe(1);
});

test('a clock that is set ends no lease, and time in which the daemon stood still counts for nothing', async () => {
  const { clock, over, leases, advance } = watched();
  leases.follow(taken(), 'here');
  clock.set(NOW + 86_400_000);
  await advance(5000);
  clock.stall(3_600_000);
  await advance(5000);
  expect(over).toEqual([]);
  await advance(4000);
  expect(over.length).toBe(1);
});

test('a lease that a daemon finds at its start goes on: for what is left of it, or half of it where that is more', async () => {
  for (const [ago, left] of [
    [0, 10_000],
    [2000, 8000],
    [9000, 5000],
    [86_400_000, 5000],
    [-86_400_000, 10_000],
  ] as const) {
    const { over, leases, advance } = watched();
    leases.follow(taken(queuedRun(12), NOW - ago), 'found');
    // The last message may have been written down 1250 ms late.
    await advance(left + 2500 + 1150);
    expect([ago, over]).toEqual([ago, []]);
    await advance(200);
    expect([ago, over.length]).toEqual([ago, 1]);
  }
});

test('a message that another daemon wrote down counts here, and so does one that it may not have written', async () => {
  const { clock, over, leases, advance } = watched();
  const run = taken();
  leases.follow(run, 'elsewhere');
  await advance(8000);
  leases.follow(heard(run, clock.now() + 1e9, 10_000), 'elsewhere');
  await advance(12_500 + 1200);
  expect(over).toEqual([]);
  await advance(200);
  expect(over.length).toBe(1);
});

test('a timeout counts from the take, whatever the worker says', async () => {
  const { over, leases, advance } = watched({ ...POLICY, timeoutMs: 15_000 });
  const held = leases.follow(taken(), 'here');
  if (!held) throw new Error('not held');
  for (let i = 0; i < 7; i++) {
    await advance(2000);
    leases.heard(held);
  }
  expect(over).toEqual([]);
  await advance(1100);
  expect(over).toEqual(['12.1 timeout: took longer than 15s']);
});

test('a lease ends with its run, and no timer is left', async () => {
  const { clock, over, leases, advance } = watched({ ...POLICY, timeoutMs: 15_000 });
  const run = taken();
  leases.follow(run, 'here');
  leases.follow(abortIdle(run, 'no', NOW + 1), 'here');
  expect([leases.size, clock.waiting]).toEqual([0, 0]);
  await advance(100_000);
  expect(over).toEqual([]);
});

test('no two takes of a run have one lease: not after a call-back, a stop, an abort, a retry or a hundred of them', () => {
  const seen = new Set<string>();
  let run = queuedRun(12);
  const take = (): string => {
    run = taken({ ...run, state: { name: 'queued', dueAt: NOW } });
    const lease = leaseOf(run) ?? '';
    expect(seen.has(lease), lease).toBe(false);
    seen.add(lease);
    expect(isHeldUnder(run, lease)).toBe(true);
    return lease;
  };
  const end = (outcome: Parameters<typeof settle>[1]): void => {
    run = settle(run, outcome, POLICY, NOW, 0.5);
    for (const lease of seen) expect(isHeldUnder(run, lease)).toBe(false);
  };
  for (let i = 0; i < 120; i++) {
    take();
    end({ kind: 'callback', dueAt: NOW });
  }
  expect(take()).toBe('12.1.121');
  end({ kind: 'stopped' });
  take();
  run = abortIdle(run, 'no', NOW);
  run = retry(run, POLICY, NOW, true);
  expect(take()).toBe('12.2');
  end({ kind: 'lost' });
  expect(take()).toBe('12.3');
});

const SILENT = { lockTime: '500ms' };

test('a worker that is killed is stale in time: the run goes on under another lease, and its old one changes nothing', async () => {
  const [project, worker] = await outsideProject(SILENT);
  const id = await accept(project);
  await worker.take();
  await worker.says(`${id}.1`, { save: { page: 3 }, rows: ['kept'] });
  const began = performance.now();
  const [next] = await new OutsideWorker(project, 'w2').take();
  expect(performance.now() - began).toBeGreaterThan(1200);
  expect(next).toMatchObject({ lease: `${id}.2`, checkpoint: { page: 3 } });
  for (const [path, body] of [
    ['', { save: 'old', rows: ['old'], log: ['old'], emit: [{ job: 'resize' }] }],
    ['/done', { output: 'old' }],
    ['/failed', { message: 'old' }],
  ] as const)
    expect([path, await worker.refusal(`${id}.1${path}`, body)]).toEqual([path, '409 lost-lease']);
  const shown = await project.get(`runs/${id}`);
  expect(shown).toMatchObject({ state: 'running', checkpoint: { page: 3 }, results: ['kept'] });
  expect(shown.log).toEqual([]);
  expect(shown.attempts[0]).toMatchObject({ outcome: 'stale', error: { name: 'StaleError' } });
  expect((await project.get('runs')).total).toBe(1);
  expect((await worker.says(`${id}.2/done`, { output: 'new' })).json.output).toBe('new');
});

test('a lease outlives a daemon that is killed: the worker reports and ends the run, and no other worker gets it', async () => {
  const [project, worker] = await outsideProject({ lockTime: '20s' });
  const daemon = await eventually(() => project.ask('status'));
  const id = await accept(project);
  await worker.take();
  await worker.says(`${id}.1`, { rows: ['a', 'b'], save: 1, log: ['before'] });
  process.kill(daemon.pid, 'SIGKILL');
  await project.serve();
  expect(await worker.take(['resize'], { wait: '300ms' })).toEqual([]);
  expect((await project.get(`runs/${id}`)).state).toBe('running');
  expect((await worker.says(`${id}.1`, { rows: ['c'], log: ['after'] })).status).toBe(200);
  const done = await worker.says(`${id}.1/done`, { output: 2 });
  expect(done.json).toMatchObject({ state: 'done', attempt: 1 });
  const shown = await project.get(`runs/${id}`);
  expect(shown.results).toEqual(['a', 'b', 'c']);
  expect(shown.log.map(({ text }: { text: string }) => text)).toEqual(['before', 'after']);
  expect(shown.attempts).toMatchObject([{ outcome: 'returned', worker: 'w1' }]);
});

test('a stop does not wait for workers outside, and a silent one is found by the next daemon', async () => {
  const [project, worker] = await outsideProject({ lockTime: '1s' });
  const id = await accept(project);
  await worker.take();
  const polling = worker.asks({ jobs: ['resize'], worker: 'w2', wait: '30s' });
  await eventually(async () => (await project.ask('status'))?.external.length === 2);
  expect((await project.cli(['stop'])).code).toBe(0);
  const { status, json } = await polling;
  expect([status, json], 'a poll ends without a run').toEqual([200, []]);
  expect((await project.json('show', id)).state).toBe('running');
  const aborted = await accept2(project);
  expect(aborted).toBe('aborted');
  await project.serve();
  const shown = await eventually(async () => {
    const run = await project.get(`runs/${id}`);
    return run.state === 'queued' ? run : null;
  });
  expect(shown.attempts[0].outcome).toBe('stale');
  expect((await worker.take()).map(({ lease }) => lease)).toEqual([`${id}.2`]);
});

/** Without a daemon: a run that a worker outside has is aborted on the files. */
async function accept2(project: Awaited<ReturnType<typeof outsideProject>>[0]): Promise<string> {
  await project.serve();
  const worker = new OutsideWorker(project, 'w3');
  const id = await accept(project, { priority: 9 });
  const [lease] = await worker.take();
  if (lease?.id !== id) throw new Error('another run was taken');
  await project.cli(['stop']);
  const { results } = await project.json('abort', id);
  return results[0].state;
}

test('results that were acknowledged stay where the daemon is killed again and again, and none is done twice', async () => {
  const [project] = await outsideProject({ lockTime: '30s' }, { 'jobs/other.json': external() });
  const acknowledged = new Map<string, string>();
  const taken = new Map<string, number>();
  let isOver = false;
  const work = async (name: string): Promise<void> => {
    const worker = new OutsideWorker(project, name);
    while (!isOver) {
      try {
        for (const { lease, id } of await worker.take(['resize'], { wait: '200ms', count: 3 })) {
          taken.set(id, (taken.get(id) ?? 0) + 1);
          await ended(worker, lease, id);
        }
      } catch {
        // The daemon is away: as a worker does, it asks again.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const ended = async (worker: OutsideWorker, lease: string, id: string): Promise<void> => {
    const key = { 'idempotency-key': `end-${lease}` };
    for (;;) {
      try {
        const { status } = await worker.says(`${lease}/done`, { output: lease }, key);
        if (status === 503) throw new Error('starting');
        // Its own answer may have been lost with the daemon: then the run is done, under this lease.
        if (status === 200) acknowledged.set(id, lease);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const workers = ['a', 'b', 'c'].map(work);
  const ids: string[] = [];
  for (let kill = 0; kill < 3; kill++) {
    for (let i = 0; i < 15; i++) ids.push(await accept(project));
    await new Promise((resolve) => setTimeout(resolve, 40 * kill));
    const { pid } = await eventually(() => project.ask('status'));
    process.kill(pid, 'SIGKILL');
    await project.serve();
  }
  const open = async (): Promise<number> => (await project.get('runs?state=queued')).total;
  await eventually(async () => (await open()) === 0, 15_000);
  isOver = true;
  await Promise.all(workers);
  const { runs } = await project.get('runs?limit=200');
  expect(runs.length).toBe(ids.length);
  for (const run of runs) {
    if (run.state === 'done') expect([run.id, run.output]).toEqual([run.id, `${run.id}.1`]);
    // Taken in the moment of a kill: nobody got the answer, and it is stale in time.
    else expect([run.id, run.state, taken.get(run.id)]).toEqual([run.id, 'running', undefined]);
  }
  for (const [id, lease] of acknowledged)
    expect(runs.find((run: { id: string }) => run.id === id)).toMatchObject({
      state: 'done',
      output: lease,
    });
  expect(
    [...taken.values()].every((times) => times === 1),
    'no run was handed out twice',
  ).toBe(true);
}, 40_000);

test('a run that is taken along to another state is lost there, and its lease is not in force', async () => {
  const [project, worker] = await outsideProject();
  const id = await accept(project);
  await worker.take();
  const { stdout } = await project.cli(['export']);
  const other = new ApiProject({ 'jobs/resize.json': external() });
  expect((await other.cli(['import'], stdout)).code).toBe(0);
  await other.serve();
  const there = new OutsideWorker(other);
  expect(await there.refusal(`${id}.1/done`)).toBe('409 lost-lease');
  expect((await there.take()).map(({ lease }) => lease)).toEqual([`${id}.2`]);
  expect((await other.get(`runs/${id}`)).attempts[0].outcome).toBe('lost');
  expect((await worker.says(`${id}.1/done`, {})).json.state, 'where it was, it goes on').toBe(
    'done',
  );
});
