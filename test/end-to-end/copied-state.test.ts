// A copy of a state that is in use: a backup that is tried beside it. It names the processes that are at work there,
// and whatever is done with the copy, they go on.
import { cpSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, isAlive, Project } from '../helpers/project.ts';

const FILES = {
  'jobs/module.mjs': `import { appendFileSync } from 'node:fs';
    export default async (_, ctx) => { appendFileSync('began', '.'); await ctx.sleep(600_000); };`,
  'jobs/shell.sh': '#!/bin/sh\nprintf . >> began\nexec sleep 600\n',
};

test.each([
  ['a daemon on it', ['daemon', '--until-idle', '--drain', '0s'], 2],
  ['an abort in it', ['abort', '1', '2', '--reason', 'in the copy'], 0],
  ['a repair of it', ['doctor', '--repair'], 0],
])(
  '%s ends nothing of what is at work on the original',
  async (_, args, lost) => {
    const project = new Project(FILES);
    const daemon = await project.daemon();
    for (const job of ['module', 'shell']) await project.json('schedule', job);
    await eventually(() => sizeOf(join(project.dir, 'began')) === 2);
    const pids = await Promise.all(
      ['1', '2'].map(async (id) => (await project.show(id)).worker.pid),
    );
    const copy = new Project({});
    mkdirSync(join(copy.dir, 'jobs'), { recursive: true });
    cpSync(project.state, copy.state, {
      recursive: true,
      filter: (path) => !path.endsWith('jobrun.sock'),
    });
    const done = await copy.cli([...args]);
    expect([done.code, done.stderr.includes(`the daemon ${daemon.pid} works on`)]).toEqual([
      0,
      lost > 0,
    ]);
    expect(pids.map(isAlive)).toEqual([true, true]);
    for (const id of ['1', '2'])
      expect(await project.show(id)).toMatchObject({ state: 'running', attempt: 1 });
    const states = (await copy.json('list')).runs.map(({ state }: { state: string }) => state);
    const became = lost > 0 ? 'queued' : args[0] === 'abort' ? 'aborted' : 'running';
    expect(states).toEqual([became, became]);
  },
  60_000,
);

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
