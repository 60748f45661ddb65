// What doctor sees beside the files: processes that a dead daemon left behind, and what stands where its socket should.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Doc, eventually, isAlive, Project } from '../helpers/project.ts';

/** It leaves its group, its session and its parent, and outlives even the run's own process. */
/** What leaves the group tells its pid itself, when it has. */
const AWAY = `#!/bin/sh\n(setsid sh -c 'echo $$ > away.pid; exec sleep 1000' &)\nsleep 1000\n`;

async function examine(project: Project, ...args: string[]): Promise<Doc> {
  const { code, stdout } = await project.cli(['doctor', '--json', ...args]);
  const doc = JSON.parse(stdout);
  const check = (name: string): Doc => doc.checks.find((one: Doc) => one.name === name);
  return { code, sound: doc.sound, check };
}

test('a process that a killed daemon left behind is named, and ended on request; one of a live daemon is neither', async () => {
  const project = new Project({ 'jobs/away.sh': AWAY });
  const daemon = await project.daemon();
  const { id } = await project.json('schedule', 'away');
  const pid = await eventually(() => {
    const file = join(project.dir, 'away.pid');
    return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
  });
  const beside = await examine(project, '--repair');
  expect([beside.code, beside.check('processes').findings]).toEqual([0, []]);
  expect(isAlive(pid), 'its run is under way').toBe(true);

  await daemon.kill('SIGKILL');
  expect(isAlive(pid)).toBe(true);
  const after = await examine(project);
  expect([after.code, after.sound]).toEqual([8, false]);
  const { status, findings } = after.check('processes');
  expect(status).toBe('problem');
  const about = `process ${pid} was started by a daemon that is gone, and lives`;
  const finding = findings.find(({ message }: Doc) => message === about);
  expect(finding?.hint).toContain('jobrun doctor --repair');
  expect(isAlive(pid), 'a look ends nothing').toBe(true);

  const repaired = await examine(project, '--repair');
  expect([repaired.code, repaired.check('processes').summary]).toEqual([0, 'no orphans']);
  await eventually(() => !isAlive(pid));
  expect(await project.show(id), 'its run goes on with the next daemon').toMatchObject({
    state: 'running',
  });
}, 60_000);

test('a file or a folder in the place of the socket is named and put aside; then a daemon starts', async () => {
  const project = new Project({ 'jobs/work.mjs': 'export default () => 1;' });
  await project.json('schedule', 'work', '--in', '1h');
  const socket = join(project.state, 'jobrun.sock');
  for (const plant of [() => writeFileSync(socket, 'not a socket'), () => mkdirSync(socket)]) {
    rmSync(socket, { recursive: true, force: true, maxRetries: 5 });
    plant();
    const { code, check } = await examine(project);
    expect([code, check('files').status]).toEqual([8, 'problem']);
    expect(check('files').findings).toMatchObject([
      { file: socket, message: expect.stringContaining('is not a socket') },
    ]);
    const repaired = await examine(project, '--repair');
    expect([repaired.code, repaired.check('files').findings]).toEqual([0, []]);
    const daemon = await project.daemon();
    expect((await project.json('list')).total).toBe(1);
    await daemon.kill('SIGTERM');
  }
}, 60_000);

test('another program on the socket is told from a daemon: doctor says so, and the next daemon takes its place', async () => {
  const project = new Project({ 'jobs/work.mjs': 'export default () => 1;' });
  await project.json('schedule', 'work', '--in', '1h');
  const server = createServer((connection) => connection.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(join(project.state, 'jobrun.sock'), resolve));
  onTestFinished(() => void server.close());
  const { code, check } = await examine(project);
  expect([code, check('lock').summary]).toEqual([8, 'free']);
  expect(check('jobs').findings[0].message).toContain('another program listens at');
  const daemon = await project.daemon();
  expect((await examine(project)).code).toBe(0);
  await daemon.kill('SIGTERM');
}, 60_000);
