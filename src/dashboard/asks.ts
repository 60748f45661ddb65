// What is asked before something is done. Whatever ends work, and whatever touches several runs, has to be confirmed
// by a letter: Enter is pressed too easily.
import type { BoardRun } from '../commands/board-rows.ts';
import type { Here } from '../support/typed-times.ts';
import { showRunning } from './clock-texts.ts';
import type { Ask, Request } from './request.ts';

/** What an action is about: the marked runs, or the one under the cursor. */
export interface Target {
  readonly ids: readonly string[];
  /** The run, where it is one and known. */
  readonly run: BoardRun | null;
}

const named = ({ ids, run }: Target): string =>
  run && ids.length === 1 ? `${run.id} ${run.job}` : `${ids.length} runs`;

export function askAbort(target: Target, { now }: Here): Ask {
  const { ids, run } = target;
  const args = { ids: [...ids], reason: 'aborted in the dashboard' };
  const done = `aborted ${named(target)}`;
  const request: Request = { command: 'abort', args, ids, doing: 'aborting', done };
  const running = run?.state === 'running' && ids.length === 1;
  const far = running
    ? `, running ${showRunning(now - (run.startedAt ?? now))}, ${Math.floor(run.percent)}% done`
    : '';
  const kill = { ...request, args: { ...args, graceMs: 0 } };
  return {
    question: `Abort ${named(target)}${far}?`,
    answers: [
      { key: 'y', label: running ? 'abort (it gets time to clean up)' : 'abort', request },
      ...(running || ids.length > 1 ? [{ key: 'f', label: 'kill now', request: kill }] : []),
    ],
    no: ids.length === 1 ? 'keep it' : 'keep them',
  };
}

/** A request where there is nothing to think about, else a question. */
export function askRetry(target: Target): Ask | Request {
  const { ids, run } = target;
  const retry: Request = {
    command: 'retry',
    args: { ids: [...ids] },
    ids,
    doing: 'retrying',
    done: `${named(target)}: on again`,
  };
  if (ids.length > 1) return yesNo(`Retry ${ids.length} runs?`, 'retry', retry);
  if (run?.state === 'done') {
    const again = {
      command: 'rerun',
      args: { id: run.id, force: false },
      ids: [],
      doing: 'scheduling again',
      done: '',
    };
    return yesNo(`Run ${run.job} again, with the params of ${run.id}?`, 'run again', again);
  }
  if (run?.state === 'scheduled' || run?.state === 'queued') {
    const args = { id: run.id, inMs: 0 };
    const now = {
      command: 'update',
      args,
      ids,
      doing: 'starting',
      done: `${named(target)}: due now`,
    };
    return yesNo(`Run ${named(target)} now?`, 'run now', now);
  }
  return retry;
}

const yesNo = (question: string, label: string, request: Request): Ask => ({
  question,
  answers: [{ key: 'y', label, request }],
  no: 'no',
});

/** Pausing ends nothing; the question is only what to pause. */
export function askPause(
  job: string | null,
  paused: { readonly all: boolean; readonly jobs: readonly string[] },
): Ask {
  const one = job !== null && paused.jobs.includes(job);
  const request = (on: boolean, name: string | null): Request => ({
    command: on ? 'resume' : 'pause',
    args: name === null ? {} : { job: name },
    ids: [],
    doing: on ? 'resuming' : 'pausing',
    done: `${on ? 'resumed' : 'paused'} ${name ?? 'all jobs'}`,
  });
  const ofJob =
    job === null
      ? []
      : [{ key: 'p', label: `${one ? 'resume' : 'pause'} ${job}`, request: request(one, job) }];
  return {
    question: 'Pause or resume? Nothing new starts while paused; what runs goes on.',
    answers: [
      ...ofJob,
      {
        key: 'a',
        label: `${paused.all ? 'resume' : 'pause'} all jobs`,
        request: request(paused.all, null),
      },
    ],
    no: 'leave it',
  };
}
