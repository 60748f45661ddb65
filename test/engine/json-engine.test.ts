// The built-in engine, on real files in a folder of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openJsonEngine } from '../../src/engine/json/recovery.ts';
import { systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { engineContract } from './contract.ts';

engineContract('json', async () => {
  const home = mkdtempSync(join(tmpdir(), 'jobrun-engine-'));
  const options = { disk: realDisk, dir: join(home, 'state'), clock: systemClock };
  return {
    open: async () => {
      const { engine, damage } = await openJsonEngine(options);
      expect(damage).toEqual([]);
      return engine;
    },
    clear: async () => rmSync(home, { recursive: true, force: true }),
  };
});
