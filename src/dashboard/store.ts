// The model and the time at which it is shown. The part that draws subscribes; a change is a function from the model to
// the next one. It knows nothing of React.
import type { Clock } from '../support/clock.ts';
import type { Message, Model, Screen } from './model.ts';

export interface View {
  readonly model: Model;
  readonly now: number;
}

/** A message has been read by then. */
const MESSAGE_MS = 6000;
/** A list that is there by then is shown at once; no picture without rows comes before it. */
export const SOON_MS = 60;
/** A change that goes on by itself, a clock or a log, can wait for the next picture that is drawn anyway. */
export const LATER_MS = 200;

/**
 * Frames are at most 15 a second in the long run. Bursts are allowed: a few keys at once need two or three frames each.
 */
const APART_MS = 1000 / 15;
const AT_ONCE = 6;

export class Store {
  readonly clock: Clock;
  #view: View;
  readonly #listeners = new Set<() => void>();
  #telling = false;
  #undoLater: (() => void) | null = null;
  #undoMessage = (): void => undefined;

  constructor(model: Model, clock: Clock) {
    this.clock = clock;
    this.#view = { model, now: clock.now() };
  }

  readonly view = (): View => this.#view;

  get model(): Model {
    return this.#view.model;
  }

  /** `withinMs`: so much time its picture has; another one that comes before shows it too. */
  change(next: (model: Model) => Model, withinMs = 0): void {
    const model = next(this.#view.model);
    if (model === this.#view.model) return;
    this.#view = { model, now: this.clock.now() };
    this.#tell(withinMs);
  }

  set(part: Partial<Model>, withinMs = 0): void {
    this.change((model) => ({ ...model, ...part }), withinMs);
  }

  show(screen: Screen): void {
    this.set({ screen });
  }

  /** Only the time has changed. */
  tick(): void {
    this.#view = { ...this.#view, now: this.clock.now() };
    this.#tell(LATER_MS);
  }

  say(text: string, bad = false): void {
    const message: Message | null = text === '' ? null : { text: this.model.asTyped(text), bad };
    this.#undoMessage();
    this.set({ message });
    if (!message) return;
    this.#undoMessage = this.clock.after(MESSAGE_MS, () => {
      if (this.model.message === message) this.set({ message: null });
    });
  }

  /** Returns its undo. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  close(): void {
    this.#undoMessage();
    this.#undoLater?.();
    this.#listeners.clear();
  }

  /** Once for all the changes of one key, or of one reply. */
  #tell(withinMs: number): void {
    if (this.#telling) return;
    if (withinMs > 0) {
      this.#undoLater ??= this.clock.after(withinMs, () => this.#tell(0));
      return;
    }
    this.#undoLater?.();
    this.#undoLater = null;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

/** Subscribes `draw` at that pace: it is called at once for the first changes, and later for the last of too many. */
export function paced(store: Store, draw: () => void): () => void {
  const { clock } = store;
  /** Time at which the frames drawn so far would have been drawn at the long-run pace. */
  let paidUntil = Number.NEGATIVE_INFINITY;
  let undoNext: (() => void) | null = null;
  const next = (): void => {
    undoNext = null;
    paidUntil = Math.max(paidUntil, clock.monotonic()) + APART_MS;
    draw();
  };
  const undo = store.subscribe(() => {
    if (undoNext) return;
    const wait = paidUntil - (AT_ONCE - 1) * APART_MS - clock.monotonic();
    if (wait <= 0) next();
    else undoNext = clock.after(wait, next);
  });
  return () => {
    undoNext?.();
    undo();
  };
}
