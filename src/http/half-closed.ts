// Clients that close their sending side with the request and read on: `nc -N`, socat, Go's CloseWrite. They get their
// reply. The system reports a client that has gone in the same way, and only a write tells the two apart: it is
// answered with a reset, and the next write fails. So this is what a closed sending side means:
//
//   a plain request   is carried out and answered, as if the client were there.
//   a wait for a run or a log line   is over. The client gets what there is by then, but no run that comes later: it
//                     would be lost on a worker that has gone.
//   a stream          goes on. At once, and with every heartbeat or item, something is written that its reader skips:
//                     if the client has gone, the stream ends with the second write.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { HALF_CLOSED } from '../support/aborts.ts';
import type { Clock } from '../support/clock.ts';

/** Between two writes: the reset comes at once on this machine, and within this from most others. */
const RESET_MS = 100;

/** Has Node keep connections open for what is still to be sent. */
export function keepHalfClosed(server: Server): void {
  // Node's types do not name it.
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
}

/** Calls `fn` once when the client has closed its sending side, also if it has by now. Returns its undo. */
function onHalfClosed({ socket }: IncomingMessage, fn: () => void): () => void {
  if (socket.readableEnded) fn();
  else socket.once('end', fn);
  return () => socket.off('end', fn);
}

/** Returns a signal for a wait: aborted with `signal`, and when the sending side is closed. */
export function waitSignal(
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): AbortSignal {
  const halfClosed = new AbortController();
  response.once(
    'close',
    onHalfClosed(request, () => halfClosed.abort(HALF_CLOSED)),
  );
  return AbortSignal.any([signal, halfClosed.signal]);
}

/** Finds out with two writes of `nothing`, which the reader of this stream skips, whether its client has gone. */
export function probeHalfClosed(response: ServerResponse, nothing: string, clock: Clock): void {
  let undo = (): void => undefined;
  const probe = (): void => {
    if (response.headersSent && !response.writableEnded && !response.writableNeedDrain)
      response.write(nothing);
  };
  const unlisten = onHalfClosed(response.req, () => {
    probe();
    undo = clock.after(RESET_MS, probe, { idle: true });
  });
  response.once('close', () => {
    unlisten();
    undo();
  });
}
