// Keeps what is shown true: asks for the window that is on the screen when a key has moved it, and when something has
// changed. One look at a time, and the slower the answers the fewer looks: they cost the daemon a tenth of its time, or
// a look a second where that is more. A key does not wait for an answer that takes long: it ends that search and asks
// its own question.
import type { Status } from '../commands/shared/replies.ts';
import { onAbort } from '../support/aborts.ts';
import { SECOND } from '../support/limits.ts';
import {
  detailWanted,
  isBeyond,
  isShown,
  isThere,
  withAnswer,
  withDetail,
  withList,
  withStatus,
} from './answers.ts';
import { listKey } from './context.ts';
import type { Link } from './link.ts';
import { infoOf } from './lists.ts';
import type { Model } from './model.ts';
import {
  askDetail,
  askList,
  type DetailQuestion,
  type ListQuestion,
  listQuestion,
} from './questions.ts';
import { SOON_MS, type Store } from './store.ts';

const PACE = 9;
const SLOWEST_MS = SECOND;
/** An answer that is not there by then gives way to the next key. */
const PATIENCE_MS = 60;
/** A daemon answers sooner; this one is stopped, or the machine is. */
const SILENT_MS = 2 * SECOND;
/** At rest it is asked now and then whether it is still there. */
const BEAT_MS = 4 * SECOND;
const AGAIN_MS = 2 * SECOND;
/** The result table grows by itself only now and then: reading it is reading the log. */
const ROWS_EVERY_MS = 2 * SECOND;

/**
 * `beat`: only checks for an answer. `moved`: what a key needs. `changed`: all of it, for it may be another.
 */
type Why = 'beat' | 'moved' | 'changed';

interface Look {
  readonly why: Why;
  readonly list: ListQuestion | null;
  readonly detail: DetailQuestion | null;
  /** The list that it is about. */
  readonly key: string;
  readonly began: number;
  readonly ended: AbortController;
}

export class Refresh {
  readonly #store: Store;
  readonly #link: Link;
  #asked: Look | null = null;
  #wanted: Why | null = null;
  #urgent = false;
  #notBefore = 0;
  #undo = (): void => undefined;
  #undoHurry = (): void => undefined;
  #rows = { of: '', at: 0 };
  #closed = false;

  constructor(store: Store, link: Link) {
    this.#store = store;
    this.#link = link;
  }

  /** Something has changed. */
  readonly soon = (): void => this.#want('changed', false);
  /** A key has moved the window. */
  readonly now = (): void => this.#want(this.#wanted === 'changed' ? 'changed' : 'moved', true);
  /** Something was done, and should be seen. */
  readonly anew = (): void => this.#want('changed', true);

  close(): void {
    this.#closed = true;
    this.#undo();
    this.#undoHurry();
    this.#asked?.ended.abort();
  }

  #want(why: Why, urgent: boolean): void {
    if (this.#wanted !== 'changed' && !(why === 'beat' && this.#wanted)) this.#wanted = why;
    this.#urgent ||= urgent;
    if (this.#asked && urgent) this.#hurry(this.#asked);
    this.#arm();
  }

  /**
   * Ends what is asked now, if its answer takes long or is of a list that is left. A request without any answer is
   * waited for.
   */
  #hurry(asked: Look): void {
    const { clock, model } = this.#store;
    this.#undoHurry();
    const isLeft = asked.key !== listKey(model);
    const wait = isLeft ? 0 : Math.max(0, asked.began + PATIENCE_MS - clock.monotonic());
    this.#undoHurry = clock.after(wait, () => {
      if (this.#store.model.link !== 'silent') asked.ended.abort();
    });
  }

  #arm(): void {
    if (this.#asked || this.#closed) return;
    this.#undo();
    const { clock } = this.#store;
    const wait = this.#urgent ? 0 : Math.max(0, this.#notBefore - clock.monotonic());
    if (this.#wanted && wait === 0) this.#start(this.#wanted);
    else if (this.#wanted) this.#undo = clock.after(wait, () => this.#arm());
    else this.#undo = clock.after(BEAT_MS, () => this.#want('beat', false), { idle: true });
  }

  #start(why: Why): void {
    const { clock, model } = this.#store;
    this.#wanted = null;
    this.#urgent = false;
    const asked = this.#lookFor(model, why);
    const isNothing = why === 'moved' && !asked.list && !asked.detail;
    if (isNothing || (why === 'beat' && !this.#link.online)) {
      this.#arm();
      return;
    }
    this.#asked = asked;
    this.#ask(asked)
      .catch((error) => this.#failed(error))
      .finally(() => {
        const spent = clock.monotonic() - asked.began;
        this.#asked = null;
        this.#undoHurry();
        this.#notBefore = clock.monotonic() + Math.min(PACE * spent, SLOWEST_MS);
        if (asked.ended.signal.aborted && why === 'changed') this.#wanted = 'changed';
        this.#arm();
      });
  }

  /** The parts of the screen that have to be asked for. */
  #lookFor(model: Model, why: Why): Look {
    const { clock } = this.#store;
    const wanted = why === 'beat' ? null : detailWanted(model);
    const needsList = why === 'changed' || (why === 'moved' && !isThere(model));
    // With its list a detail is asked for too: it may have changed as well.
    const needsDetail = wanted !== null && (needsList || !isShown(model, wanted));
    return {
      why,
      list: needsList ? listQuestion(model, clock.now()) : null,
      detail: needsDetail ? this.#detailQuestion(model, wanted) : null,
      ...{ key: listKey(model), began: clock.monotonic(), ended: new AbortController() },
    };
  }

  #detailQuestion({ detail: shown, tab }: Model, id: string): DetailQuestion {
    const now = this.#store.clock.monotonic();
    const state = shown?.kind === 'run' && shown.run.id === id ? shown.run.state : '';
    const of = `${id} ${state}`;
    const rows =
      of !== this.#rows.of || (state === 'running' && now - this.#rows.at > ROWS_EVERY_MS);
    if (rows) this.#rows = { of, at: now };
    return { of: infoOf(tab).of, id, rows };
  }

  async #ask(asked: Look): Promise<void> {
    const { why, list, detail, key, ended } = asked;
    const { clock } = this.#store;
    const { signal } = ended;
    const since = clock.now();
    let undo = (): void => undefined;
    const watch = (): void => {
      undo();
      undo = clock.after(SILENT_MS, () => this.#silent(since));
    };
    let [isHeard, left] = [false, 0];
    const take = (change: (model: Model) => Model, withinMs: number): void => {
      if (this.#closed || signal.aborted) return;
      isHeard = true;
      watch();
      this.#store.change(change, withinMs);
    };
    /** The answers of one look come shortly after each other: the last one draws what the others have brought. */
    const whole = async (answer: Promise<(model: Model) => Model>): Promise<void> => {
      left++;
      const change = await answer;
      left--;
      take(change, left > 0 ? SOON_MS : 0);
    };
    const listed = async (question: ListQuestion): Promise<void> => {
      left++;
      for await (const part of askList(question, this.#link, signal)) {
        if (part.complete) left--;
        const isLater = part.complete && left > 0;
        take((model) => withList(model, part, key, question), isLater ? SOON_MS : 0);
      }
    };
    const answers = [
      why === 'beat' && whole(this.#link.call('changes', {}).then(() => withAnswer)),
      why === 'changed' && whole(this.#askStatus()),
      list && listed(list),
      detail &&
        whole(
          askDetail(detail, this.#link).then(
            (found) => (model: Model) => withDetail(model, found, detail.id),
          ),
        ),
    ];
    try {
      watch();
      await unlessAborted(Promise.all(answers), signal);
    } finally {
      undo();
    }
    // If no daemon answers, asking again at once would go on for ever: a daemon that comes says so.
    if (isHeard && !signal.aborted && why !== 'beat' && this.#isStale(asked)) this.now();
  }

  async #askStatus(): Promise<(model: Model) => Model> {
    const status = (await this.#link.call('status', { overview: true })) as Status;
    return (model) => withStatus(model, status);
  }

  /** True where the screen shows by now what was not asked for. */
  #isStale({ key, list, detail }: Look): boolean {
    const { model } = this.#store;
    const wanted = detailWanted(model);
    const isOther = wanted !== null && wanted !== detail?.id && !isShown(model, wanted);
    return listKey(model) !== key || isOther || (list !== null && isBeyond(model, list));
  }

  #silent(silentSince: number): void {
    if (this.#closed || !this.#link.online) return;
    this.#store.change((model) =>
      model.link === 'online' ? { ...model, link: 'silent', silentSince } : model,
    );
  }

  #failed(error: unknown): void {
    if (this.#closed || !this.#link.online) return;
    // The screen shows already that no answer comes.
    if (this.#store.model.link !== 'silent')
      this.#store.say(error instanceof Error ? error.message : String(error), true);
    this.#notBefore = this.#store.clock.monotonic() + AGAIN_MS;
    this.#wanted = 'changed';
  }
}

/** Resolves with the abort too: what comes after it is of no use. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let undo = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    undo = onAbort(signal, resolve);
  });
  // After an abort its error does not matter, and must not end the process.
  work.catch(() => undefined);
  await Promise.race([work, aborted]).finally(undo);
}
