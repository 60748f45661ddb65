// The ways of simulated daemons to one real store, and what happens on them: a line is cut, stands still, loses a
// commit before the server has it or its answer after, and the server ends a session or is away. All of this comes at a
// moment that the seed decides; real is what the server makes of it.
//
// One statement at a time is at the server, in the order in which they were sent, and the server takes its time from
// the simulated clock. So a seed gives much the same life again.
import {
  openSession,
  type ServerSession,
  unreachable,
} from '../../../src/engine/postgres/connection.ts';
import type { Session, Sessions, Statement } from '../../../src/engine/postgres/session.ts';
import { SECOND } from '../../../src/support/limits.ts';
import { deferred } from '../../../src/support/wakeup.ts';
import type { FakeClock } from '../../helpers/fake-clock.ts';
import { reachOf } from '../../helpers/postgres-engine.ts';

export type LostAt = 'request' | 'answer';

/** As the sessions of connection.ts have it. */
const IDLE_MS = 3 * SECOND;
const ANSWER_MS = 21 * SECOND;
const LISTEN_AGAIN_MS = SECOND / 4;

const HOST = { name: 'simulated', port: 5432 };
const away = (why: string) => unreachable(HOST, new Error(`Connection terminated: ${why}`));

/** What one session is at the server: a transaction, perhaps, and the lock of `meta`, which only one has. */
class ServerSide {
  readonly real: ServerSession;
  readonly #store: SimulatedStore;
  isDead = false;
  isOpen = false;
  #undoIdle: () => void = () => undefined;

  constructor(store: SimulatedStore, real: ServerSession) {
    this.#store = store;
    this.real = real;
  }

  async query<Row>({ name, text, values }: Statement): Promise<readonly Row[]> {
    this.#undoIdle();
    const locks = /for update|update meta/.test(text);
    if (locks) await this.#store.lock(this);
    if (this.isDead) throw away('it has ended');
    const at = `to_timestamp(${this.#store.clock.now()} / 1000.0)`;
    const timed = text.replaceAll('clock_timestamp()', at);
    if (text.startsWith('begin')) this.isOpen = true;
    try {
      const statement = {
        text: timed,
        ...(timed === text && name && { name }),
        ...(values && { values }),
      };
      return await this.#store.alone(() => this.real.query<Row>(statement));
    } finally {
      if (text === 'commit' || text === 'rollback') this.isOpen = false;
      if (!this.isOpen) await this.#store.unlock(this);
      else this.#undoIdle = this.#store.clock.after(IDLE_MS, () => void this.end());
    }
  }

  /** What it had begun is undone. */
  async end(): Promise<void> {
    if (this.isDead) return;
    this.isDead = true;
    this.isOpen = false;
    this.#undoIdle();
    await this.#store.alone(async () => {
      await this.real.query({ text: 'rollback' });
      await this.real.close();
    });
    await this.#store.unlock(this);
  }
}

export class SimulatedStore {
  readonly url: string;
  readonly clock: FakeClock;
  /** No session can be had. */
  isDown = false;
  /** Statements that are at the server, or the next to be. */
  busy = 0;
  readonly lines = new Set<StoreLine>();
  readonly servers = new Set<ServerSide>();
  readonly listeners = new Set<(channel: string, text: string) => void>();
  #alone: Promise<unknown> = Promise.resolve();
  #locker: ServerSide | null = null;
  readonly #locking: { readonly who: ServerSide; readonly go: () => void }[] = [];
  #ear: ServerSession | null = null;

  constructor(url: string, clock: FakeClock) {
    this.url = url;
    this.clock = clock;
  }

  /** Asks beside all lines. */
  ask<Row>(text: string): Promise<readonly Row[]> {
    return this.alone(async () => (await this.#ear?.query<Row>({ text })) ?? []);
  }

  async hear(channel: string): Promise<void> {
    this.#ear = await openSession(reachOf(this.url));
    await this.#ear.query({ text: `listen ${this.#ear.client.escapeIdentifier(channel)}` });
    this.#ear.client.on('notification', ({ channel: from, payload = '' }) => {
      for (const listener of this.listeners) listener(from, payload);
    });
  }

  async connect(set: Readonly<Record<string, string>> = {}): Promise<ServerSide> {
    const real = await this.alone(() => openSession(reachOf(this.url), { set }));
    const server = new ServerSide(this, real);
    this.servers.add(server);
    return server;
  }

  /** Nothing else is at the server meanwhile. */
  alone<T>(act: () => Promise<T>): Promise<T> {
    this.busy++;
    const done = this.#alone.then(act).finally(() => {
      this.busy--;
    });
    this.#alone = done.catch(() => undefined);
    return done;
  }

  async lock(who: ServerSide): Promise<void> {
    if (this.#locker === who) return;
    if (this.#locker !== null) {
      const { promise, resolve } = deferred<void>();
      this.#locking.push({ who, go: resolve });
      await promise;
    }
    if (!who.isDead) this.#locker = who;
    else this.#next();
  }

  async unlock(who: ServerSide): Promise<void> {
    if (this.#locker !== who) {
      // One that has ended while it waited is let go.
      const at = this.#locking.findIndex((one) => one.who === who && who.isDead);
      if (at >= 0) this.#locking.splice(at, 1)[0]?.go();
      return;
    }
    this.#locker = null;
    // Notifications of a commit come with the next answer.
    await this.alone(async () => void (await this.#ear?.query({ text: 'select' })));
    this.#next();
  }

  #next(): void {
    if (this.#locker === null) this.#locking.shift()?.go();
  }

  /** The server ends all sessions, and takes no new ones until it is up. */
  async down(): Promise<void> {
    this.isDown = true;
    for (const line of this.lines) await line.lose('the server stops');
  }

  async close(): Promise<void> {
    for (const line of this.lines) await line.lose('the end');
    for (const server of this.servers) await server.end();
    await this.#ear?.close();
  }
}

class LineSession implements Session {
  readonly #line: StoreLine;
  readonly #server: ServerSide;
  readonly #answerMs: number;
  lost: Error | null = null;
  readonly #waiting = new Set<(error: Error) => void>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(line: StoreLine, server: ServerSide, answerMs = ANSWER_MS) {
    this.#line = line;
    this.#server = server;
    this.#answerMs = answerMs;
  }

  query<Row>(statement: Statement): Promise<readonly Row[]> {
    if (this.lost) return Promise.reject(this.lost);
    return new Promise((resolve, reject) => {
      const undo = this.#line.clock.after(this.#answerMs, () => void this.lose('no answer came'));
      const over = (error: Error): void => {
        undo();
        reject(error);
      };
      this.#waiting.add(over);
      const answered = this.#tail.then(() => this.#deliver<Row>(statement));
      this.#tail = answered.catch(() => undefined);
      answered.then(
        (rows) => {
          undo();
          if (this.#waiting.delete(over)) resolve(rows);
        },
        (error) => {
          if (this.#waiting.delete(over)) over(error);
        },
      );
    });
  }

  async #deliver<Row>(statement: Statement): Promise<readonly Row[]> {
    const line = this.#line;
    await line.passes;
    if (this.#server.isDead) {
      await this.lose('the server has ended it');
      throw away('it has ended');
    }
    const cut = statement.text === 'commit' ? line.takeNext() : null;
    if (cut === 'request') {
      await this.#server.end();
      await this.lose('cut before the commit');
      throw away('cut');
    }
    const rows = await this.#server.query<Row>(statement);
    if (cut === 'answer') {
      await this.lose('cut after the commit');
      throw away('cut');
    }
    await line.passes;
    return rows;
  }

  /** The server learns of it as soon as the line passes anything: what is on its way then still comes. */
  async lose(why: string): Promise<void> {
    if (this.lost) return;
    this.lost = away(why);
    for (const reject of [...this.#waiting]) reject(this.lost);
    this.#waiting.clear();
    this.#line.sessions.delete(this);
    if (this.#line.isFrozen) void this.#tail.then(() => this.#server.end());
    else await this.#server.end();
  }

  async close(): Promise<void> {
    await this.lose('closed');
  }
}

/** What a daemon has instead of the sessions of sessions.ts. */
export class StoreLine implements Sessions {
  readonly #store: SimulatedStore;
  readonly clock: Pick<FakeClock, 'after'>;
  readonly sessions = new Set<LineSession>();
  isCut = false;
  isFrozen = false;
  /** Resolves when what is held back may pass. */
  passes: Promise<void> = Promise.resolve();
  /** What the next commit meets. */
  next: LostAt | null = null;
  onTrouble: () => void = () => undefined;
  #pass: () => void = () => undefined;
  #reader: LineSession | null = null;
  readonly #relisten = new Set<() => void>();

  constructor(store: SimulatedStore, clock: Pick<FakeClock, 'after'>) {
    this.#store = store;
    this.clock = clock;
    store.lines.add(this);
  }

  takeNext(): LostAt | null {
    const { next } = this;
    this.next = null;
    return next;
  }

  async open(set?: Readonly<Record<string, string>>, answerMs?: number): Promise<LineSession> {
    await this.passes;
    if (this.isCut || this.#store.isDown) throw away('nobody is there');
    const server = await this.#store.connect(set);
    const session = new LineSession(this, server, answerMs);
    this.sessions.add(session);
    if (this.isCut || this.#store.isDown) await session.lose('cut as it was opened');
    return session;
  }

  async read<Row>(statement: Statement): Promise<readonly Row[]> {
    try {
      return await (await this.#reading()).query<Row>(statement);
    } catch (error) {
      if (!this.#reader?.lost) throw error;
    }
    return (await this.#reading()).query<Row>(statement);
  }

  async #reading(): Promise<LineSession> {
    if (!this.#reader || this.#reader.lost) this.#reader = await this.open();
    return this.#reader;
  }

  /** Asks in a session of its own. */
  asking(answerMs: number): <Row>(statement: Statement) => Promise<readonly Row[]> {
    let session: LineSession | null = null;
    return async (statement) => {
      if (!session || session.lost) session = await this.open({}, answerMs);
      return session.query(statement);
    };
  }

  listen(channel: string, told: (text: string | null) => void): () => void {
    const store = this.#store;
    const hear = (from: string, text: string): void => {
      if (from === channel && !this.isCut && !this.isFrozen && !store.isDown)
        setImmediate(told, text);
    };
    store.listeners.add(hear);
    let ended = false;
    const again = (): void => {
      this.clock.after(LISTEN_AGAIN_MS, () => {
        if (ended) return;
        if (this.isCut || this.isFrozen || store.isDown) again();
        else told(null);
      });
    };
    this.#relisten.add(again);
    setImmediate(told, null);
    return () => {
      ended = true;
      store.listeners.delete(hear);
      this.#relisten.delete(again);
    };
  }

  /** All sessions are lost; new ones can be had unless it is cut. */
  async lose(why: string): Promise<void> {
    for (const session of [...this.sessions]) await session.lose(why);
    this.onTrouble();
    for (const again of this.#relisten) again();
  }

  freeze(): void {
    if (this.isFrozen) return;
    this.isFrozen = true;
    const { promise, resolve } = deferred<void>();
    this.passes = promise;
    this.#pass = resolve;
  }

  /** What was held back passes now; texts that came meanwhile were missed. */
  heal(): void {
    this.isCut = false;
    this.next = null;
    if (!this.isFrozen) return;
    this.isFrozen = false;
    this.#pass();
    for (const again of this.#relisten) again();
  }
}
