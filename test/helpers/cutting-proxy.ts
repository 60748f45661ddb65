// A way to a server that cuts one connection at the moment of a commit: before the server has heard of it, or before the
// client has its answer.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type Cut = 'request' | 'answer';

export class CuttingProxy {
  readonly port: number;
  /** What the next commit meets; after it everything passes again. */
  next: Cut | null = null;
  cuts = 0;

  private constructor(port: number) {
    this.port = port;
  }

  static async to(port: number): Promise<CuttingProxy> {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      const store = connect(port, '127.0.0.1');
      for (const socket of [client, store]) {
        sockets.add(socket);
        // Of a connection that was cut.
        socket.on('error', () => socket.destroy());
      }
      proxy.#pass(client, store);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new CuttingProxy((server.address() as AddressInfo).port);
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return proxy;
  }

  #pass(client: Socket, store: Socket): void {
    let isMute = false;
    client.on('data', (bytes) => {
      const cut = bytes.includes('commit\0') ? this.next : null;
      if (cut !== null) {
        this.next = null;
        this.cuts++;
        isMute = true;
      }
      if (cut === 'request') store.destroy();
      else store.write(bytes);
      if (cut === 'request') client.destroy();
    });
    store.on('data', (bytes) => {
      if (isMute) client.destroy();
      else client.write(bytes);
    });
    client.on('close', () => store.end());
    store.on('close', () => client.destroy());
  }
}
