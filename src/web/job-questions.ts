// The actions on a job or a schedule: pausing, which ends nothing and is done at once, and what removes something,
// which is asked first.
import { isTypedJob } from '../catalog/catalog.ts';
import type { JobView } from '../commands/shared/replies.ts';
import type { Listed } from '../commands/shared/run-list.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { ask, pathOf, post, withQuery } from './api.ts';
import { askFirst } from './dialog.tsx';
import { doing } from './run-questions.ts';
import { shellLine } from './shell-line.ts';

/** Runs of the built-in job begin in a shell, and nowhere else. */
export const hasForm = (job: JobView): boolean => job.state !== 'missing' && !isTypedJob(job);

export type Pausable =
  | { readonly kind: 'all' }
  | { readonly kind: 'jobs' | 'schedules'; readonly name: string };

export function pause(what: Pausable, isOn: boolean): void {
  const verb = isOn ? 'pause' : 'resume';
  const path = what.kind === 'all' ? verb : `${pathOf(what.kind, what.name)}/${verb}`;
  const named = what.kind === 'all' ? 'all jobs' : what.name;
  const work = ask(path, { method: 'POST', body: {} });
  doing(work, () => `${verb}d ${named}`);
}

export function unschedule(name: string): void {
  const act = (): void => {
    const work = ask(pathOf('schedules', name), { method: 'DELETE' });
    doing(work, () => `the schedule ${name} is removed`);
  };
  askFirst({
    title: `Remove the schedule ${name}?`,
    about: 'It makes no more runs. Those that it made stay.',
    shell: shellLine('unschedule', name),
    keep: 'Keep it',
    answers: [{ label: 'Remove', harms: true, act }],
  });
}

/** The API takes this many ids at once. */
const AT_ONCE = 1000;

export function discard(job: string): void {
  const act = async (): Promise<void> => {
    const states = 'scheduled,waiting,queued';
    const path = withQuery('runs', { job, state: states, limit: AT_ONCE, short: true });
    const { runs } = await ask<Listed<ShortRun>>(path);
    const body = { ids: runs.map(({ id }) => id), reason: 'discarded on the web page' };
    if (runs.length > 0) await post('runs/abort', body);
    // The rest, where there are more.
    if (runs.length === AT_ONCE) await act();
  };
  askFirst({
    title: `Discard the runs of ${job}?`,
    about: 'All of its runs that wait are aborted.',
    shell: shellLine('abort', '--job', job),
    keep: 'Keep them',
    answers: [
      {
        label: 'Discard',
        harms: true,
        act: () => doing(act(), () => `the runs of ${job} are discarded`),
      },
    ],
  });
}
