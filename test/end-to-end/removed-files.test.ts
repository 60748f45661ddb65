// Files of the state that are removed under a daemon that works on them.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test as plain } from 'vitest';
import { eventually, Project } from '../helpers/project.ts';

const test = (title: string, run: () => Promise<void>): void => plain(title, run, 60_000);

const JOBS = { 'jobs/a.mjs': 'export default async () => 1;' };

test('a daemon whose socket is removed answers again', async () => {
  const project = new Project(JOBS);
  const daemon = await project.daemon();
  rmSync(join(project.state, 'jobrun.sock'));
  expect((await project.json('schedule', 'a')).id).toBe('1');
  expect((await project.until('1')).state).toBe('done');
  expect(daemon.log()).toContain('jobrun.sock was gone: it is made anew');
  expect((await project.json('stop')).stopped).toBe(true);
});

for (const words of [['stop'], ['stop', '--now']])
  test(`a daemon that cannot listen again is named by doctor, and ended by ${words.join(' ')}`, async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    const socket = join(project.state, 'jobrun.sock');
    rmSync(socket);
    mkdirSync(join(socket, 'in-the-way'), { recursive: true });
    await eventually(() => daemon.log().includes('cannot be removed'));
    const doctor = await project.cli(['doctor']);
    expect(doctor.code).toBe(8);
    expect(doctor.stdout).toContain(`a daemon (pid ${daemon.pid}) runs, and nobody listens at`);
    expect(await project.json(...words)).toEqual({ stopped: true, pid: daemon.pid });
    expect(await daemon.exited).toEqual({ code: 0, signal: null });
  });
