// Errors that a client of the socket is told about the way in which it asks.
import { JobrunError } from '../support/errors.ts';

export function neverFinished(): JobrunError {
  const hint = 'Send each frame in one go.';
  return new JobrunError('bad-request', 'a frame was begun and not finished', hint);
}

export function tooMany(most: number): JobrunError {
  const hint = 'End some of them, or use another connection.';
  return new JobrunError('refused', `${most} streams are open on this connection`, hint);
}
