// One turn in one session, from its beginning to the answer to `commit`; turns.ts tells what its states are. All that
// it sends is answered when it resolves or rejects, so that the session is at rest.
import type { Clock } from '../../support/clock.ts';
import { assert } from '../../support/errors.ts';
import type { Change } from '../engine.ts';
import type { Meta } from './decided.ts';
import { linesOf } from './locks.ts';
import type { Session, Statement } from './session.ts';
import { Unit } from './unit.ts';
import { type Found, reading, Wanted } from './wanted.ts';
import { lastOf, rowsOf, versionOf, type Writer, wereWritten } from './writes.ts';

export type Patience = 'none' | 'some' | 'endless';

interface Common {
  readonly patience: Patience;
  /** Roughly how many runs it is about; one where it does not say. */
  readonly size?: number;
}

export interface Operation<T> extends Common {
  /** Notes what it is sure to ask for. */
  readonly wants?: (wanted: Wanted) => void;
  readonly decide: (unit: Unit) => T;
}

export interface Claiming<T> extends Common {
  /** Looks without the lock: what it gives is the answer, if it gives one. */
  readonly look: ((ask: Ask) => Promise<T | null>) | null;
  /** Decides by what it asks the store itself. Earlier decisions stand there by then. */
  readonly claim: (unit: Unit, ask: Ask) => Promise<T>;
}

/** Asks ahead of the turn, for what is committed by then. */
export interface Looking extends Common {
  readonly ask: Statement;
}

export type Work<T> = Operation<T> | Claiming<T> | Looking;

/** Asks in the session of the turn. */
export type Ask = <Row>(statement: Statement) => Promise<readonly Row[]>;

/** Work that was handed in, and who waits for it. */
export interface Handed {
  readonly work: Work<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A turn whose commit was sent. */
export interface Doubt {
  readonly turn: number;
  /** Tells of it, once it is known to be committed. */
  readonly finish: () => Promise<void>;
}

export interface TurnContext {
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  readonly writer: Writer;
  /** Called with the time that it took to make the changes of a turn durable. */
  readonly onCommit?: ((ms: number) => void) | undefined;
  /** Called once a turn is committed, with the version of the schedules, before those who wait for it are answered. */
  readonly committed: (changes: readonly Change[], unit: Unit, version: number) => Promise<void>;
}

export const BEGIN: Statement = { text: 'begin isolation level read committed read write' };
export const LOCK: Statement = {
  name: 'jobrun_lock',
  text: `select turn::float8, next_id::float8, changes::float8, schedules::float8, pauses, untold, clock_mark
    from meta for update`,
};
export const ROLLBACK: Statement = { text: 'rollback' };
const COMMIT: Statement = { text: 'commit' };

/** Each round of reading asks for something new. */
const MOST_ROUNDS = 100;

/** Resolves once it is committed, or nothing had to be, with what answers those who wait. */
export async function carryOut(
  session: Session,
  all: readonly Handed[],
  context: TurnContext,
  noteDoubt: (doubt: Doubt) => void,
): Promise<() => Promise<void>> {
  const answers: (() => void)[] = [];
  const looks = all.map((one) => look(session, one));
  const others = all.filter(({ work }) => !('ask' in work));
  const begun = begin(session, others, answers);
  const done = async (): Promise<void> => {
    for (const answer of answers) answer();
  };
  const [{ left, turn }] = await settled([begun, ...looks] as const);
  if (!turn) return done;
  for (const one of left) if ('decide' in one.work) answers.push(await turn.decide(one, one.work));
  for (const one of left) if ('claim' in one.work) answers.push(await turn.claim(one, one.work));
  if (!turn.unit.hasChanged) {
    await session.query(ROLLBACK);
    return done;
  }
  const changes = turn.changes(context.clock.now());
  const finish = async (): Promise<void> => {
    await context.committed(changes, turn.unit, turn.version);
    await done();
  };
  await turn.commit(context, () => noteDoubt({ turn: turn.unit.turn, finish }));
  return finish;
}

interface Begun {
  readonly left: readonly Handed[];
  /** Null where there is nothing left to do. */
  readonly turn: Turn | null;
}

async function begin(
  session: Session,
  all: readonly Handed[],
  answers: (() => void)[],
): Promise<Begun> {
  const left = await withoutIdle(session, all, answers);
  return { left, turn: left.length === 0 ? null : await Turn.begin(session, left) };
}

/** Answered at once: it has nothing to do with how the turn ends. */
async function look(session: Session, { work, resolve }: Handed): Promise<void> {
  if ('ask' in work) resolve(await session.query(work.ask));
}

/** If there is nothing but claims, those that find nothing need no turn. */
async function withoutIdle(
  session: Session,
  all: readonly Handed[],
  answers: (() => void)[],
): Promise<readonly Handed[]> {
  if (!all.every(({ work }) => 'claim' in work && work.look)) return all;
  const left: Handed[] = [];
  const ask: Ask = (statement) => session.query(statement);
  for (const one of all) {
    const found = 'look' in one.work && one.work.look ? await one.work.look(ask) : null;
    if (found === null) left.push(one);
    else answers.push(() => one.resolve(found));
  }
  return left;
}

class Turn {
  readonly unit: Unit;
  readonly #session: Session;
  readonly #meta: Meta;
  /** Changes of which the lines of their locks have been put right. */
  #inLine = 0;

  private constructor(session: Session, meta: Meta) {
    this.#session = session;
    this.#meta = meta;
    this.unit = new Unit(meta);
  }

  static async begin(session: Session, all: readonly Handed[]): Promise<Turn> {
    const wanted = new Wanted();
    for (const { work } of all) if ('wants' in work) work.wants?.(wanted);
    const statement = reading(wanted, () => []);
    const [, [meta], found] = await settled([
      session.query(BEGIN),
      session.query<Meta>(LOCK),
      statement ? session.query<Found>(statement) : [],
    ] as const);
    assert(meta, 'meta has a row');
    const turn = new Turn(session, meta);
    turn.unit.take(wanted, found);
    return turn;
  }

  async decide({ resolve, reject }: Handed, { decide }: Operation<unknown>): Promise<() => void> {
    const { unit } = this;
    unit.next();
    for (let round = 0; ; round++) {
      unit.begin();
      const answer = answerOf(() => decide(unit), resolve, reject);
      const { missing } = unit;
      if (!answer.isRefused && !missing.any) return answer.give;
      unit.undo();
      if (!missing.any) return answer.give;
      assert(round < MOST_ROUNDS, 'what was read is known');
      const statement = reading(missing, () => unit.over());
      unit.take(missing, statement ? await this.#session.query<Found>(statement) : []);
    }
  }

  async claim({ resolve, reject }: Handed, { claim }: Claiming<unknown>): Promise<() => void> {
    let refused: { readonly error: unknown } | null = null;
    const ask: Ask = async <Row>(statement: Statement) => {
      const sent = [...this.#sendRows(), this.#session.query<Row>(statement)] as const;
      try {
        return (await settled(sent)).at(-1) as readonly Row[];
      } catch (error) {
        refused = { error };
        throw error;
      }
    };
    this.unit.next();
    this.unit.begin();
    try {
      const value = await claim(this.unit, ask);
      return () => resolve(value);
    } catch (error) {
      // True for an error of the store: then it is not the fault of the claim.
      if (refused) throw (refused as { readonly error: unknown }).error;
      this.unit.undo();
      return () => reject(error);
    }
  }

  get version(): number {
    return versionOf(this.unit, this.#meta);
  }

  changes(at: number): readonly Change[] {
    const before = this.#meta.changes;
    return this.unit.changes.map(({ prev, run }, i) => ({ n: before + i + 1, at, prev, run }));
  }

  async commit({ writer, clock, onCommit }: TurnContext, sent: () => void): Promise<void> {
    const session = this.#session;
    const began = clock.monotonic();
    const last = session.query(lastOf(this.unit, this.#meta, writer, clock.now()));
    const lines = this.#sendLines();
    sent();
    await settled([last, ...lines, session.query(COMMIT)]);
    onCommit?.(clock.monotonic() - began);
  }

  #sendRows(): readonly Promise<unknown>[] {
    const rows = rowsOf(this.unit, this.#meta);
    if (!rows) return [];
    const written = this.#session.query(rows);
    wereWritten(this.unit);
    return [written, ...this.#sendLines()];
  }

  #sendLines(): readonly Promise<unknown>[] {
    const lines = linesOf(this.unit.changes.slice(this.#inLine));
    this.#inLine = this.unit.changes.length;
    return lines ? [this.#session.query(lines)] : [];
  }
}

interface Answer {
  readonly isRefused: boolean;
  readonly give: () => void;
}

function answerOf(
  decide: () => unknown,
  resolve: Handed['resolve'],
  reject: Handed['reject'],
): Answer {
  try {
    const value = decide();
    return { isRefused: false, give: () => resolve(value) };
  } catch (error) {
    return { isRefused: true, give: () => reject(error) };
  }
}

/** Waits for all, also where one of them rejects. */
async function settled<T extends readonly unknown[]>(
  all: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(all);
  return (await Promise.all(all)) as { -readonly [K in keyof T]: Awaited<T[K]> };
}
