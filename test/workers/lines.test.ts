// Bytes into lines: what a terminal would show of them, and when.
import { expect, test } from 'vitest';
import { LineCutter } from '../../src/workers/lines.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const quiet = async (): Promise<void> => undefined;

function cutter() {
  const clock = new FakeClock(0);
  const lines: string[] = [];
  const cut = new LineCutter((text) => void lines.push(text), clock);
  return { clock, lines, cut };
}

test.each([
  ['one frame after another', ['10%\r20%\r30%\n'], ['30%']],
  ['frames in pieces', ['10%', '\r2', '0%\r', '30%', '\n'], ['30%']],
  ['a return before each frame', ['\r10%', '\r20%', '\rdone\n', 'next\n'], ['done', 'next']],
  ['a return and a line end in two pieces', ['100%\r', '\nnext\r\n'], ['100%', 'next']],
  ['empty lines', ['a\r\n\r\n\nb\n'], ['a', '', '', 'b']],
  ['a bar that never ends its line', ['10%\r20%'], ['20%']],
])('of what is drawn over itself the last frame is left: %s', (_what, chunks, expected) => {
  const { lines, cut } = cutter();
  for (const chunk of chunks) cut.write(chunk);
  cut.flush();
  expect(lines).toEqual(expected);
});

test('a bar of a million frames on one line keeps its last one, not its first 64 KB', () => {
  const { lines, cut } = cutter();
  for (let i = 0; i <= 100_000; i++) cut.write(`\r${i} of 100000`);
  cut.write('\n');
  expect(lines).toEqual(['100000 of 100000']);
});

test('a line that is not finished is given out after a pause, and its end says nothing more', async () => {
  const { clock, lines, cut } = cutter();
  cut.write('copying ...');
  await clock.advance(900, quiet);
  expect(lines).toEqual([]);
  await clock.advance(200, quiet);
  expect(lines).toEqual(['copying ...']);
  cut.write('\n');
  expect(lines).toEqual(['copying ...']);
  cut.write('more');
  await clock.advance(1100, quiet);
  cut.write(' and more\nnext\n\n');
  expect(lines).toEqual(['copying ...', 'more', ' and more', 'next', '']);
});

test('one that is drawn anew all the time is given out now and then', async () => {
  const { clock, lines, cut } = cutter();
  for (let i = 0; i < 250; i++) {
    cut.write(`\r${i}`);
    await clock.advance(100, quiet);
  }
  expect(lines.length).toBeGreaterThanOrEqual(2);
  expect(lines.length).toBeLessThanOrEqual(3);
});

test('a line that was cut by a pause is whole where it is for jobrun', async () => {
  const { clock, lines, cut } = cutter();
  cut.write('::output {"a":');
  await clock.advance(5000, quiet);
  cut.write('1}\n');
  expect(lines).toEqual(['::output {"a":1}']);
});
