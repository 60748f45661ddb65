// The end of a connection on which a client still sends what will not be read. If it were closed at once, the system
// would answer the rest with a reset, and a client that writes before it reads would never see its reply (RFC 9112,
// 9.6). So only the daemon's side is closed. All that comes is thrown away until the client has closed its side as
// well, for a few seconds at most.
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../support/clock.ts';
import { SECOND } from '../support/limits.ts';

const LINGER_MS = 3 * SECOND;

const lingering = new WeakSet<Duplex>();

/** True for a connection whose last reply is on its way: a further request on it gets none. */
export const isLingering = (socket: Duplex): boolean => lingering.has(socket);

/** Closes this side. The other one is cut off if the client does not close it in time. */
export function linger(socket: Duplex, clock: Clock): void {
  if (lingering.has(socket)) return;
  lingering.add(socket);
  if (socket.writable) socket.end();
  const undo = clock.after(LINGER_MS, () => socket.destroy(), { idle: true });
  socket.once('close', undo);
}

/**
 * Has Node's server end the connection in this way if it is to end with the reply to a request that is not read whole.
 */
export function lingerAfter(request: IncomingMessage, clock: Clock): void {
  const { socket } = request;
  socket.destroySoon = () => {
    if (request.complete) return Socket.prototype.destroySoon.call(socket);
    linger(socket, clock);
    request.resume();
  };
}
