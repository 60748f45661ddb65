// What the built programs load at once. Node pays for each file, so a command has few; nothing of the HTTP door is
// loaded by a command, or by a daemon without HTTP.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/source.ts';

/** Files that a built file loads before anything is asked for. */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const code = readFileSync(file, 'utf8');
  for (const [, path = ''] of code.matchAll(
    /^(?:import|export)[^;'"]*["'](\.{1,2}\/[^"']+)["']|^(?:const|let|var)[^\n]*= require\(["'](\.\/[^"']+|\.\.\/[^"']+)["']\)/gm,
  ))
    if (path !== '') loadedBy(resolve(dirname(file), path), seen);
  return seen;
}

const DOOR = 'WWW-Authenticate';
const hasDoor = (file: string): boolean => readFileSync(file, 'utf8').includes(DOOR);

test.each([
  'cli/main.cjs',
  'cli/daemon.js',
  'cli/local.js',
  'cli/dashboard.js',
  'parts/library.js',
])('%s loads no door at once', (name) => {
  const loaded = [...loadedBy(join(ROOT, 'dist', name))];
  if (name.endsWith('.js')) expect(loaded.length).toBeGreaterThan(3);
  expect(loaded.filter(hasDoor)).toEqual([]);
});

test('the door is found where it is', () => {
  const daemon = readFileSync(join(ROOT, 'dist/cli/daemon.js'), 'utf8');
  const lazily = [...daemon.matchAll(/import\(["'](\.\.\/parts\/[^"']+)["']\)/g)];
  const parts = lazily.map(([, path = '']) => resolve(ROOT, 'dist/cli', path));
  expect(parts.flatMap((file) => [...loadedBy(file)]).some(hasDoor)).toBe(true);
});

test('a list loads few files, and no more than one for what it reads without a daemon', () => {
  const all = loadedBy(join(ROOT, 'dist/cli/main.cjs'));
  expect(all.size).toBeLessThanOrEqual(3);
  loadedBy(join(ROOT, 'dist/parts/list.cjs'), all);
  expect(all.size).toBeLessThanOrEqual(4);
  loadedBy(join(ROOT, 'dist/parts/offline.cjs'), all);
  expect(all.size).toBeLessThanOrEqual(6);
});
