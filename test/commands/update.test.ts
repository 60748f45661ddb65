// Changes of one run that are asked for at once.
import { expect, test } from 'vitest';
import { handle } from '../../src/commands/dispatch.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import { update } from '../../src/commands/update.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { Project } from '../helpers/project.ts';

const JOBS = {
  'jobs/plain.mjs': 'export default () => 1;',
  'jobs/checked.mjs': `const validate = async (value) => ({ value });
    export default { params: { '~standard': { version: 1, vendor: 'x', validate } }, run: () => 1 };`,
};

async function waiting(context: Context, job: string): Promise<string> {
  const draft = { job, params: { base: 1 }, priority: 1, dueAt: Date.now() + 3_600_000 };
  const [accepted] = await context.engine.accept([{ ...draft, origin: null }], Date.now());
  return String(accepted?.run.id);
}

test.each(['plain', 'checked'])(
  'params that are added to a run of the job %s at once are all there afterwards',
  async (job) => {
    const { context } = await daemonHere(new Project(JOBS));
    await context.catalog.ready();
    const id = await waiting(context, job);
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(
      names.map((name) => handle(update, { id, params: { [name]: 1 }, merge: true }, context)),
    );
    const run = await context.engine.find(Number(id));
    expect(run?.params).toEqual({ base: 1, a: 1, b: 1, c: 1, d: 1 });
  },
);

test('params that are given whole take the place of what was added meanwhile, and keep nothing of it', async () => {
  const { context } = await daemonHere(new Project(JOBS));
  await context.catalog.ready();
  const id = await waiting(context, 'checked');
  const added = handle(update, { id, params: { a: 1 }, merge: true }, context);
  await handle(update, { id, params: { whole: 1 }, merge: false }, context);
  await added;
  const run = await context.engine.find(Number(id));
  expect(['{"whole":1}', '{"whole":1,"a":1}']).toContain(JSON.stringify(run?.params));
});
