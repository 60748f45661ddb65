// The reports of a worker of Conductor, as messages under a lease (docs/workers.md):
//
//   COMPLETED                               done
//   FAILED                                  failed: the job's retries decide
//   FAILED_WITH_TERMINAL_ERROR, CANCELED    failed, not again
//   IN_PROGRESS                             call-back after callbackAfterSeconds, with outputData as the checkpoint
//   extendLease                             a heartbeat; nothing else of the body is looked at
//   no status                               failed: the SDK sends that where a worker returned an error, or nothing
//
// The order of effects: 1. a body that makes no sense is refused; 2. the task names the lease in force, and the worker
// is the one that has it, else nothing is done; 3. log lines; 4. the end of the attempt is durable; 5. the answer. An
// SDK whose answer is lost sends the same again: where 4 was done, the lease is over, and the report is a late one.
//
// An SDK takes an error as a reason to try again for a minute, and a 404 as one never to use this route again. So
// unknown and late tasks are answered with success, and have no effect.
import type { Task } from '../../commands/task.ts';
import { SETTLED } from '../../run/run.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';
import { isFields } from '../../support/schema.ts';
import { type Fields, readTaskId, taskIdOf } from './tasks.ts';

/** Asks a command of the daemon; what it tells is durable. */
export type Ask = <Reply = Json>(command: string, args: Fields, how?: 'first') => Promise<Reply>;

const STATUSES = [
  'IN_PROGRESS',
  'COMPLETED',
  'FAILED',
  'FAILED_WITH_TERMINAL_ERROR',
  'CANCELED',
] as const;
type Status = (typeof STATUSES)[number];

interface Report {
  readonly status: Status;
  readonly reason: string;
  readonly output: Json;
  /** Missing where the body had none. */
  readonly save?: Json;
  readonly afterMs: number;
  readonly log: readonly string[];
}

/** Carries out a report. Returns the id of its task. */
export async function update(body: Json, ask: Ask): Promise<string> {
  if (!isFields(body)) throw wrong('the body', 'a task result');
  const { taskId, workerId, extendLease } = body as Fields;
  if (typeof taskId !== 'string' || taskId === '') throw wrong('taskId', 'the id of a task');
  const report = extendLease === true ? null : reportOf(body as Fields);
  const lease = await leaseOf(taskId, typeof workerId === 'string' ? workerId : '', ask);
  if (lease !== null) await unlessLate(() => send(lease, report, ask));
  return taskId;
}

/** The same of a task that is named by its run and job: no worker need have it. */
export async function updateByName(
  { run, job, status }: { readonly run: string; readonly job: string; readonly status: string },
  output: Json,
  ask: Ask,
): Promise<string> {
  const report = reportOf({ status, outputData: output });
  // Between a look and the message a worker may take the run, or give it back: then it is looked at again.
  for (let tries = 0; tries < 3; tries++) {
    const task = await find(run, ask);
    if (!task || task.run.job !== job || SETTLED.includes(task.run.state)) break;
    const { lease } = task;
    if (lease === null && report.status === 'IN_PROGRESS') break;
    const isDone = await unlessLate(() =>
      lease === null ? settle(run, report, ask) : send(lease, report, ask),
    );
    if (isDone) break;
  }
  return run;
}

/** Lines for the log of a task that a worker has. */
export async function addLog(taskId: string, line: string, ask: Ask): Promise<void> {
  const lease = await leaseOf(taskId, '', ask);
  if (lease !== null) await unlessLate(() => ask('lease', { lease, log: [line] }));
}

/** The run of a task, or null where there is none. */
export async function find(run: string, ask: Ask): Promise<Task | null> {
  try {
    return await ask<Task>('task', { id: run });
  } catch (error) {
    if (error instanceof JobrunError && error.code === 'unknown-run') return null;
    throw error;
  }
}

/** The lease in force that the task names; null for an unknown or late one, and for one that another worker has. */
async function leaseOf(taskId: string, worker: string, ask: Ask): Promise<string | null> {
  const named = readTaskId(taskId);
  const task = named && (await find(named.run, ask));
  if (!task || task.lease === null || taskIdOf(task.lease) !== taskId) return null;
  const holder = task.attempts.at(-1)?.worker;
  return worker === '' || worker === holder ? task.lease : null;
}

async function send(lease: string, report: Report | null, ask: Ask): Promise<void> {
  if (report === null || report.log.length > 0)
    await ask('lease', { lease, log: [...(report?.log ?? [])] });
  if (report === null) return;
  const { status, output, save, afterMs, reason: message } = report;
  switch (status) {
    case 'COMPLETED':
      await ask('lease-done', { lease, output });
      return;
    case 'IN_PROGRESS':
      await ask('lease-callback', { lease, in: afterMs, ...(save !== undefined && { save }) });
      return;
    case 'FAILED':
      await ask('lease-failed', { lease, message });
      return;
    default:
      await ask('lease-failed', { lease, message, retry: false });
  }
}

async function settle(id: string, { status, output, reason }: Report, ask: Ask): Promise<void> {
  await ask('task-settle', status === 'COMPLETED' ? { id, output } : { id, message: reason });
}

/** False where the run has gone on meanwhile: nothing was done. */
async function unlessLate(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (error instanceof JobrunError && ['lost-lease', 'refused'].includes(error.code))
      return false;
    throw error;
  }
}

function reportOf(body: Fields): Report {
  const { status, outputData, reasonForIncompletion, callbackAfterSeconds, logs, error } = body;
  const isSaid = status !== undefined && status !== null;
  const known = isSaid ? STATUSES.find((one) => one === status) : 'FAILED';
  if (!known) throw wrong('status', `one of ${STATUSES.join(', ')}`);
  const after = callbackAfterSeconds ?? 0;
  if (typeof after !== 'number' || !(after >= 0)) throw wrong('callbackAfterSeconds', 'a number');
  const reasons = [reasonForIncompletion, error, isFields(error) ? error.message : undefined];
  const reason = reasons.find((one) => typeof one === 'string' && one !== '');
  return {
    status: known,
    reason: String(reason ?? (isSaid ? `the worker reported ${known}` : NO_STATUS)),
    output: outputData ?? {},
    ...(outputData !== undefined && outputData !== null && { save: outputData }),
    afterMs: after * 1000,
    log: linesOf(logs),
  };
}

const NO_STATUS = 'the worker reported no status';

function linesOf(logs: Json | undefined): readonly string[] {
  if (logs === undefined || logs === null) return [];
  if (!Array.isArray(logs)) throw wrong('logs', 'a list');
  return logs.flatMap((one) => (isFields(one) && typeof one.log === 'string' ? [one.log] : []));
}

const wrong = (name: string, wanted: string): JobrunError =>
  new JobrunError('bad-request', `${name} must be ${wanted}`, 'Correct it, then send it again.');
