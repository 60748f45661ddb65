// A view that is sent again when something has changed, but not more often than anybody can read it.
import { onAbort } from '../support/aborts.ts';
import { delay } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import type { Tools } from './command.ts';
import { durably } from './durable.ts';
import { noDaemon } from './settled.ts';

const AT_MOST_EVERY_MS = 250;

export async function* watched(
  first: Json,
  again: () => Promise<Json>,
  tools: Tools,
  signal: AbortSignal,
): AsyncGenerator<Json> {
  if (!tools.daemon) throw noDaemon('watching');
  let changed = false;
  let wake = (): void => undefined;
  const undo = tools.engine.onChange(() => {
    changed = true;
    wake();
  });
  const unlisten = onAbort(signal, () => wake());
  try {
    yield first;
    while (!signal.aborted) {
      if (!changed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      await delay(tools.clock, AT_MOST_EVERY_MS, signal);
      changed = false;
      const view = await durably(tools.engine, again);
      if (!signal.aborted) yield view;
    }
  } finally {
    undo();
    unlisten();
  }
}
