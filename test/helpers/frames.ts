// One frame as bytes, for tests that speak to the socket themselves.
import { FrameWriter } from '../../src/api/protocol.ts';

export function encodeFrame(value: unknown, maxBytes: number): Buffer {
  const writer = new FrameWriter(maxBytes);
  writer.put(value);
  return writer.take();
}
