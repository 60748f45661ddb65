// The code that a call of the library would load when it is first made, loaded a moment after `connect`. A program may
// live for months, and an installation takes the files of jobrun away under it for seconds, then puts those of another
// version there. A file that Node could not load it does not try again. So nothing is left to load by then: the code
// that is in use is whole, and of one version. A program that ends sooner loads none of it.
import { commandOf } from '../commands/dispatch.ts';
import { version } from '../commands/version.ts';
import { systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { orElse } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import { offlineCode } from './backend.ts';

/** A program that starts has other things to load first. */
const AFTER_MS = SECOND;
/** The commands that calls make. */
const CALLED = [
  ...['schedule', 'show', 'list', 'abort', 'update', 'retry', 'rerun', 'wait', 'status'],
  ...['pause', 'resume', 'complete', 'fail', 'events', 'jobs', 'schedules', 'unschedule'],
  ...['remove', 'prune', 'logs'],
];

/** Loads it in a moment, part by part, so that the program goes on meanwhile. Returns its undo. */
export function loadAhead({ store }: Config): () => void {
  const over = new AbortController();
  const parts: readonly (() => Promise<unknown>)[] = [
    async () => version(),
    ...CALLED.map((name) => () => commandOf(name)),
    () => offlineCode(),
    async () => store && (await offlineCode()).storeCode(),
  ];
  const load = async (): Promise<void> => {
    // A part that is missing already is told of by the call that needs it.
    for (const part of parts) if (!over.signal.aborted) await orElse(null, part);
  };
  const undo = systemClock.after(AFTER_MS, () => void load(), { idle: true });
  return () => {
    over.abort();
    undo();
  };
}
