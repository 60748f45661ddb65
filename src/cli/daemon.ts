// `jobrun daemon`: the process that stays, in the foreground, or detached with its output in a file.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { askDaemon } from '../api/client.ts';
import type { Asked, Command } from '../commands/command.ts';
import { examples } from '../commands/help.ts';
import { readInteger } from '../commands/times.ts';
import { prepareState } from '../engine/json/lock.ts';
import { delay, systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { parseDuration } from '../support/durations.ts';
import { type ErrorCode, JobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import { openLogFile, refuseForeignJobs } from '../support/ownership.ts';

interface Request {
  readonly workers?: number;
  readonly drainMs?: number;
  readonly http?: string;
  readonly untilIdle: boolean;
  readonly watch: boolean;
  readonly verbose: boolean;
  readonly detach: boolean;
  readonly log?: string;
}

/** The exit code of a daemon that has ended, or where a detached one is. */
type Reply = { readonly exitCode: number } | { readonly pid: number; readonly log: string };

const MAX_WORKERS = 1000;
/** A daemon that ended as it began has told why in its log; a script still gets the kind of it. */
const CODE_OF_EXIT: Readonly<Record<number, ErrorCode>> = {
  2: 'bad-config',
  5: 'refused',
  8: 'state-unsafe',
};
const START_MS = 10 * SECOND;
const LOOK_EVERY_MS = 50;

export const daemon: Command<Request, Reply> = {
  name: 'daemon',

  define(program) {
    program.description('Run the daemon: it starts what is due, until it is stopped.');
    program
      .option('--workers <n>', 'attempts at once; default: the larger of 4 and the cores')
      .option('--detach', 'in the background, its output in state/logs/daemon.log')
      .option('--log <file>', 'write the log there; SIGHUP opens the file anew')
      .option('--until-idle', 'end when nothing is due or running')
      .option('--http <host:port>', 'serve /metrics and /healthz there')
      .option('--drain <duration>', 'how long a stop waits for attempts; default: 30s')
      .option('--no-watch', 'do not look for changes of the job files');
    examples(program, 'daemon', 'daemon --workers 8 --detach', 'daemon --until-idle');
  },

  ask({ options }) {
    const { workers, drain, http, log } = options;
    return {
      ...(workers !== undefined && {
        workers: readInteger(workers, '--workers', 1, MAX_WORKERS),
      }),
      ...(drain !== undefined && { drainMs: parseDuration(String(drain), '--drain') }),
      ...(http !== undefined && { http: String(http) }),
      ...(log !== undefined && { log: resolve(String(log)) }),
      untilIdle: options.untilIdle === true,
      watch: options.watch !== false,
      verbose: options.verbose === true,
      detach: options.detach === true,
    };
  },

  async local(request, { config }: Asked) {
    if (request.detach) return startDetached(config, request.log);
    const { runDaemon } = await import('../daemon/run-daemon.ts');
    const { http = config.http } = request;
    return { exitCode: await runDaemon({ ...config, http }, request) };
  },

  show(reply, out) {
    if ('exitCode' in reply) return reply.exitCode;
    if (!out.done(reply, [String(reply.pid)])) {
      out.line`The daemon runs: pid ${reply.pid}, log ${reply.log}`;
      out.note`  stop it: jobrun stop`;
    }
    return undefined;
  },
};

async function startDetached(config: Config, given?: string): Promise<Reply> {
  const log = given ?? join(config.state, 'logs', 'daemon.log');
  await refuseSecond(config);
  refuseForeignJobs(config.jobs);
  prepareState(config.state);
  mkdirSync(join(config.state, 'logs'), { recursive: true, mode: 0o700 });
  const output = openLogFile(log);
  const [node = '', ...words] = process.argv;
  const args = [...words.filter((word) => word !== '--detach'), '--log', log];
  const stdio: ['ignore', number, number] = ['ignore', output, output];
  const child = spawn(process.execPath || node, args, { detached: true, stdio });
  closeSync(output);
  let ended: number | null = null;
  child.once('error', () => {
    ended = 1;
  });
  child.once('exit', (code) => {
    ended = code ?? 1;
  });
  child.unref();
  await untilAnswers(config, log, () => ended);
  return { pid: child.pid ?? 0, log };
}

async function refuseSecond(config: Config): Promise<void> {
  const pid = await answering(config);
  if (pid === null) return;
  const hint = 'See it: jobrun status. Stop it: jobrun stop.';
  const message = `a daemon (pid ${pid}) already works on ${config.state}`;
  throw new JobrunError('daemon-running', message, hint);
}

async function untilAnswers(
  config: Config,
  log: string,
  ended: () => number | null,
): Promise<void> {
  const began = systemClock.monotonic();
  while ((await answering(config)) === null) {
    const exitCode = ended();
    if (exitCode !== null) {
      const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
      const code = CODE_OF_EXIT[exitCode] ?? 'internal';
      throw new JobrunError(code, `the daemon ended at once:\n${last}`, `See ${log}`);
    }
    if (systemClock.monotonic() - began > START_MS) {
      const message = `the daemon does not answer after ${START_MS / SECOND}s`;
      throw new JobrunError('no-daemon', message, `See ${log}`);
    }
    await delay(systemClock, LOOK_EVERY_MS);
  }
}

/** The pid of the daemon that answers; null where none does. */
async function answering({ state }: Config): Promise<number | null> {
  const status = await askDaemon(state, 'status', {}, START_MS);
  return status === null ? null : (status as { readonly pid: number }).pid;
}
