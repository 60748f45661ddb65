// Chooses the process that executes a command: the daemon, over its socket, or, if none runs, this process itself, on
// the files and under the same lock. Either way the same handlers run.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, reachDaemon, type StreamOptions } from '../api/client.ts';
import { isSilence } from '../api/wire.ts';
import { followed, handle } from '../commands/dispatch.ts';
import type { Command, Context } from '../commands/shared/command.ts';
import { noDaemon } from '../commands/shared/waiting.ts';
import type { OfflineOptions } from '../daemon/offline.ts';
import { UNSETTLED } from '../run/run.ts';
import { delay, systemClock } from '../support/clock.ts';
import { CONFIG_FILE, type Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { LOCK_WAIT_MS, RESTART_MS } from '../support/limits.ts';
import { newId } from '../support/random.ts';

export interface Backend {
  readonly offline: boolean;
  /** Something waits that only a daemon moves, and none runs. */
  readonly stalled: boolean;
  /** When the daemon that is gone was last known to be alive with runs under way. */
  readonly aliveAt: number | null;
  /** The damage found in the state that was read. */
  readonly damage: readonly JobrunError[];
  /** `id` stays the same where the request is made a second time. */
  call(command: Command, request: object, id: string): Promise<unknown>;
  stream(
    command: Command,
    request: object,
    signal: AbortSignal,
    options: StreamOptions,
  ): AsyncIterable<unknown>;
  close(): Promise<void>;
}

const AGAIN_AFTER_MS = 100;

/** Another process may hold the files for a moment, or be a daemon that begins to listen. */
export async function openBackend(
  config: Config,
  command: Command,
  request: object,
): Promise<Backend> {
  let since = systemClock.monotonic();
  let holder = '';
  // Read once: a daemon that holds the files will answer soon, and needs none that we have read.
  for (let jobs = command.needsJobs?.(request) ?? []; ; jobs = []) {
    const { state } = config;
    const client = await reachDaemon(state);
    if (client) return new DaemonBackend(client);
    const mayDoWithout = command.anyDaemon === true && config.store !== null;
    if (command.needsDaemon && !mayDoWithout)
      throw noDaemon(`jobrun ${command.name}`, command.needsDaemon);
    refuseNoProject(config);
    try {
      return await openFiles(config, { readOnly: command.reads === true, jobs });
    } catch (error) {
      const held = error instanceof JobrunError && error.code === 'daemon-running';
      if (!held) throw error;
      const now = systemClock.monotonic();
      // Each time it is another one, the line moves on: commands typed at once wait for each other, however many.
      if (error.message !== holder) [holder, since] = [error.message, now];
      if (now - since > LOCK_WAIT_MS) throw silent(error);
    }
    await delay(systemClock, AGAIN_AFTER_MS);
  }
}

/** A mistyped folder gets no state of its own. */
export function refuseNoProject({ dir, jobs, state }: Config): void {
  if ([jobs, state, join(dir, CONFIG_FILE)].some(existsSync)) return;
  const hint = 'Go to your project, name it with --dir, or make one here: jobrun init';
  throw new JobrunError(
    'bad-config',
    `there is no project in ${dir}: neither jobs/ nor a config`,
    hint,
  );
}

function silent(error: JobrunError): JobrunError {
  const message = `${error.message}, and it does not answer`;
  return new JobrunError('no-daemon', message, error.hint, error);
}

/** Daemons that may go, one after the other, before a call of theirs was answered. */
const MOST_LOST = 8;

/** The call, and again where the daemon has gone before it answered: of the `next` one, or on the files. */
export async function callAnywhere(
  first: Backend,
  command: Command,
  request: object,
  next: () => Promise<Backend>,
): Promise<unknown> {
  const id = newId();
  let backend = first;
  for (let lost = 0; ; lost++) {
    try {
      return await backend.call(command, request, id);
    } catch (error) {
      const stays = backend.offline || command.needsDaemon || command.answerMs;
      if (!isGone(error) || stays || lost >= MOST_LOST) throw error;
      backend = await next();
    }
  }
}

export const isGone = (error: unknown): boolean =>
  error instanceof JobrunError && error.code === 'no-daemon' && !isSilence(error);

export interface Resuming {
  readonly signal: AbortSignal;
  /** Its one item is waited for, beside any number of others. */
  readonly single?: boolean;
  /** Opens what there is now. `daemonOnly`: the files were asked already. */
  next(daemonOnly: boolean): Promise<Backend>;
  /** Called once for each daemon that went away. */
  readonly onLost?: () => void;
}

/**
 * Items of a stream that outlives its daemon: a restarted one is asked for the rest. Rejects with `no-daemon` where
 * none comes back in time.
 */
export async function* streamAnywhere(
  first: Backend,
  command: Command,
  request: object,
  { signal, single = false, next, onLost }: Resuming,
): AsyncGenerator<unknown> {
  const options = { single, request: newId() };
  const began = systemClock.monotonic();
  let [backend, last, asked] = [first, null as unknown, request];
  for (let lostAt = Number.NEGATIVE_INFINITY; ; ) {
    const opened = systemClock.monotonic();
    try {
      for await (const item of backend.stream(command, asked, signal, options)) {
        last = item;
        yield item;
      }
      return;
    } catch (error) {
      const isFirst = backend === first && first.offline;
      if (!isGone(error) || isFirst || signal.aborted) throw error;
      const now = systemClock.monotonic();
      // A daemon that stayed for a while counts as a new one: a restart after a restart is waited for anew.
      const isNew = now - opened > LOCK_WAIT_MS || lostAt < began;
      if (isNew) lostAt = now;
      if (isNew) onLost?.();
      const patience = command.patienceMs?.(request);
      const until = patience === undefined ? lostAt + RESTART_MS : began + patience;
      const { offline } = backend;
      backend = await reopen(() => next(offline), until, error, signal);
      asked = command.again?.(request, last, systemClock.monotonic() - began) ?? request;
    }
  }
}

/** Rejects with what the lost stream said where nothing opens in time. */
async function reopen(
  next: () => Promise<Backend>,
  until: number,
  lost: unknown,
  signal: AbortSignal,
): Promise<Backend> {
  for (;;) {
    await delay(systemClock, AGAIN_AFTER_MS, signal);
    if (signal.aborted || systemClock.monotonic() > until) throw lost;
    try {
      return await next();
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

class DaemonBackend implements Backend {
  readonly offline = false;
  readonly stalled = false;
  readonly aliveAt = null;
  readonly damage = [];
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  call(command: Command, request: object, id: string): Promise<unknown> {
    const { answerMs } = command;
    const limit = answerMs === undefined ? {} : { timeoutMs: answerMs };
    return this.#client.call(command.name, request as Json, { request: id, ...limit });
  }

  stream(
    command: Command,
    request: object,
    signal: AbortSignal,
    options: StreamOptions,
  ): AsyncIterable<unknown> {
    return this.#client.stream(command.name, request as Json, signal, options);
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

type OfflineCode = typeof import('../daemon/offline.ts');

let offline: OfflineCode | null = null;

/** The code for the files. It is kept here: Node looks for the file again at an import from another place. */
export async function offlineCode(): Promise<OfflineCode> {
  offline ??= await import('../daemon/offline.ts');
  return offline;
}

async function openFiles(config: Config, how: OfflineOptions): Promise<Backend> {
  const { openOffline } = await offlineCode();
  const context: Context & { close(): Promise<void> } = await openOffline(config, how);
  const { damage = [] } = context;
  let closing: Promise<void> | null = null;
  const { engine, members } = context;
  const counts = await engine.counts();
  const waits = UNSETTLED.some((state) => counts[state] > 0);
  return {
    offline: true,
    stalled: waits || (await engine.schedules()).length > 0,
    aliveAt: await members.lastBeat(),
    damage,
    async call(command, request, id) {
      try {
        return await handle(command, request, { ...context, request: id });
      } catch (error) {
        throw orDamage(error, damage);
      }
    },
    async *stream(command, request, signal, { request: id }) {
      try {
        const own = id === undefined ? context : { ...context, request: id };
        yield* followed(command, request, own, signal);
      } catch (error) {
        throw orDamage(error, damage);
      }
    },
    async close() {
      closing ??= context.close();
      await closing;
    },
  };
}

/** A missing record may lie in a part that could not be read. */
function orDamage(error: unknown, [first]: readonly JobrunError[]): unknown {
  const isUnknown =
    error instanceof JobrunError && ['unknown-run', 'unknown-schedule'].includes(error.code);
  return (isUnknown && first) || error;
}
