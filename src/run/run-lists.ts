// The lists of runs that people look at, in a terminal and on the web page, which states each shows, and how it is
// ordered.
import { STATE_NAMES, type StateName } from './run.ts';

export const LIST_NAMES = ['running', 'scheduled', 'done', 'errors', 'all'] as const;
export type ListName = (typeof LIST_NAMES)[number];

/** The states that each of them shows. */
export const LISTS: Readonly<Record<ListName, readonly StateName[]>> = {
  running: ['running'],
  scheduled: ['scheduled', 'waiting', 'queued'],
  done: ['done'],
  errors: ['failed', 'aborted'],
  all: STATE_NAMES,
};

export const RUN_ORDERS = ['newest', 'oldest', 'due', 'settled'] as const;
export type RunOrder = (typeof RUN_ORDERS)[number];

/** How each can be ordered; at first as the first one says. */
export const LIST_ORDERS: Readonly<Record<ListName, readonly RunOrder[]>> = {
  running: ['newest', 'oldest'],
  scheduled: ['due', 'newest', 'oldest'],
  done: ['settled', 'newest', 'oldest'],
  errors: ['settled', 'newest', 'oldest'],
  all: ['newest', 'oldest'],
};
