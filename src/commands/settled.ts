// Waiting for runs to settle: woken by the engine's own changes, never by looking again and again.
import { isSettled, type Run } from '../run/run.ts';
import { JobrunError } from '../support/errors.ts';
import type { Tools } from './command.ts';
import { getRun } from './drafts.ts';
import { durably } from './durable.ts';

/** The runs as soon as all of them, or with `any` one of them, are settled; null when the signal ended the wait. */
export async function untilSettled(
  ids: readonly number[],
  any: boolean,
  tools: Tools,
  signal: AbortSignal,
): Promise<readonly Run[] | null> {
  const runs = new Map<number, Run>();
  const awaited = new Set(ids);
  let wake = (): void => undefined;
  const undo = tools.engine.onChange(({ run }) => {
    if (!awaited.has(run.id)) return;
    runs.set(run.id, run);
    wake();
  });
  const end = (): void => wake();
  signal.addEventListener('abort', end);
  try {
    for (const id of ids) {
      const run = await durably(tools.engine, () => getRun(id, tools));
      // A change that came while this was read is newer.
      if (!runs.has(id)) runs.set(id, run);
    }
    while (!isOver(runs, any)) {
      if (signal.aborted) return null;
      if (!tools.daemon) throw noDaemon('waiting for a run');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return ids.flatMap((id) => runs.get(id) ?? []);
  } finally {
    undo();
    signal.removeEventListener('abort', end);
  }
}

function isOver(runs: ReadonlyMap<number, Run>, any: boolean): boolean {
  const all = [...runs.values()];
  return any ? all.some(isSettled) : all.every(isSettled);
}

export const START_DAEMON = 'Start it in another terminal: jobrun daemon';

export function noDaemon(what: string, hint = START_DAEMON): JobrunError {
  return new JobrunError('no-daemon', `no daemon runs here, and ${what} needs one`, hint);
}

/** What a script learns from runs it waited for: a failure weighs more than an abort. */
export function exitCodeOfRuns(runs: readonly { readonly state: string }[]): number | undefined {
  if (runs.some((run) => run.state === 'failed')) return 6;
  return runs.some((run) => run.state === 'aborted') ? 7 : undefined;
}
