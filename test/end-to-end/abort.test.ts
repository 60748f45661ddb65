// Abort is real: whatever a job does, it ends within its grace plus a second, the command returns only then, and
// nothing of it is left in the process table. All the while the daemon answers.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectDaemon } from '../../src/api/client.ts';
import {
  commandOf,
  type DaemonProcess,
  type Doc,
  eventually,
  isAlive,
  Project,
  processesIn,
} from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const TELL = `import { appendFileSync } from 'node:fs';
const tell = (what) => appendFileSync('ledger.jsonl', JSON.stringify({ what, pid: process.pid }) + '\\n');
`;

const JOBS = {
  'jobs/waits.js': `${TELL}export default async (_, ctx) => {
    tell('begun');
    await new Promise((_, no) => ctx.signal.addEventListener('abort', () => no(ctx.signal.reason)));
  };`,
  'jobs/ignores.js': `${TELL}export default async (_, ctx) => {
    ctx.signal.addEventListener('abort', () => tell('signal'));
    process.on('SIGTERM', () => tell('SIGTERM'));
    tell('begun');
    for (;;) await new Promise((next) => setTimeout(next, 50));
  };`,
  'jobs/spins.js': `${TELL}export default () => { tell('begun'); while (true) {} };`,
  'jobs/blocks.js': `${TELL}import { execSync } from 'node:child_process';
    export default () => { tell('begun'); execSync('sleep 1000'); };`,
  'jobs/spawns.js': `${TELL}import { spawn } from 'node:child_process';
    const start = (words, options) => spawn(words[0], words.slice(1), { stdio: 'ignore', ...options });
    export default async () => {
      start(['sh', '-c', 'sleep 1000 & sleep 1000']);
      start(['sh', '-c', 'trap "" TERM; while :; do sleep 1; done']);
      start(['sleep', '1000'], { detached: true }).unref();
      start(['setsid', 'sh', '-c', 'setsid sleep 1000 & sleep 0.1']);
      start(['sleep', '1000'], { detached: true, env: {} }).unref();
      await new Promise((next) => setTimeout(next, 500));
      tell('begun');
      await new Promise(() => setInterval(() => {}, 1000));
    };`,
  'jobs/quick.js': 'export default () => 1;',
};

/** On a machine that does other things too: what a process needs to start, and to be noticed as gone. */
const SLACK_MS = 3000;
const GRACE_MS = 1000;

/** Asks for the status over and over; returns what ends it and tells the longest answer. */
async function polled(project: Project): Promise<() => Promise<number>> {
  const client = await connectDaemon(join(project.state, 'jobrun.sock'));
  if (!client) throw new Error('no daemon listens');
  let on = true;
  let longest = 0;
  const polling = (async () => {
    while (on) {
      const began = performance.now();
      await client.call('status', {});
      longest = Math.max(longest, performance.now() - began);
      await new Promise((next) => setTimeout(next, 20));
    }
  })();
  return async () => {
    on = false;
    await polling;
    client.close();
    return longest;
  };
}

/** A run that has really begun: its job said so. And what its job says from then on. */
async function begun(project: Project, job: string): Promise<Doc> {
  const before = project.ledger().length;
  const said = (what: string): boolean =>
    project
      .ledger()
      .slice(before)
      .some((one) => one.what === what);
  const id = await project.accept(job);
  await eventually(() => said('begun'), 30_000);
  return { id, said };
}

/** Live processes of the project but for the daemon and the workers that it keeps ready. */
async function left(project: Project, daemon: DaemonProcess, run: Doc): Promise<number[]> {
  const { attempts } = await project.ask('show', { id: run.id });
  const gone = attempts.map((one: Doc) => one.pid).filter(isAlive);
  const others = processesIn(project.dir).filter((pid) => pid !== daemon.pid && !isWorker(pid));
  return [...gone, ...others];
}

const isWorker = (pid: number): boolean => commandOf(pid).includes('dist/workers/entry');

describe('a running job', () => {
  const lasting = shared(async () => {
    const project = new Project(JOBS);
    return { project, daemon: await project.daemon() };
  });

  test.each(['waits', 'ignores', 'spins', 'blocks', 'spawns'])(
    'that %s ends within its grace plus a second, and leaves nothing behind',
    async (job) => {
      const { project, daemon } = lasting();
      const run = await begun(project, job);
      const stop = await polled(project);
      const idle = (await project.cli(['status'])).ms;

      const result = await project.cli(['abort', run.id, '--grace', `${GRACE_MS}ms`, '--json']);
      const still = await left(project, daemon, run);
      expect(await stop(), 'the daemon answers within a second').toBeLessThan(1000);
      expect(still, 'nothing lives when the command returns').toEqual([]);
      expect(result.code).toBe(0);
      const [aborted] = JSON.parse(result.stdout).results;
      expect(aborted).toMatchObject({ id: run.id, state: 'aborted' });
      expect(aborted.tookMs).toBeLessThan(GRACE_MS + 1000 + SLACK_MS);
      expect(result.ms - idle).toBeLessThan(GRACE_MS + 1000 + SLACK_MS);
      const obeys = job === 'waits' || job === 'spawns';
      if (!obeys) expect(aborted.tookMs, 'it has its grace').toBeGreaterThan(GRACE_MS - 50);

      const after = await project.show(run.id);
      expect(after).toMatchObject({ state: 'aborted', reason: 'aborted on request', worker: null });
      expect(after.attempts).toMatchObject([{ number: 1, outcome: 'aborted' }]);
      expect((await project.cli(['run', 'quick'])).code, 'the next one runs').toBe(0);
    },
    60_000,
  );

  test('is told by its signal and has its whole grace; --force gives it none', async () => {
    const { project } = lasting();
    const patient = await begun(project, 'waits');
    const told = await project.json('abort', patient.id, '--grace', '1m', '--reason', 'wrong file');
    expect(told.results[0].tookMs, 'it need not wait where the job obeys').toBeLessThan(15_000);
    expect((await project.ask('show', { id: patient.id })).reason).toBe('wrong file');

    const stubborn = await begun(project, 'ignores');
    const forced = await project.json('abort', stubborn.id, '--force');
    expect(forced.results[0].tookMs).toBeLessThan(1000 + SLACK_MS);
    expect(stubborn.said('SIGTERM')).toBe(false);
  }, 60_000);

  test('gets a kill at once from a second, less patient abort', async () => {
    const { project } = lasting();
    const run = await begun(project, 'ignores');
    const first = project.start('abort', run.id, '--grace', '5m', '--json');
    await eventually(() => run.said('signal'), 20_000);
    const second = await project.json('abort', run.id, '--force');
    expect(second.results[0]).toMatchObject({ state: 'aborted' });
    expect((await first.exited).code).toBe(0);
    expect(JSON.parse(first.stdout()).results[0]).toMatchObject({ id: run.id, state: 'aborted' });
  }, 60_000);

  test('stays aborted where the daemon is killed in the middle of it, and never begins again', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    const run = await begun(project, 'ignores');
    const abort = project.start('abort', run.id, '--grace', '5m');
    await eventually(() => run.said('signal'), 20_000);
    await daemon.kill('SIGKILL');
    expect((await abort.exited).code, 'it ends what the daemon left').toBe(0);
    expect((await project.cli(['abort', run.id])).code, 'it is over').toBe(5);
    await project.daemon();
    expect(await project.until(run.id)).toMatchObject({
      state: 'aborted',
      reason: 'aborted on request',
      attempt: 1,
    });
    expect((await project.cli(['run', 'quick'])).code).toBe(0);
    expect(project.ledger().filter((one) => one.what === 'begun')).toHaveLength(1);
  }, 60_000);
});

describe('runs that have not begun', () => {
  test('are aborted at once: scheduled, waiting, queued; and never begin', async () => {
    const project = new Project(JOBS);
    await project.daemon();
    const scheduled = await project.json('schedule', 'waits', '--in', '1h');
    const waiting = await project.json('schedule', 'waits', '--after', scheduled.id);
    await project.json('pause', 'waits');
    const queued = await project.json('schedule', 'waits');
    expect([scheduled.state, waiting.state, queued.state]).toEqual([
      'scheduled',
      'waiting',
      'queued',
    ]);
    // The one that waits first: the end of the other would make it go on.
    const { results } = await project.json('abort', waiting.id, scheduled.id, queued.id);
    expect(results.map((one: Doc) => one.state)).toEqual(['aborted', 'aborted', 'aborted']);
    expect(Math.max(...results.map((one: Doc) => one.tookMs))).toBeLessThan(SLACK_MS);
    await project.json('resume', 'waits');
    expect((await project.cli(['run', 'quick'])).code).toBe(0);
    expect(project.ledger()).toEqual([]);
  }, 60_000);

  test('several at once: each is told of, and the exit code says whether all went well', async () => {
    const project = new Project(JOBS);
    const ids = await Promise.all(
      [1, 2].map(async () => (await project.json('schedule', 'waits', '--in', '1h')).id),
    );
    const both = await project.cli(['abort', ...ids]);
    expect([both.code, both.stderr]).toEqual([0, '2 runs: 2 aborted\n']);
    const again = await project.cli(['abort', ...ids]);
    expect([again.code, again.stdout]).toEqual([5, '']);
    const third = (await project.json('schedule', 'waits', '--in', '1h')).id;
    const mixed = await project.cli(['abort', ids[0], third, '--json']);
    expect(mixed.code).toBe(1);
    expect(JSON.parse(mixed.stdout).results).toMatchObject([
      { id: ids[0], error: { code: 'refused' } },
      { id: third, state: 'aborted' },
    ]);
    expect((await project.cli(['abort', '99'])).code).toBe(3);
    expect((await project.cli(['abort', 'x'])).code).toBe(2);
    expect((await project.cli(['abort'])).code).toBe(2);
  }, 60_000);

  test('--job takes all of that job and no other; --all asks first', async () => {
    const project = new Project(JOBS);
    await project.daemon();
    const one = await begun(project, 'waits');
    await project.json('schedule', 'waits', '--in', '1h');
    const other = await project.json('schedule', 'quick', '--in', '1h');
    const { results } = await project.json('abort', '--job', 'waits', '--grace', '1s');
    expect(results).toHaveLength(2);
    expect((await project.ask('show', { id: one.id })).state).toBe('aborted');
    expect((await project.ask('show', { id: other.id })).state).toBe('scheduled');
    const asked = await project.cli(['abort', '--all']);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('-y')]);
    expect(asked.stderr).toContain('Abort 1 run: 1 scheduled? There is no terminal to ask.');
    expect((await project.ask('show', { id: other.id })).state, 'no answer is no yes').toBe(
      'scheduled',
    );
    expect((await project.json('abort', '--all', '-y')).results).toHaveLength(1);
    expect((await project.json('abort', '--all', '-y')).results).toEqual([]);
  }, 60_000);
});
