// After a crash: runs whose daemon is gone are still leased to worker processes that may live. Each is ended first,
// for certain and with all that it started, and only then is its run taken back: two live processes on one run must
// never be. The lost attempt stays in its history.
import type { Engine, Lease } from '../engine/engine.ts';
import { lastAliveAt } from '../run/attempts.ts';
import type { Outcome } from '../run/outcome.ts';
import { DEFAULT_POLICY, type Policy } from '../run/policy.ts';
import type { Run } from '../run/run.ts';
import { requestAbort, settle } from '../run/transitions.ts';
import { type Clock, delay } from '../support/clock.ts';
import { SECOND } from '../support/limits.ts';
import { type Doomed, endGroup } from '../workers/death.ts';

export interface Rescuing {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly policyOf: (job: string) => Policy;
  /** Ends a worker and all that it started, resolves when none of it lives; missing: real processes. */
  readonly end?: (worker: Doomed) => Promise<void>;
}

/** Definitions are waited for this long: one file that takes longer does not hold up the runs of the others. */
const LOAD_MS = 3 * SECOND;

/**
 * Ends every worker of an earlier daemon, and when none of them lives takes their runs back. `loaded` resolves when
 * the policies are known. Returns how many runs there were.
 */
export async function rescue(rescuing: Rescuing, loaded: Promise<unknown>): Promise<number> {
  const { engine, clock } = rescuing;
  const end = rescuing.end ?? ((worker) => endGroup(worker, { clock, force: true }));
  const leases = engine.leases();
  const workers = new Map(leases.map((lease) => [lease.mark, lease]));
  await Promise.all([...workers.values()].map(end));
  if (leases.length > 0) await Promise.race([loaded, delay(clock, LOAD_MS)]);
  await Promise.all(leases.map((lease) => rescueOne(lease, rescuing)));
  for (const mark of workers.keys()) engine.removeWorker(mark);
  return leases.length;
}

/** Aborts a run that a dead daemon left running. Only for the holder of the lock: then no daemon can have it. */
export async function abortOrphan(
  id: number,
  reason: string,
  { engine, clock }: Pick<Rescuing, 'engine' | 'clock'>,
): Promise<Run> {
  const lease = engine.leases().find(({ run }) => run === id);
  // Noted first: whatever becomes of this process, no daemon takes the run up again.
  await engine.change(id, (run) => requestAbort(run, reason));
  if (lease) await endGroup(lease, { clock, force: true });
  return engine.change(id, (run) => {
    const now = clock.now();
    const aliveAt = lastAliveAt(run, engine.lastBeat(), now);
    return settle(run, { kind: 'aborted', reason, aliveAt }, DEFAULT_POLICY, now, 0.5);
  });
}

async function rescueOne(lease: Lease, { engine, clock, policyOf }: Rescuing): Promise<void> {
  await engine.changeHeld(lease.run, lease.token, (run) => {
    const now = clock.now();
    const lost: Outcome = { kind: 'lost', aliveAt: lastAliveAt(run, engine.lastBeat(), now) };
    return settle(run, lost, policyOf(run.job), now, 0.5);
  });
}
