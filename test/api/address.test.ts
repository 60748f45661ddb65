// Where the socket of a state folder lies: found from the folder alone, never cut, never in a folder of others.
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { isSafe, prepareFolder, socketPaths } from '../../src/api/address.ts';
import { MAX_SOCKET_PATH } from '../../src/support/limits.ts';

const folder = (): string => realpathSync(mkdtempSync(join(tmpdir(), 'jobrun-test-')));
const longState = (): string => {
  const state = join(folder(), 'ü'.repeat(60));
  mkdirSync(state);
  return state;
};

test('a socket lies in its state folder', () => {
  const state = folder();
  expect(socketPaths(state, {})).toEqual([join(state, 'jobrun.sock')]);
});

test('a state folder reached over a link has the same socket', () => {
  const state = folder();
  const link = join(folder(), 'link');
  symlinkSync(state, link);
  expect(socketPaths(link, {})).toEqual(socketPaths(state, {}));
});

test('a path that is too long in bytes is not used, and two such folders have two sockets', () => {
  const [one, two] = [longState(), longState()];
  const runtime = folder();
  for (const path of socketPaths(one, { XDG_RUNTIME_DIR: runtime })) {
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(MAX_SOCKET_PATH);
  }
  const [first = ''] = socketPaths(one, { XDG_RUNTIME_DIR: runtime });
  expect(dirname(first)).toBe(join(runtime, 'jobrun'));
  expect(socketPaths(two, { XDG_RUNTIME_DIR: runtime })[0]).not.toBe(first);
});

test('a client without the runtime folder in its environment looks where a daemon without it listens', () => {
  const state = longState();
  const [listening = ''] = socketPaths(state, {});
  expect(socketPaths(state, { XDG_RUNTIME_DIR: folder() })).toContain(listening);
});

test('a folder for the socket is made private', () => {
  const state = longState();
  const path = socketPaths(state, { XDG_RUNTIME_DIR: folder() })[0] ?? '';
  expect(isSafe(path, state)).toBe(false);
  prepareFolder(path, state);
  expect(lstatSync(dirname(path)).mode & 0o777).toBe(0o700);
  expect(isSafe(path, state)).toBe(true);
});

test('a folder that others can write to, or that is a link, is refused', () => {
  const state = longState();
  const runtime = folder();
  const path = socketPaths(state, { XDG_RUNTIME_DIR: runtime })[0] ?? '';
  mkdirSync(dirname(path));
  chmodSync(dirname(path), 0o777);
  expect(() => prepareFolder(path, state)).toThrow(
    expect.objectContaining({ code: 'state-unsafe' }),
  );
  expect(isSafe(path, state)).toBe(false);
  const other = folder();
  symlinkSync(folder(), join(other, 'jobrun'));
  const linked = socketPaths(state, { XDG_RUNTIME_DIR: other })[0] ?? '';
  expect(() => prepareFolder(linked, state)).toThrow(
    expect.objectContaining({ code: 'state-unsafe' }),
  );
});
