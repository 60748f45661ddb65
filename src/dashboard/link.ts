// The dashboard's counterpart: the daemon, or, if none runs, the files, read only, or the store. It looks for a daemon
// again and again, so that the screen comes back by itself; a connection that ends is noticed at once, by its stream of
// changes.
import type { Client } from '../api/client.ts';
import type { Clock } from '../support/clock.ts';
import { delay } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { SECOND } from '../support/limits.ts';
import type { LinkState } from './model.ts';

/** The means from the command line: how to reach a daemon or the store, and how to read the files. */
export interface Places {
  /** Rejects where the store is away; null where no daemon keeps the files. */
  connect(): Promise<Client | null>;
  /** Null on a store. */
  readonly files: {
    open(): Promise<Files>;
    /** Says another thing when the files have changed. */
    stamp(): string;
  } | null;
}

/** The state as it was read; its lock is not held. */
export interface Files {
  call(command: string, args: Json): Promise<unknown>;
  /** The instant at which the daemon that has gone was last known to be alive; null if unknown. */
  readonly aliveAt: number | null;
  readonly damage: string | null;
  close(): Promise<void>;
}

interface LinkListener {
  readonly onLink: (link: LinkState, aliveAt: number | null) => void;
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

const LOOK_EVERY_MS = 500;
/** After a refusal of a daemon that is there. */
const AGAIN_MS = 5 * SECOND;

export class Link {
  readonly #places: Places;
  readonly #clock: Clock;
  readonly #told: LinkListener;
  readonly #ended = new AbortController();
  #client: Client | null = null;
  #files: Files | null = null;

  constructor(places: Places, clock: Clock, told: LinkListener) {
    this.#places = places;
    this.#clock = clock;
    this.#told = told;
  }

  get online(): boolean {
    return this.#client !== null;
  }

  /** Runs until `close`. */
  async run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const client = await this.#connect();
      const { files } = this.#places;
      if (client) await this.#follow(client);
      else if (files) await this.#readFiles(files);
      else await this.#storeAway();
    }
  }

  async #storeAway(): Promise<void> {
    this.#told.onLink('silent', null);
    await delay(this.#clock, LOOK_EVERY_MS, this.#ended.signal);
  }

  /** A list of runs in parts as it is found; the last one is whole. */
  async *listInParts(
    args: { readonly [name: string]: Json },
    signal: AbortSignal,
  ): AsyncGenerator<unknown> {
    if (this.#client) yield* this.#client.stream('list', { ...args, parts: true }, signal);
    else yield await this.call('list', args);
  }

  async call(command: string, args: Json): Promise<unknown> {
    if (this.#client) return this.#client.call(command, args);
    if (this.#files) return this.#files.call(command, args);
    throw new JobrunError('no-daemon', 'nothing is open yet', 'Try again.');
  }

  stream(command: string, args: Json, signal: AbortSignal): AsyncIterable<unknown> | null {
    return this.#client?.stream(command, args, signal) ?? null;
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#client?.close();
    await this.#files?.close();
  }

  async #connect(): Promise<Client | null> {
    try {
      return await this.#places.connect();
    } catch (error) {
      this.#told.onError(error);
      return null;
    }
  }

  async #follow(client: Client): Promise<void> {
    this.#client = client;
    await this.#closeFiles();
    try {
      this.#told.onLink('online', null);
      this.#told.onChange();
      const items = client.stream('changes', {}, this.#ended.signal);
      for await (const _ of items) this.#told.onChange();
    } catch (error) {
      const lost = error instanceof JobrunError && error.code === 'no-daemon';
      if (!lost) {
        this.#told.onError(error);
        await delay(this.#clock, AGAIN_MS, this.#ended.signal);
      }
    } finally {
      this.#client = null;
      client.close();
    }
  }

  /** Shows what the files say, until a daemon answers or the files say another thing. */
  async #readFiles(place: NonNullable<Places['files']>): Promise<void> {
    const stamp = place.stamp();
    try {
      const files = await place.open();
      await this.#closeFiles();
      this.#files = files;
      if (files.damage) this.#told.onError(files.damage);
    } catch (error) {
      // A daemon that holds them and does not listen yet, or no more.
      const held = error instanceof JobrunError && error.code === 'daemon-running';
      if (!held) this.#told.onError(error);
      await delay(this.#clock, LOOK_EVERY_MS, this.#ended.signal);
      if (held) return;
    }
    this.#told.onLink('offline', this.#files?.aliveAt ?? null);
    this.#told.onChange();
    while (!this.#ended.signal.aborted && place.stamp() === stamp) {
      await delay(this.#clock, LOOK_EVERY_MS, this.#ended.signal);
      const client = await this.#connect();
      if (client) return this.#follow(client);
    }
  }

  async #closeFiles(): Promise<void> {
    const files = this.#files;
    this.#files = null;
    await files?.close();
  }
}
