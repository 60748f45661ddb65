// Waiting for the state to change: until runs are settled, until something is to be shown again, until what was seen is
// durable. Woken by the engine's own changes, never by looking again and again.
import type { Engine } from '../../engine/engine.ts';
import { isSettled, type Run } from '../../run/run.ts';
import { onAbort } from '../../support/aborts.ts';
import { delay } from '../../support/clock.ts';
import { JobrunError } from '../../support/errors.ts';
import { myTurn } from '../../support/turn-taking.ts';
import { Wakeup } from '../../support/wakeup.ts';
import { type Context, hearsOfChanges } from './command.ts';
import { hostViews } from './hosts.ts';
import { getRun } from './named.ts';

/** The runs as soon as all of them, or with `any` one of them, are settled; null when the signal ended the wait. */
export async function untilSettled(
  ids: readonly number[],
  any: boolean,
  context: Context,
  signal: AbortSignal,
): Promise<readonly Run[] | null> {
  const runs = new Map<number, Run>();
  const awaited = new Set(ids);
  const changes = new Wakeup();
  const undo = waitsOf(context.engine).add(awaited, (run) => {
    runs.set(run.id, run);
    changes.wake();
  });
  const unlisten = onAbort(signal, changes.wake);
  try {
    for (const id of ids) {
      const run = await durably(context.engine, () => getRun(id, context));
      // A change that came while this was read is newer.
      if (!runs.has(id)) runs.set(id, run);
    }
    while (!isOver(runs, any)) {
      if (signal.aborted) return null;
      if (!(await isAwaited(context))) throw noDaemon('waiting for a run');
      await changes.sleepInTurn();
    }
    return ids.flatMap((id) => runs.get(id) ?? []);
  } finally {
    undo();
    unlisten();
  }
}

/** There is a daemon that may carry it on: here, or beside a store on any host. */
export const isAwaited = async (context: Context): Promise<boolean> =>
  context.daemon !== null || (await hostViews(context)).some(({ state }) => state === 'alive');

type RunListener = (run: Run) => void;

/** Waits for runs. All on one listener: a change of a run costs nothing to those who wait for others. */
class Waits {
  readonly #engine: Engine;
  readonly #listeners = new Map<number, Set<RunListener>>();
  #stopListening: (() => void) | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Calls back for each change of these runs; returns its undo. */
  add(ids: ReadonlySet<number>, listener: RunListener): () => void {
    for (const id of ids) {
      const others = this.#listeners.get(id);
      if (others) others.add(listener);
      else this.#listeners.set(id, new Set([listener]));
    }
    this.#stopListening ??= this.#engine.onChange(({ run }) => {
      for (const notify of this.#listeners.get(run.id) ?? []) notify(run);
    });
    return () => this.#remove(ids, listener);
  }

  #remove(ids: ReadonlySet<number>, listener: RunListener): void {
    for (const id of ids) {
      const others = this.#listeners.get(id);
      others?.delete(listener);
      if (others?.size === 0) this.#listeners.delete(id);
    }
    if (this.#listeners.size > 0) return;
    this.#stopListening?.();
    this.#stopListening = null;
  }
}

/** Calls back for each change of this run; returns its undo. */
export const onRun = (id: number, engine: Engine, listener: () => void): (() => void) =>
  waitsOf(engine).add(new Set([id]), listener);

const waits = new WeakMap<Engine, Waits>();

function waitsOf(engine: Engine): Waits {
  const known = waits.get(engine) ?? new Waits(engine);
  waits.set(engine, known);
  return known;
}

function isOver(runs: ReadonlyMap<number, Run>, any: boolean): boolean {
  const all = [...runs.values()];
  return any ? all.some(isSettled) : all.every(isSettled);
}

export const START_DAEMON = 'Start it in another terminal: jobrun daemon';

export function noDaemon(what: string, hint = START_DAEMON): JobrunError {
  return new JobrunError('no-daemon', `no daemon runs here, and ${what} needs one`, hint);
}

/** The exit code for a script that waited for runs: a failure weighs more than an abort. */
export function exitCodeOfRuns(runs: readonly { readonly state: string }[]): number | undefined {
  if (runs.some((run) => run.state === 'failed')) return 6;
  return runs.some((run) => run.state === 'aborted') ? 7 : undefined;
}

/** A disk that fails for a moment fails more than once; one that fails for good has nothing under way in the end. */
const MOST_LOOKS = 5;

/**
 * Looks at the state and returns what was seen when all of it is on the disk: what is told must not vanish again. If
 * the disk refused a part, that part is taken back by then, and the state is looked at anew: a disk that takes nothing
 * keeps no client from reading.
 */
export async function durably<T>(
  engine: Pick<Engine, 'durable'>,
  look: () => Promise<T>,
): Promise<T> {
  for (let looks = 1; ; looks++) {
    const seen = await look();
    if ((await isKept(engine)) || looks === MOST_LOOKS) return seen;
  }
}

/** False where the disk refused a part. The command that made it has the error; a reader only looks anew. */
const isKept = (engine: Pick<Engine, 'durable'>): Promise<boolean> =>
  engine.durable().then(
    () => true,
    () => false,
  );

const AT_MOST_EVERY_MS = 250;

/** A view that is sent again when something has changed, but no more often than it can be read. */
export async function* watched<View>(
  first: View,
  again: () => Promise<View>,
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<View> {
  if (!hearsOfChanges(context)) throw noDaemon('watching');
  const changes = new Wakeup();
  const undo = context.engine.onChange(changes.wake);
  const unlisten = onAbort(signal, changes.wake);
  try {
    yield first;
    while (!signal.aborted) {
      await changes.sleep();
      await delay(context.clock, AT_MOST_EVERY_MS, signal);
      await myTurn();
      changes.forget();
      const view = await durably(context.engine, again);
      if (!signal.aborted) yield view;
    }
  } finally {
    undo();
    unlisten();
  }
}
