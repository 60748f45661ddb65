// Starts a process as every worker is started: in its own group and session, marked, and tied to the daemon, where the
// system can: the kernel kills it when the daemon dies. Else, and for commands, which it would cost too much, the
// reaper does that.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { errnoOf, fewFiles, JobrunError } from '../support/errors.ts';
import { programIn } from '../support/read-file.ts';
import { MARK_VARIABLE, markingScript } from './processes.ts';

const SHELL = '/bin/sh';

/** True for what a shell ends with where it cannot start a program, or does not find it. */
export const isNotStarted = (exitCode: number | null): boolean =>
  exitCode === 126 || exitCode === 127;

export interface Start {
  /** A program with its arguments, tied to the daemon; or a script for the shell, which is not. */
  readonly what: readonly string[] | string;
  readonly dir: string;
  readonly mark: string;
  /** The whole of it, but for the mark. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
}

/** Throws `refused` where the system starts no process: it has too many, or the daemon too many open files. */
export function startProcess(start: Start): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...start.env, [MARK_VARIABLE]: start.mark };
  // A daemon that was itself forked must not hand its own channel on: the child would take a stranger's pipe for it.
  delete env.NODE_CHANNEL_FD;
  delete env.NODE_CHANNEL_SERIALIZATION_MODE;
  const [program = '', ...args] = argvOf(start);
  const options = { cwd: start.dir, env, stdio: start.stdio, detached: true, windowsHide: true };
  return started(spawn(program, args, options), start.dir);
}

/** True if a program with arguments is tied to this process, so that it needs no reaper. */
export const canTie = (): boolean => findSetpriv() !== null;

/** Each program replaces the one before, so that the pid is the last one's. */
function argvOf({ what, mark }: Start): readonly string[] {
  const marking = markingScript(mark);
  if (typeof what === 'string') return [SHELL, '-c', marking + what];
  const setpriv = findSetpriv();
  const tied = setpriv === null ? what : [setpriv, '--pdeathsig', 'KILL', '--', ...what];
  return marking === '' ? tied : [SHELL, '-c', `${marking}exec "$@"`, SHELL, ...tied];
}

/** Node gives back a child that was not started and emits `error` later, when no listener would be there. */
export function started(child: ChildProcess, dir: string): ChildProcess {
  if (child.pid !== undefined && child.stdio !== undefined) return child;
  child.on('error', () => undefined);
  if (child.stdio === undefined)
    throw fewFiles('no process can be started: too many open files (EMFILE)');
  if (!existsSync(dir)) {
    const hint = 'Put the folder back, or start the daemon where the project is now.';
    throw new JobrunError('refused', `no process can be started: there is no folder ${dir}`, hint);
  }
  const message = 'no process can be started: too many processes (EAGAIN)';
  const hint = 'Let the daemon have more of them: ulimit -u, or TasksMax= in its unit.';
  throw new JobrunError('refused', message, hint);
}

/** The resource that the system lacks, or the refusal that says so. */
const SCARCE = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'refused']);

/** True where no process could be started just now, and another try may succeed. */
export const isScarce = (error: unknown): boolean => SCARCE.has(errnoOf(error));

let found: string | null = null;

function findSetpriv(): string | null {
  // If it was not found it is looked for again: its folder may not have answered just then.
  if (found !== null) return found;
  if (process.platform === 'linux') found = programIn(process.env.PATH ?? '', 'setpriv');
  return found;
}
