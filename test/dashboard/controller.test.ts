// What a key changes, and when that is drawn: a list that is asked for comes with its rows, not as an empty one first.
import { beforeEach, describe, expect, it } from 'vitest';
import { withList } from '../../src/dashboard/answers.ts';
import { listKey } from '../../src/dashboard/context.ts';
import { Controller } from '../../src/dashboard/controller.ts';
import { readKeys } from '../../src/dashboard/key-reader.ts';
import { Link } from '../../src/dashboard/link.ts';
import { Refresh } from '../../src/dashboard/refresh.ts';
import { Store } from '../../src/dashboard/store.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { listWith, modelWith, NOW, PLAIN, rowOf } from '../helpers/models.ts';
import { frame } from '../helpers/screens.ts';

const nothing = (): void => undefined;
const ASKED = listWith([rowOf(7, { state: 'done', settledAt: NOW })]);

describe('a key', () => {
  const clock = new FakeClock(NOW);
  let store: Store;
  let press: (keys: string) => void;
  let drawn: string[];
  const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const answer = (): void =>
    store.change((model) => withList(model, ASKED, listKey(model), { around: model.place.id }));

  const pause = (): Promise<void> => clock.advance(200, microtasks);

  beforeEach(async () => {
    store = new Store(modelWith({ columns: 80, rows: 24 }, listWith([rowOf(9)])), clock);
    const places = {
      connect: async () => null,
      files: { stamp: () => '', open: () => Promise.reject() },
    };
    const told = { onLink: nothing, onChange: nothing, onError: nothing };
    const link = new Link(places, clock, told);
    const desk = { store, link, refresh: new Refresh(store, link) };
    const outside = {
      quit: nothing,
      suspend: nothing,
      redraw: nothing,
      copy: nothing,
      turnMouse: () => true,
    };
    const controller = new Controller(desk, PLAIN, outside);
    press = (keys) => {
      const read = readKeys(keys, true).keys;
      for (const key of read) controller.press(key, read.length > 1);
    };
    drawn = [];
    store.subscribe(() => {
      const { model, now } = store.view();
      drawn.push(frame(model, PLAIN, now).join('\n'));
    });
  });

  it.each([
    ['another list', '3'],
    ['another order', 'o'],
    ['a letter of a filter', 'i', '/'],
  ])(
    'that asks for %s is drawn once, with the rows that come soon',
    async (_, key, before = '') => {
      press(before);
      await microtasks();
      drawn = [];
      press(key);
      await microtasks();
      await clock.advance(20, microtasks);
      answer();
      await microtasks();
      await clock.advance(1000, microtasks);
      await microtasks();
      expect(drawn).toHaveLength(1);
      expect(drawn.join()).not.toContain('reading');
      expect(drawn.at(-1)).toMatch(/> +7 +import-products +done/);
    },
  );

  it('asks nobody again and again where nobody is there to ask', async () => {
    press('3');
    // Whoever asks again at once lets nothing else happen, not even this.
    await microtasks();
    press('5');
    await clock.advance(100, microtasks);
    expect(drawn.at(-1)).toContain('[5 All');
  });

  it('that moves through a list which is not there yet counts its rows, and takes none of the list before', () => {
    press('5');
    press('j');
    expect(store.model.place).toEqual({ index: 1, id: null, top: 0 });
    press('G');
    expect(store.model.place.index).toBe(1195 - 1);
    press('4');
    press('jjj');
    answer();
    expect(store.model.place).toEqual({ index: 0, id: '7', top: 0 });
  });

  it('about a row that is still being read waits for it, and for no other list', async () => {
    for (const [keys, kind] of [
      ['\r', 'detail'],
      ['l', 'log'],
    ] as const) {
      press('3');
      await pause();
      press(keys);
      expect(store.model.screen.kind).toBe('list');
      answer();
      await microtasks();
      expect([store.model.screen.kind, store.model.place.id]).toEqual([kind, '7']);
      press('h');
      press('2');
    }
    press('4');
    press('\r');
    // On to another list: what was typed for the one before is void.
    press('5');
    answer();
    await microtasks();
    expect(store.model.screen.kind).toBe('list');
    press('3');
    await pause();
    press('r');
    press('y');
    answer();
    await microtasks();
    expect(store.model.screen.kind, 'the question has not been read').toBe('ask');
  });

  it('is drawn without its list where that takes longer', async () => {
    press('3');
    await clock.advance(50, microtasks);
    await microtasks();
    expect(drawn).toEqual([]);
    await clock.advance(20, microtasks);
    await microtasks();
    expect(drawn).toHaveLength(1);
    expect(drawn[0]).toMatch(/\[3 Done .*reading/s);
  });

  it('that answers a question comes alone, and after a moment to read it', async () => {
    await pause();
    press('a');
    expect(store.model.screen.kind).toBe('ask');
    press('y');
    expect(store.model.screen.kind, 'too soon').toBe('ask');
    await pause();
    press('y');
    expect(store.model.screen.kind).toBe('list');
    expect(store.model.message).not.toBe(null);
  });

  it.each(['abort yes', 'a y', 'ayyy', 'easy way', 'say yes\r', 'Pay'])(
    'of a text that is pasted without a mark ends, starts and pauses nothing: %s',
    async (text) => {
      await pause();
      press(text);
      // The rest of a paste may come in a second piece.
      press('y');
      await microtasks();
      expect(store.model.message?.text ?? '').not.toMatch(/abort|retry|start|due|paus|schedul/);
    },
  );

  it('that changes a due time shows the present one first; Enter changes nothing until something is typed', async () => {
    const due = rowOf(12, { state: 'scheduled', dueAt: NOW + 3_600_000 });
    store.change((model) => ({
      ...model,
      list: listWith([due]),
      place: { ...model.place, id: '12' },
    }));
    const typed = (): string =>
      store.model.screen.kind === 'due' ? store.model.screen.line.text : '';
    press('e');
    expect(typed()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    press('\r');
    expect([store.model.screen.kind, store.model.message ?? '']).toEqual(['list', '']);
    press('e');
    press('\u0015');
    expect(typed()).toBe('');
    press('\r');
    expect(store.model.screen.kind, 'nothing is no time').toBe('due');
    press('\u001b');
    press('e');
    press('in 5m');
    expect(typed(), 'what is typed takes its place').toBe('in 5m');
  });

  it('that settles a run from outside takes an output or a message, and Enter only what is JSON', async () => {
    const waits = rowOf(12, {
      state: 'waiting',
      reason: 'waits for an outside result: jobrun complete 12',
    });
    const others = rowOf(11, { state: 'waiting', reason: 'waits for 9' });
    const show = (run: typeof waits): void =>
      store.change((model) => ({
        ...model,
        ...{ list: listWith([run]), place: { ...model.place, id: run.id } },
      }));
    show(others);
    press('c');
    expect(store.model.screen.kind, 'it waits for other runs').toBe('list');
    show(waits);
    press('c');
    press('yes');
    press('\r');
    expect(store.model.screen.kind).toBe('outcome');
    press('\u0015');
    press('{"ok":true}');
    press('\r');
    expect([store.model.screen.kind, store.model.message?.text]).toEqual([
      'list',
      'completing 12 …',
    ]);
    press('f');
    press('refused');
    press('\r');
    expect(store.model.message?.text).toBe('failing 12 …');
  });

  it('that needs a daemon says so where none runs, with the line for a shell; any other says nothing', async () => {
    await pause();
    const said = (key: string): string => {
      store.say('');
      press(key);
      return store.model.message?.text ?? '';
    };
    store.set({ link: 'offline' });
    expect(said('a')).toBe('no daemon runs; in a shell: jobrun abort 9; jobrun daemon starts one');
    expect(said('s')).toContain('jobrun schedule import-products');
    expect(said('P')).toContain('jobrun pause import-products');
    expect([said('e'), said('z'), said('R')]).toEqual(['', '', '']);
    store.set({ link: 'silent' });
    expect(said('a')).toContain('does not answer');
    store.set({ link: 'online', readOnly: true });
    expect(said('a')).toBe('opened read only; in a shell: jobrun abort 9');
    expect(store.model.screen.kind).toBe('list');
  });

  it('of the mouse chooses, opens, changes the list and scrolls, and answers no question', async () => {
    const rows = [rowOf(9), rowOf(8), rowOf(7), rowOf(6)];
    store.change((model) => ({ ...model, list: listWith(rows) }));
    const click = (column: number, row: number): void => press(`\u001b[<0;${column};${row}M`);
    click(10, 6);
    expect([store.model.place.id, store.model.screen.kind]).toEqual(['8', 'list']);
    click(10, 6);
    expect(store.model.screen.kind).toBe('detail');
    press('h');
    press('\u001b[<65;10;6M\u001b[<65;10;6m');
    expect(store.model.place.id).toBe('6');
    press('\u001b[<64;10;6M');
    expect(store.model.place.id).toBe('9');
    click(10, 12);
    expect(store.model.place.id, 'below the last row').toBe('9');
    await pause();
    press('a');
    click(10, 6);
    expect(store.model.screen.kind).toBe('ask');
    press('n');
    await pause();
    press('n');
    const tabs = frame(store.model, PLAIN, NOW)[1] ?? '';
    click(tabs.indexOf('Done') + 1, 2);
    expect([store.model.tab, store.model.screen.kind]).toEqual(['done', 'list']);
  });
});
