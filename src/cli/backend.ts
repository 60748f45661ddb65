// Who does a command: the daemon, over its socket, or where none runs this process itself, on the files and under the
// same lock. Either way the same handlers run.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, reachDaemon } from '../api/client.ts';
import { isSilence } from '../api/wire.ts';
import type { Command, Tools } from '../commands/command.ts';
import { followed, handle } from '../commands/dispatch.ts';
import { noDaemon } from '../commands/settled.ts';
import { delay, systemClock } from '../support/clock.ts';
import { CONFIG_FILE, type Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { LOCK_WAIT_MS } from '../support/limits.ts';
import { newId } from '../support/random.ts';

export interface Backend {
  readonly offline: boolean;
  /** What is wrong with the state that was read. */
  readonly damage: readonly JobrunError[];
  /** `id` stays the same where the request is made a second time. */
  call(command: Command, request: unknown, id: string): Promise<unknown>;
  /** `single`: its one item is waited for, beside any number of others. */
  stream(
    command: Command,
    request: unknown,
    signal: AbortSignal,
    single?: boolean,
  ): AsyncIterable<Json>;
  close(): Promise<void>;
}

const AGAIN_AFTER_MS = 100;

/** Another process may hold the files for a moment, or be a daemon that begins to listen. */
export async function openBackend(config: Config, command: Command): Promise<Backend> {
  let since = systemClock.monotonic();
  let holder = '';
  for (;;) {
    const { state } = config;
    const client = await reachDaemon(state);
    if (client) return new DaemonBackend(client);
    if (command.needsDaemon) throw noDaemon(`jobrun ${command.name}`, command.needsDaemon);
    refuseNoProject(config);
    try {
      return await openFiles(config, command.reads === true);
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
  request: unknown,
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

const isGone = (error: unknown): boolean =>
  error instanceof JobrunError && error.code === 'no-daemon' && !isSilence(error);

class DaemonBackend implements Backend {
  readonly offline = false;
  readonly damage = [];
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  call(command: Command, request: unknown, id: string): Promise<unknown> {
    const { answerMs } = command;
    const limit = answerMs === undefined ? {} : { timeoutMs: answerMs };
    return this.#client.call(command.name, request as Json, { request: id, ...limit });
  }

  stream(
    command: Command,
    request: unknown,
    signal: AbortSignal,
    single = false,
  ): AsyncIterable<Json> {
    return this.#client.stream(command.name, request as Json, signal, { single });
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

async function openFiles(config: Config, readOnly: boolean): Promise<Backend> {
  const { openOffline } = await import('../daemon/offline.ts');
  const tools: Tools & { close(): Promise<void> } = await openOffline(config, { readOnly });
  const { damage = [] } = tools;
  return {
    offline: true,
    damage,
    async call(command, request, id) {
      try {
        return await handle(command, request, { ...tools, request: id });
      } catch (error) {
        throw orDamage(error, damage);
      }
    },
    async *stream(command, request, signal) {
      try {
        yield* followed(command, request, tools, signal);
      } catch (error) {
        throw orDamage(error, damage);
      }
    },
    close: () => tools.close(),
  };
}

/** What is not found may lie in what could not be read. */
function orDamage(error: unknown, [first]: readonly JobrunError[]): unknown {
  const isUnknown =
    error instanceof JobrunError && ['unknown-run', 'unknown-schedule'].includes(error.code);
  return (isUnknown && first) || error;
}
