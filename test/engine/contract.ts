// What every engine promises, whatever it stores in: one suite over the interface alone. An engine that passes can take
// the place of any other. `newPlace` gives an empty place, in which an engine is opened, closed and opened again.
import { afterEach, beforeEach, describe } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { changesContract } from './contract-changes.ts';
import { claimsContract } from './contract-claims.ts';
import { intakeContract } from './contract-intake.ts';
import { listsContract } from './contract-lists.ts';
import { settledContract } from './contract-settled.ts';

export interface Place {
  open(): Promise<Engine>;
  clear(): Promise<void>;
}

/** What a test works with: the engine, and a fresh one on the same place after a clean end of the last. */
export interface Bench {
  readonly engine: Engine;
  reopen(): Promise<Engine>;
}

export function engineContract(name: string, newPlace: () => Promise<Place>): void {
  let place: Place;
  let engine: Engine;
  const bench: Bench = {
    get engine() {
      return engine;
    },
    reopen: async () => {
      await engine.close();
      engine = await place.open();
      return engine;
    },
  };
  beforeEach(async () => {
    place = await newPlace();
    engine = await place.open();
  });
  afterEach(async () => {
    await engine.close();
    await place.clear();
  });
  describe(`${name}: taking in runs`, () => intakeContract(bench));
  describe(`${name}: handing out runs`, () => claimsContract(bench));
  describe(`${name}: changing runs`, () => changesContract(bench));
  describe(`${name}: lists, counts and events`, () => listsContract(bench));
  describe(`${name}: lists of settled runs`, () => settledContract(bench));
}
