// The calls of `connect.ts`, carried out. Each is the request that the command line makes too, to the daemon if one
// runs and on the files if none does. So checks, errors and results are the same. One connection to a daemon is kept.
// The files are held only while a call is under way. Calls that only look hold them as any reader does: nothing is made
// or written, and others may look meanwhile.
import { commandOf } from '../commands/dispatch.ts';
import type { Command } from '../commands/shared/command.ts';
import { text } from '../commands/shared/kinds.ts';
import { field, fieldsOf, fromNames, type Options } from '../commands/shared/options.ts';
import { START_DAEMON } from '../commands/shared/waiting.ts';
import { type Config, type ConfigOptions, loadConfig } from '../support/config.ts';
import { assert, JobrunError } from '../support/errors.ts';
import { deferred } from '../support/wakeup.ts';
import { optionsJson } from '../workers/values.ts';
import { type Backend, callAnywhere, openBackend, streamAnywhere } from './backend.ts';
import { loadAhead } from './load-ahead.ts';
import { RunBatcher } from './run-batcher.ts';

/** The location of a project, as code gives it. */
export const WHERE = { dir: field(text(4096)), stateDir: field(text(4096)) };

type ReplyOf<C> = C extends Command<Options, infer Reply> ? Reply : never;

/** Calls and streams of one program, on whatever there is to do them. */
export class Caller {
  readonly config: Config;
  /** Calls that change something go here, and all others while it exists: the daemon, or the files held for writing. */
  #backend: Shared | null = null;
  /** Calls that only look, if no daemon is known: the files as they lie, which others may read meanwhile. */
  #reading: Shared | null = null;
  /** All that is not closed yet. */
  readonly #open = new Set<Shared>();
  #closed = false;
  readonly #ending = new AbortController();
  readonly #stopLoading: () => void;

  /** Runs, of which those of one turn go out as one request. */
  readonly runs = new RunBatcher((name, args) => this.send(name, args));

  constructor(options: ConfigOptions) {
    this.config = loadConfig(options, process.env, process.cwd());
    this.#stopLoading = loadAhead(this.config);
  }

  /** Does one command, as code asks for it; calls of the same time share the connection, or the files. */
  async call<C extends Command>(name: C['name'], options: object): Promise<ReplyOf<C>> {
    const { options: table } = await commandOf(name);
    const given = fieldsOf(optionsJson(options));
    return (await this.send(name, fromNames(table, given))) as ReplyOf<C>;
  }

  /** The same for a request that is JSON already: a batch is not gone through a second time. */
  async send(name: string, args: object, again = false): Promise<unknown> {
    const command = await commandOf(name);
    let shared = await this.#take(command, args);
    const next = async (): Promise<Backend> => {
      const lost = shared;
      lost.retire();
      shared = await this.#take(command, args);
      await lost.leave();
      return shared.backend;
    };
    try {
      const reply = await callAnywhere(shared.backend, command, args, next);
      refuseDamaged(shared.backend);
      return reply;
    } catch (error) {
      if (!isGone(error) || shared.backend.offline) throw error;
      // A closed connection is not asked again: the next call looks for a daemon anew.
      shared.retire();
      // A read may be repeated; a change was tried twice already, under one request id.
      if (again || command.answerMs === undefined) throw error;
      return await this.send(name, args, true);
    } finally {
      await shared.leave();
    }
  }

  /**
   * Items of a stream, also over a restart of the daemon; ends with the signal, with `close`, or when its reader
   * leaves.
   */
  async *stream(
    name: string,
    options: object,
    signal?: AbortSignal,
    single = false,
  ): AsyncGenerator<unknown> {
    const command = await commandOf(name);
    const args = fromNames(command.options, fieldsOf(optionsJson(options)));
    const ends = signal ? AbortSignal.any([signal, this.#ending.signal]) : this.#ending.signal;
    let shared: Shared | null = await this.#take(command, args);
    // Left before another is taken: a daemon cannot begin while files are held.
    const leave = async (): Promise<void> => {
      const left = shared;
      shared = null;
      await left?.leave();
    };
    const next = async (daemonOnly: boolean): Promise<Backend> => {
      if (shared && !shared.backend.offline) shared.retire();
      await leave();
      shared = await this.#take(
        daemonOnly ? { ...command, needsDaemon: START_DAEMON } : command,
        args,
      );
      return shared.backend;
    };
    try {
      yield* streamAnywhere(shared.backend, command, args, { signal: ends, single, next });
      refuseDamaged(shared.backend);
    } catch (error) {
      if (isGone(error) && shared && !shared.backend.offline) shared.retire();
      throw error;
    } finally {
      await leave();
    }
  }

  /** The last item of such a stream; null where it was ended before. */
  async last(name: string, options: object, signal?: AbortSignal): Promise<unknown> {
    let last: unknown = null;
    for await (const item of this.stream(name, options, signal, true)) last = item;
    return last;
  }

  /** Resolves when all is given back. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopLoading();
    this.#ending.abort();
    await Promise.all([...this.#open].map((shared) => shared.end()));
  }

  /** A place for one call, which has to leave it. */
  async #take(command: Command, request: object): Promise<Shared> {
    this.#refuseClosed();
    // Alone: a missing daemon concerns no other call.
    if (command.needsDaemon !== undefined)
      return this.#enter(this.#known() ?? this.#begin(command, request));
    if (command.reads !== true) {
      this.#backend = this.#known() ?? this.#begin(command, request);
      return this.#enter(this.#backend);
    }
    const known = this.#known();
    // Files that cannot be opened for a change can perhaps be read.
    const entered = known && (await this.#enter(known).catch(() => null));
    if (entered) return entered;
    this.#refuseClosed();
    if (!this.#reading?.isOpen) this.#reading = this.#begin(command, request);
    return this.#enter(this.#reading);
  }

  #known(): Shared | null {
    return this.#backend?.isOpen ? this.#backend : null;
  }

  #begin(command: Command, request: object): Shared {
    const shared = new Shared(openBackend(this.config, command, request));
    this.#open.add(shared);
    void shared.over.then(() => this.#open.delete(shared));
    return shared;
  }

  async #enter(shared: Shared): Promise<Shared> {
    const { offline } = await shared.enter();
    if (this.#closed) await shared.leave();
    this.#refuseClosed();
    // A daemon that one call finds serves all calls that follow; a second connection ends with its calls.
    if (!offline && this.#known() === null) this.#backend = shared;
    if (!offline && this.#backend !== shared) shared.retire();
    if (!offline && this.#reading === shared) this.#reading = null;
    return shared;
  }

  #refuseClosed(): void {
    if (!this.#closed) return;
    const hint = 'Open another one with connect().';
    throw new JobrunError('refused', 'the connection is closed', hint);
  }
}

/** The readable part of a damaged state is not given as if it were all. */
function refuseDamaged({ damage }: Backend): void {
  if (damage[0]) throw damage[0];
}

const isGone = (error: unknown): boolean =>
  error instanceof JobrunError && error.code === 'no-daemon';

/**
 * A backend that calls of the same time share. The last call that leaves gives the files back, for other processes want
 * them as well. A connection to a daemon stays until it is retired and its last call has left. Either way it is closed
 * once, and nothing that was opened is ever out of sight.
 */
class Shared {
  /** Resolves when it is closed, or could not be opened and no call waits for that any more. */
  readonly over: Promise<void>;
  readonly #over = deferred();
  readonly #opening: Promise<Backend>;
  #opened: Backend | null = null;
  #calls = 0;
  #retired = false;
  #closing: Promise<void> | null = null;

  constructor(opening: Promise<Backend>) {
    this.#opening = opening;
    this.over = this.#over.promise;
  }

  /** True if a further call may enter. */
  get isOpen(): boolean {
    return !this.#retired;
  }

  /** For who has entered. */
  get backend(): Backend {
    assert(this.#opened, 'a backend is used before it is open');
    return this.#opened;
  }

  /** One call more, which has to leave again; not where this rejects with what keeps it from being opened. */
  async enter(): Promise<Backend> {
    this.#calls++;
    try {
      this.#opened = await this.#opening;
      return this.#opened;
    } catch (error) {
      this.#retired = true;
      if (--this.#calls === 0) this.#over.resolve();
      throw error;
    }
  }

  async leave(): Promise<void> {
    this.#calls--;
    if (this.#calls === 0 && (this.#retired || this.backend.offline)) await this.#close();
  }

  /** No call enters any more. Only for who has entered: the last one that leaves closes it. */
  retire(): void {
    this.#retired = true;
  }

  /** Cuts off what waits for a daemon; what is done on the files is done to its end. */
  async end(): Promise<void> {
    this.#retired = true;
    if (this.#opened && (this.#calls === 0 || !this.#opened.offline)) await this.#close();
    await this.over;
  }

  #close(): Promise<void> {
    this.#retired = true;
    this.#closing ??= this.backend.close().finally(() => this.#over.resolve());
    return this.#closing;
  }
}
