// Does on the store itself what the socket of a daemon does for a client that stays: for the dashboard of a host
// without a daemon. Reads go through a session that writes nothing, so that a role which may only read sees everything.
// The first request that changes something opens another one.
import type { CallOptions, Client } from '../api/client.ts';
import { reachDaemon } from '../api/client.ts';
import { commandOf, followed, handle } from '../commands/dispatch.ts';
import type { OfflineContext } from '../daemon/offline.ts';
import { delay, systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import type { Json } from '../support/json.ts';
import { SECOND } from '../support/limits.ts';
import { newId } from '../support/random.ts';

/** A daemon that starts on this host is asked from then on. */
const LOOK_EVERY_MS = SECOND;

/** Rejects as opening the store does. */
export async function openStoreClient(config: Config): Promise<Client> {
  const { openOffline } = await import('../daemon/offline.ts');
  const client = new StoreClient(await openOffline(config, { readOnly: true }), () =>
    openOffline(config),
  );
  void client.untilDaemon(config.state);
  return client;
}

class StoreClient implements Client {
  readonly #reader: OfflineContext;
  readonly #open: () => Promise<OfflineContext>;
  #writer: Promise<OfflineContext> | null = null;
  readonly #closed = new AbortController();

  constructor(reader: OfflineContext, open: () => Promise<OfflineContext>) {
    this.#reader = reader;
    this.#open = open;
  }

  /** Streams end with it, and their reader connects anew. */
  async untilDaemon(state: string): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await delay(systemClock, LOOK_EVERY_MS, signal);
      // A daemon that cannot be reached yet is looked for again.
      const daemon = await reachDaemon(state).catch(() => null);
      daemon?.close();
      if (daemon) this.close();
    }
  }

  async call(name: string, args: Json, { request = newId() }: CallOptions = {}): Promise<unknown> {
    const command = await commandOf(name);
    const context = command.reads ? this.#reader : await this.#toWrite();
    return handle(command, args, { ...context, request });
  }

  async *stream(name: string, args: Json, signal: AbortSignal): AsyncGenerator<unknown> {
    const command = await commandOf(name);
    yield* followed(command, args, this.#reader, AbortSignal.any([signal, this.#closed.signal]));
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    for (const opened of [this.#reader, this.#writer])
      Promise.resolve(opened)
        .then((context) => context?.close())
        // A session that was never opened has given the reason to its request, and no caller waits for the end of one.
        .catch(() => undefined);
  }

  #toWrite(): Promise<OfflineContext> {
    this.#writer ??= this.#open().catch((error: unknown) => {
      this.#writer = null;
      throw error;
    });
    return this.#writer;
  }
}
