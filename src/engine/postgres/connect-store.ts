// From a config to the sessions of its store: found, fit to keep what it is given, and with its tables.
import type { Clock } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import type { StorePlace } from '../../support/store-place.ts';
import { reachStore, refuseForgetful } from './connection.ts';
import { loadDriver } from './driver.ts';
import { prepareSchema } from './schema.ts';
import { StoreSessions } from './sessions.ts';

/** Rejects with `bad-config` without a driver, `store-unreachable` after 5 s, `store-unsafe`, `store-newer`. */
export async function connectStore(
  { dir }: Pick<Config, 'dir'>,
  place: StorePlace,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<StoreSessions> {
  const reach = { driver: loadDriver(dir), place, clock, env: process.env };
  const first = await reachStore(reach);
  try {
    refuseForgetful(first);
    await prepareSchema(first, place.schema);
    return new StoreSessions(reach, first, onError);
  } catch (error) {
    await first.close();
    throw error;
  }
}
