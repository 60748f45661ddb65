// The daemon's log where it cannot be written: a reader that went away, a full disk, a terminal that was closed. None
// of them ends the daemon, and lines that were lost are counted in the next one that gets through.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test as plain } from 'vitest';
import { LogOutput } from '../../src/daemon/watching/log-output.ts';
import { systemClock } from '../../src/support/clock.ts';
import { eventually, isAlive, Project, ROOT } from '../helpers/project.ts';
import { Screen } from '../helpers/tmux.ts';

const JOBS = {
  'jobs/quick.mjs': 'export default () => 1;',
  'jobs/bad.mjs': "export default () => { throw new Error('as asked'); };",
};
const BIN = join(ROOT, 'bin/jobrun.js');
const test = (title: string, run: () => Promise<void>): void => plain(title, run, 60_000);

/** A daemon whose stderr is this descriptor, serving. */
async function daemonTo(project: Project, stderr: number | 'pipe') {
  const child = spawn(process.execPath, [BIN, 'daemon'], {
    cwd: project.dir,
    env: project.env,
    stdio: ['ignore', 'ignore', stderr],
  });
  const exited = new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const pid = child.pid as number;
  await eventually(async () => (await project.ask('status'))?.pid === pid, 20_000);
  return { child, pid, exited };
}

async function expectServing(project: Project, pid: number): Promise<void> {
  expect((await project.cli(['run', 'bad'])).code).toBe(6);
  expect((await project.cli(['run', 'quick'])).code).toBe(0);
  expect(await project.ask('status')).toMatchObject({ pid });
}

describe('a daemon whose log cannot be written goes on', () => {
  test('where the reader of its stderr has gone', async () => {
    const project = new Project(JOBS);
    const { child, pid, exited } = await daemonTo(project, 'pipe');
    child.stderr?.destroy();
    await expectServing(project, pid);
    child.kill('SIGTERM');
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test('on a full disk', async () => {
    const project = new Project(JOBS);
    const full = openSync('/dev/full', 'w');
    const { child, pid, exited } = await daemonTo(project, full);
    closeSync(full);
    await expectServing(project, pid);
    child.kill('SIGTERM');
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test('and tells how many lines were lost as soon as one gets through', async () => {
    const project = new Project(JOBS);
    const fifo = join(project.dir, 'log.fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, constants.O_WRONLY);
    const { pid } = await daemonTo(project, writer);
    closeSync(writer);
    closeSync(reader);
    await expectServing(project, pid);
    const again = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(again));
    await project.cli(['run', 'quick']);
    const bytes = Buffer.alloc(65_536);
    const text = await eventually(() => {
      const read = readSync(again, bytes, 0, bytes.length, null);
      return read > 0 ? bytes.toString('utf8', 0, read) : null;
    });
    expect(text).toMatch(
      /\{"level":40,"msg":"\d+ lines? before this one could not be written"\}\n/,
    );
    expect(text).toContain('"quick"');
  });
});

plain(
  'lines wait for a reader that is stopped, in order and whole, and nobody waits for it',
  async () => {
    const project = new Project();
    const fifo = join(project.dir, 'log.fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(reader));
    const output = new LogOutput(fifo, systemClock);
    const lines = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(1000)}`);
    for (const line of lines) output.write(`${line}\n`);
    let text = '';
    const bytes = Buffer.alloc(65_536);
    await eventually(() => {
      try {
        const read = readSync(reader, bytes, 0, bytes.length, null);
        text += bytes.toString('utf8', 0, read);
      } catch {
        // Nothing to read just now.
      }
      return text.length >= lines.join('\n').length;
    });
    expect(text.trimEnd().split('\n')).toEqual(lines);
  },
);

describe('a hangup', () => {
  test('is ignored by a daemon whose stderr is no terminal', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    process.kill(daemon.pid, 'SIGHUP');
    await eventually(() => daemon.log().includes('SIGHUP'));
    await expectServing(project, daemon.pid);
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  plain(
    'of the terminal that it logs to stops it cleanly',
    async () => {
      const project = new Project(JOBS);
      const screen = new Screen(project.dir, project.env, { columns: 100, rows: 20 });
      screen.type(`"${process.execPath}" "${BIN}" daemon\n`);
      const pid = await eventually(async () => (await project.ask('status'))?.pid ?? null, 20_000);
      await project.cli(['run', 'quick']);
      screen.close();
      await eventually(() => !isAlive(pid), 20_000);
      const left = readFileSync(join(project.state, 'locks.json'), 'utf8');
      expect(JSON.parse(left).leases ?? []).toEqual([]);
      expect((await project.cli(['doctor'])).code).toBe(0);
    },
    60_000,
  );
});

describe('signals that stop', () => {
  test('within a second are one: what runs may end', async () => {
    const project = new Project({
      'jobs/slow.mjs':
        "export default async (_, ctx) => { await ctx.sleep('3s'); return 'whole'; };",
    });
    const daemon = await project.daemon();
    await project.json('schedule', 'slow');
    await eventually(async () => (await project.ask('show', { id: '1' })).state === 'running');
    for (const name of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) process.kill(daemon.pid, name);
    expect(await daemon.exited).toEqual({ code: 0, signal: null });
    expect(await project.show('1')).toMatchObject({ state: 'done', output: 'whole' });
  });

  test('a second apart are two: what runs is stopped', async () => {
    const project = new Project({
      'jobs/slow.mjs': "export default async (_, ctx) => { await ctx.sleep('60s'); };",
    });
    const daemon = await project.daemon();
    await project.json('schedule', 'slow');
    await eventually(async () => (await project.ask('show', { id: '1' })).state === 'running');
    process.kill(daemon.pid, 'SIGTERM');
    await pause(1200);
    expect(await daemon.kill('SIGINT')).toEqual({ code: 0, signal: null });
    expect((await project.show('1')).attempts).toMatchObject([{ outcome: 'stopped' }]);
  });
});
