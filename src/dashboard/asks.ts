// The questions before something is done. An action that ends work or touches several runs has to be confirmed by a
// letter: Enter is pressed too easily.

import { showRunning } from '../commands/shared/clock-texts.ts';
import { instantOf } from '../commands/shared/times.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import type { ShortSchedule } from '../run/schedule.ts';
import type { Json } from '../support/json.ts';
import { showCount } from '../support/text.ts';
import type { TimeReference } from '../support/typed-times.ts';
import type { Everything } from './model.ts';
import type { Ask, Request } from './request.ts';

/** The runs of an action: the marked ones, or the one under the cursor. */
export interface Target {
  readonly ids: readonly string[];
  /** The run, where it is one and known. */
  readonly run: ShortRun | null;
  /** All that match, of which the ids are the first. */
  readonly all: Everything | null;
}

function named({ ids, run, all }: Target): string {
  if (all) return all.total === null ? 'all that match' : `all ${showCount(all.total)} that match`;
  return run && ids.length === 1 ? `${run.id} ${run.job}` : `${ids.length} runs`;
}

/** By their ids, or by the list and filter that they are in. */
const which = ({ ids, all }: Target): { readonly [name: string]: Json } =>
  all ? all.which : { ids: [...ids] };

export function askAbort(target: Target, { now }: TimeReference): Ask {
  const { ids, run } = target;
  const args = { ...which(target), reason: 'aborted in the dashboard' };
  const done = `aborted ${named(target)}`;
  const many = target.all !== null;
  const request: Request = { command: 'abort', args, ids, doing: 'aborting', done, many };
  const running = run?.state === 'running' && ids.length === 1;
  const { percent } = run?.progress ?? { percent: 0 };
  const far = percent > 0 ? `, ${Math.floor(percent)}% done` : '';
  const since = running ? `, running ${showRunning(now - startedOf(run, now))}${far}` : '';
  const kill = { ...request, args: { ...args, graceMs: 0 } };
  return {
    question: `Abort ${named(target)}${since}?${many ? ' What is settled stays.' : ''}`,
    answers: [
      { key: 'y', label: running ? 'abort (it gets time to clean up)' : 'abort', request },
      ...(running || ids.length > 1 ? [{ key: 'f', label: 'kill now', request: kill }] : []),
    ],
    no: ids.length === 1 ? 'keep it' : 'keep them',
  };
}

const startedOf = ({ startedAt }: ShortRun, now: number): number =>
  startedAt === null ? now : instantOf(startedAt);

/** A request where there is nothing to think about, else a question. */
export function askRetry(target: Target): Ask | Request {
  const { ids, run } = target;
  const retry: Request = {
    command: 'retry',
    args: which(target),
    ids,
    doing: 'retrying',
    done: `${named(target)}: retried`,
    many: target.all !== null,
  };
  if (target.all)
    return yesNo(`Retry ${named(target)}, as far as they failed or were aborted?`, 'retry', retry);
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

export function askRemove({ name }: ShortSchedule): Ask {
  const request = {
    command: 'unschedule',
    args: { name },
    ids: [],
    doing: `removing ${name}`,
    done: `removed the schedule ${name}`,
  };
  const question = `Remove the schedule ${name}? Runs that it made stay.`;
  return { ...yesNo(question, 'remove', request), no: 'keep it' };
}

/** The job or schedule under the cursor, and whether it is paused. */
export interface Pausable {
  readonly kind: 'job' | 'schedule';
  readonly name: string;
  readonly paused: boolean;
}

/** Pausing ends nothing; the question is only what to pause. */
export function askPause(one: Pausable | null, allPaused: boolean): Ask {
  const request = (on: boolean, name: string, args: Request['args']): Request => ({
    command: on ? 'resume' : 'pause',
    args,
    ids: [],
    doing: on ? 'resuming' : 'pausing',
    done: `${on ? 'resumed' : 'paused'} ${name}`,
  });
  const own = one && {
    key: 'p',
    label: `${one.paused ? 'resume' : 'pause'} ${one.name}`,
    request: request(one.paused, one.name, { [one.kind]: one.name }),
  };
  return {
    question: 'Pause or resume? Nothing new starts while paused; what runs goes on.',
    answers: [
      ...(own ? [own] : []),
      {
        key: 'a',
        label: `${allPaused ? 'resume' : 'pause'} all jobs`,
        request: request(allPaused, 'all jobs', {}),
      },
    ],
    no: 'leave it',
  };
}
