// The decisions of a job's author, as plain data with every default filled in: the rules read it, the catalog makes it.
// Also the choices there are: completion of a command line loads them from here and no more.
import { DAY, HOUR, SECOND } from '../support/limits.ts';

export const BACKOFFS = ['fixed', 'linear', 'exponential'] as const;
export const ISOLATIONS = ['process', 'shared', 'fresh'] as const;
/** The handling of a schedule's slots that were missed while no daemon ran. */
export const CATCH_UPS = ['skip', 'once', 'all'] as const;
/** The handling of a slot whose earlier run is not settled. */
export const OVERLAPS = ['skip', 'queue', 'replace', 'allow'] as const;

export type CatchUp = (typeof CATCH_UPS)[number];
export type Overlap = (typeof OVERLAPS)[number];

/** How often, and after which waits. */
export interface RetryPolicy extends RetryWaits {
  /** Further attempts after the first; Infinity for no end. */
  readonly limit: number;
}

/** How long to wait before the next attempt. */
export interface RetryWaits {
  readonly delayMs: number;
  readonly backoff: (typeof BACKOFFS)[number];
  readonly factor: number;
  readonly maxDelayMs: number;
  /** Share by which a delay may be shorter or longer: 0.1 is ten per cent. */
  readonly jitter: number;
}

export type Isolation = (typeof ISOLATIONS)[number];

export interface RateLimit {
  readonly limit: number;
  readonly perMs: number;
}

export interface Policy {
  readonly priority: number;
  readonly concurrency: number | null;
  readonly rateLimit: RateLimit | null;
  /**
   * Null where the author said nothing, which is not 0: no retries, but a few lost or stale attempts are made good. So
   * it is where only the waits are set and no limit.
   */
  readonly retries: (RetryWaits & { readonly limit?: number }) | null;
  readonly timeoutMs: number | null;
  readonly lockTimeMs: number | null;
  readonly graceMs: number;
  readonly isolation: Isolation;
  readonly memoryMb: number | null;
  readonly keepDoneMs: number;
  readonly keepFailedMs: number;
}

export const DEFAULT_RETRIES: RetryWaits = {
  delayMs: SECOND,
  backoff: 'exponential',
  factor: 2,
  maxDelayMs: HOUR,
  jitter: 0.1,
};

export const DEFAULT_POLICY: Policy = {
  priority: 1,
  concurrency: null,
  rateLimit: null,
  retries: null,
  timeoutMs: null,
  lockTimeMs: null,
  graceMs: 5 * SECOND,
  isolation: 'process',
  memoryMb: null,
  keepDoneMs: 7 * DAY,
  keepFailedMs: 30 * DAY,
};
