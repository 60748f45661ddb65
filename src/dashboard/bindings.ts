// The table of keys: action, condition, hint and help of each. Keys, hints and help all read this table, so they cannot
// disagree, and a key whose condition does not hold does nothing.
import { SETTLED } from '../run/run.ts';
import { infoOf, type Move, type Tab } from './lists.ts';
import type { LinkState, Screen } from './model.ts';
import type { Glyphs } from './theme.ts';

/** The facts that decide which keys work. */
export interface Context {
  readonly screen: Screen['kind'];
  readonly tab: Tab;
  readonly link: LinkState;
  readonly readOnly: boolean;
  /** The state of the run under the cursor; null where there is none. */
  readonly state: string | null;
  /** True if that run waits for an outside result. */
  readonly forResult: boolean;
  /** A row is under the cursor. */
  readonly row: boolean;
  /** True if that row is a schedule that no job file defines. */
  readonly removable: boolean;
  readonly marks: number;
  /** The marks stand for all that match. */
  readonly everything: boolean;
  /** The marks are being read. */
  readonly marking: boolean;
  /** Something goes through all that match. */
  readonly stoppable: boolean;
  readonly filtered: boolean;
  /** The marked runs that can be retried. */
  readonly retryable: number;
  /** How many of them are not settled. */
  readonly abortable: number;
}

type Opens = 'open' | 'back' | 'log' | 'help' | 'quit';
type Lists = 'filter' | 'stop' | 'clear' | 'order' | 'mark' | 'mark-all' | 'copy' | 'mouse';
/** Actions that change a run, a job or a schedule. */
export type Steers =
  | 'abort'
  | 'retry'
  | 'again'
  | 'due'
  | 'schedule'
  | 'pause'
  | 'remove'
  | 'complete'
  | 'fail';
export type Simple = Opens | Lists | Steers;
export type Action =
  | { readonly do: 'move'; readonly how: Move }
  | { readonly do: 'tab'; readonly to: Tab | 'next' | 'previous' }
  | { readonly do: Simple };

type When = (context: Context) => boolean;
type Label = string | ((context: Context) => string);

interface Binding {
  /** The first key is the one that hints and help show. */
  readonly keys: readonly string[];
  readonly action: Action;
  readonly when: When;
  /** Hints with a higher weight are kept when there is no room for all; 0 is no hint. */
  readonly weight: number;
  readonly label: Label;
  readonly help: string;
}

/** `keys` are separated by spaces. A binding without `help` has no line in the help. */
const bind = (
  keys: string,
  action: Action | Simple,
  when: When,
  weight = 0,
  label: Label = '',
  help = '',
): Binding => ({
  keys: keys.split(' '),
  action: typeof action === 'string' ? { do: action } : action,
  ...{ when, weight, label, help },
});

const on =
  (...screens: readonly Screen['kind'][]): When =>
  ({ screen }) =>
    screens.includes(screen);
const moving = on('list', 'detail', 'log', 'help');
const listed = on('list');
const reading = on('list', 'detail');
const opened = on('detail', 'log', 'help');
const onRow: When = (c) => listed(c) && c.row;
const mayCopy: When = (c) => on('list', 'detail', 'log')(c) && c.row;
const ofRuns: When = ({ tab }) => infoOf(tab).of === 'run';
const mayFollow: When = (c) => reading(c) && c.row && ofRuns(c);
const mayClear: When = (c) => listed(c) && (c.filtered || c.marks > 0 || c.marking);
const isIn = (c: Context, ...states: readonly string[]): boolean => states.includes(c.state ?? '');
/** True if a daemon answers and the dashboard is not read-only. */
const mayAct: When = (c) => c.link === 'online' && !c.readOnly && reading(c);
const onRuns: When = (c) => mayAct(c) && ofRuns(c) && (c.row || c.marks > 0);
const mayMark: When = (c) => mayAct(c) && listed(c) && c.row && ofRuns(c);
const mayAbort: When = (c) => onRuns(c) && (c.marks > 0 ? c.abortable > 0 : !isIn(c, ...SETTLED));
const mayRetry: When = (c) =>
  onRuns(c) && (c.marks > 0 ? c.retryable > 0 : isIn(c, ...SETTLED, 'scheduled', 'queued'));
const mayMove: When = (c) => onRuns(c) && c.row && isIn(c, 'scheduled', 'waiting', 'queued');
const mayRepeat: When = (c) => onRuns(c) && c.row && c.marks === 0 && isIn(c, ...SETTLED);
const mayComplete: When = (c) => onRuns(c) && c.row && c.marks === 0 && c.forResult;
const mayRemove: When = (c) => mayAct(c) && c.removable;

const abortLabel = ({ marks, everything, abortable }: Context): string =>
  everything ? 'abort all' : marks > 0 ? `abort ${abortable}` : 'abort';
const retryLabel = (c: Context): string => {
  if (c.everything) return 'retry all';
  if (c.marks > 0) return `retry ${c.retryable}`;
  if (isIn(c, 'failed', 'aborted')) return 'retry';
  return isIn(c, 'done') ? 'run again' : 'run now';
};
const clearLabel = ({ marks, marking }: Context): string =>
  marks > 0 || marking ? 'unmark' : 'all';
const copyLabel = (c: Context): string => (ofRuns(c) ? 'copy id' : 'copy name');

const motion = (keys: string, how: Move, help = '', weight = 0): Binding =>
  bind(keys, { do: 'move', how }, moving, weight, 'move', help);
const tab = (keys: string, to: Tab): Binding => bind(keys, { do: 'tab', to }, reading);

const BACK_HELP = 'back; in a list: stop what goes on, clear marks and filter';
const RETRY_HELP = 'retry what failed, run now what waits, again what is done';
const SCHEDULE_HELP = 'schedule a run: a form made from what the job takes';
const ORDER_HELP = 'another order: newest, oldest, next due, last settled; jobs by their counts';
const COPY_HELP = 'copy the id of the run, or the name of the job or schedule';
const PAUSE_HELP = 'pause or resume a job, a schedule, or all jobs';
const AGAIN_HELP = 'run again with other params: the form, filled with those of the run';
const COMPLETE_HELP = 'settle a run that waits for an outside result: done, with an output';
const FAIL_HELP = 'settle it as failed, with a message';
const REMOVE_HELP = 'remove a schedule; asks first. One in a job file is removed there';
const MOUSE_HELP = 'let the mouse select text, or move and open again (Shift selects too)';
const TAB_HELP = 'the next list, shift-Tab the one before, 1 to 7 that one';

export const BINDINGS: readonly Binding[] = [
  motion('down j', 'down', 'one down, one up: also j and k', 5),
  motion('up k', 'up'),
  motion('home g', 'first', 'to the first, to the last'),
  motion('end G', 'last'),
  motion('pageup ctrl-b', 'pageup', 'a page up, a page down'),
  motion('pagedown ctrl-f', 'pagedown'),
  motion('ctrl-u', 'halfup', 'half a page'),
  motion('ctrl-d', 'halfdown'),
  bind('enter', 'open', onRow, 8, 'open', 'all of the run, job or schedule under the cursor'),
  bind('esc', 'stop', (c) => listed(c) && c.stoppable, 11, 'stop'),
  bind('esc left backspace h', 'back', opened, 9, 'back', BACK_HELP),
  bind('esc', 'clear', mayClear, 6, clearLabel),
  bind('/', 'filter', listed, 6, 'filter', 'filter as you type; its words stand below'),
  bind('space', 'mark', mayMark, 3, 'mark', 'mark for abort and retry; * marks all that match'),
  bind('*', 'mark-all', mayMark),
  bind('a', 'abort', mayAbort, 7, abortLabel, 'abort; asks first'),
  bind('r', 'retry', mayRetry, 7, retryLabel, RETRY_HELP),
  bind('R', 'again', mayRepeat, 4, 'edit, run again', AGAIN_HELP),
  bind('c', 'complete', mayComplete, 7, 'complete', COMPLETE_HELP),
  bind('f', 'fail', mayComplete, 6, 'fail', FAIL_HELP),
  bind('e', 'due', mayMove, 5, 'due time', 'change when a run is due that has not started'),
  bind('s', 'schedule', mayAct, 6, 'schedule', SCHEDULE_HELP),
  bind('P', 'pause', mayAct, 4, 'pause', PAUSE_HELP),
  bind('x', 'remove', mayRemove, 7, 'remove', REMOVE_HELP),
  bind('l', 'log', mayFollow, 5, 'log', 'the whole log; up stops following, G follows again'),
  bind('o', 'order', listed, 2, 'order', ORDER_HELP),
  bind('y', 'copy', mayCopy, 1, copyLabel, COPY_HELP),
  bind('m', 'mouse', on('list', 'detail', 'log'), 0, '', MOUSE_HELP),
  bind('tab right', { do: 'tab', to: 'next' }, listed, 4, 'list', TAB_HELP),
  bind('shift-tab left', { do: 'tab', to: 'previous' }, listed),
  tab('1', 'running'),
  tab('2', 'scheduled'),
  tab('3', 'done'),
  tab('4', 'errors'),
  tab('5', 'all'),
  tab('6', 'jobs'),
  tab('7', 'schedules'),
  bind('?', 'help', on('list', 'detail', 'log'), 10, 'help', 'this page'),
  bind('q', 'quit', moving, 10, 'quit', 'quit, also ctrl-c; never stops the daemon or a job'),
];

/** The action of a key in this context; null if it has none. */
export function actionFor(key: string, context: Context): Action | null {
  const found = BINDINGS.find(({ keys, when }) => keys.includes(key) && when(context));
  return found?.action ?? null;
}

export interface Hint {
  readonly name: string;
  readonly label: string;
  readonly weight: number;
}

/** Hints for the keys that work in this context, in the order of the table. */
export const hintsFor = (context: Context, glyphs: Glyphs): readonly Hint[] =>
  BINDINGS.filter(({ weight, when }) => weight > 0 && when(context)).map((binding) => {
    const { label, weight } = binding;
    const text = typeof label === 'string' ? label : label(context);
    return { name: nameOf(binding, glyphs), label: text, weight };
  });

/** All keys with their help. */
export const allKeys = (glyphs: Glyphs): readonly { name: string; help: string }[] =>
  BINDINGS.filter(({ help }) => help !== '').map((binding) => ({
    name: nameOf(binding, glyphs),
    help: binding.help,
  }));

const NAMES: Readonly<Record<string, string>> = {
  ...{ esc: 'Esc', space: 'Space', tab: 'Tab', home: 'g G' },
  ...{ pageup: 'PgUp PgDn', 'ctrl-u': 'ctrl-u ctrl-d' },
};

function nameOf({ keys: [first = ''] }: Binding, { arrows, enter }: Glyphs): string {
  if (first === 'down') return arrows;
  return first === 'enter' ? enter : (NAMES[first] ?? first);
}
