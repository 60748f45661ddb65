// The tests of end to end on a store instead of files: with `JOBRUN_ENGINE=postgres` this run has a server of its own,
// and with a URL the server is the one that it names. Each project of a test then keeps its runs in a schema of its
// own.
import { Server } from './postgres.ts';

export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.JOBRUN_ENGINE !== 'postgres') return;
  // Durable, for jobrun takes no other one; and quick all the same, for what happens to this server does not matter.
  const server = await Server.open({ fsync: true, settings: { full_page_writes: 'off' } });
  process.env.JOBRUN_ENGINE = server.store('public');
  return () => server.close();
}
