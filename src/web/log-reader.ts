// Reads the log of a run for its page: the end of it, then what is said while the run goes on, what is scrolled to, and
// what is looked for. A daemon reads a whole log to reply, so a long one is asked for less often.
import { ApiError } from './api-error.ts';
import { changes } from './live.ts';
import { askLog, type Found, findIn } from './log-parts.ts';
import { inTurns } from './log-turns.ts';
import { pieceOf, type Window, withBefore, withNext } from './log-window.ts';
import { Observable } from './observable.ts';

/** Lines that are asked for at once. */
const PART = 1000;

export interface Shown {
  readonly window: Window;
  readonly total: number;
  /** The end stays on the screen. */
  readonly follows: boolean;
  /** The lines that were found; null if nothing is looked for. */
  readonly found: readonly Found[] | null;
  /** Lines that were looked through. */
  readonly searched: number;
  readonly error: ApiError | null;
}

const NOTHING: Shown = {
  ...{ window: [], total: 0, follows: true },
  ...{ found: null, searched: 0, error: null },
};

export interface LogReader {
  readonly shown: Observable<Shown>;
  readonly close: () => void;
  readonly follow: (on: boolean) => void;
  /** Asks for the lines before the first one that is held. */
  readonly before: () => void;
  /** Asks for the lines after the last one that is held. */
  readonly next: () => void;
  readonly search: (text: string) => void;
}

/** The part of the log that is held, and how it becomes another. */
function holder(id: string, signal: AbortSignal) {
  const shown = new Observable<Shown>(NOTHING);
  const set = (next: Partial<Shown>): void => {
    if (!signal.aborted) shown.set({ ...shown.value, ...next });
  };
  const end = async (): Promise<void> => {
    const log = await askLog(id, { last: PART }, signal);
    const piece = pieceOf(log);
    set({ total: log.total, window: piece ? [piece] : [], error: null });
  };
  const more = async (seen: number): Promise<void> => {
    const log = await askLog(id, { after: seen, limit: PART }, signal);
    const piece = pieceOf(log);
    const { window } = shown.value;
    set({ total: log.total, error: null, ...(piece && { window: withNext(window, piece) }) });
  };
  const before = async (): Promise<void> => {
    const first = shown.value.window[0]?.first ?? 1;
    if (first <= 1) return;
    const piece = pieceOf(await askLog(id, { before: first, last: PART }, signal));
    if (piece) set({ window: withBefore(shown.value.window, piece) });
  };
  const next = async (): Promise<void> => {
    const { window, total } = shown.value;
    const last = window.at(-1)?.last ?? 0;
    if (last < total) await more(last);
  };
  // The lines since then: shown if the end is followed, else only counted.
  const look = async (): Promise<void> => {
    const { window, total, follows } = shown.value;
    const last = window.at(-1)?.last ?? 0;
    if (follows) return total - last > PART ? end() : more(last);
    const log = await askLog(id, { after: total, limit: 0 }, signal);
    set({ total: log.total, error: null });
  };
  return { shown, set, end, before, next, look };
}

export function readLog(id: string, isRunning: () => boolean): LogReader {
  const ending = new AbortController();
  let searching = new AbortController();
  const { shown, set, end, before, next, look } = holder(id, ending.signal);
  const fail = (error: unknown): void => {
    if (!(error instanceof ApiError)) throw error;
    if (error.code !== 'interrupted') set({ error });
  };
  const turns = inTurns(look, isRunning, fail);
  const undo = changes.on(turns.look);
  turns.take(end);
  return {
    shown,
    close() {
      ending.abort();
      searching.abort();
      undo();
      turns.close();
    },
    follow(on) {
      if (on === shown.value.follows) return;
      set({ follows: on });
      if (on) turns.take(end);
    },
    before: () => turns.take(before),
    next: () => turns.take(next),
    search(text) {
      searching.abort();
      searching = new AbortController();
      set({ found: text === '' ? null : [], searched: 0 });
      const tell = (found: readonly Found[], searched: number): void => set({ found, searched });
      if (text !== '') findIn(id, text, searching.signal, tell).catch(fail);
    },
  };
}
