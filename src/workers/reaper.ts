// Commands die with the daemon, whatever ends it, and so do workers where the system has no `setpriv`: beside it stands
// the reaper, one small shell for all of them. It is told each group of processes before its command may start, and
// told again when nothing of it lives. When its pipe ends, the daemon is gone: then it kills the groups that it still
// knows, and ends. It costs a command two lines in a pipe, where a `setpriv` in front of each is one more program to
// load. If the reaper is killed too, they stay alive for the next daemon, which finds them by their leases.
//
// If other daemons take over from one that is silent, a daemon that lives and does not move must have nothing alive
// either. There the reaper is told of the workers too, and the daemon has to beat: when the time is over that a beat
// has given it, everything that is watched is killed, and whatever is told of after that.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { uptime } from 'node:os';
import type { Clock } from '../support/clock.ts';
import { errnoOf } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import type { WorkerIdentity } from './death.ts';
import { hasProc } from './processes.ts';
import { started } from './spawn.ts';

/**
 * Stops and hang-ups are for the daemon. Each group is a variable of its own, for a list would be searched through for
 * each. A pid that another process has by now, told by its start time, is let be: it is neither killed for who had it
 * before, nor forgotten with it.
 *
 * If the daemon has to beat, a second shell puts a mark between its lines a few times a second, for a shell that reads
 * cannot wait for a time; `=` says until when (in hundredths of a second since the machine began) the daemon is
 * believed.
 */
const REAPER = `trap '' HUP INT TERM
end_all() {
  set | while IFS== read -r name rest; do
    case $name in group_*) pid=\${name#group_} ;; *) continue ;; esac
    eval "start=\\$$name" stat=
    if [ -n "$start" ] && [ -r "/proc/$pid/stat" ]; then
      while IFS= read -r line; do stat="$stat$line "; done <"/proc/$pid/stat"
      set -- \${stat##*) }
      [ $# -lt 20 ] || [ "\${20}" = "$start" ] || continue
    fi
    kill -s KILL -- "-$pid"
  done
}
is_late() {
  [ -n "$until" ] || return 1
  if read -r up rest </proc/uptime; then up=\${up%.*}\${up#*.}; else up=$(date +%s)00; fi
  [ "$up" -ge "$until" ]
} 2>/dev/null
watch() {
  until=
  while read -r what pid start; do
    case $what in
      +) eval "group_$pid=$start"; ! is_late || end_all ;;
      -) eval "[ \\"\\$group_$pid\\" != \\"$start\\" ] || unset group_$pid" ;;
      =) until=$pid ;;
      .) ! is_late || end_all ;;
    esac
  done
}
if [ -z "$1" ]; then watch; end_all; exit; fi
{
  while sleep "$1" >/dev/null; do echo .; done & ticker=$!
  cat; kill -s KILL "$ticker"
} | { watch; ! kill -s 0 "$$" 2>/dev/null || end_all; }`;

/** A fact that need not be known any more may wait for the next line: each wakes a process. */
const FORGET_MS = SECOND;
/** The next one is not started sooner than this after the last. */
const APART_MS = SECOND;

type Watched = Pick<WorkerIdentity, 'pid' | 'startTime'>;

export class Reaper {
  readonly #clock: Clock;
  readonly #tickMs: number | null;
  readonly #watched = new Set<Watched>();
  #until: number | null = null;
  #process: ChildProcess | null = null;
  #unsent = '';
  #planned = false;
  #closed = false;

  /** `tickMs`: the daemon has to beat, and whether it does is looked at so often; null where it need not. */
  constructor(clock: Clock, tickMs: number | null = null) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  get isBeaten(): boolean {
    return this.#tickMs !== null;
  }

  /** 0 where none stands. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Lets one stand there, before the first command. Throws where no pipe to it could be opened. */
  begin(): void {
    if (this.#process) return;
    const stdio: StdioOptions = ['pipe', 'ignore', 'ignore'];
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
    const options = { stdio, detached: true, cwd: '/', env };
    const tick = this.#tickMs === null ? '' : String(this.#tickMs / SECOND);
    const child = started(spawn('/bin/sh', ['-c', REAPER, 'reaper', tick], options), '/');
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
    // It keeps no process alive: with the daemon its pipe ends.
    child.unref();
    (child.stdin as Socket | null)?.unref();
    this.#unsent = this.#until === null ? '' : `= ${this.#until}\n`;
    for (const worker of this.#watched) this.watch(worker);
  }

  /** The daemon lives, and is believed for so long. */
  beat(leftMs: number): void {
    this.#until = Math.floor((upMs(this.#clock) + leftMs) / HUNDREDTH_MS);
    this.#send(`= ${this.#until}\n`);
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

const HUNDREDTH_MS = 10;

/** As the reaper tells the time: by what goes on while the machine sleeps, and by nothing that is set. */
const upMs = (clock: Clock): number =>
  hasProc() ? uptime() * SECOND : Math.floor(clock.now() / SECOND) * SECOND;

const nameOf = ({ pid, startTime }: Watched): string => `${pid} ${startTime}`;
