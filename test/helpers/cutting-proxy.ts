// A way to a server, and what a network may do to it: everything cut off, held back without a word, late, or one
// connection cut at the moment of a commit, before the server has heard of it or before the client has its answer.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '../../src/support/wakeup.ts';
import { whenOver } from './shared.ts';

export type Cut = 'request' | 'answer';

export class CuttingProxy {
  readonly port: number;
  /** What the next commit meets; after it everything passes again. */
  next: Cut | null = null;
  cuts = 0;
  /** How late everything is, either way. */
  lateMs = 0;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  /** Resolves when what is held back may pass. */
  #passes: Promise<void> = Promise.resolve();
  #pass: () => void = () => undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async to(port: number): Promise<CuttingProxy> {
    const server = createServer((client) => proxy.#connect(client, port));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new CuttingProxy((server.address() as AddressInfo).port);
    whenOver(() => {
      proxy.cut();
      server.close();
    });
    return proxy;
  }

  /** Ends all connections, and each new one at once. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Takes connections and what is sent, and passes nothing on, nor that a side has gone. */
  freeze(): void {
    const { promise, resolve } = deferred<void>();
    this.#passes = promise;
    this.#pass = resolve;
  }

  /** As at the begin. What was held back passes now. */
  open(): void {
    this.#isCut = false;
    this.#pass();
  }

  #connect(client: Socket, port: number): void {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const store = connect(port, '127.0.0.1');
    for (const socket of [client, store]) {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // Of a connection that was cut.
      socket.on('error', () => socket.destroy());
    }
    this.#join(client, store);
  }

  #join(client: Socket, store: Socket): void {
    let isMute = false;
    this.#lead(client, store, (bytes) => {
      const cut = bytes.includes('commit\0') ? this.next : null;
      if (cut !== null) {
        this.next = null;
        this.cuts++;
        isMute = true;
      }
      if (cut === 'request') for (const socket of [store, client]) socket.destroy();
      else store.write(bytes);
    });
    this.#lead(store, client, (bytes) => {
      if (isMute) client.destroy();
      else client.write(bytes);
    });
  }

  /** In order: what was sent, and then that the sender has gone. */
  #lead(from: Socket, to: Socket, pass: (bytes: Buffer) => void): void {
    let before = Promise.resolve();
    const inOrder = (then: () => void): void => {
      const { lateMs } = this;
      before = before.then(async () => {
        await this.#passes;
        if (lateMs > 0) await sleep(lateMs);
        if (!to.destroyed) then();
      });
    };
    from.on('data', (bytes) => inOrder(() => pass(bytes)));
    from.on('close', () => inOrder(() => to.destroySoon()));
  }
}
