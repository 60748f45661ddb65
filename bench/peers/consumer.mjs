// The worker of a peer in a process of its own: says how many jobs it has worked off, every few milliseconds.
import { PEERS } from './adapters.mjs';

process.once('message', async ({ peer, connection }) => {
  let done = 0;
  const stop = await PEERS[peer].consumer(connection, (n) => {
    done += n;
  });
  setInterval(() => process.send({ done }), 4);
  process.on('message', async () => {
    await stop();
    process.exit(0);
  });
});
process.on('disconnect', () => process.exit(0));
