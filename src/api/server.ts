// The daemon's ear: a Unix socket that only its user can open. Only the holder of the state's lock listens, so a
// socket file that is already there belongs to a process that is gone. When all places are taken, the client that has
// been silent for longest gives way: a forgotten connection never locks out the person who wants to know what is on. If
// all are busy, it is the last one whose requests only wait for their turn: a crowd locks out no other program.
// A socket that was removed while it was listened on would never be reached again: it is looked at, and made anew.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { errnoOf, JobrunError, toJobrunError } from '../support/errors.ts';
import { MAX_CONNECTIONS, SECOND } from '../support/limits.ts';
import { arrived } from '../support/turn-taking.ts';
import { Connection, type Service } from './connection.ts';
import { Intake } from './intake.ts';
import { Turns } from './turns.ts';

export interface Serving {
  /** Stops listening, lets what was answered go out, and cuts every connection. */
  close(): Promise<void>;
}

export interface Listening extends Omit<Service, 'turns' | 'intake'> {
  readonly path: string;
  /** Makes the folder of the socket. Throws where another daemon may listen there by now. */
  readonly prepare: () => void;
  /** Called where the socket was gone and is there again. */
  readonly onAnew: () => void;
  /** Called with each look at the socket: whatever else may be removed is looked at with it, and nothing more wakes. */
  readonly onLook: () => void;
}

/** Less than a client waits for a daemon that holds the lock and does not listen. */
const LOOK_EVERY_MS = SECOND;

export async function serve(asked: Listening): Promise<Serving> {
  const ear = new Ear(asked);
  await ear.listen();
  ear.watch();
  return ear;
}

class Ear implements Serving {
  readonly #o: Listening;
  readonly #service: Service;
  readonly #open = new Set<Connection>();
  /** Those that no longer listen have connections that end with the last. */
  readonly #servers: Server[] = [];
  #own: { readonly dev: number; readonly ino: number } | null = null;
  #looking: Promise<void> | null = null;
  #unwatch: () => void = () => undefined;
  /** Why it does not listen: told once, however often it is tried. */
  #told = '';

  constructor(asked: Listening) {
    this.#o = asked;
    this.#service = { ...asked, turns: new Turns(asked.clock), intake: new Intake() };
  }

  async listen(): Promise<void> {
    const { path, prepare, onError } = this.#o;
    prepare();
    // A client that closes its sending side may still read its replies.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      arrived();
      admit(socket, this.#service, this.#open);
    });
    server.on('error', onError);
    // Before the new one is there: as it stops, the system removes the name that it was given.
    this.#servers.at(-1)?.close();
    removeStale(path);
    await listen(server, path);
    this.#servers.push(server);
    this.#own = lstatSync(path);
  }

  watch(): void {
    const look = (): void => {
      this.#o.onLook();
      this.#looking = this.#look().finally(() => this.watch());
    };
    this.#unwatch = this.#o.clock.after(LOOK_EVERY_MS, look, { idle: true });
  }

  async close(): Promise<void> {
    this.#unwatch();
    await this.#looking;
    this.#unwatch();
    const ended = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of this.#open) connection.close();
    await Promise.all(ended);
  }

  async #look(): Promise<void> {
    if (this.#isThere()) return;
    this.#own = null;
    try {
      await this.listen();
      this.#told = '';
      this.#o.onAnew();
    } catch (error) {
      const { message } = toJobrunError(error);
      if (message !== this.#told) this.#o.onError(error);
      this.#told = message;
    }
  }

  /** Its inode is held as long as it listens, and so is no other's. */
  #isThere(): boolean {
    const named = lstatSync(this.#o.path, { throwIfNoEntry: false });
    return named !== undefined && named.ino === this.#own?.ino && named.dev === this.#own.dev;
  }
}

function admit(socket: Socket, service: Service, open: Set<Connection>): void {
  const connection = new Connection(socket, service, () => open.delete(connection));
  if (open.size >= MAX_CONNECTIONS && !dropIdlest(open) && !dropWaiting(open)) {
    connection.close(tooManyClients());
    return;
  }
  open.add(connection);
}

function tooManyClients(): JobrunError {
  const hint = 'Close one of them, and try again.';
  const message = `${MAX_CONNECTIONS} clients are connected, and all of them are busy`;
  return new JobrunError('refused', message, hint);
}

/** The one that has waited for the shortest time has lost least. */
function dropWaiting(open: Set<Connection>): boolean {
  let last: Connection | null = null;
  for (const connection of open) {
    if (connection.waits && (!last || connection.activeAt >= last.activeAt)) last = connection;
  }
  if (!last) return false;
  open.delete(last);
  last.close(tooManyClients());
  return true;
}

function dropIdlest(open: Set<Connection>): boolean {
  let idlest: Connection | null = null;
  for (const connection of open) {
    if (connection.idle && (!idlest || connection.activeAt < idlest.activeAt)) idlest = connection;
  }
  if (!idlest) return false;
  open.delete(idlest);
  idlest.close();
  return true;
}

function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    const hint = 'Move it away: the socket of the daemon has to be there.';
    throw new JobrunError('state-unsafe', `${path} cannot be removed`, hint, error);
  }
}

/** The mask keeps others out from the first moment; the mode is set and looked at for those who read it. */
async function listen(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o077);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
      process.umask(mask);
    });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
  if ((lstatSync(path).mode & 0o177) === 0) return;
  server.close();
  const hint = 'Keep the state on a file system that knows permissions.';
  throw new JobrunError('state-unsafe', `${path} can be opened by others`, hint);
}
