// The built-in engine, on real files in a folder of its own.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { RunLogFiles } from '../../src/engine/files/run-log.ts';
import { type Manifest, readManifest, writeManifest } from '../../src/store/manifest.ts';
import { systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { draft, T0 } from '../helpers/engine-values.ts';
import { engineContract } from './contract.ts';
import { abort } from './contract-intake.ts';

engineContract('json', async () => {
  const home = mkdtempSync(join(tmpdir(), 'jobrun-engine-'));
  const options = { disk: realDisk, dir: join(home, 'state'), clock: systemClock };
  return {
    open: async () => {
      const { engine, damage } = await openFileEngine(options);
      expect(damage).toEqual([]);
      const { members } = engine;
      const logs = new RunLogFiles({
        ...{ folder: join(options.dir, 'logs'), clock: systemClock },
        ...{ onError: () => undefined, makeRoom: async () => undefined },
      });
      const close = async (): Promise<void> => {
        await logs.closeAll();
        await engine.close();
      };
      return { engine, members, logs, tidy: () => engine.fold(), close };
    },
    clear: async () => rmSync(home, { recursive: true, force: true, maxRetries: 5 }),
  };
});

test('a page in which nothing is left loses its file two folds later, the others keep theirs', async () => {
  const home = mkdtempSync(join(tmpdir(), 'jobrun-engine-'));
  const dir = join(home, 'state');
  const { engine } = await openFileEngine({ disk: realDisk, dir, clock: systemClock });
  for (let i = 0; i < 2; i++) {
    await engine.accept(
      Array.from({ length: 1000 }, (_, n) => draft(n)),
      T0,
    );
  }
  const first = Array.from({ length: 999 }, (_, i) => i + 1);
  await Promise.all(first.map((id) => engine.change(id, abort)));
  await engine.fold();
  expect(readdirSync(join(dir, 'runs'))).toEqual(['000000.json', '000001.json', '000002.json']);
  await engine.remove(first);
  await engine.fold();
  await engine.fold();
  expect(readdirSync(join(dir, 'runs'))).toEqual(['000001.json', '000002.json']);
  await engine.close();
  rmSync(home, { recursive: true });
});

test('a batch is remembered by its first id and their number, and found again', async () => {
  const home = mkdtempSync(join(tmpdir(), 'jobrun-engine-'));
  const options = { disk: realDisk, dir: join(home, 'state'), clock: systemClock };
  const first = (await openFileEngine(options)).engine;
  const drafts = Array.from({ length: 1000 }, (_, n) => draft(n, n === 500 ? { key: 'a' } : null));
  await first.accept([draft(0, { key: 'a' })], T0, { request: 'single' });
  const asked = (await first.accept(drafts, T0, { request: 'batch' })).map(({ run }) => run.id);
  await first.close();
  const path = join(options.dir, 'manifest.json');
  const { engine } = await openFileEngine(options);
  expect(JSON.parse(readFileSync(path, 'utf8')).requests).toEqual([
    ['single', [1], T0],
    ['batch', [[2, 500], 1, [502, 499]], T0],
  ]);
  for (const drafted of [drafts, null]) {
    const again = await (drafted
      ? engine.accept(drafted, T0, { request: 'batch' })
      : engine.answered('batch', T0));
    expect(again?.map(({ run }) => run.id)).toEqual(asked);
  }
  await engine.close();
  rmSync(home, { recursive: true });
});

test('a batch that was remembered with each of its ids is found again', async () => {
  const home = mkdtempSync(join(tmpdir(), 'jobrun-engine-'));
  const options = { disk: realDisk, dir: join(home, 'state'), clock: systemClock };
  const first = (await openFileEngine(options)).engine;
  await first.accept([draft(0), draft(1), draft(2)], T0);
  await first.close();
  const manifest = (await readManifest(realDisk, options.dir)) as Manifest & { requests: [] };
  const requests = [...manifest.requests, ['batch', [1, 2, 3], T0] as const];
  await writeManifest(realDisk, options.dir, { ...manifest, ...{ requests } });
  const { engine } = await openFileEngine(options);
  const again = await engine.answered('batch', T0);
  expect(again?.map(({ run }) => run.id)).toEqual([1, 2, 3]);
  await engine.close();
  rmSync(home, { recursive: true });
});
