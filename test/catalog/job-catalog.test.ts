// The catalog through the life of a folder: what it knows, and when.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { changeOf, type FileEntry, type JobFile } from '../../src/catalog/catalog.ts';
import { readDefinition } from '../../src/catalog/definition.ts';
import { JobCatalog } from '../../src/catalog/job-catalog.ts';
import { findJob, JobLookup } from '../../src/commands/shared/job-lookup.ts';
import { delay, systemClock } from '../../src/support/clock.ts';
import { refusal } from '../helpers/site.ts';

const clean: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of clean.splice(0).reverse()) await undo();
});

function folder(...files: string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-catalog-'));
  clean.push(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  for (const file of files) writeFileSync(join(dir, file), '');
  return dir;
}

const sound = (file: JobFile, has: object = {}): FileEntry => ({
  ...file,
  state: 'ok',
  data: readDefinition({ run() {}, ...has }, {}),
});

function catalogOf(
  dir: string,
  inspect: (files: readonly JobFile[], known: (entry: FileEntry) => void) => Promise<void>,
) {
  return new JobCatalog({
    folder: dir,
    defaults: {},
    clock: systemClock,
    inspect,
    check: async (_file, list) => list.map(() => ({ ok: true, params: 'checked', lock: 'l' })),
  });
}

const readAll = async (
  files: readonly JobFile[],
  known: (entry: FileEntry) => void,
): Promise<void> => {
  for (const file of files) known(sound(file, file.name === 'locked' ? { lock: () => 'l' } : {}));
};

describe('the catalog', () => {
  test('knows names without loading anything', () => {
    const catalog = catalogOf(folder('b.ts', 'a.ts'), () => Promise.reject(new Error('loaded')));
    expect(catalog.names()).toEqual(['a', 'b']);
  });

  test('lines that ask for a job that is still read look into the folder once, not each of them', async () => {
    const dir = folder('slow.ts', ...Array.from({ length: 2000 }, (_, i) => `${i}.csv`));
    let read = (): void => undefined;
    const catalog = catalogOf(dir, async (files, known) => {
      await new Promise<void>((resolve) => {
        read = resolve;
      });
      await readAll(files, known);
    });
    const ready = catalog.ready();
    const before = process.cpuUsage();
    const lines = Promise.all(Array.from({ length: 1000 }, () => findJob('slow', catalog)));
    await delay(systemClock, 300);
    read();
    expect(new Set((await lines).map((entry) => entry?.state))).toEqual(new Set(['ok']));
    const { user, system } = process.cpuUsage(before);
    // A thousand looks would take over ten seconds.
    expect((user + system) / 1000).toBeLessThan(2500);
    await ready;
  });

  test('many who ask whether the folder has changed are answered by a few looks, and none misses a file that was there', async () => {
    const dir = folder(...Array.from({ length: 500 }, (_, i) => `${i}.ts`));
    const catalog = catalogOf(dir, readAll);
    await catalog.ready();
    const timed = async (times: number): Promise<number> => {
      const before = process.cpuUsage();
      await Promise.all(Array.from({ length: times }, () => catalog.rescan()));
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    await timed(1);
    const few = Math.max(await timed(10), 1000);
    expect(await timed(1000)).toBeLessThan(20 * few);
    const asking = Array.from({ length: 20 }, async (_, i) => {
      await delay(systemClock, i);
      writeFileSync(join(dir, `new-${i}.ts`), '');
      await catalog.rescan();
      return catalog.find(`new-${i}`)?.state;
    });
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['ok']));
  });

  test('follows files that come and go', async () => {
    const dir = folder('a.ts');
    const catalog = catalogOf(dir, readAll);
    await catalog.ready();
    expect(catalog.all().map((entry) => entry.name)).toEqual(['a']);
    writeFileSync(join(dir, 'b.ts'), '');
    rmSync(join(dir, 'a.ts'));
    let told = 0;
    catalog.onReload(() => told++);
    await catalog.reload();
    expect(catalog.all().map((entry) => entry.name)).toEqual(['b']);
    expect(catalog.find('a')).toBe(null);
    expect(told).toBeGreaterThan(0);
  });

  test('keeps what it knows of a job until the new is known, and does not wait for a file that hangs', async () => {
    const dir = folder('a.ts', 'hangs.ts');
    let pass = 0;
    const catalog = catalogOf(dir, async (files, known) => {
      pass++;
      for (const file of files) {
        if (pass === 1 || file.name === 'a') known(sound(file, { description: `pass ${pass}` }));
      }
      if (pass === 2) await new Promise(() => undefined);
    });
    await catalog.ready();
    void catalog.reload();
    await delay(systemClock, 20);
    expect(catalog.find('a')).toMatchObject({ data: { description: 'pass 2' } });
    expect(catalog.find('hangs')).toMatchObject({ data: { description: 'pass 1' } });
    await catalog.reload();
    expect(catalog.find('a')).toMatchObject({ data: { description: 'pass 3' } });
  });

  test('asks a worker about params only where the job looks at them', async () => {
    const catalog = catalogOf(folder('plain.ts', 'locked.ts'), readAll);
    await catalog.ready();
    expect(await catalog.check('plain', [{ a: 1 }])).toEqual([
      { ok: true, params: { a: 1 }, lock: null },
    ]);
    expect(await catalog.check('locked', [1])).toEqual([
      { ok: true, params: 'checked', lock: 'l' },
    ]);
    await expect(catalog.check('plane', [1])).rejects.toMatchObject({
      code: 'unknown-job',
      hint: 'Did you mean "plain"?',
    });
  });

  test('a job whose file is being read just now is there for who asks by its name, and one that is not is not', async () => {
    const dir = folder('a.ts');
    let release = (): void => undefined;
    const reading = new Promise<void>((resolve) => {
      release = resolve;
    });
    const catalog = catalogOf(dir, async (files, known) => {
      if (files.some(({ name }) => name === 'b')) await reading;
      await readAll(files, known);
    });
    await catalog.ready();
    writeFileSync(join(dir, 'b.ts'), '');
    const pass = catalog.reload();
    await delay(systemClock, 50);
    const context = {
      catalog,
      config: { store: null, jobs: dir },
      members: { list: async () => [], self: { id: 1, host: 'here' } },
    };
    const found = new JobLookup(context).entry('b', false);
    const missing = refusal(new JobLookup(context).entry('c', false));
    await delay(systemClock, 50);
    release();
    expect((await found)?.state).toBe('ok');
    expect((await missing).code).toBe('unknown-job');
    await pass;
  });

  test('a job that is known is looked for no further: what changes while others are read is not taken in', async () => {
    const dir = folder('asked.ts', 'slow.ts');
    let read = (): void => undefined;
    const catalog = catalogOf(dir, async (files, known) => {
      await readAll(
        files.filter(({ name }) => name === 'asked'),
        known,
      );
      await new Promise<void>((resolve) => {
        read = resolve;
      });
      await readAll(files, known);
    });
    const changes: string[] = [];
    catalog.onCode(() => changes.push('code'));
    const ready = catalog.ready();
    expect((await findJob('asked', catalog))?.state).toBe('ok');
    writeFileSync(join(dir, 'asked.ts'), 'changed');
    read();
    await ready;
    // A look at the folder that had begun by then would be over before this one.
    expect(await catalog.isOutdated()).toBe(true);
    await delay(systemClock, 50);
    expect(changes).toEqual([]);
  });

  test('rescan reloads only where a file became a job or ceased to be one', async () => {
    const dir = folder('a.ts', 'run.sh');
    let passes = 0;
    const catalog = catalogOf(dir, (files, known) => {
      passes++;
      return readAll(files, known);
    });
    await catalog.ready();
    writeFileSync(join(dir, 'out.csv'), 'x');
    await catalog.rescan();
    expect(passes).toBe(1);
    writeFileSync(join(dir, 'run.sh'), '#!/bin/sh\n');
    chmodSync(join(dir, 'run.sh'), 0o755);
    await catalog.rescan();
    expect(catalog.find('run')).toMatchObject({ kind: 'command', state: 'ok' });
    // A command is read without a worker, and the module has not changed.
    expect(passes).toBe(1);
    writeFileSync(join(dir, 'b.ts'), '');
    await catalog.rescan();
    expect([passes, catalog.find('b')?.state]).toEqual([2, 'ok']);
  });
});

describe('what becomes of a job', () => {
  const file: JobFile = { name: 'a', file: '/a.ts', kind: 'module' };
  const ok = sound(file);
  const broken: FileEntry = { ...file, state: 'broken', error: 'why' };

  test('is told where it becomes broken, whole, new or gone', () => {
    expect(changeOf(null, ok)).toEqual({ job: 'a', became: 'new', error: null });
    expect(changeOf(ok, broken)).toEqual({ job: 'a', became: 'broken', error: 'why' });
    expect(changeOf(null, broken)?.became).toBe('broken');
    expect(changeOf(broken, ok)?.became).toBe('whole');
    expect(changeOf(broken, null)?.became).toBe('gone');
  });

  test('is nothing where only its definition or its mistake is another', () => {
    const other = sound(file, { description: 'other' });
    expect(changeOf(ok, other)).toBe(null);
    expect(changeOf(broken, { ...broken, error: 'else' })).toBe(null);
    expect(changeOf(null, null)).toBe(null);
  });
});
