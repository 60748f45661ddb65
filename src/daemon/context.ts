// The services of a running daemon: what command handlers get of it, and the emits of a job. An emit is a run like any
// other, with the emitting run as its parent. The job need not exist yet.
import type { Feed } from '../api/feed.ts';
import type { Context } from '../commands/shared/command.ts';
import { draftOf } from '../commands/shared/drafts.ts';
import { makeSchedule } from '../commands/shared/made-schedules.ts';
import { emittedRequest, isScheduleRequest } from '../commands/shared/run-options.ts';
import type { Change } from '../engine/engine.ts';
import type { Run } from '../run/run.ts';
import { delay } from '../support/clock.ts';
import { isStoreAway } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { SECOND } from '../support/limits.ts';
import { newId } from '../support/random.ts';
import type { WorkerPool } from '../workers/pool.ts';
import type { Attempts } from './attempts.ts';
import type { FileFollower } from './follow-files.ts';
import type { Outside } from './outside/outside.ts';

export interface ContextParts
  extends Pick<Context, 'engine' | 'members' | 'catalog' | 'logs' | 'config' | 'clock'> {
  readonly pool: WorkerPool;
  readonly files: Pick<FileFollower, 'reload' | 'watch'>;
  readonly attempts: Attempts;
  readonly feed: Feed<Change>;
  readonly stop: (now: boolean) => void;
  readonly outside: Outside;
  readonly http: () => string | null;
}

export function contextOf(parts: ContextParts): Context {
  const { engine, members, catalog, logs, config, clock } = parts;
  const { pool, files, attempts, outside, feed, stop, http } = parts;
  return {
    engine,
    members,
    catalog,
    logs,
    config,
    clock,
    daemon: {
      pid: process.pid,
      since: clock.now(),
      workers: () => ({ busy: pool.busy, total: pool.capacity }),
      progress: (id) => attempts.progress(id) ?? outside.progress(id),
      abort: (id, reason, graceMs) => attempts.abort(id, reason, graceMs),
      stop,
      reload: () => files.reload(),
      watch: () => files.watch,
      outside,
      http,
      feed,
    },
  };
}

/** Between two tries on a store that is away. */
const AGAIN_AFTER_MS = SECOND / 2;

/**
 * Resolves with the id of the run, or the name of the schedule, when it is durable. A store that is away is waited for
 * as long as the attempt that asks may live.
 */
export async function emit(
  context: Context,
  parent: Run | null,
  job: string,
  params: Json,
  options: Json,
  isFenced: () => boolean = () => true,
): Promise<string> {
  const { engine, clock, config } = context;
  const now = clock.now();
  const request = emittedRequest(job, params, options);
  if (isScheduleRequest(request)) {
    const { schedule } = await makeSchedule(request, context, now);
    return schedule.name;
  }
  const draft = await draftOf(request, context, now, parent ?? undefined);
  // A request that was taken in, and not answered, is known by this when it is asked for again.
  const how = config.store ? { request: newId() } : {};
  for (;;) {
    try {
      const [accepted] = await engine.accept([draft], now, how);
      return String(accepted?.run.id);
    } catch (error) {
      if (!isStoreAway(error) || isFenced()) throw error;
      await delay(clock, AGAIN_AFTER_MS);
    }
  }
}
