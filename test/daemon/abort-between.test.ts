// An abort that arrives between two attempts of a run: the one that it found is over already, and the run goes on with
// its next. When the abort is answered the run is over all the same.
import { expect, it } from 'vitest';
import { daemonHere } from '../helpers/daemon-here.ts';
import { Project } from '../helpers/project.ts';

const JOBS = {
  'jobs/calls.mjs': `export default async (params, ctx) => {
    if (ctx.checkpoint) return ctx.sleep(60_000);
    await ctx.save(1);
    return ctx.callback({ in: 0 });
  };`,
  'jobs/throws.mjs': `export default {
    retries: { limit: 1, delay: 0, jitter: 0 },
    run: (params, ctx) => { if (ctx.attempt > 1) return ctx.sleep(60_000); throw new Error('x'); },
  };`,
  'jobs/fails.mjs': `export default {
    retries: { limit: Infinity, delay: 0, jitter: 0 },
    run: () => { throw new Error('x'); },
  };`,
  'jobs/later.mjs': `export default async (params, ctx) => {
    if (ctx.checkpoint) return 1;
    await ctx.save(1);
    return ctx.callback({ in: '1h' });
  };`,
};

it.each([
  ['with a call-back at once', 'calls', 'process'],
  ['with a call-back at once, in a shared process', 'calls', 'shared'],
  ['with a retry at once', 'throws', 'process'],
  ['with a call-back later', 'later', 'process'],
  ['with attempts that are over at once', 'fails', 'process'],
  ['with attempts that are over at once, in a shared process', 'fails', 'shared'],
])(
  'an abort between two attempts ends a run that goes on %s',
  async (_, job, isolation) => {
    const project = new Project({
      ...JOBS,
      'jobrun.config.json': JSON.stringify({ defaults: { isolation, grace: '1s' } }),
    });
    const { context } = await daemonHere(project);
    const { engine, members, daemon } = context;
    for (let i = 0; i < 5; i++) {
      const [accepted] = await engine.accept(
        [{ job, params: {}, priority: 1, dueAt: null, origin: null }],
        Date.now(),
      );
      const id = accepted?.run.id ?? 0;
      const lease = async (): Promise<number | undefined> =>
        (await members.leases()).find(({ run }) => run === id)?.token[1];
      const first = await untilHeld(lease);
      // Its attempt is over in memory, and the disk does not know it yet.
      while ((await lease()) === first) await new Promise(setImmediate);
      const run = await daemon?.abort(id, 'no', null);
      expect(run?.state).toMatchObject({ name: 'aborted', reason: 'no' });
      expect((await engine.find(id))?.state.name).toBe('aborted');
      expect(await members.leases()).toEqual([]);
    }
  },
  60_000,
);

async function untilHeld(look: () => Promise<number | undefined>): Promise<number> {
  for (let held = await look(); ; held = await look()) {
    if (held !== undefined) return held;
    await new Promise(setImmediate);
  }
}
