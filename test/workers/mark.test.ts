// Whose a worker is, told by its mark.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newMark, otherDaemonOf, processInfo } from '../../src/workers/processes.ts';
import { atEnd, until } from './harness.ts';

const folder = (): string => mkdtempSync(join(tmpdir(), 'jobrun-mark-'));

test('a worker is ours on the folder that it was started on, also where that was moved; on a copy it is not', () => {
  const state = folder();
  const mark = newMark(state);
  expect(otherDaemonOf(mark, state)).toBe(null);
  const copy = join(folder(), 'copy');
  cpSync(state, copy, { recursive: true });
  expect(otherDaemonOf(mark, copy)).toBe(process.pid);
  const moved = join(folder(), 'moved');
  renameSync(state, moved);
  expect(otherDaemonOf(mark, moved)).toBe(null);
});

test('a worker is ours wherever its daemon is gone, or its pid is given to another process', async () => {
  const mark = newMark(folder());
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' });
  atEnd(() => other.kill('SIGKILL'));
  const { pid = 0 } = other;
  const startTime = processInfo(pid)?.startTime ?? '';
  const [chance = '', , , inode = ''] = mark.split('.');
  const of = (startedAt: string): string => [chance, pid, startedAt, inode].join('.');
  expect(otherDaemonOf(of(startTime), folder())).toBe(pid);
  expect(otherDaemonOf(of('1'), folder())).toBe(null);
  other.kill('SIGKILL');
  await until(() => processInfo(pid)?.alive !== true);
  expect(otherDaemonOf(of(startTime), folder())).toBe(null);
  // As an earlier version made them.
  expect(otherDaemonOf('0123456789abcdef01234567', folder())).toBe(null);
});
