// The sessions of one process with its store: some to read with, and one for each channel that is listened to. A
// session that was lost is replaced: for a read as long as it has patience, for a channel until the store is back.
import { onAbort } from '../../support/aborts.ts';
import { type Clock, delay } from '../../support/clock.ts';
import { SECOND } from '../../support/limits.ts';
import {
  isAway,
  isAwayNow,
  openSession,
  REACH_MS,
  type Reach,
  type ServerSession,
} from './connection.ts';
import type { ReadOptions, Session, Sessions, Statement } from './session.ts';

export interface Asking {
  readonly ask: <Row>(statement: Statement) => Promise<readonly Row[]>;
  readonly close: () => Promise<void>;
}

/** Reads at once: more wait for their turn. */
const MOST_READING = 3;
/** A store that is back is read from and listened to again within this and a moment. */
const AGAIN_AFTER_MS = SECOND / 4;
/** A connection may be cut without a word: who only listens would never know. */
const ASK_EVERY_MS = 5 * SECOND;

export class StoreSessions implements Sessions {
  readonly #reach: Reach;
  readonly #onError: (error: unknown) => void;
  readonly #idle: ServerSession[] = [];
  readonly #waiting: ((session: ServerSession | null) => void)[] = [];
  readonly #closing = new AbortController();
  readonly #listeners = new Set<Promise<void>>();
  #reading = 0;
  /** Called when a session with a listener was lost. */
  onTrouble: () => void = () => undefined;

  /** The first session, which a caller has opened to look at the server. */
  constructor(reach: Reach, first: ServerSession, onError: (error: unknown) => void) {
    this.#reach = reach;
    this.#onError = onError;
    this.#idle.push(first);
    this.#reading = 1;
  }

  open(set?: Readonly<Record<string, string>>): Promise<Session> {
    return openSession(this.#reach, set && { set });
  }

  /**
   * Asks in a session of its own, which gives up what is not answered in time. A lost one is replaced with the next
   * statement: its caller knows best whether to ask again.
   */
  asking(answerMs: number): Asking {
    let opened: Promise<ServerSession> | null = null;
    const session = async (): Promise<ServerSession> => {
      // The question that opened it has its error; this one opens another.
      const known = await opened?.catch(() => null);
      if (!known || known.lost) opened = openSession(this.#reach, { answerMs });
      return opened as Promise<ServerSession>;
    };
    return {
      ask: async (statement) => (await session()).query(statement),
      // A session that was never opened needs no end.
      close: async () => (await opened?.catch(() => null))?.close(),
    };
  }

  /**
   * A read whose session was lost is asked again at once. While the store is away it waits as long as a command does,
   * and then rejects.
   */
  async read<Row>(
    statement: Statement,
    { isPatient = true }: ReadOptions = {},
  ): Promise<readonly Row[]> {
    const { clock } = this.#reach;
    const since = clock.monotonic();
    const isTooLate = (): boolean => {
      const patienceMs = isPatient ? REACH_MS : 0;
      return this.#closing.signal.aborted || clock.monotonic() - since >= patienceMs;
    };
    for (let tries = 1; ; tries++) {
      const session = await this.#taken(isTooLate);
      try {
        return await session.query<Row>(statement);
      } catch (error) {
        if (!isAway(error) || (tries > 1 && isTooLate())) throw error;
      } finally {
        this.#giveBack(session);
      }
    }
  }

  /** Tries again while there is none to be had. */
  async #taken(isTooLate: () => boolean): Promise<ServerSession> {
    for (;;) {
      try {
        return await this.#take();
      } catch (error) {
        if (!isAwayNow(error) || isTooLate()) throw error;
        await delay(this.#reach.clock, AGAIN_AFTER_MS, this.#closing.signal);
      }
    }
  }

  listen(channel: string, told: (text: string | null) => void): () => void {
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const unlisten = onAbort(this.#closing.signal, end);
    const over = this.#listen(channel, told, ending.signal)
      .catch(this.#onError)
      .finally(() => {
        unlisten();
        this.#listeners.delete(over);
      });
    this.#listeners.add(over);
    return end;
  }

  /** Ends all that it has opened itself. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#listeners]);
    await Promise.all(this.#idle.splice(0).map((session) => session.close()));
  }

  async #take(): Promise<ServerSession> {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle && !idle.lost) return idle;
      if (idle) this.#reading--;
      else if (this.#reading < MOST_READING) return await this.#openOne();
      else {
        const next = await new Promise<ServerSession | null>((resolve) => {
          this.#waiting.push(resolve);
        });
        if (next) return next;
      }
    }
  }

  async #openOne(): Promise<ServerSession> {
    this.#reading++;
    try {
      return await openSession(this.#reach);
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  #giveBack(session: ServerSession): void {
    if (session.lost || this.#closing.signal.aborted) {
      // Its connection ends in any case, and no answer is awaited any more.
      session.close().catch(() => undefined);
      this.#giveUp();
      return;
    }
    const next = this.#waiting.shift();
    if (next) next(session);
    else this.#idle.push(session);
  }

  /** A caller that waits opens one in its place, and learns by that what is wrong. */
  #giveUp(): void {
    this.#reading--;
    this.#waiting.shift()?.(null);
  }

  async #listen(
    channel: string,
    told: (text: string | null) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#reach;
    while (!signal.aborted) {
      try {
        await this.#listenOnce(channel, told, signal);
      } catch (error) {
        if (isAway(error)) this.onTrouble();
        else this.#onError(error);
      }
      await delay(clock, AGAIN_AFTER_MS, signal);
    }
  }

  /** Resolves when it was ended, and rejects when it was lost. */
  async #listenOnce(
    channel: string,
    told: (text: string | null) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const session = await openSession(this.#reach, { answerMs: ASK_EVERY_MS });
    try {
      session.client.on('notification', ({ channel: from, payload = '' }) => {
        if (from === channel) told(payload);
      });
      await session.query({ text: `listen ${session.client.escapeIdentifier(channel)}` });
      told(null);
      while (!signal.aborted) {
        await lostOr(session, this.#reach.clock, signal);
        await session.query({ text: 'select' });
      }
    } finally {
      await session.close();
    }
  }
}

/** Resolves when the session is lost, when it is time to ask whether it is there, or at the end. */
function lostOr(session: ServerSession, clock: Clock, signal: AbortSignal): Promise<void> {
  const lost = new Promise<void>((resolve) => session.client.once('end', resolve));
  return Promise.race([lost, delay(clock, ASK_EVERY_MS, signal)]);
}
