// What stands between a job's runs and their start, made of its catalog entry: its own limits, or why there is nothing
// to start.
import { blockOf, type JobEntry, policyOf } from '../catalog/catalog.ts';
import type { JobLimits } from '../run/pick.ts';

/** `loaded`: all definitions have been read once, so a job that is not among them is not there. */
export function limitsOf(job: string, entry: JobEntry | null, loaded: boolean): JobLimits {
  const { isolation, concurrency, rateLimit } = policyOf(entry);
  const shared = isolation === 'shared' && entry?.kind === 'module';
  return {
    lane: shared ? 'shared' : 'place',
    concurrency,
    rateLimit,
    blocked: blockOf(job, entry, loaded),
    ...(entry?.state !== 'ok' && { unread: true as const }),
  };
}
