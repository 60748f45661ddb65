// What command handlers get of a running daemon.
import type { Feed } from '../api/feed.ts';
import type { Tools } from '../commands/shared/command.ts';
import type { Change } from '../engine/engine.ts';
import type { WorkerPool } from '../workers/pool.ts';
import type { Attempts } from './attempts.ts';
import type { FileFollower } from './follow-files.ts';

export interface ToolParts
  extends Pick<Tools, 'engine' | 'members' | 'catalog' | 'logs' | 'config' | 'clock'> {
  readonly pool: WorkerPool;
  readonly files: Pick<FileFollower, 'reload' | 'watch'>;
  readonly attempts: Attempts;
  readonly feed: Feed<Change>;
  readonly stop: (now: boolean) => void;
}

export function toolsOf(parts: ToolParts): Tools {
  const { engine, members, catalog, logs, config, clock, pool, files, attempts, feed, stop } =
    parts;
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
      progress: (id) => attempts.progress(id),
      abort: (id, reason, graceMs) => attempts.abort(id, reason, graceMs),
      stop,
      reload: () => files.reload(),
      watch: () => files.watch,
      feed,
    },
  };
}
