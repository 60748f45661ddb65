// Connections of the HTTP door, bounded by what they are for. A connection that has not asked for anything yet is
// `new`. If one more comes than there may be, the oldest of them is closed. So clients that open many and say nothing
// lock out no other. With its first request it becomes a watcher's (`/metrics`, `/healthz`), a worker's (`leases`,
// where it may wait for long) or a client's, and each kind has room of its own: a thousand slow clients cannot starve a
// scraper. If the room of a kind is full, its connection that has been idle for longest is closed. If all clients are
// busy, the new one is refused.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  MAX_HTTP_CLIENTS,
  MAX_HTTP_NEW,
  MAX_HTTP_WATCHERS,
  MAX_HTTP_WORKERS,
} from '../support/limits.ts';
import { arrived } from '../support/turn-taking.ts';

export type Kind = 'watcher' | 'client' | 'worker';

/** In the order in which they were last used. */
interface Room {
  readonly most: number;
  readonly idle: Set<Socket>;
  readonly busy: Set<Socket>;
}

const room = (most: number): Room => ({ most, idle: new Set(), busy: new Set() });

export class Connections {
  readonly #new = new Set<Socket>();
  readonly #rooms: Readonly<Record<Kind, Room>> = {
    watcher: room(MAX_HTTP_WATCHERS),
    client: room(MAX_HTTP_CLIENTS),
    worker: room(MAX_HTTP_WORKERS),
  };

  constructor(server: Server) {
    server.on('connection', (socket) => {
      arrived();
      const [oldest] = this.#new.size < MAX_HTTP_NEW ? [] : this.#new;
      oldest?.destroy();
      this.#new.add(socket);
      socket.on('close', () => this.#forget(socket));
    });
  }

  /** A request has come on it. False where there is no room for it. */
  enter(socket: Socket, kind: Kind): boolean {
    this.#forget(socket);
    const { most, idle, busy } = this.#rooms[kind];
    if (idle.size + busy.size >= most) {
      const [first = kind === 'watcher' ? [...busy][0] : undefined] = idle;
      if (!first) return false;
      first.destroy();
      this.#forget(first);
    }
    busy.add(socket);
    return true;
  }

  /** True while a request of it is under way. */
  isBusy(socket: Socket): boolean {
    return Object.values(this.#rooms).some(({ busy }) => busy.has(socket));
  }

  /** Its request is over: it may give way to others. */
  leave(socket: Socket): void {
    for (const { idle, busy } of Object.values(this.#rooms))
      if (busy.delete(socket) && !socket.destroyed) idle.add(socket);
  }

  #forget(socket: Socket): void {
    this.#new.delete(socket);
    for (const { idle, busy } of Object.values(this.#rooms)) {
      idle.delete(socket);
      busy.delete(socket);
    }
  }
}
