// What is sent to the terminal: only what has changed, never a clear but at a new size, and not faster than people see;
// and what it takes to draw all day long.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { Canvas } from '../../src/dashboard/canvas.ts';
import { draw } from '../../src/dashboard/draw.tsx';
import { frame } from '../../src/dashboard/frame.ts';
import { Store } from '../../src/dashboard/store.ts';
import { Terminal } from '../../src/dashboard/terminal.ts';
import type { Clock } from '../../src/support/clock.ts';
import { boardRunOf, boardWith, COLORED, modelWith, NOW } from '../helpers/boards.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const IN_ONE_PIECE = /^\u001b\[\?2026h[\s\S]*one[\s\S]*two[\s\S]*\u001b\[\?2026l$/;
const RUNS = [12, 11, 10].map((id) => boardRunOf(id));

/** A clock that stands until it is moved. */
function handClock(): Clock & { move(ms: number): void } {
  let time = 0;
  let due: { at: number; fn: () => void }[] = [];
  return {
    now: () => time,
    monotonic: () => time,
    after(ms, fn) {
      const one = { at: time + ms, fn };
      due.push(one);
      return () => {
        due = due.filter((other) => other !== one);
      };
    },
    move(ms) {
      time += ms;
      const now = due.filter(({ at }) => at <= time);
      due = due.filter(({ at }) => at > time);
      for (const { fn } of now) fn();
    },
  };
}

describe('the canvas', () => {
  const size = { columns: 80, rows: 24 };
  const make = () => {
    const clock = handClock();
    const sent: string[] = [];
    const canvas = new Canvas((text) => sent.push(text), size, clock);
    return { clock, sent, canvas };
  };
  const clears = (texts: readonly string[]): number => texts.join('').split('\u001b[2J').length - 1;

  it('clears once, and then sends only the lines that have changed', () => {
    const { clock, sent, canvas } = make();
    const model = modelWith(size, boardWith(RUNS));
    for (let second = 0; second < 60; second++) {
      canvas.show(frame(model, COLORED, NOW + 1000 * second));
      clock.move(1000);
    }
    expect(clears(sent)).toBe(1);
    const each = sent.slice(1).map((text) => text.length);
    expect(Math.max(...each)).toBeLessThan(1500);
  });

  it('sends nothing for the same picture', () => {
    const { clock, sent, canvas } = make();
    for (let i = 0; i < 10; i++) {
      canvas.show(['one', 'two']);
      clock.move(1000);
    }
    expect(sent).toHaveLength(1);
  });

  it('leaves out pictures that come too fast, but never the last', () => {
    const { clock, sent, canvas } = make();
    for (let i = 0; i < 1000; i++) {
      canvas.show([`picture ${i}`]);
      clock.move(1);
    }
    clock.move(100);
    expect(sent.length).toBeLessThanOrEqual(15 + 6);
    expect(sent.at(-1)).toContain('picture 999');
  });

  it('shows the few pictures that two keys ask for at once', () => {
    const { clock, sent, canvas } = make();
    for (const picture of ['list', 'rows', 'detail']) canvas.show([`a first ${picture}`]);
    for (const picture of ['list', 'rows', 'detail']) canvas.show([`another ${picture}`]);
    expect(sent).toHaveLength(6);
    canvas.show(['too many']);
    expect(sent).toHaveLength(6);
    clock.move(70);
    expect(sent.at(-1)).toContain('too many');
  });

  it('draws everything anew in a new size, in one piece', () => {
    const { clock, sent, canvas } = make();
    canvas.show(['one', 'two']);
    clock.move(100);
    canvas.anew({ columns: 60, rows: 15 });
    canvas.show(['one', 'two']);
    expect(clears(sent)).toBe(2);
    expect(sent.at(-1)).toMatch(IN_ONE_PIECE);
  });
});

describe('the terminal', () => {
  it('tells of every change of its size, also of one that was taken back before anybody looked', () => {
    const { stdin, stdout } = process;
    let told = 0;
    const undo = new Terminal({ stdin, stdout }, handClock()).onResize(() => told++);
    process.emit('SIGWINCH', 'SIGWINCH');
    expect(told).toBe(1);
    undo();
    process.emit('SIGWINCH', 'SIGWINCH');
    expect(told).toBe(1);
  });
});

describe('drawing with Ink', () => {
  it('sends each line as it is, and keeps none of the pictures that are gone', async () => {
    setFlagsFromString('--expose-gc');
    vi.stubEnv('INK_SCREEN_READER', 'true');
    const gc = runInNewContext('gc') as () => void;
    const size = { columns: 120, rows: 40 };
    const clock = handClock();
    let sent = '';
    const canvas = new Canvas((text) => (sent = text), size, clock);
    const store = new Store(modelWith(size, boardWith([])), clock);
    const crashes: unknown[] = [];
    const stop = draw(store, COLORED, canvas, (error) => crashes.push(error));
    const show = async (from: number, count: number): Promise<void> => {
      for (let i = from; i < from + count; i++) {
        const runs = Array.from({ length: 30 }, (_, k) =>
          boardRunOf(100_000 + i * 30 + k, { percent: i % 100 }),
        );
        store.set(modelWith(size, boardWith(runs)));
        await new Promise((resolve) => setImmediate(resolve));
        clock.move(100);
      }
      gc();
    };
    await show(0, 40);
    expect(sent).toContain(`${100_000 + 39 * 30 + 1}  import-products  \u001b[36mrunning`);
    const before = process.memoryUsage().heapUsed;
    await show(40, 160);
    expect(sent).toContain(`${100_000 + 199 * 30}  import-products`);
    // A picture is some 10 KB: all of them would be 1.6 MB, and as much again for each place that keeps them.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000);
    stop();
    expect(crashes).toEqual([]);
  });
});
