// The questions before something is done to a run, and the actions that follow.
import { showRunning } from '../commands/shared/clock-texts.ts';
import type { Aborted, Refused } from '../commands/shared/replies.ts';
import { tookMs } from '../commands/shared/run-words.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import type { RunView } from '../run/view.ts';
import { now } from '../support/page-clock.ts';
import { ask, pathOf, post } from './api.ts';
import { askFirst } from './dialog.tsx';
import { changed } from './live.ts';
import { above, go, to } from './router.ts';
import { mayBe } from './run-actions.ts';
import { shellLine } from './shell-line.ts';
import { say, saying } from './toast.tsx';

export const REASON = 'aborted on the web page';

/** Says what came of it, or why it was refused, and shows it at once. */
export const doing = <T>(work: Promise<T>, text: (reply: T) => string): void =>
  void saying(work, text).then(changed);

export const actOn = <Reply>(
  { id }: Pick<ShortRun, 'id'>,
  what: string,
  body: object = {},
): Promise<Reply> => post<Reply>(`${pathOf('runs', id)}/${what}`, body);

export function askAbort(run: ShortRun): void {
  const { id, job, state, progress } = run;
  const isRunning = state === 'running';
  const took = tookMs(run, now()) ?? 0;
  const far = `It has run for ${showRunning(took)} and is ${Math.floor(progress.percent)}% done.`;
  const kept = 'It gets time to clean up. Retry goes on from its checkpoint.';
  const abort = (grace: object): void => {
    say(`aborting run ${id} …`);
    const work = actOn<Aborted | { results: (Aborted | Refused)[] }>(run, 'abort', {
      reason: REASON,
      ...grace,
    });
    doing(work, () => `run ${id} is over`);
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
    const work = actOn<RunView>(run, 'retry', fresh ? { fresh } : {});
    doing(work, () => `run ${id} goes on`);
  };
  askFirst({
    title: `Retry ${job} ${id}?`,
    about: 'It goes on from its checkpoint.',
    shell: shellLine('retry', id),
    answers: [
      { label: 'From the start', act: () => retry(true) },
      { label: 'Retry', act: () => retry(false) },
    ],
  });
}

export function askAgain(run: ShortRun): void {
  const { id, job } = run;
  const again = async (): Promise<void> => {
    const made = await saying(actOn<RunView>(run, 'rerun'), (next) => `run ${next.id} is made`);
    if (made) go(to.run(made.id));
  };
  askFirst({
    title: `Run ${job} again?`,
    about: `A new run, with the params of run ${id}.`,
    shell: shellLine('rerun', id),
    answers: [{ label: 'Run again', act: () => void again() }],
  });
}

export function askNow(run: ShortRun): void {
  const { id, job } = run;
  const start = (): void =>
    doing(actOn<RunView>(run, 'update', { in: 0 }), () => `run ${id} is due`);
  askFirst({
    title: `Run ${job} ${id} now?`,
    about: 'It starts when a worker is free.',
    shell: shellLine('update', id, '--now'),
    answers: [{ label: 'Run now', act: start }],
  });
}

export function askRemove(run: ShortRun): void {
  const { id, job } = run;
  const remove = async (): Promise<void> => {
    await ask(pathOf('runs', id), { method: 'DELETE' });
    go(above);
  };
  askFirst({
    title: `Remove ${job} ${id}?`,
    about: 'Its log, results and output are deleted. This cannot be undone.',
    shell: shellLine('remove', id),
    keep: 'Keep it',
    answers: [
      { label: 'Remove', harms: true, act: () => doing(remove(), () => `run ${id} is removed`) },
    ],
  });
}

/** The next action for a run: retry if it failed, run now if it is due later, run again if it is done. */
export function askOnward(run: ShortRun): void {
  if (mayBe('retry', run)) askRetry(run);
  else if (mayBe('now', run)) askNow(run);
  else if (mayBe('again', run)) askAgain(run);
}
