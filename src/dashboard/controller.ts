// The effects of keys: each goes to the screen that is open. Those that take text are in typing.ts; the others read the
// table of bindings.ts.

import { showTyped } from '../commands/shared/clock-texts.ts';
import type { Beat } from '../commands/shared/run-words.ts';
import { instantOf } from '../commands/shared/times.ts';
import type { TimeReference } from '../support/typed-times.ts';
import { askAbort, askPause, askRemove, askRetry } from './asks.ts';
import { type Action, actionFor, type Simple, type Steers } from './bindings.ts';
import {
  abortTarget,
  contextOf,
  hereOf,
  isMarking,
  listOf,
  pausableOf,
  retryTarget,
  scheduleOf,
  subjectOf,
} from './context.ts';
import type { Key, Spot } from './key-reader.ts';
import { layoutFor } from './layout.ts';
import { EMPTY, lineOf } from './line.ts';
import {
  countOf,
  infoOf,
  type Move,
  move,
  neighbour,
  nextOrder,
  type Place,
  START,
  type Tab,
} from './lists.ts';
import type { Model, Screen } from './model.ts';
import { pageRows } from './pages.ts';
import { type Desk, markAll, perform } from './perform.ts';
import { targetAt } from './pointer.ts';
import { refusalOf } from './refusals.ts';
import { namesIn } from './replies.ts';
import { SOON_MS } from './store.ts';
import type { Sheet, Theme } from './theme.ts';
import { commits, openForm, openFormLike, takesText, typeKey } from './typing.ts';

/** The actions that only the terminal can do. */
export interface Outside {
  readonly quit: () => void;
  readonly suspend: () => void;
  readonly redraw: () => void;
  /** Puts a text into the clipboard of the user at the terminal. */
  readonly copy: (text: string) => void;
  /** Gives the mouse to the terminal, or takes it back: then true. */
  readonly turnMouse: () => boolean;
}

/** Sooner after the key before, a key is no answer to a question that has just been read. */
const ANSWER_AFTER_MS = 150;

/** More keys than a person types before a list is there. */
const MOST_HELD = 100;

/** The keys that end or start work; the others open a screen that has to be answered. */
const CHANGES = new Set<Action['do']>(['abort', 'retry']);

const AT_END = Number.MAX_SAFE_INTEGER;

/** Rows for one step of the wheel. */
const WHEEL = 3;

const MOUSE_OURS = 'the wheel moves, a click chooses and opens';
const MOUSE_THEIRS = 'the mouse selects text; m gives it back';

export class Controller {
  readonly #desk: Desk;
  readonly #theme: Theme;
  readonly #outside: Outside;
  #pressedAt = Number.NEGATIVE_INFINITY;
  #held: { readonly key: Key; readonly burst: boolean }[] = [];

  constructor(desk: Desk, theme: Theme, outside: Outside) {
    this.#desk = desk;
    this.#theme = theme;
    this.#outside = outside;
  }

  /**
   * `burst`: the key came with others at once. Not every terminal marks what is pasted, and that must change nothing.
   */
  readonly press = (key: Key, burst: boolean): void => {
    const { screen } = this.#desk.store.model;
    if (key.at) {
      this.#pointed(key.name, key.at);
      return;
    }
    const now = this.#desk.store.clock.monotonic();
    const isFast = now - this.#pressedAt < ANSWER_AFTER_MS;
    this.#pressedAt = now;
    if (key.name === 'ctrl-c') this.#outside.quit();
    else if (key.name === 'ctrl-z') this.#outside.suspend();
    else if (key.name === 'ctrl-l') this.#outside.redraw();
    else if (isChoosing(screen) && key.name !== 'esc') this.#hold(key, burst);
    else if (!takesText(screen)) this.#pressed(key, burst);
    else if (burst && commits(screen, key)) return;
    else if (isFast && screen.kind === 'ask') return;
    else if (screen.kind === 'filter' && (key.name === 'up' || key.name === 'down'))
      this.#moveList(key.name);
    else {
      this.#held = [];
      typeKey(screen, key, this.#desk);
    }
  };

  /** A click on the row under the cursor opens it; one beside a question or a form is none. */
  #pointed(name: string, spot: Spot): void {
    const { store } = this.#desk;
    const { model } = store;
    const isList = model.screen.kind === 'list' || model.screen.kind === 'filter';
    if (takesText(model.screen) && !isList) return;
    if (name === 'wheel-up' || name === 'wheel-down') {
      if (isReading(model)) return;
      for (let i = 0; i < WHEEL; i++) this.#move(name === 'wheel-up' ? 'up' : 'down');
      return;
    }
    const found = name === 'click' ? targetAt(model, this.#sheet(), spot) : null;
    if (!found) return;
    this.#held = [];
    if (found.on === 'tab') this.#tab(found.tab);
    else if (isReading(model) || model.place.id === null) return;
    else if (found.on === 'detail' || found.index === model.place.index) this.#simple('open');
    else this.#moveTo({ ...model.place, index: found.index });
  }

  #pressed(key: Key, burst: boolean): void {
    const { store } = this.#desk;
    const { model } = store;
    const action = actionFor(key.name, contextOf(model));
    const cancels = action?.do === 'clear' && isMarking(model);
    if (action?.do === 'tab' || action?.do === 'quit' || cancels) this.#held = [];
    else if (this.#held.length > 0 || waits(model, action)) {
      this.#hold(key, burst);
      return;
    }
    if (!action) this.#refused(key, burst);
    if (!action || (burst && CHANGES.has(action.do))) return;
    if (model.message) store.say('');
    this.#act(action);
  }

  /** A key that needs a daemon says so; any other does nothing. */
  #refused({ name }: Key, burst: boolean): void {
    const { store } = this.#desk;
    const why = burst ? '' : refusalOf(name, store.model);
    if (why !== '') store.say(why, true);
  }

  /** Keys wait until what they are about has been read. An action that opens a question is the last of them. */
  #hold(key: Key, burst: boolean): void {
    const { store } = this.#desk;
    if (this.#held.length >= MOST_HELD) return;
    const isOfForm = store.model.screen.kind === 'form';
    this.#held.push({ key, burst });
    if (this.#held.length > 1) return;
    const undo = store.subscribe(() => {
      if (isWaiting(store.model) && this.#held.length > 0) return;
      undo();
      for (const { key: next, burst: isBurst } of this.#held.splice(0)) {
        const { screen } = store.model;
        // Typed for a form that has closed meanwhile, a key may move through the list and start nothing.
        if (!takesText(screen)) this.#pressed(next, isBurst || isOfForm);
        else if (
          (screen.kind === 'pick' || screen.kind === 'form') &&
          !(isBurst && commits(screen, next))
        )
          typeKey(screen, next, this.#desk);
      }
    });
  }

  #act(action: Action): void {
    if (action.do === 'move') this.#move(action.how);
    else if (action.do === 'tab') this.#tab(action.to);
    else this.#simple(action.do);
  }

  #simple(what: Simple) {
    const { store } = this.#desk;
    const { model } = store;
    const { screen } = model;
    switch (what) {
      case 'open':
        return this.#open({ kind: 'detail', scroll: 0 });
      case 'log':
        return this.#open({ kind: 'log', back: 0, from: screen });
      case 'help':
        return store.show({ kind: 'help', scroll: 0, from: screen });
      case 'back':
        return store.show('from' in screen ? screen.from : { kind: 'list' });
      case 'filter':
        return store.show({ kind: 'filter', line: lineOf(model.filter) });
      case 'stop':
        return model.stop?.();
      case 'clear':
        return this.#clear();
      case 'order':
        return this.#order();
      case 'copy':
        return this.#copy();
      case 'mouse':
        return store.say(this.#outside.turnMouse() ? MOUSE_OURS : MOUSE_THEIRS);
      case 'mark':
        return this.#mark();
      case 'mark-all':
        void markAll(this.#desk);
        return;
      case 'quit':
        return this.#outside.quit();
      default:
        return this.#ask(what);
    }
  }

  #ask(what: Steers) {
    const { store } = this.#desk;
    const { model } = store;
    const from = model.screen;
    const show = (ask: Extract<Screen, { kind: 'ask' }>['ask']): void =>
      store.show({ kind: 'ask', ask, from });
    if (what === 'schedule') {
      void openForm(this.#desk);
      return;
    }
    const subject = subjectOf(model);
    if (what === 'again') {
      if (subject) void openFormLike(subject.id, this.#desk);
      return;
    }
    if (what === 'complete' || what === 'fail') {
      const { id = '', job = '' } = subject ?? {};
      if (subject) store.show({ kind: 'outcome', how: what, id, job, line: EMPTY, from });
      return;
    }
    if (what === 'pause') {
      return show(askPause(pausableOf(model), model.status?.paused.all ?? false));
    }
    if (what === 'remove') {
      const schedule = scheduleOf(model);
      return schedule ? show(askRemove(schedule)) : undefined;
    }
    if (what === 'due') {
      if (!subject) return;
      const { id, job, dueAt } = subject;
      const line = lineOf(showTyped(instantOf(dueAt), this.#here()));
      store.show({ kind: 'due', id, job, line, was: line.text, from });
      return;
    }
    const target = what === 'retry' ? retryTarget(model) : abortTarget(model);
    if (!target) return;
    if (what === 'abort') return show(askAbort(target, this.#here()));
    const retry = askRetry(target);
    if ('question' in retry) show(retry);
    else void perform(retry, this.#desk);
  }

  #open(screen: Screen): void {
    this.#desk.store.show(screen);
    this.#desk.refresh.now();
  }

  #clear() {
    const { store, refresh } = this.#desk;
    if (isMarking(store.model)) return store.set({ marking: null });
    if (store.model.marks.size > 0) return store.set({ marks: new Set() });
    store.set({ filter: '', place: START }, SOON_MS);
    refresh.now();
  }

  #order(): void {
    const { store, refresh } = this.#desk;
    const { model } = store;
    const orders = { ...model.orders, [model.tab]: nextOrder(model) };
    store.set({ orders, place: START }, SOON_MS);
    refresh.now();
  }

  #copy(): void {
    const { store } = this.#desk;
    const { id } = store.model.place;
    if (id === null) return;
    this.#outside.copy(id);
    store.say(`${id} is copied, where the terminal lets it`);
  }

  #mark(): void {
    const { store } = this.#desk;
    const { id } = store.model.place;
    if (id === null) return;
    const marks = new Set(store.model.marks);
    if (!marks.delete(id)) marks.add(id);
    store.set({ marks });
    this.#moveList('down');
  }

  #tab(to: Tab | 'next' | 'previous'): void {
    const { store, refresh } = this.#desk;
    const { tab } = store.model;
    const next = to === 'next' ? neighbour(tab, 1) : to === 'previous' ? neighbour(tab, -1) : to;
    if (next === tab && store.model.screen.kind === 'list') return;
    const screen: Screen = { kind: 'list' };
    store.set({ tab: next, place: START, marks: new Set(), screen }, SOON_MS);
    refresh.now();
  }

  #move(how: Move): void {
    const { store } = this.#desk;
    const { screen, size } = store.model;
    const { body } = layoutFor(size);
    const lines = pageRows(store.model, this.#sheet()).length;
    const most = Math.max(0, lines - body);
    if (screen.kind === 'help' || screen.kind === 'detail') {
      const scroll = scrolled(Math.min(screen.scroll, most), how, lines, body);
      // A reader at the end of a run stays there while its log grows.
      const stays = screen.kind === 'detail' && scroll === most;
      store.show({ ...screen, scroll: stays ? AT_END : scroll });
    } else if (screen.kind === 'log') {
      const top = scrolled(Math.max(0, most - screen.back), how, lines, body);
      store.show({ ...screen, back: most - top });
    } else this.#moveList(how);
  }

  #moveList(how: Move): void {
    const { place, status, size, tab } = this.#desk.store.model;
    // Keys may come before the list that they go through: its rows are not those of the one before.
    const list = listOf(this.#desk.store.model);
    const total = list?.total ?? (status ? countOf(infoOf(tab), status) : 0);
    this.#moveTo(move(place, how, total, layoutFor(size).list));
  }

  #moveTo(moved: Place): void {
    const { store, refresh } = this.#desk;
    const { place, size } = store.model;
    const list = listOf(store.model);
    const id = (list && namesIn(list)[moved.index - list.offset]) ?? null;
    if (moved.index === place.index && moved.top === place.top) return;
    // Beside the list its detail is as good as there: no empty one is shown on the way.
    const isOffline = store.model.link !== 'online';
    store.set({ place: { ...moved, id } }, isOffline || layoutFor(size).pane === 0 ? 0 : SOON_MS);
    refresh.now();
  }

  #sheet(): Sheet {
    const { columns } = layoutFor(this.#desk.store.model.size);
    return { theme: this.#theme, columns, here: this.#here() };
  }

  #here(): TimeReference & Beat {
    const { clock, model } = this.#desk.store;
    return hereOf(model, clock.now());
  }
}

/** The rows of the list on the screen are on their way, or the cursor is on none of them yet. */
function isReading(model: Model): boolean {
  if (model.screen.kind !== 'list' || model.link === 'silent') return false;
  const list = listOf(model);
  return list === null || (model.place.id === null && list.total > 0);
}

/**
 * The jobs to choose from, or the one that a form is for, are being read, or what a form asks for is not answered yet.
 */
const isChoosing = (screen: Screen): boolean =>
  (screen.kind === 'pick' && screen.jobs === null) || (screen.kind === 'form' && screen.form.busy);

const isWaiting = (model: Model): boolean =>
  isReading(model) || isMarking(model) || isChoosing(model.screen);

/** True where a key has to wait: for its row, for the rows that it goes through, or for the marks that it is about. */
function waits(model: Model, action: Action | null): boolean {
  if (isMarking(model)) return true;
  const isBlind = action?.do === 'move' && model.status === null;
  return isReading(model) && (action === null || isBlind);
}

function scrolled(top: number, how: Move, lines: number, room: number): number {
  const place = { index: top + room - 1, id: null, top };
  const most = Math.max(0, lines - room);
  if (how === 'first') return 0;
  if (how === 'last') return most;
  const by = move({ ...place, index: 1000 }, how, 100_000, room).index - 1000;
  return Math.max(0, Math.min(top + by, most));
}
