// Runs in the shapes of Conductor's protocol. A run is a workflow of one task; each attempt is a task of its own, whose
// id is the lease without the number of its take, so that a task keeps its id over a call-back, as it does there.

import type { JobView } from '../../commands/shared/replies.ts';
import type { Lease } from '../../commands/take.ts';
import type { Task } from '../../commands/task.ts';
import type { AttemptView, RunView } from '../../run/view.ts';
import type { Json } from '../../support/json.ts';
import { SECOND } from '../../support/limits.ts';
import { isFields } from '../../support/schema.ts';

export type Fields = { readonly [name: string]: Json };

/** `12.1` of the leases `12.1` and `12.1.2`. */
export const taskIdOf = (lease: string): string => lease.split('.', 2).join('.');

/** The run and the number of the attempt that a task id names; null for what is no such id. */
export function readTaskId(id: string): { readonly run: string; readonly attempt: number } | null {
  const [, run, attempt] = /^([1-9]\d{0,14})\.(\d{1,15})$/.exec(id) ?? [];
  return run === undefined ? null : { run, attempt: Number(attempt) };
}

/** A task as a worker gets it. */
export function polledTask({ lease, id, job, attempt, ...taken }: Lease, worker: string): Fields {
  return {
    ...named(id, job, attempt),
    taskId: taskIdOf(lease),
    status: 'IN_PROGRESS',
    inputData: fieldsOf(taken.params),
    outputData: fieldsOf(taken.checkpoint),
    pollCount: 1,
    scheduledTime: Date.parse(taken.dueAt),
    workerId: worker,
    responseTimeoutSeconds: Math.ceil(taken.lockTimeMs / SECOND),
    callbackAfterSeconds: 0,
    traceparent: taken.traceparent,
  };
}

/** One attempt of a run; null where it had none of that number and will not have it next. */
export function taskOf(task: Task, number: number): Fields | null {
  const { run, attempts } = task;
  const attempt = attempts.findLast((one) => one.number === number);
  if (!attempt && number !== task.attempt) return null;
  const isLatest = number === task.attempt;
  const error = (isLatest ? run.error : null) ?? attempt?.error ?? null;
  const ended = attempt?.endedAt ?? (isLatest ? run.settledAt : null);
  return {
    ...named(run.id ?? '', run.job, number),
    taskId: `${run.id}.${number}`,
    status: isLatest ? statusOf(run, attempt) : (OUTCOMES[attempt?.outcome ?? ''] ?? 'SCHEDULED'),
    inputData: fieldsOf(run.params),
    outputData: isLatest ? outputOf(run) : {},
    pollCount: attempt ? 1 : 0,
    scheduledTime: Date.parse(run.dueAt),
    startTime: timeOf(attempt?.startedAt),
    endTime: timeOf(ended),
    updateTime: timeOf(ended ?? attempt?.startedAt ?? run.createdAt),
    workerId: attempt?.worker ?? null,
    reasonForIncompletion:
      error?.message ?? (isLatest && run.state === 'aborted' ? run.reason : null),
  };
}

export function workflowOf(task: Task): Fields {
  const { run, attempts } = task;
  const numbers = new Set([...attempts.map(({ number }) => number), task.attempt]);
  return {
    workflowId: run.id,
    workflowName: run.job,
    workflowType: run.job,
    version: 1,
    status: WORKFLOWS[run.state] ?? 'RUNNING',
    input: fieldsOf(run.params),
    output: run.state === 'done' ? fieldsOf(run.output) : {},
    tasks: [...numbers].flatMap((number) => taskOf(task, number) ?? []),
    createTime: Date.parse(run.createdAt),
    startTime: Date.parse(run.createdAt),
    endTime: timeOf(run.settledAt),
    updateTime: timeOf(run.settledAt ?? run.startedAt ?? run.createdAt),
    reasonForIncompletion: run.error?.message ?? (run.state === 'aborted' ? run.reason : null),
    priority: run.priority,
  };
}

/** The contents of a job's file, as far as these words can say them. */
export const definitionOf = ({ name, description }: JobView): Fields => ({
  name,
  description: description ?? '',
  retryCount: 0,
  timeoutSeconds: 0,
  inputKeys: [],
  outputKeys: [],
});

/** Values that are no object stand in one. */
export const fieldsOf = (value: Json): Fields =>
  isFields(value) ? (value as Fields) : value === null ? {} : { value };

const named = (run: string, job: string, attempt: number): Fields => ({
  taskType: job,
  taskDefName: job,
  referenceTaskName: job,
  workflowInstanceId: run,
  workflowType: job,
  retryCount: Math.max(0, attempt - 1),
  seq: attempt,
});

const OUTCOMES: Readonly<Record<string, string>> = {
  returned: 'COMPLETED',
  threw: 'FAILED',
  lost: 'FAILED',
  timeout: 'TIMED_OUT',
  stale: 'TIMED_OUT',
  aborted: 'CANCELED',
};

const WORKFLOWS: Readonly<Record<string, string>> = {
  done: 'COMPLETED',
  failed: 'FAILED',
  aborted: 'TERMINATED',
};

function statusOf({ state }: RunView, attempt: AttemptView | undefined): string {
  switch (state) {
    case 'done':
      return 'COMPLETED';
    case 'failed':
      return attempt?.outcome === 'stale' || attempt?.outcome === 'timeout'
        ? 'TIMED_OUT'
        : 'FAILED';
    case 'aborted':
      return 'CANCELED';
    case 'running':
      return 'IN_PROGRESS';
    case 'waiting':
      return attempt?.outcome === 'pending' ? 'IN_PROGRESS' : 'SCHEDULED';
    default:
      return 'SCHEDULED';
  }
}

const outputOf = ({ state, output, checkpoint }: RunView): Fields =>
  fieldsOf(state === 'done' ? output : checkpoint);

const timeOf = (instant: string | null | undefined): number => (instant ? Date.parse(instant) : 0);
