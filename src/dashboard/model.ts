// All that the picture is made of. The store replaces it as a whole; the views are functions of it.
import type { Status } from '../commands/shared/replies.ts';
import type { LogLine } from '../run/view.ts';
import type { Json } from '../support/json.ts';
import type { Form, FormJob } from './form.ts';
import type { Line } from './line.ts';
import { type Order, type Place, START, type Tab } from './lists.ts';
import type { Detail, List } from './replies.ts';
import type { Ask } from './request.ts';

export interface Model {
  readonly size: Size;
  readonly tab: Tab;
  readonly filter: string;
  readonly place: Place;
  readonly marks: ReadonlySet<string>;
  /** The marks stand for all runs of their list, of which there are more than can be marked one by one. */
  readonly everything: Everything | null;
  /** The list whose runs are being marked, all of them; null where none is. */
  readonly marking: string | null;
  readonly screen: Screen;
  readonly message: Message | null;
  readonly link: LinkState;
  /** When a daemon was asked that has not answered yet, although it should have. */
  readonly silentSince: number | null;
  /** The order of each list, if the user chose one. */
  readonly orders: Readonly<Partial<Record<Tab, Order>>>;
  /** Asked for with --read-only. */
  readonly readOnly: boolean;
  /** Zone of all times, shown and typed: the config's, else that of the shell that started the dashboard. */
  readonly timezone: string;
  /** The text with the lines to type in it as they work in the user's shell. */
  readonly asTyped: (text: string) => string;
  /** The instant at which the daemon that has gone was last known to be alive; null if one runs, or if unknown. */
  readonly aliveAt: number | null;
  readonly status: Status | null;
  /** The latest window, and the list (tab, order and filter) that it is of. */
  readonly list: List | null;
  readonly shown: string;
  readonly detail: Detail | null;
  readonly log: Log | null;
  /** Runs that something was asked for which has not been answered: `aborting`. */
  readonly pending: ReadonlyMap<string, string>;
  /** Stops what goes through all that match; null where nothing does. */
  readonly stop: (() => void) | null;
}

/** Holds as long as its marks are those of the model. */
export interface Everything {
  readonly marks: ReadonlySet<string>;
  /** The list and filter, and the time before which runs were accepted. */
  readonly which: { readonly [name: string]: Json };
  /** Null where the list is still being searched. */
  readonly total: number | null;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** `silent`: a daemon that is there and does not answer. */
export type LinkState = 'opening' | 'online' | 'offline' | 'silent';

export interface Log {
  readonly id: string;
  /** The end of it. */
  readonly lines: readonly LogLine[];
  readonly live: boolean;
}

export interface Message {
  readonly text: string;
  readonly bad: boolean;
}

export type Screen =
  | { readonly kind: 'list' }
  | { readonly kind: 'filter'; readonly line: Line }
  | { readonly kind: 'detail'; readonly scroll: number }
  /** `back`: lines above the end that are scrolled past; 0 follows. */
  | { readonly kind: 'log'; readonly back: number; readonly from: Screen }
  | { readonly kind: 'help'; readonly scroll: number; readonly from: Screen }
  | { readonly kind: 'ask'; readonly ask: Ask; readonly from: Screen }
  | {
      readonly kind: 'due';
      readonly id: string;
      readonly job: string;
      readonly line: Line;
      /** The present time, as the line showed it first. */
      readonly was: string;
      readonly from: Screen;
    }
  /** The outcome of a run that waits for an outside result: its output as JSON, or why it failed. */
  | {
      readonly kind: 'outcome';
      readonly how: 'complete' | 'fail';
      readonly id: string;
      readonly job: string;
      readonly line: Line;
      readonly from: Screen;
    }
  | {
      readonly kind: 'pick';
      readonly line: Line;
      readonly at: number;
      readonly jobs: readonly FormJob[] | null;
    }
  | { readonly kind: 'form'; readonly form: Form };

export const newModel = (
  size: Size,
  readOnly: boolean,
  timezone: string,
  asTyped: Model['asTyped'] = (text) => text,
): Model => ({
  size,
  timezone,
  asTyped,
  tab: 'running',
  filter: '',
  place: START,
  marks: new Set(),
  everything: null,
  marking: null,
  screen: { kind: 'list' },
  message: null,
  link: 'opening',
  silentSince: null,
  orders: {},
  readOnly,
  aliveAt: null,
  status: null,
  list: null,
  shown: '',
  detail: null,
  log: null,
  pending: new Map(),
  stop: null,
});
