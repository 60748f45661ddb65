// What every engine promises, whatever it stores in: one suite over the interface alone. An engine that passes can take
// the place of any other. `newPlace` gives an empty place, in which an engine is opened, closed and opened again.
import { afterEach, beforeEach, describe } from 'vitest';
import type { Opened } from '../../src/engine/open.ts';
import { changesContract } from './contract-changes.ts';
import { claimsContract } from './contract-claims.ts';
import { intakeContract } from './contract-intake.ts';
import { listsContract } from './contract-lists.ts';
import { logsContract } from './contract-logs.ts';
import { outsideContract } from './contract-outside.ts';
import { settledContract } from './contract-settled.ts';

export interface Store extends Pick<Opened, 'engine' | 'members' | 'logs' | 'tidy' | 'close'> {
  /**
   * Waits until an engine that has just been opened hears of others, which stirs once; not there where it has no
   * others.
   */
  readonly listening?: () => Promise<void>;
}

export interface Place {
  open(): Promise<Store>;
  clear(): Promise<void>;
}

/** What a test works with: the engine, and a fresh one on the same place after a clean end of the last. */
export interface Bench extends Pick<Store, 'engine' | 'members' | 'logs' | 'tidy'> {
  reopen(): Promise<void>;
  listening(): Promise<void>;
}

export function engineContract(name: string, newPlace: () => Promise<Place>): void {
  let place: Place;
  let store: Store;
  const bench: Bench = {
    get engine() {
      return store.engine;
    },
    get members() {
      return store.members;
    },
    get logs() {
      return store.logs;
    },
    tidy: () => store.tidy(),
    listening: async () => store.listening?.(),
    reopen: async () => {
      await store.close();
      store = await place.open();
    },
  };
  beforeEach(async () => {
    place = await newPlace();
    store = await place.open();
  });
  afterEach(async () => {
    await store.close();
    await place.clear();
  });
  describe(`${name}: taking in runs`, () => intakeContract(bench));
  describe(`${name}: handing out runs`, () => claimsContract(bench));
  describe(`${name}: workers outside`, () => outsideContract(bench));
  describe(`${name}: changing runs`, () => changesContract(bench));
  describe(`${name}: lists, counts and events`, () => listsContract(bench));
  describe(`${name}: logs and result tables`, () => logsContract(bench));
  describe(`${name}: lists of settled runs`, () => settledContract(bench));
}
