// Runs and policies for tests: what a test does not name has its default.
import type { JobData } from '../../src/catalog/catalog.ts';
import type { Outcome } from '../../src/run/outcome.ts';
import {
  DEFAULT_POLICY,
  DEFAULT_RETRIES,
  type Policy,
  type RetryPolicy,
} from '../../src/run/policy.ts';
import { type Draft, newRun, type Run } from '../../src/run/run.ts';

export const NOW = Date.parse('2026-11-22T12:00:00Z');

export const draft = (more: Partial<Draft> = {}): Draft => ({
  job: 'mail',
  params: null,
  priority: 1,
  dueAt: null,
  origin: null,
  ...more,
});

export const queuedRun = (id: number, more: Partial<Draft> = {}): Run =>
  newRun(id, draft(more), NOW, false);

export const policy = (more: Partial<Policy> = {}): Policy => ({ ...DEFAULT_POLICY, ...more });

/** What the file of a job says that says nothing but `run`. */
export const jobData = (more: Partial<JobData> = {}): JobData => ({
  description: null,
  group: null,
  policy: DEFAULT_POLICY,
  autostart: false,
  external: false,
  recurrence: null,
  schema: null,
  has: new Set(),
  ...more,
});

export const retries = (limit: number, more: Partial<RetryPolicy> = {}): RetryPolicy => ({
  ...DEFAULT_RETRIES,
  limit,
  jitter: 0,
  ...more,
});

export const threw = (message = 'no', more: object = {}): Outcome => ({
  kind: 'threw',
  error: { name: 'Error', message, stack: '' },
  ...more,
});
