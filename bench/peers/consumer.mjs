// The worker of a peer in a process of its own: says how many jobs it has worked off, every few milliseconds. Its
// modules are loaded before it says that it is ready, and it works from the next message on.
import { once } from 'node:events';
import { PEERS } from './adapters.mjs';

process.on('disconnect', () => process.exit(0));

const [{ peer, connection }] = await once(process, 'message');
await PEERS[peer].load();
process.send({ ready: true });
await once(process, 'message');
let done = 0;
const stop = await PEERS[peer].consumer(connection, (n) => {
  done += n;
});
setInterval(() => process.send({ done }), 4);
process.on('message', async () => {
  await stop();
  process.exit(0);
});
