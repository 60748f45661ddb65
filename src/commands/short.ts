// A run that was accepted as it was asked for, and has not begun, is told in few words: who asked knows the rest. That
// spares both sides two thirds of a reply, and of a batch the reply is most of the work. Whatever is not just as
// asked for (a schema filled in params, a key was taken, something is hidden) is told in full.
import type { Accepted } from '../engine/engine.ts';
import { isSettled } from '../run/run.ts';
import type { RunView } from '../run/view.ts';
import { isoOf } from '../support/clock.ts';
import type { Tools } from './command.ts';
import type { RunRequest } from './run-options.ts';
import { type AcceptedView, viewerOfAccepted } from './views.ts';

/** The fields of a run that its request does not tell; `dueAt` missing: it was due when it was created. */
export type ShortView = Pick<RunView, 'id' | 'state' | 'priority' | 'createdAt'> &
  Partial<Pick<RunView, 'dueAt' | 'reason'>>;

type Asked = Pick<RunRequest, 'job' | 'params'>;

/** How to tell accepted runs to whoever asked for them. */
export function teller(
  tools: Tools,
): (accepted: Accepted, asked: Asked) => AcceptedView | ShortView {
  const view = viewerOfAccepted(tools);
  const mayBeShort = tools.daemon !== null && tools.config.redact.length === 0;
  return (accepted, asked) =>
    mayBeShort && isAsAsked(accepted, asked) ? shortOf(accepted) : view(accepted);
}

function isAsAsked({ run, existing }: Accepted, asked: Asked): boolean {
  const isPlain = !existing && run.origin === null && run.life === null && !isSettled(run);
  return isPlain && run.params === asked.params && run.job === asked.job;
}

function shortOf({ run, reason }: Accepted): ShortView {
  const { id, state, priority, createdAt } = run;
  return {
    id: String(id),
    state: state.name,
    priority,
    createdAt: isoOf(createdAt),
    ...(state.dueAt !== createdAt && { dueAt: isoOf(state.dueAt) }),
    ...(reason !== null && { reason }),
  };
}

/** The whole of it again, for whoever asked. */
export function inFull(told: AcceptedView | ShortView, { job, params }: Asked): AcceptedView {
  if ('job' in told) return told;
  const { id, state, priority, createdAt, dueAt = createdAt, reason = null } = told;
  return {
    id,
    job,
    state,
    params: params ?? null,
    priority,
    key: null,
    createdAt,
    dueAt,
    startedAt: null,
    settledAt: null,
    attempt: 0,
    maxAttempts: 1,
    progress: { percent: 0, text: null },
    checkpoint: null,
    output: null,
    error: null,
    reason,
    schedule: null,
    parent: null,
    after: [],
    worker: null,
  };
}
