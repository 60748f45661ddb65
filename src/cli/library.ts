// `connect`: the commands for programs. Each call is the request that the command line makes too, to the daemon where
// one runs and on the files where none does, so that checks, errors and results are the same. One connection to a
// daemon is kept; the files are held only while a call is under way, for other processes want them as well.

import { setMaxListeners } from 'node:events';
import type { Command } from '../commands/command.ts';
import { findCommand } from '../commands/index.ts';
import { delay, systemClock } from '../support/clock.ts';
import { type Config, type ConfigOptions, loadConfig } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { LOCK_WAIT_MS } from '../support/limits.ts';
import { type Backend, callAnywhere, openBackend } from './backend.ts';

const AGAIN_AFTER_MS = 100;

/** Calls and streams of one program, on whatever there is to do them. */
export class Caller {
  readonly config: Config;
  #backend: Promise<Backend> | null = null;
  #calls = 0;
  #closed = false;
  readonly #ending = new AbortController();

  constructor(options: ConfigOptions) {
    // Who waits for many results at once does nothing wrong, and is not to be warned.
    setMaxListeners(0, this.#ending.signal);
    this.config = loadConfig(options, process.env, process.cwd());
  }

  /** Does one command; calls of the same time share the connection, or the files. */
  async call(name: string, request: unknown, again = false): Promise<unknown> {
    const command = await commandOf(name);
    const backend = await this.#take(command);
    try {
      const called = await callAnywhere(backend, this.config, command, request);
      if (called.backend !== backend) this.#backend = Promise.resolve(called.backend);
      return called.reply;
    } catch (error) {
      // A connection that is gone is not asked again: the next call looks who is there.
      if (!isGone(error) || backend.offline) throw error;
      this.#drop();
      // What only looks may look again; what changes something was tried twice already, under one request id.
      if (again || command.answerMs === undefined) throw error;
      return await this.call(name, request, true);
    } finally {
      await this.#give();
    }
  }

  /** Items of a stream; ends with the signal, with `close`, or when its reader leaves. */
  async *stream(name: string, request: unknown, signal?: AbortSignal): AsyncGenerator<Json> {
    const command = await commandOf(name);
    const ends = signal ? AbortSignal.any([signal, this.#ending.signal]) : this.#ending.signal;
    const backend = await this.#take(command);
    try {
      yield* backend.stream(command, request, ends);
    } finally {
      await this.#give();
    }
  }

  /** The one item of a stream that outlives a daemon that is started again meanwhile. */
  async last(name: string, request: unknown, signal?: AbortSignal): Promise<Json | null> {
    for (let since: number | null = null; ; ) {
      try {
        let last: Json | null = null;
        for await (const item of this.stream(name, request, signal)) last = item;
        return last;
      } catch (error) {
        since ??= systemClock.monotonic();
        const late = systemClock.monotonic() - since > LOCK_WAIT_MS;
        if (!isGone(error) || late || this.#closed) throw error;
        this.#drop();
        await delay(systemClock, AGAIN_AFTER_MS, signal);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ending.abort();
    const backend = this.#drop();
    await (await backend)?.close();
  }

  async #take(command: Command): Promise<Backend> {
    if (this.#closed)
      throw new JobrunError(
        'refused',
        'the connection is closed',
        'Open another one with connect().',
      );
    this.#calls++;
    try {
      // Calls of the same time share it, and one of them may change something.
      this.#backend ??= openBackend(this.config, { ...command, reads: false });
      return await this.#backend;
    } catch (error) {
      this.#backend = null;
      this.#calls--;
      throw error;
    }
  }

  /** The last call gives the files back; a daemon's connection stays. */
  async #give(): Promise<void> {
    this.#calls--;
    const backend = this.#backend;
    if (this.#calls > 0 || backend === null || !(await backend).offline) return;
    if (this.#calls > 0 || this.#backend !== backend) return;
    this.#drop();
    await (await backend).close();
  }

  #drop(): Promise<Backend> | null {
    const backend = this.#backend;
    this.#backend = null;
    return backend;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof JobrunError && error.code === 'no-daemon';

async function commandOf(name: string): Promise<Command> {
  const entry = findCommand(name);
  if (entry) return entry.load();
  throw new JobrunError('internal', `there is no command ${name}`, 'Please report this.');
}
