// Sessions with a store. Each is opened on the primary, knows its schema, and never waits without an end. A held lock,
// a statement that hangs and a server that has gone silent are all errors after a while.
//
// A session that was lost stays lost: its user opens the next one. `isAway` tells the errors that pass by themselves,
// as the store comes back, from those that do not.
import type { Duplex } from 'node:stream';
import type { Client, QueryResultRow } from 'pg';
import { type Clock, delay } from '../../support/clock.ts';
import {
  errnoOf,
  FEW_FILES_HINT,
  isFewFiles,
  JobrunError,
  toJobrunError,
} from '../../support/errors.ts';
import { SECOND } from '../../support/limits.ts';
import { hostText, type StoreHost, type StorePlace } from '../../support/store-place.ts';
import { plainLine } from '../../support/text.ts';
import { type Env, encryptions, isSocket, passwordOf } from './credentials.ts';
import type { Driver } from './driver.ts';
import type { Session, Statement } from './session.ts';

/** How long a command, or the start of a daemon, waits for a store that is away. */
export const REACH_MS = 5 * SECOND;
/** One try: a store that comes back is found soon after, also where packages to it were lost before. */
const TRY_MS = 2 * SECOND;
const AGAIN_AFTER_MS = SECOND / 4;
/** All statements are short: one that takes longer hangs. */
const STATEMENT_MS = 20 * SECOND;
/** Turns are short, and those who wait for one are as many as there are hosts. */
const LOCK_MS = 10 * SECOND;
/** A host that stands still within a transaction holds up all others. */
const IDLE_MS = 3 * SECOND;
/** After this a connection is asked whether it still leads somewhere. */
const KEEP_ALIVE_MS = 5 * SECOND;
const OLDEST = 14;

/** The settings of sessions. */
export interface Reach {
  readonly driver: Driver;
  readonly place: StorePlace;
  readonly clock: Clock;
  readonly env: Env;
}

export interface SessionOptions {
  /** Settings of the server, beside those that every session has. */
  readonly set?: Readonly<Record<string, string>>;
  /** After so long without the answer to a statement the session is lost. */
  readonly answerMs?: number;
}

/** The server's description of itself at the begin of a session. */
export interface ServerFacts {
  /** As in `server_version_num`: 150004. */
  readonly version: number;
  readonly isReplica: boolean;
  readonly fsync: string;
  readonly synchronousCommit: string;
}

/**
 * Waits up to 5 s for a store that is away, and for no other refusal. Rejects with `store-unreachable`, with
 * `store-unsafe` where it cannot be worked on at all, and with `refused` where this process may open too few files.
 */
export async function reachStore(
  reach: Reach,
  options: SessionOptions = {},
): Promise<ServerSession> {
  const { clock } = reach;
  const until = clock.monotonic() + REACH_MS;
  for (;;) {
    try {
      return await openSession(reach, options);
    } catch (error) {
      const cause = error instanceof JobrunError ? error.cause : null;
      if (isFewFiles(cause)) throw toJobrunError(cause);
      if (!isAwayNow(error) || until - clock.monotonic() <= AGAIN_AFTER_MS) throw error;
      await delay(clock, AGAIN_AFTER_MS);
    }
  }
}

/** Opens a session on the first of the hosts that is a primary. Tries each of them once. */
export async function openSession(
  reach: Reach,
  options: SessionOptions = {},
): Promise<ServerSession> {
  let failure: unknown;
  for (const host of reach.place.hosts) {
    try {
      return await onHost(reach, host, options);
    } catch (error) {
      // The next may be better; of all that failed, what the first said is told.
      failure ??= error;
    }
  }
  throw failure;
}

/** A session with its server. */
export class ServerSession implements Session {
  readonly host: StoreHost;
  readonly facts: ServerFacts;
  readonly client: Client;
  /** The error that ended it. */
  lost: JobrunError | null = null;
  #underWay = 0;
  #isGathering = false;

  constructor(host: StoreHost, facts: ServerFacts, client: Client) {
    this.host = host;
    this.facts = facts;
    this.client = client;
    const end = (error: unknown): void => void this.#lose(error);
    client.on('error', end);
    client.on('end', () => end(new Error('Connection terminated')));
  }

  async query<Row>({ name, text, values }: Statement): Promise<readonly Row[]> {
    if (this.lost) throw this.lost;
    this.#underWay++;
    this.#gather();
    try {
      const asked = { text, ...(name && { name }), ...(values && { values: [...values] }) };
      return (await this.client.query<Row & QueryResultRow>(asked)).rows;
    } catch (error) {
      throw isAway(error) ? this.#lose(error) : error;
    } finally {
      this.#underWay--;
    }
  }

  async close(): Promise<void> {
    if (this.lost) return;
    const closed = new Error('Connection terminated');
    if (this.#underWay > 0) {
      this.#lose(closed);
      return;
    }
    this.lost = unreachable(this.host, closed);
    await this.client.end();
  }

  /** Statements of one moment are one write: each write is a system call, and wakes the server. */
  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const stream = streamOf(this.client);
    stream.cork();
    process.nextTick(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  #lose(error: unknown): JobrunError {
    if (this.lost === null) {
      this.lost = unreachable(this.host, error);
      cut(this.client);
    }
    return this.lost;
  }
}

async function onHost(
  reach: Reach,
  host: StoreHost,
  options: SessionOptions,
): Promise<ServerSession> {
  let client: Client | null = null;
  try {
    client = await connected(reach, host, options);
    const facts = await prepared(client, reach.place.schema, options.set);
    refuseUnfit(facts, host);
    return new ServerSession(host, facts, client);
  } catch (error) {
    if (client) cut(client);
    throw error instanceof JobrunError ? error : unreachable(host, error);
  }
}

async function connected(
  { driver, place, env }: Reach,
  host: StoreHost,
  { answerMs }: SessionOptions,
): Promise<Client> {
  const ways = encryptions(place, host, env);
  for (const [i, ssl] of ways.entries()) {
    const client = new driver.Client({
      host: host.name,
      port: host.port,
      user: place.user,
      database: place.database,
      password: () => {
        const password = passwordOf(place, host, env);
        if (password === null) throw new Error('it asks for a password, and none is given');
        return password;
      },
      ssl,
      application_name: place.parameters.application_name ?? env.PGAPPNAME ?? 'jobrun',
      ...(place.parameters.options !== undefined && { options: place.parameters.options }),
      connectionTimeoutMillis: TRY_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      query_timeout: answerMs ?? STATEMENT_MS + SECOND,
      // A statement does not wait for the answer to the one before.
      pipeline: true,
      types: { getTypeParser: typeParser(driver) },
    });
    // Its loss is told by the statement that is under way, or by the next one.
    client.on('error', () => undefined);
    try {
      return await client.connect();
    } catch (error) {
      cut(client);
      if (i === ways.length - 1 || isUnanswered(error)) throw error;
    }
  }
  throw new JobrunError('internal', 'no way to connect', 'Please report this.');
}

/** Nothing more is believed of it. Its own `end` would wait for what is under way. */
function cut(client: Client): void {
  streamOf(client).destroy();
}

/** The socket, which the types of `pg` do not name. */
const streamOf = (client: Client): Duplex =>
  (client as unknown as { connection: { stream: Duplex } }).connection.stream;

const INT8 = 20;
const INT8_LIST = 1016;

/** All our whole numbers are below 2^53. */
function typeParser({ types }: Driver): Driver['types']['getTypeParser'] {
  const numbers = (text: string): number[] =>
    text === '{}' ? [] : text.slice(1, -1).split(',').map(Number);
  return ((oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return Number;
    return oid === INT8_LIST ? numbers : types.getTypeParser(oid, format as 'text');
  }) as Driver['types']['getTypeParser'];
}

/** A setting of a role or a database for how durable a commit is stays as it is. */
async function prepared(
  client: Client,
  schema: string,
  set: SessionOptions['set'],
): Promise<ServerFacts> {
  const settings = {
    search_path: client.escapeIdentifier(schema),
    statement_timeout: `${STATEMENT_MS}`,
    lock_timeout: `${LOCK_MS}`,
    idle_in_transaction_session_timeout: `${IDLE_MS}`,
    default_transaction_isolation: 'read committed',
    ...set,
  };
  const { rows } = await client.query<ServerFacts>(
    `select current_setting('server_version_num')::int as version,
       pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as "isReplica",
       current_setting('fsync') as fsync, current_setting('synchronous_commit') as "synchronousCommit",
       ${Object.keys(settings).map((name, i) => `set_config('${name}', $${i + 1}, false)`)}`,
    Object.values(settings),
  );
  return rows[0] as ServerFacts;
}

function refuseUnfit({ version, isReplica }: ServerFacts, host: StoreHost): void {
  const major = Math.floor(version / 10_000);
  if (major < OLDEST)
    throw unsafe(host, `is PostgreSQL ${major}`, `jobrun needs PostgreSQL ${OLDEST} or newer.`);
  if (isReplica) throw unsafe(host, 'is a replica', 'Name the primary in the URL of the engine.');
}

/** Throws `store-unsafe` where the server may lose what it has committed. */
export function refuseForgetful({ facts, host }: ServerSession): void {
  const { fsync, synchronousCommit } = facts;
  if (fsync !== 'on')
    throw unsafe(
      host,
      'has fsync off',
      'A power cut would lose what jobrun was told is kept: set fsync = on.',
    );
  if (synchronousCommit === 'off')
    throw unsafe(
      host,
      'has synchronous_commit off',
      'A crash would lose what jobrun was told is kept: set synchronous_commit = on.',
    );
}

function unsafe(host: StoreHost, why: string, hint: string): JobrunError {
  return new JobrunError('store-unsafe', `the store at ${shownHost(host)} ${why}`, hint);
}

/** `store-unreachable` for whatever kept a session from being opened, or ended it. */
export function unreachable(host: StoreHost, cause: unknown): JobrunError {
  const message = `the store at ${shownHost(host)} cannot be reached: ${reasonOf(cause)}`;
  return new JobrunError('store-unreachable', message, hintFor(host, cause), cause);
}

function hintFor(host: StoreHost, cause: unknown): string {
  if (isFewFiles(cause)) return FEW_FILES_HINT;
  return isAway(cause)
    ? `Look at it: pg_isready -h ${host.name} -p ${host.port}`
    : 'Look at what engine in the config says: user, password, database, sslmode.';
}

const shownHost = (host: StoreHost): string =>
  isSocket(host) ? `${host.name} (port ${host.port})` : hostText(host);

function reasonOf(error: unknown): string {
  const [first] = (error as AggregateError | null)?.errors ?? [error];
  const said = first instanceof Error ? first.message : String(first);
  return plainLine(said === 'timeout expired' ? 'it does not answer' : said);
}

/** A fault of the network: the server is not there, or does not answer. */
const isUnanswered = (error: unknown): boolean =>
  /^E[A-Z]{3,}/.test(errnoOf(error)) || /timeout expired/.test((error as Error).message);

/** States of a server that passes by themselves: it starts, stops, fails over, has no place left, or was cut off. */
const PASSING = /^(?:08...|57P0[1-5]|53[23]00|25006|25P03)$/;

/** The same of a session that could not be opened: a wrong password, for one, does not pass by itself. */
export const isAwayNow = (error: unknown): boolean =>
  isAway(error instanceof JobrunError ? error.cause : error);

/** True where the store may be there again in a moment: then the same is to be tried again, in a new session. */
export function isAway(error: unknown): boolean {
  if (error instanceof JobrunError) return error.code === 'store-unreachable';
  const { message = '' } = (error ?? {}) as Partial<Error>;
  return (
    isUnanswered(error) ||
    PASSING.test(errnoOf(error)) ||
    /^Connection terminated|^Query read timeout|connection error and is not queryable|^Client was closed/.test(
      message,
    )
  );
}
