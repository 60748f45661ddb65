// Turns, told in prose:
//
// Each change of the store is an operation, and waits in a queue. A turn takes all of the queue and carries it out in
// one transaction. It is in one of these states:
//
//   beginning   the row of `meta` is locked. In the whole cluster one turn is past this at a time, so ids and the
//               numbers of changes come in the order of commits, without holes, and what is read now stays as it is.
//   reading     one statement reads all that its operations are sure to need.
//   deciding    the operations decide one after the other, in the order in which they came, by the rules of run/, each
//               on what the one before left. If it needs more, it is undone, more is read, and it decides
//               again. If it throws, it is undone, and rejects; the others know nothing of it. Claims come last, for
//               each has to see all that was decided: that is written first.
//   writing     one statement writes what was decided. Another one puts the lines of locks right, where there are any.
//   committing  `commit` was sent, and has not been answered.
//   committed   first the changes are told, then the operations resolve.
//
// A turn that has decided nothing is rolled back: that costs the server no sync.
//
// The session may be lost in each state: the server was stopped, it has ended the session, the network broke, no answer
// came for too long. Before `commit` was sent nothing has happened, and the turn is repeated from its beginning in a
// new session; so what decides may be asked twice, and must touch nothing. Afterwards the turn is in doubt. A new
// session locks `meta`, which waits until the old one is over for certain, and looks up the last turn that this writer
// committed: every turn has a number, and writes it beside the writer. If it is that turn, it was committed; else it is
// repeated.
//
// While there is no session to be had, operations wait as long as they have patience: none for what the present decides
// (claims, firing), some for what people wait for, and no end of it for what an attempt has come to. A session that is
// lost within a turn may be followed by the next one at once, so what the present decides goes into that one while it
// is still young: a server that ends sessions again and again would else let nothing start. In doubt claims wait too,
// and then ask again whether they hold what they have claimed. A request that gives up in doubt says only that the
// store cannot be reached: its repeat under the same number gets the answer.
//
// A refusal of the server is no loss. A deadlock or a standby is met by repeating. Anything else is the fault of some
// operation: each is tried in a turn of its own, and the one that is refused again rejects.
import { delay } from '../../support/clock.ts';
import { errnoOf } from '../../support/errors.ts';
import { SECOND } from '../../support/limits.ts';
import { deferred } from '../../support/wakeup.ts';
import { isAway } from './connection.ts';
import type { Session, Sessions } from './session.ts';
import {
  BEGIN,
  carryOut,
  type Doubt,
  type Handed,
  LOCK,
  ROLLBACK,
  type TurnContext,
  type Work,
} from './turn.ts';

export interface TurnsOptions extends TurnContext {
  readonly sessions: Sessions;
  /** How long operations with some patience wait for the store. */
  readonly patienceMs: number;
}

interface Waiting extends Handed {
  readonly since: number;
  /** Settles when it is over. */
  readonly over: Promise<unknown>;
}

/** How far the attempts at one turn have come. */
interface Tried {
  left: readonly Waiting[];
  doubt: Doubt | null;
  at: 'opening' | 'looking' | 'turn';
  repeats: number;
}

/** Runs of one turn: more would keep the others from theirs for too long. */
const MOST_SIZE = 2000;
/** Between two looks for the store that is away: together with the connection it is found again within two seconds. */
const LOOK_AGAIN_MS = SECOND / 4;
const MOST_REPEATS = 10;
/**
 * Work that depends on the present is still worth doing at this age: as long as a scheduler rests before it asks again.
 */
const YOUNG_MS = SECOND;

/** For the session of turns alone. Tables grow from nothing to millions between two looks of the planner at them. */
export const TURN_SETTINGS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const;

export class Turns {
  readonly #o: TurnsOptions;
  #queue: Waiting[] = [];
  #underWay: readonly Waiting[] = [];
  #session: Session | null = null;
  #pumping: Promise<void> | null = null;
  #closed = false;
  /** Turns that were in doubt. */
  doubts = 0;

  constructor(options: TurnsOptions) {
    this.#o = options;
  }

  do<T>(work: Work<T>): Promise<T> {
    const { promise, resolve, reject } = deferred<T>();
    const since = this.#o.clock.monotonic();
    const handed = { work, since, over: promise, resolve: resolve as Handed['resolve'], reject };
    this.#queue.push(handed);
    this.#pumping ??= this.#pump();
    return promise;
  }

  /** Resolves when all that was handed in before is over: under load there is always more behind it. */
  async soFar(): Promise<void> {
    await Promise.allSettled([...this.#underWay, ...this.#queue].map(({ over }) => over));
  }

  /** Resolves when nothing is left. */
  async idle(): Promise<void> {
    while (this.#pumping) await this.#pumping;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
    await this.#session?.close();
    this.#session = null;
  }

  async #pump(): Promise<void> {
    // Operations of one turn of the loop stand together.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) {
      this.#underWay = this.#take();
      await this.#carryOut(this.#underWay);
    }
    this.#underWay = [];
    this.#pumping = null;
  }

  #take(): Waiting[] {
    let size = 0;
    const end = this.#queue.findIndex(({ work }) => {
      size += work.size ?? 1;
      return size > MOST_SIZE;
    });
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(1, end));
  }

  /** Waits until each has resolved or rejected. */
  async #carryOut(all: readonly Waiting[]): Promise<void> {
    const tried: Tried = { left: all, doubt: null, at: 'opening', repeats: 0 };
    while (tried.left.length > 0) {
      const finish = await this.#try(tried).catch((error) => this.#failed(tried, error));
      if (finish) return finish();
    }
  }

  async #try(tried: Tried): Promise<() => Promise<void>> {
    tried.at = 'opening';
    const session = await this.#open();
    if (tried.doubt) {
      tried.at = 'looking';
      this.doubts++;
      if (await this.#wasCommitted(session, tried.doubt)) return tried.doubt.finish;
      tried.doubt = null;
    }
    tried.at = 'turn';
    return this.#turn(session, tried.left, (sent) => {
      tried.doubt = sent;
    });
  }

  async #failed(tried: Tried, error: unknown): Promise<null> {
    if (isAway(error)) {
      await this.#lose();
      const { at, doubt } = tried;
      tried.left = this.#impatient(tried.left, error, { at, inDoubt: doubt !== null });
      this.#queue = this.#impatient(this.#queue, error, { at, inDoubt: false });
    }
    // A session that was ended may be followed by the next one at once.
    if (tried.at !== 'turn') await delay(this.#o.clock, LOOK_AGAIN_MS);
    if (isAway(error) || tried.at === 'looking') return null;
    // The server has answered, and has not committed it.
    tried.doubt = null;
    if (isPassing(error) && tried.repeats++ < MOST_REPEATS) return null;
    await this.#apart(tried.left, error);
    tried.left = [];
    return null;
  }

  /** Each in a turn of its own, so that only what is at fault rejects. */
  async #apart(all: readonly Waiting[], error: unknown): Promise<void> {
    if (all.length === 1) all[0]?.reject(error);
    else for (const one of all) await this.#carryOut([one]);
  }

  /** Rejects those that do not wait any longer, and returns the others. */
  #impatient(
    all: readonly Waiting[],
    error: unknown,
    { at, inDoubt }: { readonly at: Tried['at']; readonly inDoubt: boolean },
  ): Waiting[] {
    const { clock, patienceMs } = this.#o;
    const waits = ({ work: { patience }, since }: Waiting): boolean => {
      if (this.#closed) return false;
      const age = clock.monotonic() - since;
      // Claimed runs that no daemon knows of would stand still.
      if (patience === 'none') return inDoubt || (at === 'turn' && age < YOUNG_MS);
      return patience === 'endless' || age < patienceMs;
    };
    for (const one of all) if (!waits(one)) one.reject(error);
    return all.filter(waits);
  }

  async #open(): Promise<Session> {
    this.#session ??= await this.#o.sessions.open(TURN_SETTINGS);
    return this.#session;
  }

  async #lose(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }

  async #wasCommitted(session: Session, { turn }: Doubt): Promise<boolean> {
    const text = 'select turn::float8 from writer where id = $1';
    const asked = [
      session.query(BEGIN),
      session.query(LOCK),
      session.query<{ turn: number }>({ text, values: [this.#o.writer.id] }),
      session.query(ROLLBACK),
    ] as const;
    await Promise.allSettled(asked);
    const [, , rows] = await Promise.all(asked);
    return rows[0]?.turn === turn;
  }

  async #turn(
    session: Session,
    all: readonly Waiting[],
    noteDoubt: (doubt: Doubt) => void,
  ): Promise<() => Promise<void>> {
    try {
      return await carryOut(session, all, this.#o, noteDoubt);
    } catch (error) {
      // The first error says what is wrong; a session that is lost has been rolled back.
      await session.query(ROLLBACK).catch(() => undefined);
      throw error;
    }
  }
}

/** A serialization failure, a deadlock, a lock that took too long: the same may be taken a moment later. */
const isPassing = (error: unknown): boolean => ['40001', '40P01', '55P03'].includes(errnoOf(error));
