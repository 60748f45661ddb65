// From a request on the socket to the command that does it. A request that comes a second time, because its client
// lost the connection before the reply, gets the reply of the first one.
import type { Request } from '../api/protocol.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { MB, MINUTE } from '../support/limits.ts';
import { Recent } from '../support/recent.ts';
import { weightOfValue } from '../support/weight.ts';
import { ENTRIES, findCommand } from './index.ts';
import type { Asked, Command, Context } from './shared/command.ts';
import { checked, readWords } from './shared/options.ts';
import { durably } from './shared/waiting.ts';
import { version } from './version.ts';

export type Handle = (request: Request, signal: AbortSignal) => Promise<Json> | AsyncIterable<Json>;

/**
 * Loads all commands, for a process that stays: looking a module up takes longer than most requests, and a daemon must
 * not depend on files that an update replaces under it.
 */
export async function loadCommands(): Promise<void> {
  version();
  await Promise.all(ENTRIES.map(({ name }) => commandOf(name)));
}

/** The function that `api/server` calls for each request. */
export function dispatcher(context: Context): Handle {
  const known = new Remembered(context);
  // A field that is there is replaced: to add one to a copy takes as long as a tenth of a request.
  const asked = { ...context, request: '' };
  return (request, signal) => {
    const own = request.request === null ? context : { ...asked, request: request.request };
    return request.stream ? follow(request, own, signal) : answer(request, own, known);
  };
}

async function answer(request: Request, context: Context, known: Remembered): Promise<Json> {
  const command = loaded.get(request.command) ?? (await commandOf(request.command));
  const make = (): Promise<Json> => handle(command, request.args, context) as Promise<Json>;
  // A change is durable when its handler is through: no later one that the disk refuses makes it undone.
  if (!command.once) return durably(context.engine, make);
  if (request.request === null) return make();
  return known.once(request.request, make, command);
}

/** True if the replies of this command wait for no change beside their own. */
export const tellsOwn = (name: string): boolean => loaded.get(name)?.tellsOwn === true;

/** How many rows its reply may have; 0 where that is not known. */
export const rowsOf = ({ command, args }: Request): number =>
  loaded.get(command)?.rows?.(args) ?? 0;

async function* follow(
  request: Request,
  context: Context,
  signal: AbortSignal,
): AsyncIterable<Json> {
  const command = await commandOf(request.command);
  yield* followed(command, request.args, context, signal) as AsyncIterable<Json>;
}

/** The request that was typed. */
export async function requestOf(command: Command, asked: Asked): Promise<object> {
  const request = await readWords(command.options, asked.typed, asked);
  return (await command.ask?.(request, asked)) ?? request;
}

/** Also called by the command line itself, on the files. */
export function handle(command: Command, request: unknown, context: Context): Promise<unknown> {
  if (!command.handle) throw notHere(command.name);
  return command.handle(checked(command.options, request), context);
}

export async function* followed(
  command: Command,
  request: unknown,
  context: Context,
  signal: AbortSignal,
): AsyncIterable<unknown> {
  if (!command.stream) throw notHere(command.name);
  const sound = checked(command.options, request);
  const reply = await command.handle?.(sound, context);
  yield* command.stream(sound, context, signal, reply);
}

const loaded = new Map<string, Command>();

/** The command of this name, loaded once. Throws where there is none. */
export async function commandOf(name: string): Promise<Command> {
  const known = loaded.get(name);
  if (known) return known;
  const entry = findCommand(name);
  if (!entry) throw notHere(name);
  const command = await entry.load();
  loaded.set(name, command);
  return command;
}

function notHere(name: string): JobrunError {
  const hint = 'The daemon may be of an older version: restart it with jobrun stop, jobrun daemon.';
  return new JobrunError('bad-request', `the daemon knows no request "${name}"`, hint);
}

/** A client asks again within seconds. The engine remembers accepted requests for longer, on disk. */
const MEMORY_MS = MINUTE;
const MAX_REMEMBERED = 1000;
/** A reply is mostly a run, with params and output of a megabyte each at most. */
const MAX_REMEMBERED_BYTES = 16 * MB;

class Remembered {
  readonly #context: Context;
  readonly #replies = new Recent<Promise<Json>>(MAX_REMEMBERED, MEMORY_MS, MAX_REMEMBERED_BYTES);

  constructor(context: Context) {
    this.#context = context;
  }

  async once(id: string, make: () => Promise<Json>, { engineKnows }: Command): Promise<Json> {
    const known = this.#replies.get(id);
    if (known) return known;
    const making = make();
    const remember = (bytes: number): void =>
      this.#replies.set(id, making, this.#context.clock.monotonic(), bytes);
    remember(0);
    try {
      const reply = await making;
      // A thousand replies to a thousand runs each would be most of the daemon's memory.
      if (engineKnows?.(reply)) this.#replies.delete(id);
      else remember(weightOfValue(reply));
      return reply;
    } catch (error) {
      // Nothing has changed. The stack of an error holds the frames that it came from, and with them the request.
      this.#replies.delete(id);
      throw error;
    }
  }
}
