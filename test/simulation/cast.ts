// The jobs that a simulated project has: each has a rule of its own that must be kept, and they share keys and locks.
import type { Catalog, FileEntry } from '../../src/catalog/catalog.ts';
import {
  CATCH_UPS,
  DEFAULT_POLICY,
  DEFAULT_RETRIES,
  OVERLAPS,
  type Policy,
} from '../../src/run/policy.ts';
import type { Rule } from '../../src/run/schedule.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/support/limits.ts';
import type { Random } from '../helpers/random.ts';
import { jobData } from '../helpers/runs.ts';

interface Part {
  readonly policy?: Partial<Policy>;
  readonly locks?: boolean;
  readonly hooks?: boolean;
  readonly autostart?: boolean;
  readonly rule?: Rule;
}

const cron = (text: string): Rule => ({ kind: 'cron', cron: text, timezone: 'Europe/Berlin' });
const retries = (limit: number) => ({ ...DEFAULT_RETRIES, limit });

const PARTS: Readonly<Record<string, Part>> = {
  plain: { policy: { keepDoneMs: 2 * HOUR, keepFailedMs: 8 * HOUR } },
  again: { policy: { retries: retries(3) }, hooks: true },
  endless: { policy: { retries: retries(Number.POSITIVE_INFINITY), priority: 5 } },
  narrow: { policy: { concurrency: 2, keepDoneMs: 0, keepFailedMs: DAY } },
  rated: { policy: { rateLimit: { limit: 3, perMs: MINUTE } } },
  locked: { locks: true, policy: { retries: retries(1) } },
  keyed: { locks: true, policy: { concurrency: 3 } },
  timed: {
    policy: { timeoutMs: 20 * SECOND, graceMs: 2 * SECOND, retries: retries(2) },
    hooks: true,
  },
  watched: { policy: { lockTimeMs: 15 * SECOND } },
  together: { policy: { isolation: 'shared' } },
  alone: { policy: { isolation: 'fresh', timeoutMs: MINUTE } },
  main: { autostart: true },
  often: { rule: { kind: 'every', everyMs: 7 * MINUTE } },
  hourly: { rule: cron('13 * * * *') },
  steady: { rule: cron('*/4 * * * *') },
};

export const JOBS: readonly string[] = Object.keys(PARTS);

/** The folder of jobs: its files are broken, go and come back. */
export class Cast {
  readonly #entries = new Map<string, FileEntry>();
  readonly #state = new Map<string, 'broken' | 'missing'>();

  constructor(chance: Random) {
    for (const name of JOBS) this.#entries.set(name, entryOf(name, PARTS[name] ?? {}, chance));
  }

  find(name: string): FileEntry | null {
    const entry = this.#entries.get(name) ?? null;
    const state = this.#state.get(name);
    if (entry === null || state === 'missing') return null;
    const { file, kind } = entry;
    return state === 'broken' ? { name, file, kind, state, error: 'SyntaxError' } : entry;
  }

  /** What the job says, whatever has become of its file. */
  policy(name: string): Policy {
    const entry = this.#entries.get(name);
    return entry?.state === 'ok' ? entry.data.policy : DEFAULT_POLICY;
  }

  change(name: string, to: 'ok' | 'broken' | 'missing'): void {
    if (to === 'ok') this.#state.delete(name);
    else this.#state.set(name, to);
  }

  /** All jobs keep their settled runs for as long. */
  keep(ms: number): void {
    for (const [name, entry] of this.#entries) {
      if (entry.state !== 'ok') continue;
      const policy = { ...entry.data.policy, keepDoneMs: ms, keepFailedMs: ms };
      this.#entries.set(name, { ...entry, data: { ...entry.data, policy } });
    }
  }

  mendAll(): void {
    this.#state.clear();
  }

  /** The catalog of one daemon, which has read the files or not. */
  catalog(isLoaded: () => boolean): Catalog {
    const find = (name: string): FileEntry | null => (isLoaded() ? this.find(name) : null);
    return {
      find,
      all: () => JOBS.toSorted().flatMap((name) => find(name) ?? []),
      names: () => JOBS.filter((name) => this.find(name) !== null),
      rescan: async () => undefined,
      rereadBroken: async () => undefined,
      ready: async () => undefined,
      known: async () => undefined,
      reread: async (name) => find(name),
      check: async (name, list) =>
        list.map((params) => ({
          ok: true,
          params,
          lock: PARTS[name]?.locks ? lockOf(params) : null,
        })),
    };
  }
}

const lockOf = (params: unknown): string => `lock ${(params as { k?: number }).k ?? 0}`;

function entryOf(name: string, part: Part, chance: Random): FileEntry {
  const catchUp = chance.of(CATCH_UPS);
  const overlap = chance.of(OVERLAPS);
  return {
    name,
    file: `/project/jobs/${name}.ts`,
    kind: 'module',
    state: 'ok',
    data: jobData({
      policy: { ...DEFAULT_POLICY, ...part.policy },
      autostart: part.autostart === true,
      recurrence: part.rule ? { rule: part.rule, catchUp, overlap } : null,
      has: new Set([
        ...(part.locks ? (['lock'] as const) : []),
        ...(part.hooks ? (['onError', 'onFailed'] as const) : []),
      ]),
    }),
  };
}
