// A state that is carried to another place while its daemon is at work: what was promised there holds here.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectDaemon } from '../../src/api/client.ts';
import { type Doc, eventually, Project } from '../helpers/project.ts';

const JOBS = {
  'jobs/limited.mjs': `export default { rateLimit: { limit: 2, per: '1h' }, run: ({ n }) => n };`,
  'jobs/long.mjs': `import { existsSync } from 'node:fs';
export default async (_params, ctx) => {
  if (ctx.checkpoint === undefined) await ctx.save({ half: true });
  while (!existsSync('go')) await ctx.sleep('20ms');
  return { attempt: ctx.attempt, checkpoint: ctx.checkpoint };
};`,
};

/** One request with an id of its own, which may be made again. */
async function request(project: Project, id: string, n: number): Promise<Doc> {
  const client = await connectDaemon(join(project.state, 'jobrun.sock'));
  const args = { job: 'limited', params: { n } };
  const reply = (await client?.call('schedule', args, { request: id })) as Doc;
  client?.close();
  return reply.run;
}

test('rates go on where they were, a run under way is taken up from its checkpoint, and a repeated request is the same run', async () => {
  const project = new Project(JOBS);
  const daemon = await project.daemon();
  const made = [];
  for (const n of [1, 2, 3]) made.push((await request(project, `request-${n}`, n)).id);
  const { id: long } = await project.json('schedule', 'long');
  await eventually(
    async () => (await project.ask('show', { id: long })).checkpoint !== null,
    20_000,
  );
  await eventually(async () => (await project.ask('status')).counts.done === 2, 20_000);
  const held = await project.show(made[2]);
  expect([held.state, held.reason]).toEqual(['queued', expect.stringContaining('rate')]);
  const { stdout } = await project.cli(['export']);
  await daemon.kill('SIGKILL');

  const copy = new Project(JOBS);
  expect((await copy.cli(['import'], stdout)).code).toBe(0);
  const waiting = await copy.show(long);
  expect(waiting, 'as it was').toMatchObject({ state: 'running', attempt: 1 });
  writeFileSync(join(copy.dir, 'go'), '');
  await copy.daemon();
  const done = await copy.until(long);
  expect(done).toMatchObject({
    state: 'done',
    output: { attempt: 2, checkpoint: { half: true } },
    attempts: [
      { number: 1, outcome: 'lost' },
      { number: 2, outcome: 'returned' },
    ],
  });

  // Asked again, as by a client that has not heard the answer.
  expect((await request(copy, 'request-1', 1)).id).toBe(made[0]);
  expect((await request(copy, 'request-3', 3)).id).toBe(made[2]);
  expect((await copy.json('list')).total, 'and none was made').toBe(4);
  const other = await request(copy, 'request-4', 4);
  for (const id of [made[2], other.id]) {
    const run = await copy.show(id);
    expect([run.state, run.reason]).toEqual(['queued', expect.stringContaining('rate')]);
  }
  expect((await copy.json('status')).counts).toMatchObject({ done: 3, queued: 2, running: 0 });
  expect((await copy.cli(['doctor'])).code).toBe(0);
}, 90_000);
