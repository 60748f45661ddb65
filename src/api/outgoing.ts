// The replies to one client: all of one turn of the loop leave in one write. Bounds what a client can leave unread: a
// sender may wait for room, and a client that takes nothing is cut off.
import type { Socket } from 'node:net';
import type { Clock } from '../support/clock.ts';
import { MAX_UNREAD_BYTES, SECOND } from '../support/limits.ts';
import { FrameWriter, MAX_REPLY_BYTES, type Reply } from './protocol.ts';

/** A write is cut into these, so that it can be seen whether the client takes any of it. */
const PIECE = 256 * 1024;
/** Items of streams are gathered up to this, then the loop gets its turn. */
const GATHER = 64 * 1024;
/** Time to take at least one piece. */
const UNREAD_PATIENCE_MS = 5 * SECOND;
/** While others wait for room, a client that takes nothing may keep so much. */
const LITTLE = 64 * 1024;

export class Outgoing {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #isCrowded: () => boolean;
  readonly #frames = new FrameWriter(MAX_REPLY_BYTES);
  #onRoom: (() => void)[] = [];
  #stopTimer: (() => void) | null = null;

  /** @param isCrowded true while what all clients leave unread keeps others waiting */
  constructor(socket: Socket, clock: Clock, isCrowded: () => boolean) {
    this.#socket = socket;
    this.#clock = clock;
    this.#isCrowded = isCrowded;
  }

  /** Bytes that the client has not taken yet. */
  get unread(): number {
    return this.#frames.bytes + this.#socket.writableLength;
  }

  /** True where a sender of many replies should wait for room. */
  get isFull(): boolean {
    return this.#frames.bytes > GATHER || this.#socket.writableNeedDrain;
  }

  send(reply: Reply): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    const first = this.#frames.bytes === 0;
    this.#frames.put(reply);
    if (first) process.nextTick(() => this.flush());
  }

  flush(): void {
    if (this.#frames.bytes === 0 || this.#socket.destroyed) return;
    const all = this.#frames.take();
    for (let at = 0; at < all.length; at += PIECE) {
      this.#socket.write(all.subarray(at, at + PIECE));
    }
    if (this.#socket.writableLength > LITTLE) this.#watch();
  }

  /** Resolves when the client has taken what was written. */
  async room(): Promise<void> {
    this.flush();
    if (this.#socket.destroyed || !this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => this.#onRoom.push(resolve));
  }

  /** The client has taken everything, or is gone. */
  drained(): void {
    const waiting = this.#onRoom;
    this.#onRoom = [];
    for (const resolve of waiting) resolve();
  }

  stop(): void {
    this.#stopTimer?.();
  }

  #watch(): void {
    const before = this.#socket.writableLength;
    this.#stopTimer ??= this.#clock.after(UNREAD_PATIENCE_MS, () => {
      this.#stopTimer = null;
      const now = this.#socket.writableLength;
      const most = this.#isCrowded() ? LITTLE : MAX_UNREAD_BYTES;
      if (now > most && now >= before) this.#socket.destroy();
      else if (now > LITTLE) this.#watch();
    });
  }
}
