// An engine on a store of a test server, opened past the config.

import { openSession, type Reach } from '../../src/engine/postgres/connection.ts';
import { loadDriver } from '../../src/engine/postgres/driver.ts';
import {
  openPostgresEngine,
  type PostgresEngine,
} from '../../src/engine/postgres/postgres-engine.ts';
import { prepareSchema } from '../../src/engine/postgres/schema.ts';
import { StoreSessions } from '../../src/engine/postgres/sessions.ts';
import { StoreClock } from '../../src/engine/postgres/store-clock.ts';
import { StoreLogs } from '../../src/engine/postgres/store-logs.ts';
import { StoreMembers } from '../../src/engine/postgres/store-members.ts';
import { type Clock, systemClock } from '../../src/support/clock.ts';
import { type StorePlace, storePlaceOf } from '../../src/support/store-place.ts';
import { ROOT } from './source.ts';

export interface OpenedStore {
  readonly engine: PostgresEngine;
  readonly sessions: StoreSessions;
  readonly members: StoreMembers;
  readonly logs: StoreLogs;
  readonly errors: unknown[];
  close(): Promise<void>;
}

export const reachOf = (url: string): Reach => ({
  driver: loadDriver(ROOT),
  place: storePlaceOf(url, {}) as StorePlace,
  clock: systemClock,
  env: {},
});

export async function openStore(url: string, clock: Clock = systemClock): Promise<OpenedStore> {
  const reach = reachOf(url);
  const { place } = reach;
  const first = await openSession(reach);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  await prepareSchema(first, place.schema);
  const sessions = new StoreSessions(reach, first, onError);
  const { schema } = place;
  const engine = await openPostgresEngine({
    sessions,
    schema,
    clock,
    patienceMs: 5000,
    onError,
  });
  const members = new StoreMembers({
    ask: (statement) => sessions.read(statement),
    read: (statement) => sessions.read(statement),
    clock: new StoreClock(systemClock),
    host: 'here',
    leaseMs: 30_000,
    state: '/state',
    pids: 'these',
    id: engine.id,
    // Attempts name no host, as on files.
    holdAs: ({ id }) => engine.holdAs({ id }),
    onTrouble: () => undefined,
    onError,
  });
  await members.join();
  const logs = new StoreLogs({ sessions, clock: systemClock, onError });
  const close = async (): Promise<void> => {
    await logs.closeAll();
    await engine.close();
    await sessions.close();
  };
  return { engine, sessions, members, logs, errors, close };
}
