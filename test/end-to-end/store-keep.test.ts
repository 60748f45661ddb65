// What is kept of a store: what somebody prunes, and what its size counts.
import { expect, it } from 'vitest';
import { abortIdle } from '../../src/run/transitions.ts';
import { freshStore } from '../helpers/postgres.ts';
import { openStore } from '../helpers/postgres-engine.ts';
import { Project } from '../helpers/project.ts';

const LONG = 120_000;

const JOBS = { 'jobs/hello.js': 'export default { run: async () => "x".repeat(10_000) };' };

async function projectOn(): Promise<Project> {
  const engine = await freshStore({ fsync: true });
  return new Project({ ...JOBS, 'jobrun.config.json': JSON.stringify({ engine }) });
}

const ids = async (project: Project): Promise<string[]> =>
  (await project.json('list')).runs.map(({ id }: { id: string }) => id);

it(
  'the size counts what is there: what was removed is no part of it',
  async () => {
    const { engine, close } = await openStore(await freshStore());
    expect(await engine.size()).toBe(0);
    const params = { text: 'x'.repeat(100_000) };
    const draft = { job: 'hello', params, priority: 1, dueAt: null, origin: null };
    await engine.accept([draft, draft, draft, draft], Date.now());
    for (const id of [1, 2, 3, 4]) await engine.change(id, (run) => abortIdle(run, 'over', 5));
    const whole = await engine.size();
    expect(whole).toBeGreaterThan(400_000);
    expect(whole).toBeLessThan(500_000);
    await engine.remove([1, 2, 3]);
    expect(await engine.size()).toBe(whole / 4);
    await close();
  },
  LONG,
);

it(
  'prune removes what it is asked for, from any host',
  async () => {
    const project = await projectOn();
    for (let n = 0; n < 2; n++) await project.json('schedule', 'hello');
    await project.json('schedule', 'hello', '--in', '1h');
    await project.cli(['daemon', '--until-idle']);
    const { code } = await project.cli(['prune', '--state', 'done', '--older-than', '0s', '--yes']);
    expect(code).toBe(0);
    expect(await ids(project)).toEqual(['3']);
    expect((await project.json('doctor')).sound).toBe(true);
  },
  LONG,
);
