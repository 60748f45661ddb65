// Starts a process as every worker is started: in its own group and session, marked, and tied to the daemon, where the
// system can: the kernel kills it when the daemon dies. A command is not tied; the warden does that for less.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { errnoOf, fewFiles } from '../support/errors.ts';
import { MARK_VARIABLE } from './processes.ts';

export interface Start {
  readonly program: string;
  readonly args: readonly string[];
  readonly dir: string;
  readonly mark: string;
  /** The whole of it, but for the mark. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
  readonly tied: boolean;
}

/**
 * A program that cannot be started shows as the child's `error` event. Throws only where no pipe to it could be opened:
 * the daemon has too many open files.
 */
export function startProcess(start: Start): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...start.env, [MARK_VARIABLE]: start.mark };
  // A daemon that was itself forked must not hand its own channel on: the child would take a stranger's pipe for it.
  delete env.NODE_CHANNEL_FD;
  delete env.NODE_CHANNEL_SERIALIZATION_MODE;
  const setpriv = start.tied ? findSetpriv() : null;
  const options = { cwd: start.dir, env, stdio: start.stdio, detached: true, windowsHide: true };
  if (setpriv === null) return withPipes(spawn(start.program, start.args, options));
  const args = ['--pdeathsig', 'KILL', '--', start.program, ...start.args];
  return withPipes(spawn(setpriv, args, options));
}

/** Node gives a child without its pipes back and emits `error` later, which nobody would be there to hear. */
export function withPipes(child: ChildProcess): ChildProcess {
  if (child.stdio !== undefined && child.stdio !== null) return child;
  child.on('error', () => undefined);
  throw fewFiles('no process can be started: too many open files (EMFILE)');
}

let found: string | null = null;

/** `setpriv` replaces itself by the program, so the pid is the program's. */
function findSetpriv(): string | null {
  // Where it was not found it is looked for again: its folder may not have answered just then.
  if (found !== null) return found;
  const folders = process.platform === 'linux' ? (process.env.PATH ?? '').split(delimiter) : [];
  found = folders.map((folder) => join(folder || '.', 'setpriv')).find(isProgram) ?? null;
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (errnoOf(error) !== '') return false;
    throw error;
  }
}
