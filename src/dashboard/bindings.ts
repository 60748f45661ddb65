// Which key does what, on which screen, and when. One table: what a key does and the hint that names it cannot say
// different things, and a key without a hint that holds right now does nothing.

import { SETTLED } from '../run/run.ts';
import type { Move, Tab } from './lists.ts';
import type { Link, Screen } from './model.ts';
import type { Glyphs } from './theme.ts';

/** What is under the cursor or marked, as far as keys care. */
export interface Context {
  readonly screen: Screen['kind'];
  readonly tab: Tab;
  readonly link: Link;
  readonly readOnly: boolean;
  /** The state of the run under the cursor; null where there is none. */
  readonly state: string | null;
  /** A row is under the cursor. */
  readonly row: boolean;
  readonly marks: number;
  readonly filtered: boolean;
  /** Of the marked runs, those that can be retried. */
  readonly retryable: number;
}

export type Action =
  | { readonly do: 'move'; readonly how: Move }
  | { readonly do: 'tab'; readonly to: Tab | 'next' | 'previous' }
  | { readonly do: Simple };
export type Simple =
  | 'open'
  | 'back'
  | 'filter'
  | 'clear'
  | 'order'
  | 'mark'
  | 'mark-all'
  | 'abort'
  | 'retry'
  | 'due'
  | 'schedule'
  | 'pause'
  | 'log'
  | 'copy'
  | 'help'
  | 'quit';

export interface Binding {
  readonly keys: readonly string[];
  /** How the hint names the key; a function where the characters of the terminal matter. */
  readonly name: string | ((glyphs: Glyphs) => string);
  readonly label: string | ((context: Context) => string);
  readonly help: string;
  readonly action: Action;
  readonly when: (context: Context) => boolean;
  /** Hints with a higher number go first where there is no room for all; 0 is for the help alone. */
  readonly weight: number;
}

const on =
  (...screens: readonly Screen['kind'][]) =>
  ({ screen }: Context): boolean =>
    screens.includes(screen);
const moving = on('list', 'detail', 'log', 'help');
const listed = on('list');
const reading = on('list', 'detail');
/** A daemon is there to be asked, and nobody forbade it. */
const mayAct = (c: Context): boolean => c.link === 'online' && !c.readOnly && reading(c);
const isRun = (c: Context): boolean => c.tab !== 'jobs' && (c.row || c.marks > 0);
const isIn = (c: Context, ...states: readonly string[]): boolean => states.includes(c.state ?? '');

const WAITING = ['scheduled', 'waiting', 'queued'] as const;

const mayMark = (c: Context): boolean =>
  listed(c) && c.row && c.tab !== 'jobs' && c.link === 'online' && !c.readOnly;

/** `keys` with a space between them; the first one names it. Without a label it has no hint, without help no line. */
const bind = (keys: string, action: Action | Simple, more: Partial<Binding>): Binding => {
  const all = keys.split(' ');
  const does: Action = typeof action === 'string' ? { do: action } : action;
  return {
    ...{ keys: all, name: all[0] ?? '', label: '', help: '', weight: 0, when: listed },
    ...{ action: does, ...more },
  };
};

const motion = (keys: string, how: Move, name = '', help = ''): Binding =>
  bind(keys, { do: 'move', how }, { name, help, when: moving });

const tabKey = (key: string, to: Tab): Binding => bind(key, { do: 'tab', to }, { when: reading });

const many =
  (one: string): ((context: Context) => string) =>
  (context) =>
    context.marks > 0 ? `${one} ${context.marks}` : one;

const retryLabel = (c: Context): string => {
  if (c.marks > 0) return `retry ${c.retryable}`;
  if (isIn(c, 'failed', 'aborted')) return 'retry';
  return isIn(c, 'done') ? 'run again' : 'run now';
};

export const BINDINGS: readonly Binding[] = [
  {
    ...motion('down j', 'down'),
    name: (glyphs) => glyphs.arrows,
    label: 'move',
    help: 'one down, one up: also j and k',
    weight: 5,
  },
  motion('up k', 'up'),
  motion('home g', 'first', 'g G', 'to the first, to the last'),
  motion('end G', 'last'),
  motion('pageup ctrl-b', 'pageup', 'PgUp PgDn', 'a page up, a page down'),
  motion('pagedown ctrl-f', 'pagedown'),
  motion('ctrl-u', 'halfup', 'ctrl-u ctrl-d', 'half a page'),
  motion('ctrl-d', 'halfdown'),
  bind('enter', 'open', {
    name: (glyphs) => glyphs.enter,
    label: 'open',
    help: 'all of the run or job under the cursor',
    when: (c) => listed(c) && c.row,
    weight: 8,
  }),
  bind('esc left backspace h', 'back', {
    name: 'Esc',
    label: 'back',
    help: 'back; in a list: away with marks and filter',
    when: on('detail', 'log', 'help'),
    weight: 9,
  }),
  bind('esc', 'clear', {
    name: 'Esc',
    label: (c) => (c.marks > 0 ? 'unmark' : 'all'),
    when: (c) => listed(c) && (c.filtered || c.marks > 0),
    weight: 6,
  }),
  bind('/', 'filter', {
    label: 'filter',
    help: 'filter as you type, as told below',
    weight: 6,
  }),
  bind('space', 'mark', {
    name: 'Space',
    label: 'mark',
    help: 'mark for abort and retry; * marks all on the screen',
    when: mayMark,
    weight: 3,
  }),
  bind('*', 'mark-all', { when: mayMark }),
  bind('a', 'abort', {
    label: many('abort'),
    help: 'abort; asks first',
    when: (c) => mayAct(c) && isRun(c) && (c.marks > 0 || !isIn(c, ...SETTLED)),
    weight: 7,
  }),
  bind('r', 'retry', {
    label: retryLabel,
    help: 'retry what failed, run now what waits, again what is done',
    when: (c) =>
      mayAct(c) &&
      isRun(c) &&
      (c.marks > 0 ? c.retryable > 0 : isIn(c, ...SETTLED, 'scheduled', 'queued')),
    weight: 7,
  }),
  bind('e', 'due', {
    label: 'due time',
    help: 'change when a run is due that has not started',
    when: (c) => mayAct(c) && isRun(c) && c.row && isIn(c, ...WAITING),
    weight: 5,
  }),
  bind('s', 'schedule', {
    label: 'schedule',
    help: 'schedule a run: a form made from what the job takes',
    when: mayAct,
    weight: 6,
  }),
  bind('P', 'pause', {
    label: 'pause',
    help: 'pause or resume a job, or all of them',
    when: mayAct,
    weight: 4,
  }),
  bind('l', 'log', {
    label: 'log',
    help: 'the whole log; up stops following, G follows again',
    when: (c) => reading(c) && c.row && c.tab !== 'jobs',
    weight: 5,
  }),
  bind('o', 'order', {
    label: 'order',
    help: 'another order: newest, oldest, next due, last settled; jobs by their counts',
    weight: 2,
  }),
  bind('y', 'copy', {
    label: (c) => (c.tab === 'jobs' ? 'copy name' : 'copy id'),
    help: 'copy the id of the run, or the name of the job',
    when: (c) => on('list', 'detail', 'log')(c) && c.row,
    weight: 1,
  }),
  bind(
    'tab right',
    { do: 'tab', to: 'next' },
    {
      name: 'Tab',
      label: 'list',
      help: 'the next list, shift-Tab the one before, 1 to 6 that one',
      weight: 4,
    },
  ),
  bind('shift-tab left', { do: 'tab', to: 'previous' }, {}),
  tabKey('1', 'running'),
  tabKey('2', 'scheduled'),
  tabKey('3', 'done'),
  tabKey('4', 'errors'),
  tabKey('5', 'all'),
  tabKey('6', 'jobs'),
  bind('?', 'help', {
    label: 'help',
    help: 'this page',
    when: on('list', 'detail', 'log'),
    weight: 10,
  }),
  bind('q', 'quit', {
    label: 'quit',
    help: 'quit, also ctrl-c; never stops the daemon or a job',
    when: moving,
    weight: 10,
  }),
];
