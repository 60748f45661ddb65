// The small values that tests of engines need, whatever the engine stores in.
import type { Engine, Found } from '../../src/engine/engine.ts';
import type { Worker } from '../../src/engine/members.ts';
import type { Outcome } from '../../src/run/outcome.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import type { Draft, Origin, Run } from '../../src/run/run.ts';
import type { Schedule } from '../../src/run/schedule.ts';
import { settle } from '../../src/run/transitions.ts';

export const T0 = Date.UTC(2026, 10, 22);

export const draft = (
  i: number,
  origin: Origin | null = null,
  more: Partial<Draft> = {},
): Draft => ({
  job: 'mail',
  params: { i },
  priority: 1,
  dueAt: null,
  origin,
  ...more,
});

export const worker = (n: number): Worker => ({
  mark: `w${n}`,
  pid: 1000 + n,
  startTime: `${n}`,
  boot: 'b',
});

export const schedule = (name: string, fired = 0): Schedule => ({
  name,
  job: 'mail',
  source: 'made',
  rule: { kind: 'every', everyMs: 60_000 },
  params: {},
  priority: null,
  catchUp: 'once',
  overlap: 'skip',
  paused: false,
  createdAt: T0,
  nextAt: T0,
  lastAt: null,
  lastRun: null,
  skipped: fired,
});

export const finish = (run: Run, outcome: Outcome, now: number): Run =>
  settle(run, outcome, DEFAULT_POLICY, now, 0.5);
export const DONE: Outcome = { kind: 'returned', output: { ok: true } };
export const THREW: Outcome = { kind: 'threw', error: { name: 'Error', message: 'no', stack: '' } };

export const all = (engine: Engine): Promise<Found> => engine.list({ limit: 1_000_000 });
