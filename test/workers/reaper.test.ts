// The reaper: what a daemon that was killed leaves of its commands, and that nobody else is touched.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/support/clock.ts';
import { processInfo, startTimeOf } from '../../src/workers/processes.ts';
import { Reaper } from '../../src/workers/reaper.ts';
import { assignment, atEnd, newMark, project, until } from './harness.ts';

const lives = (pid: number): boolean => processInfo(pid)?.alive === true;
const pidIn = (file: string): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);

/** The signals that a process ignores, as the kernel's mask. */
const ignored = (pid: number): number =>
  Number.parseInt(
    /SigIgn:\s*(\w+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0',
    16,
  );

/** A process that leads a group of its own, as a command does. */
function leader() {
  const started = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  atEnd(() => started.kill('SIGKILL'));
  const pid = started.pid ?? 0;
  return { pid, startTime: startTimeOf(pid) };
}

function standing(clock = systemClock): Reaper {
  const reaper = new Reaper(clock);
  atEnd(() => reaper.close());
  reaper.begin();
  return reaper;
}

test('when its pipe ends it kills what it watches; not what it was told to forget, nor who has the pid by now', async () => {
  const [doomed, settled, later, last] = [leader(), leader(), leader(), leader()];
  const reaper = standing();
  const was = { pid: later.pid, startTime: '1' };
  const before = { pid: last.pid, startTime: '1' };
  for (const one of [doomed, settled, was, before, last]) reaper.watch(one);
  for (const one of [settled, before]) reaper.forget(one);
  reaper.close();
  await until(() => !lives(doomed.pid) && !lives(last.pid));
  expect([lives(settled.pid), lives(later.pid)]).toEqual([true, true]);
});

test('it does not mind a signal that asks it to end', async () => {
  const doomed = leader();
  const reaper = standing();
  reaper.watch(doomed);
  // The shell has come as far as its first line.
  await until(() => ignored(reaper.pid) !== 0);
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(reaper.pid, name);
  reaper.close();
  await until(() => !lives(doomed.pid));
});

test('killed, it is followed by another that knows the commands under way, however young it was', async () => {
  const reaper = standing();
  const { pid } = reaper;
  const doomed = leader();
  reaper.watch(doomed);
  process.kill(pid, 'SIGKILL');
  await until(() => reaper.pid > 0 && reaper.pid !== pid);
  expect(lives(doomed.pid)).toBe(true);
  reaper.close();
  await until(() => !lives(doomed.pid));
});

test('a command dies with its daemon, and so does what it started', async () => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url));
  const dir = project({
    'jobs/job.sh': '#!/bin/sh\nsleep 1000 &\necho $! >child\necho $$ >command\nwait\n',
    'daemon.mjs': `
      import { createJiti } from '${import.meta.resolve('jiti')}';
      const jiti = createJiti(import.meta.url, { fsCache: false, nativeModules: ['valibot'] });
      const { CommandRunner } = await jiti.import('${src}workers/command-job.ts');
      const { Reaper } = await jiti.import('${src}workers/reaper.ts');
      const { systemClock: clock } = await jiti.import('${src}support/clock.ts');
      const file = process.cwd() + '/jobs/job.sh';
      const reaper = new Reaper(clock);
      const runner = new CommandRunner({ mark: '${newMark()}', dir: process.cwd(), env: { ...process.env }, clock, reaper });
      runner.send({ type: 'run', assignment: { ...${JSON.stringify(assignment(''))}, program: { kind: 'file', file } } });`,
  });
  chmodSync(join(dir, 'jobs/job.sh'), 0o755);
  const daemon = spawn(process.execPath, ['daemon.mjs'], { cwd: dir });
  // The sources are compiled first, which takes long on a busy machine.
  await until(() => pidIn(join(dir, 'command')) > 0, 60_000);
  const pids = [pidIn(join(dir, 'command')), pidIn(join(dir, 'child'))];
  atEnd(() => {
    for (const pid of pids) if (lives(pid)) process.kill(pid, 'SIGKILL');
  });
  expect(pids.map(lives)).toEqual([true, true]);
  daemon.kill('SIGKILL');
  await until(() => !pids.some(lives), 3000);
}, 90_000);

const beating = (): Reaper => {
  const reaper = new Reaper(systemClock, 100);
  atEnd(() => reaper.close());
  reaper.begin();
  return reaper;
};

test('a daemon that has to beat and does not has nothing alive after that, nor anything that comes later', async () => {
  const reaper = beating();
  reaper.beat(60_000);
  const [one, two] = [leader(), leader()];
  for (const watched of [one, two]) reaper.watch(watched);
  reaper.beat(1500);
  const began = performance.now();
  await until(() => !lives(one.pid) && !lives(two.pid));
  expect(performance.now() - began).toBeGreaterThan(1200);
  const later = leader();
  reaper.watch(later);
  await until(() => !lives(later.pid));
});

test('as long as it beats, what it watches lives; what it was told to forget lives on', async () => {
  const reaper = beating();
  const [kept, forgotten] = [leader(), leader()];
  for (const watched of [kept, forgotten]) reaper.watch(watched);
  reaper.forget(forgotten);
  for (let beats = 0; beats < 15; beats++) {
    reaper.beat(3000);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect([lives(kept.pid), lives(forgotten.pid)]).toEqual([true, true]);
  reaper.beat(0);
  await until(() => !lives(kept.pid));
  expect(lives(forgotten.pid)).toBe(true);
});

test('one that has to be beaten for is followed by another too, and ends what it knows with the daemon', async () => {
  const reaper = beating();
  reaper.beat(60_000);
  const doomed = leader();
  reaper.watch(doomed);
  const { pid } = reaper;
  process.kill(pid, 'SIGKILL');
  await until(() => reaper.pid > 0 && reaper.pid !== pid);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(lives(doomed.pid)).toBe(true);
  reaper.close();
  await until(() => !lives(doomed.pid));
});

test('stopped, as its daemon may be with everything around it, it still knows when it goes on', async () => {
  const reaper = beating();
  const doomed = leader();
  reaper.watch(doomed);
  reaper.beat(300);
  // It stands in a session of its own: what stops the daemon does not stop it.
  expect(processInfo(reaper.pid)?.session).toBe(reaper.pid);
  await until(() => !lives(doomed.pid));
});
