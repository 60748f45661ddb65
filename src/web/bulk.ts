// Aborting or retrying many runs: those that are marked, or all that a list and a filter show. Runs accepted after the
// question are left alone. Many of them take a while: how far it is is shown, and it can be stopped.
import type { Matched } from '../commands/shared/by-filter.ts';
import { SETTLED } from '../run/run.ts';
import { LISTS, type ListName } from '../run/run-lists.ts';
import { delay } from '../support/page-clock.ts';
import { capital, count, shellQuoted } from '../support/text.ts';
import { ask, pathOf, post } from './api.ts';
import { askFirst } from './dialog.tsx';
import { changed } from './live.ts';
import { Observable } from './observable.ts';
import { REASON } from './run-questions.ts';
import { shellLine } from './shell-line.ts';
import { complain, say, saying } from './toast.tsx';

export type Many = 'abort' | 'retry';

/** The states of a list's runs that this can be done to; none where it cannot. */
export const statesFor = (what: Many, list: ListName): readonly string[] =>
  LISTS[list].filter((state) =>
    what === 'abort' ? !SETTLED.includes(state) : ['failed', 'aborted'].includes(state),
  );

const ABOUT: Readonly<Record<Many, string>> = {
  abort: 'Those at work get time to clean up; checkpoints are kept.',
  retry: 'They go on from their checkpoints.',
};

function askMany(what: Many, which: string, shell: string, act: () => void): void {
  const harms = what === 'abort';
  const label = capital(what);
  askFirst({
    title: `${label} ${which}?`,
    about: ABOUT[what],
    shell,
    keep: harms ? 'Keep them' : 'Leave them',
    answers: [{ label, harms, act }],
  });
}

/** A run that was refused has an error with a code; a run that failed has one of its own. */
interface Results {
  readonly results: readonly { readonly error?: object | null }[];
}

const doneText = (what: Many, done: number, failed: number): string =>
  `${count(done, 'run')}: ${what === 'abort' ? 'over' : 'retried'}${failed > 0 ? `, ${failed} refused` : ''}`;

export function askMarked(what: Many, ids: readonly string[], unmark: () => void): void {
  const act = async (): Promise<void> => {
    say(`${count(ids.length, 'run')} …`);
    const body = { ids, ...(what === 'abort' && { reason: REASON }) };
    const work = post<Results>(`runs/${what}`, body);
    const reply = await saying(work, ({ results }) => {
      const failed = results.filter(({ error }) => error && 'code' in error).length;
      return doneText(what, results.length - failed, failed);
    });
    if (reply) unmark();
    changed();
  };
  askMany(what, count(ids.length, 'run'), shellLine(what, ...ids), () => void act());
}

/** How far an operation is. */
interface Operation extends Matched {
  readonly operation: string;
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
}

export interface UnderWay {
  readonly what: Many;
  readonly matched: number;
  readonly done: number;
  readonly stop: () => void;
}

export const underWay = new Observable<UnderWay | null>(null);

const EVERY_MS = 400;

export async function askMatching(what: Many, list: ListName, q: string): Promise<void> {
  const send = <Reply>(more: object): Promise<Reply> => {
    const body = { list, ...(q !== '' && { q }), ...more };
    return post<Reply>(`runs/${what}`, body);
  };
  try {
    const { matched, until } = await send<Matched>({ dryRun: true });
    if (matched === 0) return say('no run matches');
    const which = `all ${count(matched, 'run')} that match`;
    askMany(
      what,
      which,
      matchingLine(what, list, q),
      () => void act(what, matched, send({ until })),
    );
  } catch (error) {
    complain(error);
  }
}

async function act(
  what: Many,
  matched: number,
  sent: Promise<Matched | { readonly operation: string }>,
): Promise<void> {
  try {
    const reply = await sent;
    if ('operation' in reply) await follow(what, matched, reply.operation);
    else say(doneText(what, reply.done ?? 0, reply.failed ?? 0));
  } catch (error) {
    complain(error);
  }
  underWay.set(null);
  changed();
}

async function follow(what: Many, matched: number, id: string): Promise<void> {
  const path = pathOf('operations', id);
  const stop = (): void => void ask(path, { method: 'DELETE' }).catch(complain);
  for (;;) {
    const { state, done = 0, failed = 0 } = await ask<Operation>(path);
    underWay.set({ what, matched, done: done + failed, stop });
    if (state !== 'running') return say(`${state}: ${doneText(what, done, failed)}`);
    await delay(EVERY_MS);
  }
}

/** The command line takes ids: a list gives them. */
function matchingLine(what: Many, list: ListName, q: string): string {
  const listed = shellLine('list', '--state', statesFor(what, list).join(','));
  const filter = q === '' ? '' : ` --filter ${shellQuoted(q)}`;
  return `${listed}${filter} --limit 10000 -q | xargs jobrun ${what}`;
}
