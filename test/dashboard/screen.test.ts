// What reaches the terminal: only what has changed, never a clear but at a new size, and not faster than people see;
// and what it takes to draw all day long.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { importApp } from '../../src/dashboard/dashboard.ts';
import { ScreenOutput } from '../../src/dashboard/screen.ts';
import { paced, Store } from '../../src/dashboard/store.ts';
import { Terminal } from '../../src/dashboard/terminal.ts';
import type { Clock } from '../../src/support/clock.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { COLORED, listWith, modelWith, NOW, rowOf } from '../helpers/models.ts';
import { frame } from '../helpers/screens.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const IN_ONE_PIECE = /^\u001b\[\?2026h[\s\S]*one[\s\S]*two[\s\S]*\u001b\[\?2026l$/;
const RUNS = [12, 11, 10].map((id) => rowOf(id));
const SIZE = { columns: 80, rows: 24 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the screen', () => {
  const make = () => {
    const sent: string[] = [];
    return { sent, screen: new ScreenOutput((text) => sent.push(text), SIZE) };
  };
  const clears = (texts: readonly string[]): number => texts.join('').split('\u001b[2J').length - 1;

  it('clears once, and then sends only the lines that have changed', () => {
    const { sent, screen } = make();
    const model = modelWith(SIZE, listWith(RUNS));
    for (let second = 0; second < 60; second++) {
      screen.write(frame(model, COLORED, NOW + 1000 * second).join('\n'));
    }
    expect(clears(sent)).toBe(1);
    const each = sent.slice(1).map((text) => text.length);
    expect(Math.max(...each)).toBeLessThan(1500);
  });

  it('sends nothing for the same frame, and clears what is gone', () => {
    const { sent, screen } = make();
    for (let i = 0; i < 10; i++) screen.write('one\ntwo');
    expect(sent).toHaveLength(1);
    screen.write('one');
    expect(sent.at(-1)).toBe('\u001b[?2026h\u001b[2;1H\u001b[K\u001b[?2026l');
  });

  it('uses the last row and the last column, and leaves what stands there', () => {
    const { sent, screen } = make();
    screen.write(`${'\n'.repeat(23)}${'a'.repeat(80)}`);
    screen.write(`${'\n'.repeat(23)}${'b'.repeat(80)}\nbelow`);
    expect(sent.at(-1)).toBe(`\u001b[?2026h\u001b[24;1H${'b'.repeat(80)}\u001b[?2026l`);
  });

  it('draws everything anew in a new size, in one piece, and at once in the same', () => {
    const { sent, screen } = make();
    screen.write('one\ntwo');
    screen.clear(SIZE);
    expect(clears(sent)).toBe(2);
    expect(sent.at(-1)).toMatch(IN_ONE_PIECE);
    screen.clear({ columns: 60, rows: 15 });
    expect(clears(sent)).toBe(2);
    screen.write('one\ntwo');
    expect(clears(sent)).toBe(3);
    expect(sent.at(-1)).toMatch(IN_ONE_PIECE);
  });
});

describe('the pace of drawing', () => {
  const make = () => {
    const clock = new FakeClock(NOW);
    const store = new Store(modelWith(SIZE, listWith(RUNS)), clock);
    const drawn: string[] = [];
    paced(store, () => drawn.push(store.model.filter));
    const change = async (filter: string): Promise<void> => {
      store.set({ filter });
      await turn();
    };
    return { clock, drawn, change };
  };

  it('leaves out changes that come too fast, but never the last', async () => {
    const { clock, drawn, change } = make();
    for (let i = 0; i < 500; i++) {
      await change(`change ${i}`);
      await clock.advance(2, turn);
    }
    await clock.advance(100, turn);
    expect(drawn.length).toBeLessThanOrEqual(15 + 6 + 2);
    expect(drawn.at(-1)).toBe('change 499');
  });

  it('draws the few changes that two keys ask for at once', async () => {
    const { clock, drawn, change } = make();
    for (const what of ['list', 'rows', 'detail', 'list', 'rows', 'detail']) await change(what);
    expect(drawn).toHaveLength(6);
    await change('too many');
    expect(drawn).toHaveLength(6);
    await clock.advance(70, turn);
    expect(drawn.at(-1)).toBe('too many');
  });
});

describe('the terminal', () => {
  it('tells of every change of its size, also of one that was taken back before anybody looked', () => {
    const { stdin, stdout } = process;
    let told = 0;
    const undo = new Terminal({ stdin, stdout }, new FakeClock(NOW)).onResize(() => told++);
    process.emit('SIGWINCH', 'SIGWINCH');
    expect(told).toBe(1);
    undo();
    process.emit('SIGWINCH', 'SIGWINCH');
    expect(told).toBe(1);
  });
});

describe('drawing with Ink', () => {
  it('keeps no text that is gone, however many there were', async () => {
    setFlagsFromString('--expose-gc');
    vi.stubEnv('INK_SCREEN_READER', 'true');
    const gc = runInNewContext('gc') as () => void;
    const size = { columns: 200, rows: 40 };
    let time = 0;
    const after = () => (): void => undefined;
    const clock: Clock = { now: () => NOW, monotonic: () => time, after };
    let sent = '';
    const screen = new ScreenOutput((text) => (sent = text), size);
    const store = new Store(modelWith(size, listWith([])), clock);
    const crashes: unknown[] = [];
    const { draw } = await importApp();
    const stop = draw(store, COLORED, screen, (error) => crashes.push(error));
    const show = async (from: number, count: number): Promise<void> => {
      for (let i = from; i < from + count; i++) {
        const runs = Array.from({ length: 32 }, (_, k) => {
          const id = 100_000 + i * 32 + k;
          return rowOf(id, { text: `row ${id} of a file that is very long` });
        });
        store.set(modelWith(size, listWith(runs)));
        await turn();
        time += 100;
      }
      gc();
    };
    await show(0, 30);
    expect(sent).toContain(`${100_000 + 29 * 32 + 1}  import-products  \u001b[36mrunning`);
    const before = process.memoryUsage().heapUsed;
    await show(30, 170);
    expect(sent).toContain(`${100_000 + 199 * 32}  import-products`);
    // Some 5,400 rows have come and gone: Ink would keep 300 bytes or more of each.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(800_000);
    stop();
    expect(crashes).toEqual([]);
  }, 120_000);
});
