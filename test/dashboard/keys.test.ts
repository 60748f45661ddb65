// Keys: what the terminal sends, what each key means where, and that hints and keys say the same.
import { describe, expect, it } from 'vitest';
import { actionFor, BINDINGS, type Context, hintsFor } from '../../src/dashboard/bindings.ts';
import { readKeys } from '../../src/dashboard/key-reader.ts';
import { EMPTY, edit, lineOf } from '../../src/dashboard/line.ts';
import { PLAIN } from '../helpers/models.ts';

const names = (input: string, late = true): string[] =>
  readKeys(input, late).keys.map(({ name }) => name);
const key = (name: string, text = '') => ({ name, text });

describe('the bytes of a terminal', () => {
  it('are taken apart: several keys in one chunk', () => {
    expect(names('jj\u001b[A\r q\u007f\u0003')).toEqual([
      'j',
      'j',
      'up',
      'enter',
      'space',
      'q',
      'backspace',
      'ctrl-c',
    ]);
    expect(names('\u001bOA\u001b[5~\u001b[Z\u001b[3~\u001b[1;5B')).toEqual([
      'up',
      'pageup',
      'shift-tab',
      'delete',
      'down',
    ]);
  });

  it('that may become a longer key are held back, and Escape alone is Escape after a moment', () => {
    expect(readKeys('\u001b', false)).toEqual({ keys: [], rest: '\u001b' });
    expect(readKeys('\u001b[', false)).toEqual({ keys: [], rest: '\u001b[' });
    expect(names('\u001b')).toEqual(['esc']);
    expect(names('\u001b\u001b[B')).toEqual(['esc', 'down']);
  });

  it('that are pasted are one text, never commands', () => {
    expect(readKeys('\u001b[200~qa\ny\u001b[201~', false).keys).toEqual([key('paste', 'qa\ny')]);
    expect(readKeys('\u001b[200~half', false)).toEqual({ keys: [], rest: '\u001b[200~half' });
  });

  it('of letters beyond ASCII stay whole', () => {
    expect(names('é漢👨‍👩‍👧x')).toEqual(['é', '漢', '👨‍👩‍👧', 'x']);
  });

  it('of keys without a name here do nothing', () => {
    expect(names('\u001b[15~x')).toEqual(['', 'x']);
  });

  it('of a letter held with Alt are not that letter', () => {
    expect(names('\u001ba\u001bq\u001b\r')).toEqual(['alt-a', 'alt-q', 'alt-enter']);
    expect(actionFor('alt-q', context)).toBeNull();
    expect(edit(lineOf('x'), key('alt-q'))).toBeNull();
    expect(names('\u001b\u001b'), 'Escape twice is Escape').toEqual(['esc', 'esc']);
  });
});

const context: Context = {
  screen: 'list',
  tab: 'running',
  link: 'online',
  readOnly: false,
  state: 'running',
  forResult: false,
  row: true,
  removable: false,
  marks: 0,
  everything: false,
  marking: false,
  stoppable: false,
  retryable: 0,
  abortable: 0,
  filtered: false,
};

describe('a key', () => {
  it('does what its hint says, and nothing without one', () => {
    const running = hintsFor(context, PLAIN.glyphs).map(({ name }) => name);
    expect(running).toContain('a');
    expect(running).not.toContain('e');
    expect(actionFor('e', context)).toBeNull();
    expect(actionFor('e', { ...context, state: 'scheduled' })).toEqual({ do: 'due' });
    expect(actionFor('a', { ...context, state: 'done' })).toBeNull();
    const marked = { ...context, state: 'done', marks: 2 } as const;
    expect(actionFor('a', { ...marked, abortable: 1 })).toEqual({ do: 'abort' });
    expect(actionFor('a', marked), 'all of them are settled').toBeNull();
  });

  it('that changes something has no meaning when nothing may be changed', () => {
    for (const part of [
      { readOnly: true },
      { link: 'offline' as const },
      { link: 'silent' as const },
    ]) {
      for (const name of ['a', 'r', 'e', 's', 'P', 'space']) {
        for (const state of ['running', 'scheduled', 'failed']) {
          expect(actionFor(name, { ...context, ...part, state })).toBeNull();
        }
      }
      expect(actionFor('l', { ...context, ...part })).toEqual({ do: 'log' });
    }
  });

  it('has one meaning in each situation', () => {
    for (const screen of ['list', 'detail', 'log', 'help'] as const) {
      for (const state of ['running', 'scheduled', 'done', 'failed', null]) {
        for (const marks of [0, 2]) {
          const here = { ...context, screen, state, row: state !== null, marks };
          const working = BINDINGS.filter(({ when }) => when(here)).flatMap(({ keys }) => keys);
          expect(new Set(working).size, `${screen} ${state}`).toBe(working.length);
        }
      }
    }
  });

  it('is about runs, or about schedules: where a job file defines one, it cannot be removed here', () => {
    const here = { ...context, tab: 'schedules' as const, state: null, removable: true };
    for (const name of ['a', 'r', 'e', 'l', 'space', '*']) expect(actionFor(name, here)).toBeNull();
    expect(actionFor('P', here)).toEqual({ do: 'pause' });
    expect(actionFor('x', here)).toEqual({ do: 'remove' });
    expect(actionFor('x', { ...here, removable: false })).toBeNull();
    expect(actionFor('x', { ...here, readOnly: true })).toBeNull();
    expect(actionFor('7', context)).toEqual({ do: 'tab', to: 'schedules' });
  });

  it('names what r does to the run under the cursor', () => {
    const label = (state: string, more: Partial<Context> = {}) =>
      hintsFor({ ...context, state, ...more }, PLAIN.glyphs).find(({ name }) => name === 'r')
        ?.label;
    expect([label('failed'), label('scheduled'), label('done'), label('running')]).toEqual([
      'retry',
      'run now',
      'run again',
      undefined,
    ]);
    const marked = [0, 2].map((retryable) => label('failed', { marks: 3, retryable }));
    expect(marked).toEqual([undefined, 'retry 2']);
  });
});

describe('a line that is typed', () => {
  it('takes letters, pastes and corrections where the caret is', () => {
    let line = lineOf('sprin');
    line = edit(line, key('g', 'g')) ?? line;
    line = edit(line, key('home')) ?? line;
    line = edit(line, key('paste', '漢\n')) ?? line;
    expect(line).toEqual({ text: '漢 spring', at: 2 });
    line = edit(line, key('backspace')) ?? line;
    expect(edit(line, key('delete'))).toEqual({ text: '漢pring', at: 1 });
    expect(edit(lineOf('one two'), key('ctrl-w'))).toEqual({ text: 'one ', at: 4 });
    expect(edit(EMPTY, key('backspace'))).toEqual(EMPTY);
    expect(edit(EMPTY, key('up'))).toBeNull();
  });
});
