// From a config to an engine: the only place that knows which engines there are.
import { notWritten } from '../store/committer.ts';
import { clearPlaces, type Finding, type Repaired } from '../store/doctor.ts';
import { placeReadme } from '../store/folder.ts';
import {
  lockedBy,
  lockedDisk,
  lockHolder,
  lockState,
  prepareState,
  type StateLock,
  shareState,
} from '../store/lock.ts';
import { logFolder } from '../store/log.ts';
import type { Import } from '../store/stream-format.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { errnoOf } from '../support/errors.ts';
import { realDisk } from '../support/files.ts';
import { refuseForeignJobs } from '../support/ownership.ts';
import type { StorePlace } from '../support/store-place.ts';
import { type OpenOptions, openFileEngine } from './files/file-engine.ts';
import { RunLogFiles } from './files/run-log.ts';
import {
  exportLines,
  type Inspection,
  importState,
  inspectState,
  repairState,
} from './files/whole-state.ts';

import type { OpenAs, Opened } from './opened.ts';
import type {
  StoreContent,
  StoreInspection,
  StoreMember,
  StoreTimes,
  WrongCount,
} from './postgres/inspect-store.ts';

export type { OpenAs, Opened };

/**
 * Opens the state of a project under its lock, which is held until the engine is closed; to read only, under one that
 * readers share, and then no file is touched.
 */
export async function openEngine(config: Config, clock: Clock, as: OpenAs): Promise<Opened> {
  refuseForeignJobs(config.jobs);
  if (config.store) return openStored(config, config.store, clock, as);
  const lock = as.readOnly
    ? await shareState(config.state, clock)
    : await lockState(config.state, as.kind, clock);
  try {
    if (!as.readOnly) await placeReadme(config.state);
    const reserve = as.kind === 'daemon';
    const options = { ...as, ...placeOf(config, clock, lock), reserve, release: lock.release };
    const { engine, ...found } = await openFileEngine(options);
    const onError = as.onError ?? (() => undefined);
    const folder = logFolder(config.state);
    const makeRoom = (): Promise<void> => engine.makeRoom();
    const logs = new RunLogFiles({ folder, clock, onError, makeRoom });
    const close = async (): Promise<void> => {
      await logs.closeAll();
      await engine.close();
    };
    const { members } = engine;
    const own = { engine, members, logs, lock, clock, cluster: null };
    const look = (): void => void engine.look();
    return { ...found, ...own, look, tidy: () => engine.fold(), close };
  } catch (error) {
    await lock.release();
    throw unusable(error);
  }
}

type StoreCode = typeof import('./postgres/open-store.ts');

let store: StoreCode | null = null;

/** The code of a store: loaded once, also ahead, for a process that may open one when the file has gone. */
export async function storeCode(): Promise<StoreCode> {
  store ??= await import('./postgres/open-store.ts');
  return store;
}

/** The state folder, for who holds its lock. */
const placeOf = ({ state }: Config, clock: Clock, { guard }: StateLock): OpenOptions => ({
  disk: lockedDisk(realDisk, guard),
  dir: state,
  clock,
});

async function openStored(
  config: Config,
  place: StorePlace,
  clock: Clock,
  as: OpenAs,
): Promise<Opened> {
  const { openStore } = await storeCode();
  if (as.kind !== 'daemon') return openStore(config, place, clock, as, UNLOCKED);
  const lock = await lockState(config.state, as.kind, clock);
  try {
    await placeReadme(config.state);
    return await openStore(config, place, clock, as, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A command on a store has no state folder. */
const UNLOCKED: StateLock = {
  guard: () => undefined,
  isHeld: () => true,
  lost: new Promise(() => undefined),
  release: async () => undefined,
};

export type { Finding, Repaired };
export type Inspected = Omit<Inspection, 'recovered'>;

/** A look at every file of the state, which changes nothing. */
export async function inspectEngine(config: Config, clock: Clock): Promise<Inspected> {
  try {
    return await inspectState(realDisk, config.state, clock);
  } catch (error) {
    throw unusable(error);
  }
}

/** A refusal by the system is no defect of ours. */
const unusable = (error: unknown): unknown =>
  errnoOf(error) === '' ? error : notWritten(error, 'the state cannot be used');

/** Originals aside, and the state made anew from what is provable. Throws `daemon-running` where one holds it. */
export async function repairEngine(config: Config, clock: Clock): Promise<Repaired> {
  const { state } = config;
  // A thing in the place of the lock that is no lock cannot be held.
  const isHeld = (await lockHolder(state)) !== null;
  const moved = isHeld ? [] : await clearPlaces(realDisk, state, clock.now());
  const lock = await lockState(state, 'command', clock);
  try {
    const options = placeOf(config, clock, lock);
    const found = await inspectState(realDisk, state, clock);
    const repaired = await repairState(options, found);
    return { ...repaired, aside: [...moved, ...repaired.aside] };
  } finally {
    await lock.release();
  }
}

export type { StoreContent, StoreInspection, StoreMember, StoreTimes };

/** A look at the store that a config names, which changes nothing. */
export async function inspectStore(
  config: Config,
  place: StorePlace,
  clock: Clock,
): Promise<StoreInspection> {
  return (await import('./postgres/inspect-store.ts')).inspectStore(config, place, clock);
}

/** Sets right what can be: the counts. Returns what was wrong. */
export async function repairStore(
  config: Config,
  place: StorePlace,
  clock: Clock,
): Promise<readonly WrongCount[]> {
  return (await import('./postgres/inspect-store.ts')).repairStore(config, place, clock);
}

/** The whole state as lines of JSON, beside daemons or without one. */
export async function* exportState(
  config: Config,
  clock: Clock,
  version: string,
): AsyncGenerator<string> {
  if (!config.store) return yield* exportLines(realDisk, config.state, clock, version);
  const { exportStore } = await import('./postgres/whole-store.ts');
  yield* exportStore(config, config.store, clock, version);
}

/** Takes such lines into an empty state or store, all or nothing. */
export async function importInto(
  config: Config,
  clock: Clock,
  lines: AsyncIterable<string>,
): Promise<Import> {
  if (config.store) {
    const { importIntoStore } = await import('./postgres/whole-store.ts');
    return importIntoStore(config, config.store, clock, lines);
  }
  const lock = await lockState(config.state, 'command', clock);
  try {
    return await importState(placeOf(config, clock, lock), lines);
  } finally {
    await lock.release();
  }
}

/** Makes the folder of the state, where there is none, and refuses one that is not ours alone. */
export { prepareState };

/** Finds the holder of the lock of a state folder, without taking it. */
export const holderOf = lockHolder;

/** The pid of the daemon that holds it, proven. */
export const daemonOn = lockedBy;
