// A whole daemon that is told to stop in the very moment in which it takes a run: the claim is on its way to the disk,
// and no attempt has begun yet.
import { expect, it } from 'vitest';
import { daemonHere } from '../helpers/daemon-here.ts';
import { Project } from '../helpers/project.ts';

it.each([
  { now: false, ends: 'done' },
  { now: true, ends: 'queued' },
])('a run taken as a stop (now: $now) begins is $ends, never failed', async ({ now, ends }) => {
  const project = new Project({
    'jobs/brief.mjs': 'export default { run: (_, ctx) => ctx.sleep(20) };',
  });
  await project.json('schedule', 'brief');
  const daemon = await daemonHere(project, { drainMs: 10_000 });
  // In memory at once, on the disk a moment later.
  while ((await daemon.context.engine.counts()).running === 0) await new Promise(setImmediate);
  daemon.stop(now);
  expect(await daemon.stopped).toBe(0);
  const run = await project.json('show', '1');
  expect([run.state, run.error]).toEqual([ends, null]);
});
