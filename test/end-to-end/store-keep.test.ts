// What is kept of a store: what somebody prunes, and what its size counts.
import { expect, it } from 'vitest';
import { abortIdle } from '../../src/run/transitions.ts';
import { freshStore } from '../helpers/postgres.ts';
import { openStore } from '../helpers/postgres-engine.ts';
import { eventually, Project } from '../helpers/project.ts';

const LONG = 120_000;

const JOBS = { 'jobs/hello.js': 'export default { run: async () => "x".repeat(10_000) };' };

async function projectOn(config: object = {}): Promise<Project> {
  const engine = await freshStore({ fsync: true });
  return new Project({ ...JOBS, 'jobrun.config.json': JSON.stringify({ engine, ...config }) });
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

it.each([
  ['keep.runs: those that settled first go until so many are left', { runs: 11 }, 11],
  [
    'keep.bytes: they go until no more is kept than that, but for the newest ten',
    { bytes: 1000 },
    10,
  ],
])(
  '%s',
  async (_what, keep, stay) => {
    const project = await projectOn({ keep });
    await project.daemon();
    const batch = '{"job":"hello"}\n'.repeat(14);
    expect((await project.cli(['schedule', '--batch', '-'], batch)).code).toBe(0);
    const left = await eventually(async () => {
      const all = await ids(project);
      return all.length <= stay ? all : null;
    }, 60_000);
    expect(left.length).toBe(stay);
    await project.json('run', 'hello');
    expect((await project.json('doctor')).sound).toBe(true);
  },
  LONG,
);
