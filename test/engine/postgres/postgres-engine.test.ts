// The engine on PostgreSQL, on a server that the tests of this run share, in a schema of its own.
import { beforeAll } from 'vitest';
import { freshStore } from '../../helpers/postgres.ts';
import { openStore } from '../../helpers/postgres-engine.ts';
import { engineContract } from '../contract.ts';

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

engineContract('postgres', async () => {
  const url = await freshStore();
  return {
    open: async () => {
      const opened = await openStore(url);
      const { engine, members, logs, close } = opened;
      const listening = (): Promise<void> =>
        new Promise((resolve) => {
          const undo = engine.onStir(() => {
            undo();
            resolve();
          });
        });
      return { engine, members, logs, tidy: async () => undefined, close, listening };
    },
    clear: async () => undefined,
  };
});
