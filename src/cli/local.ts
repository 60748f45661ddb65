// `jobrun run --local`: this process is the daemon for as long as its run takes, and leaves with the result of it. It
// holds the lock and answers as any daemon does, so that other commands see and abort the run; but schedules do not
// fire, and other runs wait. The first Ctrl-C or SIGTERM aborts the run, a second one without patience; what was
// accepted is settled in any case.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { abort } from '../commands/abort.ts';
import { followed, handle } from '../commands/dispatch.ts';
import type { Command, Context } from '../commands/shared/command.ts';
import type { Output } from '../commands/shared/output.ts';
import { Daemon } from '../daemon/daemon.ts';
import { type DaemonLog, type LogOptions, openLog } from '../daemon/watching/log.ts';
import { delay, systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { JobrunError, orElseSync } from '../support/errors.ts';
import { HTTP_OFF } from '../support/http-address.ts';
import { SECOND } from '../support/limits.ts';
import { random } from '../support/random.ts';
import { refuseFewFiles } from '../support/system.ts';
import { refuseNoProject } from './backend.ts';

/** Packages that come one after the other change `node_modules` more often than this. */
const INSTALL_QUIET_MS = 10 * SECOND;
const LOOK_AGAIN_MS = SECOND / 2;
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

export async function runLocally(
  command: Command,
  request: object,
  config: Config,
  out: Output,
  how: LogOptions,
): Promise<number> {
  refuseNoProject(config);
  refuseFewFiles(1);
  const local = await openLocalRuns(config, how);
  const patience = new Patience();
  try {
    if (command.follows?.(request) === false)
      return (await command.show(await handle(command, request, local.context), out, request)) ?? 0;
    let code = 0;
    const { signal } = new AbortController();
    const open = () => followed(command, request, local.context, signal);
    const goesOn = (): boolean => patience.code === null && isInstalling(config.dir);
    for await (const item of afterInstall(open, goesOn, out)) {
      const { accepted } = item as { accepted?: { id: string } };
      if (accepted) {
        patience.endWith((graceMs) => {
          const asked = { ids: [accepted.id], reason: 'interrupted', ...graceMs };
          return handle(abort as Command, asked, local.context);
        });
        local.start(Number(accepted.id));
      }
      code = (await command.showItem?.(item, out, request)) ?? code;
    }
    return patience.code ?? code;
  } finally {
    patience.over();
    await local.close();
  }
}

/**
 * A job that lacks a package is not refused while packages are being installed: it is asked for again while the install
 * goes on, and a moment longer.
 */
async function* afterInstall(
  open: () => AsyncIterable<unknown>,
  goesOn: () => boolean,
  out: Output,
): AsyncGenerator<unknown> {
  for (let refusals = 0; ; refusals++) {
    try {
      yield* open();
      return;
    } catch (error) {
      if (!lacksPackage(error) || !goesOn()) throw error;
    }
    if (refusals === 0) out.note`Waits for a package that is being installed.`;
    await delay(systemClock, LOOK_AGAIN_MS);
  }
}

const lacksPackage = (error: unknown): boolean =>
  error instanceof JobrunError &&
  error.code === 'broken-job' &&
  /Cannot find (?:package|module)/.test(error.message);

/** An install begins by emptying `node_modules`, or by removing it from the project's folder. */
function isInstalling(dir: string): boolean {
  const changedAt = changeOf(join(dir, 'node_modules')) ?? changeOf(dir) ?? 0;
  return systemClock.now() - changedAt < INSTALL_QUIET_MS;
}

const changeOf = (folder: string): number | null =>
  orElseSync(null, () => statSync(folder).mtimeMs);

type End = (grace: { readonly graceMs?: number }) => Promise<unknown>;

/** The effect of signals on the run. A signal that comes before there is a run ends it as soon as there is. */
class Patience {
  code: number | null = null;
  #end: End | null = null;
  readonly #undo: (() => void)[] = [];

  constructor() {
    for (const [name, code] of Object.entries(SIGNALS)) {
      const got = (): void => this.#got(code);
      process.on(name, got);
      this.#undo.push(() => process.off(name, got));
    }
  }

  endWith(end: End): void {
    this.#end = end;
    if (this.code !== null) this.#ask({});
  }

  over(): void {
    for (const undo of this.#undo) undo();
  }

  #got(code: number): void {
    const again = this.code !== null;
    this.code ??= code;
    this.#ask(again ? { graceMs: 0 } : {});
  }

  #ask(grace: { readonly graceMs?: number }): void {
    // A run that is settled by now is what was asked for.
    this.#end?.(grace).catch(() => undefined);
  }
}

interface LocalRuns {
  readonly context: Context;
  /** This run may start, and no other. */
  start(id: number): void;
  close(): Promise<void>;
}

/** No run has it. */
const NONE = 0;

/** Throws `daemon-running` where a daemon holds the state. */
async function openLocalRuns(config: Config, how: LogOptions): Promise<LocalRuns> {
  let only = NONE;
  const daemon = await Daemon.start({
    config: { ...config, http: HTTP_OFF },
    clock: systemClock,
    log: logOf(how),
    chance: random,
    workers: 1,
    watch: false,
    untilIdle: false,
    only: () => only,
    drainMs: config.drainMs,
  }).catch(refused);
  return {
    context: daemon.context,
    start(id) {
      only = id;
      daemon.wake();
    },
    // The run is over; what its job is told after the fact may end first.
    async close() {
      daemon.stop(false);
      await daemon.stopped;
    },
  };
}

/** The log of the run is what is shown; of the rest only what is wrong. */
function logOf(how: LogOptions): DaemonLog {
  const log = openLog(process.stderr, systemClock, how);
  if (how.verbose) return log;
  log.logger.level = 'warn';
  return {
    ...log,
    run: () => undefined,
    progress: () => undefined,
    stray: () => undefined,
    job: () => undefined,
  };
}

function refused(error: unknown): never {
  if (!(error instanceof JobrunError) || error.code !== 'daemon-running') throw error;
  const hint = 'Leave out --local: the daemon runs it. Or stop that first: jobrun stop';
  throw new JobrunError('daemon-running', error.message, hint, error);
}
