// The daemon's ear: a Unix socket that only its user can open. Only the holder of the state's lock listens, so a
// socket file that is already there belongs to a process that is gone. When all places are taken, the client that has
// been silent for longest gives way: a forgotten connection never locks out the person who wants to know what is on.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { errnoOf, JobrunError } from '../support/errors.ts';
import { MAX_CONNECTIONS } from '../support/limits.ts';
import { Connection, type Service } from './connection.ts';
import { Turns } from './turns.ts';

export interface Serving {
  /** Stops listening, lets what was answered go out, and cuts every connection. */
  close(): Promise<void>;
}

export async function serve(
  asked: Omit<Service, 'turns'> & { readonly path: string },
): Promise<Serving> {
  const open = new Set<Connection>();
  const options = { ...asked, turns: new Turns(asked.clock) };
  const server = createServer((socket) => admit(socket, options, open));
  server.on('error', options.onError);
  removeStale(options.path);
  await listen(server, options.path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of open) connection.close();
      }),
  };
}

function admit(socket: Socket, service: Service, open: Set<Connection>): void {
  const connection = new Connection(socket, service, () => open.delete(connection));
  if (open.size >= MAX_CONNECTIONS && !dropIdlest(open)) {
    const hint = 'Close one of them, and try again.';
    const message = `${MAX_CONNECTIONS} clients are connected, and all of them are busy`;
    connection.close(new JobrunError('refused', message, hint));
    return;
  }
  open.add(connection);
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
