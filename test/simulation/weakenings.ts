// jobrun with one of its protections taken out: the simulation must find each, or it would find nothing.
import type { Claimed, Engine, Fired } from '../../src/engine/engine.ts';
import type { FileEngine } from '../../src/engine/files/file-engine.ts';
import type { Memory } from '../../src/engine/files/memory.ts';
import type { Json } from '../../src/support/json.ts';
import type { Weakness } from '../helpers/simulated-disk.ts';

export interface Weakening {
  readonly name: string;
  readonly disk?: Weakness;
  readonly engine?: (engine: FileEngine) => Partial<Engine>;
}

export const WEAKENINGS: readonly Weakening[] = [
  { name: 'files are not synced', disk: { noSync: true } },
  { name: 'folders are not synced', disk: { noFolderSync: true } },
  { name: 'answers before the sync', disk: { earlyAnswer: true } },
  {
    name: 'hands out before the start is durable',
    engine: (engine) => ({ claim: (...asked) => claimEarly(engine, asked) }),
  },
  {
    name: 'makes a key twice',
    engine: (engine) => {
      const { memory } = engine as unknown as { memory: Memory };
      memory.findKey = () => null;
      return {};
    },
  },
  {
    name: 'forgets requests',
    engine: (engine) => ({ accept: (drafts, now) => engine.accept(drafts, now) }),
  },
  {
    name: 'fires in two commits',
    engine: (engine) => ({ fire: (...asked) => fireApart(engine, asked) }),
  },
  {
    name: 'takes what an attempt says that no longer holds its run',
    engine: (engine) => ({
      changeHeld: async (id, token, decide) => {
        const lease = (await engine.members.leases()).find(({ run }) => run === id);
        return engine.changeHeld(id, lease?.token ?? token, decide);
      },
    }),
  },
  {
    name: 'starts what is paused',
    engine: (engine) => {
      const { picker } = (engine as unknown as { memory: Memory }).memory;
      const configure = picker.configure.bind(picker);
      picker.configure = (limitsOf) =>
        configure((job) => {
          const limits = limitsOf(job);
          return limits.blocked === 'paused' ? { ...limits, blocked: null } : limits;
        });
      return {};
    },
  },
  {
    name: 'hands out params from before an update',
    engine: (engine) => {
      const first = new Map<number, Json>();
      return {
        change: (id, decide) =>
          engine.change(id, (run) => {
            if (!first.has(id)) first.set(id, run.params);
            return decide(run);
          }),
        claim: async (...asked) =>
          (await engine.claim(...asked)).map((one) => {
            const params = first.get(one.run.id) ?? one.run.params;
            return { ...one, run: { ...one.run, params } };
          }),
      };
    },
  },
  { name: 'takes runs back from processes that live' },
  { name: 'ends before it is dead' },
  { name: 'never takes runs back' },
];

async function claimEarly(
  engine: FileEngine,
  asked: Parameters<Engine['claim']>,
): Promise<Claimed[]> {
  const before = new Set((await engine.members.leases()).map(({ run }) => run));
  engine.claim(...asked).catch(() => undefined);
  const { memory } = engine as unknown as { memory: Memory };
  return (await engine.members.leases()).flatMap(({ run: id, token, mark, pid }) => {
    const run = memory.live.get(id);
    return run && !before.has(id) ? [{ run, token, worker: { mark, pid } }] : [];
  });
}

async function fireApart(
  engine: FileEngine,
  [names, decide, now]: Parameters<Engine['fire']>,
): Promise<readonly Fired[]> {
  const fired: Fired[] = [];
  for (const schedule of await engine.schedules()) {
    const unsettled = await engine.unsettledOf(schedule.name);
    const firing = names.includes(schedule.name) ? decide(schedule, unsettled) : null;
    if (!firing) continue;
    const { drafts } = firing;
    const runs = drafts.length > 0 ? await engine.accept(drafts, now) : [];
    await engine.changeSchedule(schedule.name, () => firing.schedule);
    fired.push({ schedule: firing.schedule, runs: runs.map(({ run }) => run), unsettled });
  }
  return fired;
}

/** The engine, with what the weakening puts in the place of its own methods. */
export function weakened(engine: FileEngine, weakening: Weakening | null): FileEngine {
  const own = weakening?.engine?.(engine);
  if (!own) return engine;
  return new Proxy(engine, {
    get(target, name) {
      const put = (own as Record<PropertyKey, unknown>)[name];
      const value = put ?? Reflect.get(target, name, target);
      return typeof value === 'function' && !put ? value.bind(target) : value;
    },
  });
}
