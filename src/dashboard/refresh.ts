// Keeps the board true: asks for the window that is on the screen when a key has moved it, and when something has
// changed. One question at a time, and the slower the answers the fewer questions: looking costs the daemon a tenth of
// its time, or a look a second where that is more. A key does not wait for an answer that takes long: it ends that
// search and asks its own question.
import type { BoardReply } from '../commands/board.ts';
import { idOf } from '../commands/board-detail.ts';
import type { BoardRequest } from '../commands/board-list.ts';
import { SECOND } from '../support/limits.ts';
import { boardOf, listKey } from './context.ts';
import { layoutFor } from './layout.ts';
import type { Link } from './link.ts';
import { covers, follow, infoOf, orderOf, readFilter, windowFor } from './lists.ts';
import type { Model } from './model.ts';
import type { Store } from './store.ts';

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

/** `beat`: only whether anybody answers. `moved`: what a key needs. `changed`: all of it, for it may be another. */
type Why = 'beat' | 'moved' | 'changed';

interface Question {
  readonly why: Why;
  /** Of which list. */
  readonly key: string;
  readonly began: number;
  readonly ended: AbortController;
}

export class Refresh {
  readonly #store: Store;
  readonly #link: Link;
  #asked: Question | null = null;
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
   * Ends what is asked now, if its answer takes long or is of a list that is left. One that nobody answers at all is
   * waited for.
   */
  #hurry(asked: Question): void {
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
    const request = this.#requestOf(model, why, clock.now());
    if (!request || (why === 'beat' && !this.#link.online)) {
      this.#arm();
      return;
    }
    const began = clock.monotonic();
    const asked: Question = { why, key: listKey(model), began, ended: new AbortController() };
    this.#asked = asked;
    this.#ask(request, asked)
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

  async #ask(request: BoardRequest, { why, key, ended }: Question): Promise<void> {
    const { clock } = this.#store;
    const since = clock.now();
    let undo = (): void => undefined;
    let isHeard = false;
    const watch = (): void => {
      undo();
      undo = clock.after(SILENT_MS, () => this.#silent(since));
    };
    try {
      watch();
      for await (const part of this.#link.look(request, ended.signal)) {
        watch();
        isHeard = true;
        const board = part as BoardReply;
        if (this.#closed) return;
        // Whoever is asked whether he is there need not be looked at.
        if (why === 'beat' && this.#store.model.link !== 'silent') continue;
        this.#store.change((present) => withBoard(present, board, key, request));
      }
    } finally {
      undo();
    }
    const next = this.#store.model;
    // Where nobody is there to ask, asking again at once would go on for ever: whoever comes says so.
    const isAnswered = isHeard && !ended.signal.aborted && why !== 'beat';
    if (isAnswered && (listKey(next) !== key || isStale(next, request))) this.now();
  }

  #silent(silentSince: number): void {
    if (this.#closed || !this.#link.online) return;
    this.#store.change((model) =>
      model.link === 'online' ? { ...model, link: 'silent', silentSince } : model,
    );
  }

  #failed(error: unknown): void {
    if (this.#closed || !this.#link.online) return;
    // That nobody answers is on the screen already.
    if (this.#store.model.link !== 'silent')
      this.#store.say(error instanceof Error ? error.message : String(error), true);
    this.#notBefore = this.#store.clock.monotonic() + AGAIN_MS;
    this.#wanted = 'changed';
  }

  /** Null where all that is on the screen is there. */
  #requestOf(model: Model, why: Why, now: number): BoardRequest | null {
    if (why === 'beat') return { list: 'none' };
    const height = layoutFor(model.size).list;
    const wanted = detailWanted(model);
    const shown = model.board?.detail ?? null;
    const detail = wanted === null ? {} : this.#detailRequest(model, wanted, now);
    if (why === 'moved' && isThere(model, height)) {
      return wanted === null || (shown && idOf(shown)) === wanted
        ? null
        : { list: 'none', ...detail };
    }
    return {
      list: `${infoOf(model.tab).of}s`,
      order: orderOf(model),
      ...readFilter(model.filter, model.tab, now).filter,
      ...windowFor(model.place, height),
      ...(model.place.id !== null && { around: model.place.id }),
      ...detail,
    };
  }

  #detailRequest({ board, tab }: Model, detail: string, now: number): BoardRequest {
    const shown = board?.detail;
    const state = shown?.kind === 'run' && shown.run.id === detail ? shown.run.state : '';
    const of = `${detail} ${state}`;
    const rows =
      of !== this.#rows.of || (state === 'running' && now - this.#rows.at > ROWS_EVERY_MS);
    if (rows) this.#rows = { of, at: now };
    return { detail, detailOf: infoOf(tab).of, rows };
  }
}

/** True where the rows on the screen, and some around them, have been asked for. */
function isThere(model: Model, height: number): boolean {
  const board = boardOf(model);
  if (!board?.list.complete) return false;
  return covers(board.list, model.place, height, Math.floor(height / 2));
}

/** The run, job or schedule whose detail is on the screen. */
export function detailWanted({ size, screen, place }: Model): string | null {
  const hasPane = layoutFor(size).pane > 0;
  const hasBody = screen.kind === 'detail' || screen.kind === 'log' || 'from' in screen;
  return hasPane || hasBody ? place.id : null;
}

/** The model with what was asked for, unless the person has gone on to another list meanwhile. */
export function withBoard(
  model: Model,
  reply: BoardReply,
  key: string,
  request: BoardRequest,
): Model {
  const link = model.link === 'silent' ? 'online' : model.link;
  const present = { ...model, link, silentSince: null };
  if (key !== listKey(model)) return present;
  const detail = withRows(reply.detail, model.board?.detail ?? null);
  if (!reply.list) {
    const list = model.board?.list;
    const isAsked = request.detail !== undefined && request.detail === model.place.id;
    if (!list) return present;
    const kept = model.board?.detail ?? null;
    return { ...present, board: { ...reply, list, detail: isAsked ? detail : kept } };
  }
  // What was whole is not shown in parts again, while it is looked through once more.
  if (!reply.list.complete && boardOf(model)?.list.complete) return present;
  const height = layoutFor(model.size).list;
  const isSame = request.around === model.place.id;
  const list = isSame ? reply.list : { ...reply.list, at: null };
  // The run that is open stays under the cursor, even when it has left the list.
  const isOpen = model.screen.kind !== 'list' && model.screen.kind !== 'filter';
  const followed = follow(model.place, list, height);
  const place =
    isOpen && followed.id !== model.place.id && model.place.id !== null ? model.place : followed;
  return { ...present, board: { ...reply, list: reply.list, detail }, shown: key, place };
}

/** The result table as it was last read, where this time it was not. */
function withRows(next: BoardReply['detail'], before: BoardReply['detail']): BoardReply['detail'] {
  if (next?.kind !== 'run' || next.results || before?.kind !== 'run') return next;
  return before.run.id === next.run.id ? { ...next, results: before.results } : next;
}

/** True where the screen shows rows, or a run, that were not asked for; those of a damaged file may not have come. */
function isStale(model: Model, asked: BoardRequest): boolean {
  const { top } = model.place;
  const last = Math.min(top + layoutFor(model.size).list, boardOf(model)?.list.total ?? 0);
  const { offset = 0, limit = 0 } = asked;
  if (asked.list !== 'none' && (top < offset || last > offset + limit)) return true;
  const wanted = detailWanted(model);
  return wanted !== null && wanted !== asked.detail;
}
