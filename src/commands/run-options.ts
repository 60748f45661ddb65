// The options by which a run is asked for, shared by `schedule` and `run`.
import { parseDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import type { Asked, Syntax } from './command.ts';
import { MAX_PRIORITY, type RunRequest } from './drafts.ts';
import { jobName } from './fields.ts';
import { paramOptions } from './help.ts';
import { readParams } from './params.ts';
import { readDue, readInteger, typedZone } from './times.ts';

export function runOptions(program: Syntax): void {
  paramOptions(program);
  program
    .option('--priority <n>', "higher runs first; default: the job's, else 1")
    .option('--key <text>', 'while a run with this key is not settled, give that one')
    .option('--retries <n>', "further attempts, or `infinite`; default: the job's")
    .option('--timeout <duration>', "longest time of one attempt; default: the job's")
    .option('--after <id...>', 'start when these runs are done')
    .option('--force', 'also where the job is broken or does not exist yet')
    .option('--dry-run', 'check and show it, accept nothing');
}

export interface AskedRun {
  readonly run: RunRequest;
  /** What the asker should know about the time that was read. */
  readonly note: string | null;
  /** The zone in which it was read, and is shown again. */
  readonly timezone: string;
}

export async function askRun(asked: Asked): Promise<AskedRun> {
  const { options, now } = asked;
  const job = jobName(asked.args[0] ?? missingJob());
  const timezone = typedZone(asked);
  const { due, note } = await readDue({ at: options.at, in: options.in }, { now, timezone });
  const given = await readParams(options, asked.readStdin);
  return { run: { job, ...given, ...due, ...readOptions(options) }, note, timezone };
}

function missingJob(): never {
  const hint = 'See which there are: jobrun jobs';
  throw new JobrunError('bad-option', 'no job was named', hint);
}

const MOST = Number.MAX_SAFE_INTEGER;

function readOptions(options: Asked['options']): Partial<RunRequest> {
  const { priority, key, retries, timeout, after, force } = options;
  return {
    ...(priority !== undefined && {
      priority: readInteger(priority, '--priority', -MAX_PRIORITY, MAX_PRIORITY),
    }),
    ...(key !== undefined && { key: String(key) }),
    ...(retries !== undefined && { retries: readRetries(retries) }),
    ...(timeout !== undefined && { timeoutMs: readTimeout(String(timeout)) }),
    ...(Array.isArray(after) && { after: splitIds(after) }),
    ...(force === true && { force }),
  };
}

const readRetries = (text: unknown): number | null =>
  /^infin/i.test(String(text)) ? null : readInteger(text, '--retries', 0, MOST, 'infinite');

function readTimeout(text: string): number {
  const ms = parseDuration(text, '--timeout');
  if (ms > 0) return ms;
  throw new JobrunError('bad-time', '--timeout: no time is left', 'Leave it out for no limit.');
}

/**
 * Also `4,5`: it cannot swallow the word behind it. An empty text is no list of none, but an id that is missing, as of a
 * shell variable that was never set: the run must not start without what it was to wait for.
 */
const splitIds = (ids: readonly unknown[]): readonly string[] =>
  ids.flatMap((id) => String(id).split(/,(?=.)/)).map((id) => id.replace(/,$/, ''));
