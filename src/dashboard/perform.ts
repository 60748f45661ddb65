// Asks the daemon to do something, and says what is being done until the answer is there: an abort is over when nothing
// of the run lives any more, not when the key was pressed.
import type { Matched } from '../commands/shared/by-filter.ts';
import type { Listed } from '../commands/shared/run-list.ts';
import { isRefused } from '../commands/shared/several.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { errorLine, toJobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { plainLine, showCount } from '../support/text.ts';
import { isMarking, listKey } from './context.ts';
import type { Link } from './link.ts';
import type { Everything } from './model.ts';
import { whichOf } from './questions.ts';
import type { Refresh } from './refresh.ts';
import type { Request } from './request.ts';
import { SOON_MS, type Store } from './store.ts';

export interface Desk {
  readonly store: Store;
  readonly link: Link;
  readonly refresh: Refresh;
}

/** Null where it was done or refused for some of its runs; else what was wrong, which the message says too. */
export async function perform(request: Request, desk: Desk): Promise<string | null> {
  const { store, link, refresh } = desk;
  const { command, args, ids, doing, done } = request;
  const what = ids.length === 1 ? ` ${ids[0]}` : ids.length > 1 ? ` ${ids.length} runs` : '';
  store.say(`${doing}${what} …`);
  setPending(store, ids, doing);
  try {
    if (request.many) return await throughAll(request, desk);
    const reply = (await link.call(command, args)) as Json;
    const refused = refusalsIn(reply);
    if (refused.length > 0) {
      const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : '';
      store.say(`${refused[0]}${more}`, true);
    } else store.say(done || saidBy(reply, doing));
    return null;
  } catch (error) {
    store.say(errorLine(error), true);
    return toJobrunError(error).message;
  } finally {
    setPending(store, ids, null);
    refresh.anew();
  }
}

/** Tells how far it is while it goes through them, and stops where that is asked for. */
async function throughAll({ command, args, doing, done }: Request, desk: Desk): Promise<null> {
  const { store, link } = desk;
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  store.set({ stop });
  const items = link.stream(command, args, ended.signal);
  let last: Matched | null = null;
  try {
    for await (const item of items ?? []) {
      last = item as Matched;
      store.say(`${doing} ${showCount(last.done ?? 0)} of ${showCount(last.matched)} …`);
    }
  } finally {
    store.change((model) => (model.stop === stop ? { ...model, stop: null } : model));
  }
  const { done: count = 0, failed = 0, matched } = last ?? { matched: 0 };
  if (ended.signal.aborted) {
    const all = matched === 0 ? '' : ` of ${showCount(matched)}`;
    store.say(`stopped: ${showCount(count)}${all} done, and what was under way`);
    return null;
  }
  const refused = failed > 0 ? `, ${showCount(failed)} refused` : '';
  store.say(`${done}: ${showCount(count)}${refused}`, failed > 0);
  return null;
}

/** More would make a request of a hundred thousand runs out of one key. */
const MOST_MARKED = 1000;

/**
 * Marks every run that is in the list now, on the screen or not; where all are marked, none. `marking` is set while it
 * is unknown which these are. It ends where the list is left, or `marking` is taken back.
 */
export async function markAll({ store, link }: Desk): Promise<void> {
  const asked = listKey(store.model);
  const until = store.clock.now();
  const ended = new AbortController();
  store.set({ marking: asked }, SOON_MS);
  const undo = store.subscribe(() => {
    if (!isMarking(store.model)) ended.abort();
  });
  try {
    const { order, ...which } = whichOf(store.model, until);
    const args = { ...which, order: order ?? null, limit: MOST_MARKED, short: true };
    for await (const part of link.listInParts(args, ended.signal)) {
      const { runs, total, complete = true } = part as Listed<ShortRun>;
      if (!isMarking(store.model)) return;
      if (!complete && runs.length < MOST_MARKED) continue;
      return mark(
        runs.map(({ id }) => id),
        complete ? total : null,
        { ...which, until },
        store,
      );
    }
  } catch (error) {
    store.say(errorLine(error), true);
  } finally {
    undo();
    ended.abort();
    store.change((model) => (model.marking === asked ? { ...model, marking: null } : model));
  }
}

/** `total`: of the whole list, where that is known. If there are more than these, the marks stand for all of them. */
function mark(
  ids: readonly string[],
  total: number | null,
  which: Everything['which'],
  store: Store,
): void {
  const { model } = store;
  const isOn = ids.every((id) => model.marks.has(id));
  const marks = new Set(isOn ? [] : ids);
  const isAll = !isOn && total !== ids.length;
  const everything = isAll ? { marks, which, total } : null;
  store.set({ marks, marking: null, everything });
  if (isAll)
    store.say(total === null ? 'all that match are marked' : `all ${showCount(total)} are marked`);
}

function setPending(store: Store, ids: readonly string[], doing: string | null): void {
  store.change((model) => {
    const pending = new Map(model.pending);
    for (const id of ids) {
      if (doing === null) pending.delete(id);
      else pending.set(id, doing);
    }
    return { ...model, pending, ...(doing !== null && { marks: new Set<string>() }) };
  });
}

/** Some of several runs may have been refused. */
function refusalsIn(reply: Json): readonly string[] {
  const { results = [] } = reply as { readonly results?: object[] };
  return results.filter(isRefused).map(({ error }) => plainLine(error.message));
}

/** A new run says its id. */
function saidBy(reply: Json, doing: string): string {
  const { run, id, job } = reply as {
    run?: { id: string; job: string; existing?: boolean };
    id?: string;
    job?: string;
  };
  if (run?.existing) return `run ${run.id} has this key already`;
  if (run) return `scheduled ${run.job} as ${run.id}`;
  return id && job ? `scheduled ${job} as ${id}` : `${doing}: done`;
}
