// The messages to systemd, if it started the daemon as `Type=notify`: that it serves, that it still ticks, that it
// stops. Node has no datagram sockets of the Unix kind, so systemd's own `systemd-notify` carries the messages. They go
// one after another, so that none overtakes the one before, and the daemon never waits for them.
//
// The heartbeat is sent from the scheduler's tick and from nowhere else: a timer that only wakes the scheduler makes
// sure that one comes in time. A daemon whose loop turns but whose scheduler does not is one to be started again.
import { execFile } from 'node:child_process';
import type { Logger } from 'pino';
import type { Clock } from '../../support/clock.ts';

export interface SystemdVariables {
  NOTIFY_SOCKET?: string | undefined;
  WATCHDOG_USEC?: string | undefined;
  WATCHDOG_PID?: string | undefined;
}

/** A heartbeat is sent this many times in the time that systemd allows between two. */
const SIGNS_PER_PERIOD = 3;

export class Supervisor {
  readonly #socket: string | null;
  readonly #everyMs: number | null;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #sent: Promise<void> = Promise.resolve();
  #due = false;
  #undo: () => void = () => undefined;

  /** Takes the variables out of the environment: jobs must not speak to systemd in the daemon's name. */
  constructor(env: SystemdVariables, clock: Clock, logger: Logger) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = env;
    delete env.NOTIFY_SOCKET;
    delete env.WATCHDOG_USEC;
    delete env.WATCHDOG_PID;
    const forUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
    const periodMs = Number(WATCHDOG_USEC) / 1000;
    this.#socket = NOTIFY_SOCKET || null;
    this.#everyMs = forUs && periodMs > 0 ? periodMs / SIGNS_PER_PERIOD : null;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The daemon serves. `wake` makes the scheduler tick. */
  ready(wake: () => void): void {
    if (this.#socket === null) return;
    this.#send(async () => ['READY=1']);
    if (this.#everyMs === null) return;
    const everyMs = this.#everyMs;
    const again = (): void => {
      this.#due = true;
      wake();
      this.#undo = this.#clock.after(everyMs, again, { idle: true });
    };
    this.#undo = this.#clock.after(everyMs, again, { idle: true });
  }

  /** The scheduler has ticked. */
  ticked(status: () => Promise<string>): void {
    if (!this.#due) return;
    this.#due = false;
    this.#send(async () => ['WATCHDOG=1', `STATUS=${await status()}`]);
  }

  stopping(): void {
    if (this.#socket !== null) this.#send(async () => ['STOPPING=1']);
  }

  /** Ends the heartbeats. Resolves when the last message is out. */
  async close(): Promise<void> {
    this.#undo();
    await this.#sent;
  }

  #send(words: () => Promise<readonly string[]>): void {
    const sent = this.#sent.then(words).then((said) => this.#run(said));
    this.#sent = sent.catch((err) => this.#logger.error({ err }, 'systemd was not told'));
  }

  #run(words: readonly string[]): Promise<void> {
    const env = { ...process.env, NOTIFY_SOCKET: this.#socket ?? '' };
    return new Promise((resolve) => {
      execFile('systemd-notify', words, { env, timeout: 5000 }, (error) => {
        if (error) this.#logger.error({ err: error }, `systemd was not told ${words[0]}`);
        resolve();
      });
    });
  }
}
