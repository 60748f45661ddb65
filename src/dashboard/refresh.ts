// Keeps the board true: asks for the window that is on the screen when a key has moved it, and when something has
// changed. One question at a time, and the slower the answers the fewer questions: looking costs the daemon a tenth of
// its time at most.
import type { Board } from '../commands/board.ts';
import type { BoardRequest } from '../commands/board-list.ts';
import type { Json } from '../support/json.ts';
import { SECOND } from '../support/limits.ts';
import { boardOf, listKey } from './context.ts';
import { layoutFor } from './layout.ts';
import type { Link } from './link.ts';
import { covers, follow, readFilter, windowFor } from './lists.ts';
import type { Model } from './model.ts';
import type { Store } from './store.ts';

const PACE = 9;
const AGAIN_MS = 2 * SECOND;
/** The result table grows by itself only now and then: reading it is reading the log. */
const ROWS_EVERY_MS = 2 * SECOND;

export class Refresh {
  readonly #store: Store;
  readonly #link: Link;
  #asking = false;
  #wanted: 'no' | 'soon' | 'now' = 'no';
  #notBefore = 0;
  #undo = (): void => undefined;
  #rows = { of: '', at: 0 };
  #closed = false;

  constructor(store: Store, link: Link) {
    this.#store = store;
    this.#link = link;
  }

  /** Something has changed. */
  readonly soon = (): void => this.#want('soon');
  /** A key has moved the window. */
  readonly now = (): void => this.#want('now');

  close(): void {
    this.#closed = true;
    this.#undo();
  }

  #want(when: 'soon' | 'now'): void {
    if (this.#wanted !== 'now') this.#wanted = when;
    this.#arm();
  }

  #arm(): void {
    if (this.#asking || this.#wanted === 'no' || this.#closed) return;
    this.#undo();
    const { clock } = this.#store;
    const wait = this.#wanted === 'now' ? 0 : Math.max(0, this.#notBefore - clock.monotonic());
    if (wait === 0) this.#start();
    else this.#undo = clock.after(wait, () => this.#start());
  }

  #start(): void {
    this.#asking = true;
    this.#wanted = 'no';
    const { clock } = this.#store;
    const began = clock.monotonic();
    this.#ask()
      .catch((error) => this.#failed(error))
      .finally(() => {
        const ended = clock.monotonic();
        this.#asking = false;
        this.#notBefore = ended + PACE * (ended - began);
        this.#arm();
      });
  }

  async #ask(): Promise<void> {
    const { model, clock } = this.#store;
    const request = this.#requestOf(model, clock.now());
    const board = (await this.#link.look(request as Json)) as Board | null;
    if (!board || this.#closed) return;
    const key = listKey(model);
    this.#store.change((present) => withBoard(present, board, key, request));
    const next = this.#store.model;
    if (listKey(next) !== key || isStale(next, request)) this.#want('now');
  }

  #failed(error: unknown): void {
    if (this.#closed || !this.#link.online) return;
    this.#store.change((model) => (model.link === 'online' ? { ...model, link: 'silent' } : model));
    this.#store.say(error instanceof Error ? error.message : String(error), true);
    this.#undo = this.#store.clock.after(AGAIN_MS, this.now);
  }

  #requestOf(model: Model, now: number): BoardRequest {
    const height = layoutFor(model.size).list;
    const detail = detailWanted(model);
    const shown = model.board?.detail;
    const state = shown?.kind === 'run' && shown.run.id === detail ? shown.run.state : '';
    const of = `${detail} ${state}`;
    const rows =
      of !== this.#rows.of || (state === 'running' && now - this.#rows.at > ROWS_EVERY_MS);
    if (rows) this.#rows = { of, at: now };
    return {
      list: model.tab === 'jobs' ? 'jobs' : 'runs',
      ...readFilter(model.filter, model.tab, now).filter,
      ...windowFor(model.place, height),
      ...(model.place.id !== null && { around: model.place.id }),
      ...(detail !== null && { detail, rows }),
    };
  }
}

/** The run or job whose detail is on the screen. */
export function detailWanted({ size, screen, place }: Model): string | null {
  const hasPane = layoutFor(size).pane > 0;
  const hasBody = screen.kind === 'detail' || screen.kind === 'log' || 'from' in screen;
  return hasPane || hasBody ? place.id : null;
}

/** The model with what was asked for, unless the person has gone on to another list meanwhile. */
export function withBoard(model: Model, board: Board, key: string, request: BoardRequest): Model {
  if (key !== listKey(model)) return model;
  const height = layoutFor(model.size).list;
  const isSame = request.around === model.place.id;
  const list = isSame ? board.list : { ...board.list, at: null };
  // The run that is open stays under the cursor, even when it has left the list.
  const isOpen = model.screen.kind !== 'list' && model.screen.kind !== 'filter';
  const followed = follow(model.place, list, height);
  const place =
    isOpen && followed.id !== model.place.id && model.place.id !== null ? model.place : followed;
  const whole = { ...board, detail: withRows(board.detail, model.board?.detail ?? null) };
  const link = model.link === 'silent' ? 'online' : model.link;
  return { ...model, board: whole, shown: key, place, link };
}

/** The result table as it was last read, where this time it was not. */
function withRows(next: Board['detail'], before: Board['detail']): Board['detail'] {
  if (next?.kind !== 'run' || next.results || before?.kind !== 'run') return next;
  return before.run.id === next.run.id ? { ...next, results: before.results } : next;
}

/** True where the screen shows rows, or a run, that were not asked for. */
function isStale(model: Model, asked: BoardRequest): boolean {
  const board = boardOf(model);
  if (!board || !covers(board.list, model.place, layoutFor(model.size).list)) return true;
  const wanted = detailWanted(model);
  return wanted !== null && wanted !== asked.detail;
}
