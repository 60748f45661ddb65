// Ends a run that another daemon holds. The request is written down first, so that no daemon starts the run again,
// whichever dies when. Its holder sees it and ends the attempt. If the holder falls silent, the daemon that takes over
// settles the run. If no daemon is left, it is done here, by the same rule: only after a whole lease without a renewal.
import type { Engine } from '../engine/engine.ts';
import type { Lease, Members } from '../engine/members.ts';
import { lastAliveAt } from '../run/attempts.ts';
import { Watch } from '../run/lease.ts';
import { DEFAULT_POLICY } from '../run/policy.ts';
import { unknownRun } from '../run/refusal.ts';
import type { Run } from '../run/run.ts';
import { requestAbort, settle } from '../run/transitions.ts';
import { type Clock, delay, elapsedOf } from '../support/clock.ts';
import { SECOND } from '../support/limits.ts';
import { cannotEnd, endOrTell } from './rescue.ts';

export interface AbortElsewhere {
  readonly engine: Engine;
  readonly members: Members;
  readonly clock: Clock;
  /** The state folder. */
  readonly state: string;
}

/** Changes are told at once: this is for those that are missed, and for holders that are silent. */
const LOOK_EVERY_MS = SECOND / 2;

/** Resolves with the run when it no longer runs, and nothing of it lives. */
export async function abortElsewhere(
  id: number,
  reason: string,
  graceMs: number | null,
  parts: AbortElsewhere,
): Promise<Run> {
  const { engine, clock } = parts;
  const watches = new Map<number, Watch>();
  let wake = new AbortController();
  const undo = engine.onChange(({ run }) => {
    if (run.id === id) wake.abort();
  });
  try {
    let run = await engine.change(id, (present) =>
      present.state.name === 'running' ? requestAbort(present, reason, graceMs) : present,
    );
    while (run.state.name === 'running') {
      await lookAtHolder(id, reason, watches, parts);
      await delay(clock, LOOK_EVERY_MS, wake.signal);
      wake = new AbortController();
      const found = await engine.find(id);
      if (!found) throw unknownRun(id);
      run = found;
    }
    return run;
  } finally {
    undo();
  }
}

async function lookAtHolder(
  id: number,
  reason: string,
  watches: Map<number, Watch>,
  parts: AbortElsewhere,
): Promise<void> {
  const { members, clock } = parts;
  const lease = await members.leaseOf(id);
  if (!lease) return;
  const askedAt = elapsedOf(clock);
  const holder = (await members.list()).find((one) => one.id === lease.member);
  if (!holder) return settleHere(lease, reason, parts);
  const watch = watches.get(holder.id) ?? new Watch(holder.leaseMs);
  watches.set(holder.id, watch);
  const isGone = watch.look([holder], askedAt, elapsedOf(clock)).length > 0;
  if (isGone && (await members.giveUp(holder.id, holder.beats)))
    await settleHere(lease, reason, parts);
}

/** No daemon holds it any more, and none has taken it over. */
async function settleHere(
  lease: Lease,
  reason: string,
  { engine, clock, state }: AbortElsewhere,
): Promise<void> {
  const { ended, undying } = endOrTell(lease, { clock, state });
  const pids = await Promise.race([ended, undying]);
  if (pids !== undefined) throw cannotEnd(lease.run, pids);
  await engine.changeHeld(lease.run, lease.token, (run) => {
    const now = clock.now();
    const aliveAt = lastAliveAt(run, lease.aliveAt, now);
    return settle(run, { kind: 'aborted', reason, aliveAt }, DEFAULT_POLICY, now, 0.5);
  });
}
