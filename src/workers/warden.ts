// Commands die with the daemon, whatever ends it: beside it stands the warden, one small shell for all of them. It is
// told each group of processes before its command may start, and told again when nothing of it lives. When its pipe
// ends, the daemon is gone: then it kills the groups that it still knows, and ends. It costs a command two lines in a
// pipe, where a `setpriv` in front of each (as the workers have) is one more program to load. Whoever kills the warden
// too leaves commands alive for the next daemon, which finds them by their leases.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock } from '../support/clock.ts';
import { errnoOf } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import type { Doomed } from './death.ts';
import { started } from './spawn.ts';

/**
 * Stops and hang-ups are for the daemon. Each group is a variable of its own, for a list would be searched through for
 * each. A pid that another process has by now, told by its start time, is let be: it is neither killed for who had it
 * before, nor forgotten with it.
 */
const WARDEN = `trap '' HUP INT TERM
while read -r what pid start; do
  case $what in
    +) eval "group_$pid=$start" ;;
    -) eval "[ \\"\\$group_$pid\\" != \\"$start\\" ] || unset group_$pid" ;;
  esac
done
set | while IFS== read -r name rest; do
  case $name in group_*) pid=\${name#group_} ;; *) continue ;; esac
  eval "start=\\$$name" stat=
  if [ -n "$start" ] && [ -r "/proc/$pid/stat" ]; then
    while IFS= read -r line; do stat="$stat$line "; done <"/proc/$pid/stat"
    set -- \${stat##*) }
    [ $# -lt 20 ] || [ "\${20}" = "$start" ] || continue
  fi
  kill -s KILL -- "-$pid"
done`;

/** What need not be known any more may wait for the next line: each wakes a process. */
const FORGET_MS = SECOND;
/** The next one is not started sooner than this after the last. */
const APART_MS = SECOND;

type Watched = Pick<Doomed, 'pid' | 'startTime'>;

export class Warden {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #process: ChildProcess | null = null;
  #unsent = '';
  #planned = false;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 0 where none stands. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Lets one stand there, before the first command. Throws where no pipe to it could be opened. */
  begin(): void {
    if (this.#process) return;
    const stdio: StdioOptions = ['pipe', 'ignore', 'ignore'];
    const options = { stdio, detached: true, cwd: '/', env: {} };
    const child = started(spawn('/bin/sh', ['-c', WARDEN], options), '/');
    this.#process = child;
    const began = this.#clock.monotonic();
    const gone = (): void => {
      if (this.#process !== child) return;
      this.#process = null;
      this.#renew(began + APART_MS - this.#clock.monotonic());
    };
    child.on('error', gone);
    child.on('exit', gone);
    child.stdin?.on('error', () => undefined);
    // It keeps nobody alive: with the daemon its pipe ends.
    child.unref();
    (child.stdin as Socket | null)?.unref();
    this.#unsent = '';
    for (const worker of this.#watched) this.watch(worker);
  }

  /** This one, the leader of its group, dies with the daemon from now on. */
  watch(worker: Watched): void {
    this.#watched.add(worker);
    this.#send(`+ ${nameOf(worker)}\n`);
  }

  /** Nothing of it lives. */
  forget(worker: Watched): void {
    if (!this.#watched.delete(worker)) return;
    this.#unsent += `- ${nameOf(worker)}\n`;
    if (this.#planned) return;
    this.#planned = true;
    const send = (): void => {
      this.#planned = false;
      this.#send('');
    };
    this.#clock.after(FORGET_MS, send, { idle: true });
  }

  close(): void {
    this.#closed = true;
    this.#send('');
    this.#process?.stdin?.end();
    this.#process = null;
  }

  #send(line: string): void {
    const text = this.#unsent + line;
    this.#unsent = '';
    if (text !== '') this.#process?.stdin?.write(text);
  }

  #renew(waitMs: number): void {
    const again = (): void => {
      if (this.#closed || this.#watched.size === 0) return;
      try {
        this.begin();
      } catch (error) {
        if (errnoOf(error) === '') throw error;
        this.#renew(APART_MS);
      }
    };
    this.#clock.after(Math.max(0, waitMs), again, { idle: true });
  }
}

const nameOf = ({ pid, startTime }: Watched): string => `${pid} ${startTime}`;
