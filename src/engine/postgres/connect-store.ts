// From a config to the sessions of its store: found, fit to keep what it is given, and with its tables.
import type { Clock } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import type { StorePlace } from '../../support/store-place.ts';
import {
  type Reach,
  reachStore,
  refuseForgetful,
  type ServerSession,
  type SessionOptions,
} from './connection.ts';
import { loadDriver } from './driver.ts';
import { prepareSchema } from './schema.ts';
import { StoreSessions } from './sessions.ts';

type Project = Pick<Config, 'dir'>;

/** Rejects with `bad-config` without a driver, `store-unreachable` after 5 s, `store-unsafe`, `store-newer`. */
export async function connectStore(
  project: Project,
  place: StorePlace,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<StoreSessions> {
  const first = await openOne(project, place, clock);
  return new StoreSessions(reachOf(project, place, clock), first, onError);
}

/** The same with one session alone. */
export async function openOne(
  project: Project,
  place: StorePlace,
  clock: Clock,
  options: SessionOptions = {},
): Promise<ServerSession> {
  const session = await reachStore(reachOf(project, place, clock), options);
  try {
    refuseForgetful(session);
    await prepareSchema(session, place.schema);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

export const reachOf = ({ dir }: Project, place: StorePlace, clock: Clock): Reach => ({
  driver: loadDriver(dir),
  place,
  clock,
  env: process.env,
});
