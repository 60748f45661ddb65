// The commands of notifications. Each is started as a command job is, so that nothing of it outlives its end, its
// timeout, or the daemon. It runs in a group of its own that the reaper knows, under a mark that all its children
// carry.
import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { RunView } from '../../run/view.ts';
import { onAbort } from '../../support/aborts.ts';
import { type Clock, delay } from '../../support/clock.ts';
import { JobrunError } from '../../support/errors.ts';
import { NOTIFY_TIMEOUT_MS, SECOND, UNDYING_MS } from '../../support/limits.ts';
import { shellQuoted } from '../../support/text.ts';
import { endGroup, type WorkerIdentity } from '../../workers/death.ts';
import { bootId, startTimeOf } from '../../workers/processes.ts';
import { Reaper } from '../../workers/reaper.ts';
import { isNotStarted, startProcess } from '../../workers/spawn.ts';
import type { NotifyTarget } from './notify-rules.ts';
import type { Failed } from './post-json.ts';

export const LATE: Failed = { why: `no end within ${NOTIFY_TIMEOUT_MS / SECOND}s`, final: false };

export interface NotifyCommandParts {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly newMark: () => string;
  readonly clock: Clock;
}

type Command = Extract<NotifyTarget, { readonly kind: 'command' }>;

/** The stderr of a command: the last line is what tells. */
const MAX_SAID = 500;
const STDIO: StdioOptions = ['pipe', 'ignore', 'pipe'];

export class NotifyCommands {
  readonly #p: NotifyCommandParts;
  readonly #reaper: Reaper;
  readonly #endings = new Set<Promise<void>>();

  constructor(parts: NotifyCommandParts) {
    this.#p = parts;
    this.#reaper = new Reaper(parts.clock);
  }

  /** Resolves when the command has ended: with null where it took the run. */
  async run(
    command: Command,
    body: string,
    run: RunView,
    signal: AbortSignal,
  ): Promise<Failed | null> {
    try {
      return await this.#pipe(command, body, run, signal);
    } catch (error) {
      // The system starts no process just now.
      if (error instanceof JobrunError) return { why: error.message, final: false };
      throw error;
    }
  }

  /** Ends what is left of all commands; resolves when nothing of them lives but what cannot be ended. */
  async close(): Promise<void> {
    await Promise.race([Promise.all(this.#endings), delay(this.#p.clock, UNDYING_MS)]);
    this.#reaper.close();
  }

  #pipe(
    { program, args }: Command,
    body: string,
    { id, job }: RunView,
    signal: AbortSignal,
  ): Promise<Failed | null> {
    const { dir, newMark } = this.#p;
    const env = { ...this.#p.env, JOBRUN_ID: id, JOBRUN_JOB: job };
    this.#reaper.begin();
    const mark = newMark();
    const what = `exec ${[program, ...args].map(shellQuoted).join(' ')}`;
    const child = startProcess({ what, dir, mark, env, stdio: STDIO });
    const pid = child.pid as number;
    const doomed = { mark, pid, startTime: startTimeOf(pid), boot: bootId() };
    this.#reaper.watch(doomed);
    const unlisten = onAbort(signal, () => this.#end(doomed));
    // A command that does not read its stdin has still been told.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(`${body}\n`);
    return endOf(child).then((failed) => {
      unlisten();
      this.#end(doomed);
      return failed !== null && signal.aborted ? LATE : failed;
    });
  }

  /** No step waits for what it has left behind. */
  #end(doomed: WorkerIdentity): void {
    const { clock } = this.#p;
    const ending = endGroup(doomed, { clock, force: true, own: true, together: true }).then(() => {
      this.#reaper.forget(doomed);
      this.#endings.delete(ending);
    });
    this.#endings.add(ending);
  }
}

function endOf(child: ChildProcess): Promise<Failed | null> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_SAID);
  });
  return new Promise((resolve) => {
    // A signal that did not arrive: the exit tells more.
    child.on('error', () => undefined);
    child.once('exit', (code, by) => {
      child.stderr?.destroy();
      const last = said.trim().split('\n').at(-1) ?? '';
      const how = by === null ? `exit ${code}` : by;
      const final = isNotStarted(code);
      resolve(code === 0 ? null : { why: last === '' ? how : `${how}, ${last}`, final });
    });
  });
}
