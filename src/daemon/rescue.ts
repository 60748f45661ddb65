// After a crash: runs whose daemon is gone are still leased to worker processes that may live. Each is ended first, for
// certain and with all that it started, and only then is its run taken back: two live processes on one run must never
// be. The lost attempt stays in its history. A process that cannot be ended keeps its run, and no other run waits.
import type { Engine } from '../engine/engine.ts';
import type { Lease, Members } from '../engine/members.ts';
import { lastAliveAt } from '../run/attempts.ts';
import type { Outcome } from '../run/outcome.ts';
import { DEFAULT_POLICY, type Policy } from '../run/policy.ts';
import type { Run } from '../run/run.ts';
import { requestAbort, settle } from '../run/transitions.ts';
import { type Clock, delay } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import { deferred } from '../support/wakeup.ts';
import { endGroup, type OnUndying, type WorkerIdentity } from '../workers/death.ts';
import { otherDaemonOf } from '../workers/processes.ts';

export interface Rescuing {
  readonly engine: Engine;
  readonly members: Members;
  /** The state folder. */
  readonly state: string;
  readonly clock: Clock;
  readonly policyOf: (job: string) => Policy;
  /** Ends a worker and all that it started, resolves when none of it lives; missing: real processes. */
  readonly end?: (worker: WorkerIdentity, onUndying: OnUndying) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export interface Rescued {
  readonly runs: number;
  /** Runs that are not taken back yet, by their ids: the processes that cannot be ended. Taken back when they end. */
  readonly orphans: ReadonlyMap<number, readonly number[]>;
  /** The daemon that has the processes, where this state is a copy of its own: they go on, and so do the runs here. */
  readonly copiedFrom: number | null;
}

/** Definitions are waited for this long: one file that takes longer does not hold up the runs of the others. */
const LOAD_MS = 3 * SECOND;

/**
 * Ends every worker of an earlier daemon, and takes back the runs of each when nothing of it lives. `loaded` resolves
 * when the policies are known.
 */
export async function rescue(rescuing: Rescuing, loaded: Promise<unknown>): Promise<Rescued> {
  const { members, clock, onError } = rescuing;
  const leases = await members.abandoned();
  const workers = new Map(leases.map((lease) => [lease.mark, lease]));
  const orphans = new Map<number, readonly number[]>();
  const policiesKnown = Promise.race([loaded, delay(clock, LOAD_MS)]);
  const takeBack = async (worker: WorkerIdentity): Promise<void> => {
    await policiesKnown;
    const runs = leases.filter(({ mark }) => mark === worker.mark);
    await Promise.all(runs.map((lease) => rescueOne(lease, rescuing)));
    for (const { run } of runs) orphans.delete(run);
    members.removeWorker(worker.mark);
  };
  const rescueWorker = async (worker: WorkerIdentity): Promise<void> => {
    const { ended, undying } = endOrTell(worker, rescuing);
    const pids = await Promise.race([ended, undying]);
    if (pids === undefined) return takeBack(worker);
    for (const { run, mark } of leases) if (mark === worker.mark) orphans.set(run, pids);
    ended.then(() => takeBack(worker)).catch(onError);
  };
  await Promise.all([...workers.values()].map(rescueWorker));
  const others = [...workers.keys()].map((mark) => otherDaemonOf(mark, rescuing.state));
  const copiedFrom = others.find((pid) => pid !== null) ?? null;
  return { runs: leases.length - orphans.size, orphans, copiedFrom };
}

type Ending = Pick<Rescuing, 'end' | 'clock' | 'state'>;

export function endOrTell(worker: WorkerIdentity, { end, clock, state }: Ending) {
  const { promise: undying, resolve: tell } = deferred<readonly number[]>();
  const endReal = (): Promise<void> => endGroup(worker, { clock, force: true, onUndying: tell });
  const isOurs = otherDaemonOf(worker.mark, state) === null;
  const ended = !isOurs ? Promise.resolve() : end ? end(worker, tell) : endReal();
  return { ended, undying };
}

/** Aborts a run that a dead daemon left running. Only for the holder of the lock: then no daemon can have it. */
export async function abortOrphan(
  id: number,
  reason: string,
  _graceMs: number | null,
  { engine, members, clock, state }: Pick<Rescuing, 'engine' | 'members' | 'clock' | 'state'>,
): Promise<Run> {
  const lease = (await members.abandoned()).find(({ run }) => run === id);
  // Noted first: whatever becomes of this process, no daemon takes the run up again.
  await engine.change(id, (run) => requestAbort(run, reason));
  if (lease) {
    const { ended, undying } = endOrTell(lease, { clock, state });
    const pids = await Promise.race([ended, undying]);
    if (pids !== undefined) throw cannotEnd(id, pids);
  }
  return engine.change(id, (run) => {
    const now = clock.now();
    const aliveAt = lastAliveAt(run, lease?.aliveAt ?? null, now);
    return settle(run, { kind: 'aborted', reason, aliveAt }, DEFAULT_POLICY, now, 0.5);
  });
}

/** The abort is noted: it holds as soon as the process ends. */
export function cannotEnd(id: number, pids: readonly number[]): JobrunError {
  const message = `run ${id} is aborted when ${undyingText(pids)}, which jobrun cannot end`;
  const hint = `It belongs to another user or hangs: ps -o pid,user,stat,cmd -p ${pids.join(',')}`;
  return new JobrunError('refused', message, hint);
}

export const undyingText = (pids: readonly number[]): string =>
  pids.length === 1 ? `process ${pids[0]} ends` : `the processes ${pids.join(', ')} end`;

async function rescueOne(
  { run: id, token, aliveAt, isForeign }: Lease,
  { engine, clock, policyOf }: Rescuing,
): Promise<void> {
  await engine.changeHeld(id, token, (run) => {
    const now = clock.now();
    const lost: Outcome = {
      kind: 'lost',
      aliveAt: lastAliveAt(run, aliveAt, now),
      ...(isForeign && { handedOn: true }),
    };
    return settle(run, lost, policyOf(run.job), now, 0.5);
  });
}
