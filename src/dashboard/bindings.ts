// Which key does what, on which screen, and when. One table: what a key does and the hint that names it cannot say
// different things, and a key without a hint that holds right now does nothing.

import type { Move, Tab } from './lists.ts';
import type { Glyphs } from './look.ts';
import type { Link, Screen } from './model.ts';

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
  | 'mark'
  | 'mark-all'
  | 'abort'
  | 'retry'
  | 'due'
  | 'schedule'
  | 'pause'
  | 'log'
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

const SETTLED = ['done', 'failed', 'aborted'] as const;
const WAITING = ['scheduled', 'waiting', 'queued'] as const;

const motion = (
  keys: readonly string[],
  how: Move,
  help: string,
  name = keys[0] ?? '',
): Binding => ({
  keys,
  name,
  label: '',
  help,
  action: { do: 'move', how },
  when: moving,
  weight: 0,
});

const tabKey = (key: string, to: Tab): Binding => ({
  keys: [key],
  name: key,
  label: '',
  help: '',
  action: { do: 'tab', to },
  when: reading,
  weight: 0,
});

const many =
  (one: string): ((context: Context) => string) =>
  (context) =>
    context.marks > 0 ? `${one} ${context.marks}` : one;

export const BINDINGS: readonly Binding[] = [
  {
    keys: ['down', 'j'],
    name: (glyphs) => glyphs.arrows,
    label: 'move',
    help: 'one down, one up: also j and k',
    action: { do: 'move', how: 'down' },
    when: moving,
    weight: 5,
  },
  motion(['up', 'k'], 'up', ''),
  motion(['home', 'g'], 'first', 'to the first, to the last', 'g G'),
  motion(['end', 'G'], 'last', ''),
  motion(['pageup', 'ctrl-b'], 'pageup', 'a page up, a page down', 'PgUp PgDn'),
  motion(['pagedown', 'ctrl-f'], 'pagedown', ''),
  motion(['ctrl-u'], 'halfup', 'half a page', 'ctrl-u ctrl-d'),
  motion(['ctrl-d'], 'halfdown', ''),
  {
    keys: ['enter'],
    name: (glyphs) => glyphs.enter,
    label: 'open',
    help: 'all of the run or job under the cursor',
    action: { do: 'open' },
    when: (c) => listed(c) && c.row,
    weight: 8,
  },
  {
    keys: ['esc', 'left', 'backspace', 'h'],
    name: 'Esc',
    label: 'back',
    help: 'back; in a list: away with marks and filter',
    action: { do: 'back' },
    when: on('detail', 'log', 'help'),
    weight: 9,
  },
  {
    keys: ['esc'],
    name: 'Esc',
    label: (c) => (c.marks > 0 ? 'unmark' : 'all'),
    help: '',
    action: { do: 'clear' },
    when: (c) => listed(c) && (c.filtered || c.marks > 0),
    weight: 6,
  },
  {
    keys: ['/'],
    name: '/',
    label: 'filter',
    help: 'filter as you type: words of the job, an id, state: group: key: since:',
    action: { do: 'filter' },
    when: listed,
    weight: 6,
  },
  {
    keys: ['space'],
    name: 'Space',
    label: 'mark',
    help: 'mark; abort and retry then do all marked ones. * marks all on the screen',
    action: { do: 'mark' },
    when: (c) => listed(c) && c.row && c.tab !== 'jobs' && c.link === 'online' && !c.readOnly,
    weight: 3,
  },
  {
    keys: ['*'],
    name: '*',
    label: '',
    help: '',
    action: { do: 'mark-all' },
    when: (c) => listed(c) && c.row && c.tab !== 'jobs' && c.link === 'online' && !c.readOnly,
    weight: 0,
  },
  {
    keys: ['a'],
    name: 'a',
    label: many('abort'),
    help: 'abort; asks first',
    action: { do: 'abort' },
    when: (c) => mayAct(c) && isRun(c) && (c.marks > 0 || !isIn(c, ...SETTLED)),
    weight: 7,
  },
  {
    keys: ['r'],
    name: 'r',
    label: (c) =>
      c.marks > 0
        ? `retry ${c.marks}`
        : isIn(c, 'failed', 'aborted')
          ? 'retry'
          : isIn(c, 'done')
            ? 'run again'
            : 'run now',
    help: 'retry what failed; run now what waits; run again what is done',
    action: { do: 'retry' },
    when: (c) =>
      mayAct(c) && isRun(c) && (c.marks > 0 || isIn(c, ...SETTLED, 'scheduled', 'queued')),
    weight: 7,
  },
  {
    keys: ['e'],
    name: 'e',
    label: 'due time',
    help: 'change the due time of a run that has not started',
    action: { do: 'due' },
    when: (c) => mayAct(c) && isRun(c) && c.row && isIn(c, ...WAITING),
    weight: 5,
  },
  {
    keys: ['s'],
    name: 's',
    label: 'schedule',
    help: 'schedule a run: a form made from what the job takes',
    action: { do: 'schedule' },
    when: mayAct,
    weight: 6,
  },
  {
    keys: ['P'],
    name: 'P',
    label: 'pause',
    help: 'pause or resume a job, or all of them',
    action: { do: 'pause' },
    when: mayAct,
    weight: 4,
  },
  {
    keys: ['l'],
    name: 'l',
    label: 'log',
    help: 'the whole screen for the log; up stops following, G follows again',
    action: { do: 'log' },
    when: (c) => reading(c) && c.row && c.tab !== 'jobs',
    weight: 5,
  },
  {
    keys: ['tab', 'right'],
    name: 'Tab',
    label: 'list',
    help: 'the next list, shift-Tab the one before, 1 to 6 one of them',
    action: { do: 'tab', to: 'next' },
    when: listed,
    weight: 4,
  },
  {
    keys: ['shift-tab', 'left'],
    name: '',
    label: '',
    help: '',
    action: { do: 'tab', to: 'previous' },
    when: listed,
    weight: 0,
  },
  tabKey('1', 'running'),
  tabKey('2', 'scheduled'),
  tabKey('3', 'done'),
  tabKey('4', 'errors'),
  tabKey('5', 'all'),
  tabKey('6', 'jobs'),
  {
    keys: ['?'],
    name: '?',
    label: 'help',
    help: 'this page',
    action: { do: 'help' },
    when: on('list', 'detail', 'log'),
    weight: 10,
  },
  {
    keys: ['q'],
    name: 'q',
    label: 'quit',
    help: 'quit, also ctrl-c; never stops the daemon or a job',
    action: { do: 'quit' },
    when: moving,
    weight: 10,
  },
];
