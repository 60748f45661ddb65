// What the machine lends to the tests. A test is left out only where the platform cannot run it; a program that can be
// installed is asked for by name.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../src/support/errors.ts';
import { ROOT } from './source.ts';

const mayUnshare = (...args: readonly string[]): boolean =>
  spawnSync('unshare', [...args, 'true']).status === 0;

function isInstalled(name: string): boolean {
  return errnoOf(spawnSync(name, ['--version']).error) !== 'ENOENT';
}

export const platform = {
  isLinux: process.platform === 'linux',
  isRoot: process.getuid?.() === 0,
  hasProc: existsSync('/proc/self'),
  hasFullDevice: existsSync('/dev/full'),
  givesOwnPids: mayUnshare('--pid', '--fork', '--mount-proc'),
  givesOwnMounts: mayUnshare('--mount'),
  /** In CI the tests of the web page fail without one. */
  hasBrowser: process.env.CI !== undefined || isInstalled('chromium'),
  /** The same of a proxy before it. */
  hasNginx: process.env.CI !== undefined || isInstalled('nginx'),
} as const;

/** Throws where the program is not installed, and says what to install. */
export function needProgram(name: string): void {
  if (isInstalled(name)) return;
  const lines = readFileSync(join(ROOT, '.ci/programs'), 'utf8').split('\n');
  const [, of = name] = lines.map((line) => line.split(' ')).find(([one]) => one === name) ?? [];
  throw new Error(`this test needs ${name}: apt-get install ${of} (all of them: .ci/programs)`);
}
