// The engine on PostgreSQL, on a server that the tests of this run share, in a schema of its own.
import { beforeAll } from 'vitest';
import type { Lease, Members, Worker } from '../../../src/engine/members.ts';
import { freshStore } from '../../helpers/postgres.ts';
import { type OpenedStore, openStore } from '../../helpers/postgres-engine.ts';
import { engineContract } from '../contract.ts';

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

engineContract('postgres', async () => {
  const url = await freshStore();
  return {
    open: async () => {
      const opened = await openStore(url);
      const { engine, close } = opened;
      return { engine, members: membersOf(opened), tidy: async () => undefined, close };
    },
    clear: async () => undefined,
  };
});

/** As much of it as the contract asks for. */
function membersOf({ engine, sessions }: OpenedStore): Members {
  const put = ({ mark, pid, startTime, boot }: Worker) =>
    void sessions.read({
      text: 'insert into worker (mark, member, pid, start_time, boot) values ($1, $2, $3, $4, $5)',
      values: [mark, engine.id, pid, startTime, boot],
    });
  const members: Pick<Members, 'self' | 'putWorker' | 'leases'> = {
    self: { id: engine.id, host: 'here' },
    putWorker: put,
    leases: () =>
      sessions.read<Lease>({
        text: `select r.id::float8 as run, json_build_array(r.token_turn, r.token_n) as token, r.mark, w.pid, w.start_time as "startTime", w.boot,
          r.member::float8 as member, 'here' as host, null::float8 as "aliveAt", false as "isForeign" from run r left join worker w on w.mark = r.mark where r.state = 'running'`,
      }),
  };
  return members as Members;
}
