// `jobrun daemon`: the process that stays, in the foreground, or detached with its output in a file.
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { askDaemon } from '../api/client.ts';
import type { Command } from '../commands/shared/command.ts';
import { count, duration, text } from '../commands/shared/kinds.ts';
import { flag, option } from '../commands/shared/options.ts';
import { colorChoice } from '../commands/shared/output.ts';
import { openLogOutput } from '../daemon/watching/log-output.ts';
import type { OpenDoor } from '../daemon/watching/watching.ts';
import { prepareState } from '../engine/open.ts';
import { delay, systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import {
  daemonExitCodeOf,
  type ErrorShape,
  errorFromShape,
  JobrunError,
  toJobrunError,
} from '../support/errors.ts';
import { parseJson } from '../support/json.ts';
import { FEWEST_WORKERS, MAX_WORKERS, SECOND } from '../support/limits.ts';
import { refuseForeignJobs } from '../support/ownership.ts';
import { refuseFewFiles } from '../support/system.ts';
import { refuseNoProject } from './backend.ts';
import { asTyped } from './called-by.ts';

type Reply =
  /** A daemon that has ended, or has not begun. */
  | { readonly exitCode: number; readonly error?: JobrunError }
  /** A detached one. */
  | { readonly pid: number; readonly log: string };

const START_MS = 10 * SECOND;
const LOOK_EVERY_MS = 50;

const options = {
  workers: option(
    '--workers <n>',
    count(1, MAX_WORKERS),
    'attempts at once; default: the larger of 4 and the cores',
  ),
  detach: flag('--detach', 'run in the background; log to state/logs/daemon.log'),
  log: option(
    '--log <file>',
    text(4096, 'files'),
    'write the log there; SIGHUP opens the file anew',
  ),
  untilIdle: flag('--until-idle', 'exit when nothing is due or running'),
  http: option('--http <host:port>', text(1000), 'serve the API, /metrics and /healthz there'),
  drainMs: option(
    '--drain <duration>',
    duration,
    'how long a stop waits for attempts; default: 30s',
  ),
  watch: flag('--no-watch', 'do not watch the job files'),
};

export const daemon: Command<typeof options, Reply> = {
  name: 'daemon',
  about: 'Run the daemon, which starts due runs until it is stopped.',
  examples: ['daemon', 'daemon --workers 8 --detach', 'daemon --until-idle'],
  options,

  async local(request, { config, general }) {
    const { untilIdle = false, watch = true, log } = request;
    refuseNoProject(config);
    refuseFewFiles(request.workers ?? config.workers ?? FEWEST_WORKERS);
    try {
      if (request.detach) return await startDetached(config, log && resolve(log));
      const { runDaemon } = await import('../daemon/run-daemon.ts');
      const { http } = config;
      const own = { ...config, http: { ...http, listen: request.http ?? http.listen } };
      const verbose = general.verbose === true;
      const look = asTyped('jobrun list', process.env, ['list']);
      const color = colorChoice(general.color);
      const how = { untilIdle, watch, verbose, color, look };
      const asked = { ...request, ...how, openDoor: await doorOf(own) };
      return { exitCode: await runDaemon(own, asked) };
    } catch (thrown) {
      const error = toJobrunError(thrown);
      return { exitCode: daemonExitCodeOf(error.code), error };
    }
  },

  show(reply, out) {
    if ('exitCode' in reply) {
      if (reply.error) out.error(reply.error);
      return reply.exitCode;
    }
    if (!out.done(reply, [String(reply.pid)])) {
      out.line`The daemon runs: pid ${reply.pid}, log ${reply.log}`;
      out.note`  stop it: jobrun stop`;
    }
    return undefined;
  },
};

/** Nothing of it is loaded where HTTP is off. */
const doorOf = async ({ http }: Config): Promise<OpenDoor | null> =>
  http.listen === null ? null : (await import('../http/door.ts')).openDoor;

async function startDetached(config: Config, given?: string): Promise<Reply> {
  const log = given ?? join(config.state, 'logs', 'daemon.log');
  await refuseSecond(config);
  refuseForeignJobs(config.jobs);
  prepareState(config.state);
  mkdirSync(join(config.state, 'logs'), { recursive: true, mode: 0o700 });
  const output = openLogOutput(log);
  const from = fstatSync(output).size;
  const [node = '', ...words] = process.argv;
  // With --json it tells why it ends so that it can be told on from here.
  const args = [...words.filter((word) => word !== '--detach'), '--json', '--log', log];
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
  await untilAnswers(config, log, from, () => ended);
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
  from: number,
  ended: () => number | null,
): Promise<void> {
  const began = systemClock.monotonic();
  while ((await answering(config)) === null) {
    if (ended() !== null) throw whyEnded(log, from);
    if (systemClock.monotonic() - began > START_MS) {
      const message = `the daemon does not answer after ${START_MS / SECOND}s`;
      throw new JobrunError('no-daemon', message, `See ${log}`);
    }
    await delay(systemClock, LOOK_EVERY_MS);
  }
}

/** The last output of a daemon that ended, as if it had been started in the foreground. */
function whyEnded(log: string, from: number): JobrunError {
  const lines = readFileSync(log).subarray(from).toString().trimEnd().split('\n');
  const last = parseJson(lines.at(-1) ?? '') as { readonly error?: ErrorShape } | null | undefined;
  if (last?.error) return errorFromShape(last.error);
  const said = lines.slice(-5).join('\n');
  return new JobrunError('internal', `the daemon ended at once:\n${said}`, `See ${log}`);
}

/** The pid of the daemon that answers; null where none does. */
async function answering({ state }: Config): Promise<number | null> {
  const status = await askDaemon(state, 'status', {}, START_MS);
  return status === null ? null : (status as { readonly pid: number }).pid;
}
