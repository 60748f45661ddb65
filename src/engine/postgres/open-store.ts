// From a config to an engine in its store. A daemon becomes a member, under the lock of its state folder; a command
// works on the store as it is, beside any number of others.
import type { StateLock } from '../../store/lock.ts';
import { type Clock, elapsedOf } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import { SECOND } from '../../support/limits.ts';
import type { StorePlace } from '../../support/store-place.ts';
import type { OpenAs, Opened } from '../opened.ts';
import { connectStore } from './connect-store.ts';
import { REACH_MS } from './connection.ts';
import { openPostgresEngine } from './postgres-engine.ts';
import type { StoreSessions } from './sessions.ts';
import { StoreClock } from './store-clock.ts';
import { StoreLogs } from './store-logs.ts';
import { StoreMembers } from './store-members.ts';

/** A renewal that is not answered in this time is asked anew: the fence is not far. */
const MOST_ANSWER_MS = 5 * SECOND;
const LEAST_ANSWER_MS = SECOND;
const ANSWERS_PER_LEASE = 6;

/** `lock` is that of the state folder, which a daemon holds. */
export async function openStore(
  config: Config,
  place: StorePlace,
  own: Clock,
  { kind, readOnly = false, pids = '', onCommit, onError = () => undefined }: OpenAs,
  lock: Pick<StateLock, 'guard' | 'isHeld' | 'lost' | 'release'>,
): Promise<Opened> {
  const { host, leaseMs, state } = config;
  const sessions = await connectStore(config, place, own, onError);
  const clock = new StoreClock(own);
  await askTime(sessions, clock);
  const { schema } = place;
  const options = { sessions, schema, clock, patienceMs: REACH_MS, readOnly, onCommit, onError };
  const engine = await openPostgresEngine(options);
  const answerMs = leaseMs / ANSWERS_PER_LEASE;
  const asking = sessions.asking(Math.min(MOST_ANSWER_MS, Math.max(LEAST_ANSWER_MS, answerMs)));
  const members = new StoreMembers({
    read: (statement) => sessions.read(statement),
    ...{ ask: asking.ask, clock, host, leaseMs, state, pids, onError, id: engine.id },
    holdAs: (member) => engine.holdAs(member),
    onTrouble: (listener) => {
      sessions.onTrouble = listener;
    },
  });
  const isDaemon = kind === 'daemon';
  if (isDaemon) await members.join();
  const logs = new StoreLogs({ sessions, clock, onError });
  const close = async (): Promise<void> => {
    await logs.closeAll();
    await engine.close().catch(onError);
    if (isDaemon) await members.leave().catch(onError);
    await asking.close();
    await sessions.close();
    await lock.release();
  };
  const tidy = async (): Promise<void> => undefined;
  const cluster = isDaemon ? members : null;
  const look = (): void => undefined;
  const none = { damage: [], oddities: [] };
  return { engine, members, logs, clock, cluster, ...none, lock, look, tidy, close };
}

async function askTime(sessions: StoreSessions, clock: StoreClock): Promise<void> {
  const askedAt = elapsedOf(clock);
  const [row] = await sessions.read<{ at: number }>({
    text: 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as at',
  });
  if (row) clock.told(row.at, askedAt, elapsedOf(clock));
}
