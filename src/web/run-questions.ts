// The questions before something is done to a run, and the actions that follow.
import { showRunning } from '../commands/shared/clock-texts.ts';
import type { Aborted, Refused } from '../commands/shared/replies.ts';
import { tookMs } from '../commands/shared/run-words.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import type { RunView } from '../run/view.ts';
import { now } from '../support/page-clock.ts';
import { ask, pathOf } from './api.ts';
import { askFirst } from './dialog.tsx';
import { changes } from './live.ts';
import { go, to } from './router.ts';
import { mayBe } from './run-actions.ts';
import { shellLine } from './shell-line.ts';
import { say, saying } from './toast.tsx';

const REASON = 'aborted on the web page';

/** Something was done, and should be seen at once. */
export const seen = (): void => changes.tell(changes.value + 1);

const post = <Reply>(path: string, body: unknown = {}): Promise<Reply> =>
  ask<Reply>(path, { method: 'POST', body, patient: true });

const of = ({ id }: ShortRun, what: string): string => `${pathOf('runs', id)}/${what}`;

export function askAbort(run: ShortRun): void {
  const { id, job, state, progress } = run;
  const isRunning = state === 'running';
  const took = tookMs(run, now()) ?? 0;
  const far = `It has run for ${showRunning(took)} and is ${Math.floor(progress.percent)}% done.`;
  const kept = 'It gets time to clean up. Retry goes on from its checkpoint.';
  const abort = (grace: object): void => {
    say(`aborting run ${id} …`);
    const work = post<Aborted | { results: (Aborted | Refused)[] }>(of(run, 'abort'), {
      reason: REASON,
      ...grace,
    });
    void saying(work, () => `run ${id} is over`).then(seen);
  };
  askFirst({
    title: `Abort ${job} ${id}?`,
    about: isRunning ? `${far} ${kept}` : 'It has not started. Retry can bring it back.',
    shell: shellLine('abort', id),
    keep: isRunning ? 'Let it run' : 'Keep it',
    answers: [
      ...(isRunning ? [{ label: 'Kill now', harms: true, act: () => abort({ grace: 0 }) }] : []),
      { label: 'Abort', harms: true, act: () => abort({}) },
    ],
  });
}

export function askRetry(run: ShortRun): void {
  const { id, job } = run;
  const retry = (fresh: boolean): void => {
    const work = post<RunView>(of(run, 'retry'), fresh ? { fresh } : {});
    void saying(work, () => `run ${id} goes on`).then(seen);
  };
  askFirst({
    title: `Retry ${job} ${id}?`,
    about: 'It goes on from its checkpoint.',
    shell: shellLine('retry', id),
    keep: 'Leave it',
    answers: [
      { label: 'From the start', act: () => retry(true) },
      { label: 'Retry', act: () => retry(false) },
    ],
  });
}

export function askAgain(run: ShortRun): void {
  const { id, job } = run;
  const again = async (): Promise<void> => {
    const made = await saying(post<RunView>(of(run, 'rerun')), (next) => `run ${next.id} is made`);
    if (made) go(to.run(made.id));
  };
  askFirst({
    title: `Run ${job} again?`,
    about: `A new run, with the params of run ${id}.`,
    shell: shellLine('rerun', id),
    keep: 'Leave it',
    answers: [{ label: 'Run again', act: () => void again() }],
  });
}

export function askNow(run: ShortRun): void {
  const { id, job } = run;
  const start = (): void =>
    void saying(post<RunView>(of(run, 'update'), { in: 0 }), () => `run ${id} is due`).then(seen);
  askFirst({
    title: `Run ${job} ${id} now?`,
    about: 'It starts when a worker is free.',
    shell: shellLine('update', id, '--now'),
    keep: 'Leave it',
    answers: [{ label: 'Run now', act: start }],
  });
}

/** The next action for a run: retry if it failed, run now if it is due later, run again if it is done. */
export function askOnward(run: ShortRun): void {
  if (mayBe('retry', run)) askRetry(run);
  else if (mayBe('now', run)) askNow(run);
  else if (mayBe('again', run)) askAgain(run);
}
