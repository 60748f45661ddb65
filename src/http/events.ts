// Server-sent events: each item of a command's stream is one event with its number as the id. A comment now and then
// tells both sides that the other is still there; a client that takes nothing is cut off by the timeout of its socket.
import type { ServerResponse } from 'node:http';
import type { Clock } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import { SECOND } from '../support/limits.ts';
import { probeHalfClosed } from './half-closed.ts';

/** Often enough for a page to show within three seconds that the daemon is stopped. */
const HEARTBEAT_MS = SECOND;

const ALIVE = ': alive\n\n';

/** Sends the items until the stream or the connection ends. */
export async function sendEvents(
  response: ServerResponse,
  items: AsyncIterable<Json>,
  clock: Clock,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.flushHeaders();
  probeHalfClosed(response, ALIVE, clock);
  let undo = (): void => undefined;
  const beat = (): void => {
    undo = clock.after(
      HEARTBEAT_MS,
      () => {
        // If the last one has not been taken, another would only wait behind it.
        if (!response.writableNeedDrain) response.write(ALIVE);
        beat();
      },
      { idle: true },
    );
  };
  beat();
  try {
    for await (const item of items) {
      if (response.writableNeedDrain) continue;
      response.write(`event: change\nid: ${idOf(item)}\ndata: ${JSON.stringify(item)}\n\n`);
    }
  } finally {
    undo();
    response.end();
  }
}

const idOf = (item: Json): string => String((item as { readonly n: number }).n);
