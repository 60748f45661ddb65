// A reply in parts: each item of a command's stream is a line of JSON, sent when it is there. An error that comes after
// the first of them is the last line. Leaving the connection ends the stream.
import type { ServerResponse } from 'node:http';
import type { Clock } from '../support/clock.ts';
import { JobrunError, toJobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { harmlessJson } from '../support/text.ts';
import { probeHalfClosed } from './half-closed.ts';
import { LINES_TYPE } from './reply.ts';

interface Parts {
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Between two lines, JSON skips it. */
const SPACE = ' ';

/** Sends the items until the stream or the connection ends. Throws what comes before the first of them. */
export async function sendLines(
  response: ServerResponse,
  items: AsyncIterable<Json>,
  { clock, onError }: Parts,
): Promise<void> {
  probeHalfClosed(response, SPACE, clock);
  const put = async (item: object): Promise<void> => {
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': LINES_TYPE });
    if (!response.write(`${harmlessJson(item)}\n`)) await drained(response);
  };
  try {
    for await (const item of items) await put(item as object);
  } catch (error) {
    if (!response.headersSent) throw error;
    if (!(error instanceof JobrunError)) onError(error);
    await put({ error: toJobrunError(error) });
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
    if (response.destroyed) resolve();
  });
}
