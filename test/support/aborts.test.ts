// Listening for an abort: as many as there are wait at one signal, which itself has one listener.
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from '../../src/support/aborts.ts';

test('a signal has one listener, however many wait, and none when the last has gone', () => {
  const { signal } = new AbortController();
  const undo = Array.from({ length: 50 }, () => onAbort(signal, () => undefined));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const each of undo) each();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  for (const each of undo) each();
});

test('the abort calls each that still waits once, in order, and nobody who has left or comes later', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called: string[] = [];
  const note = (name: string) => (): void => void called.push(name);
  const same = note('same');
  onAbort(signal, same);
  onAbort(signal, same);
  onAbort(signal, () => {
    leave();
    onAbort(signal, note('later'));
  });
  const leave = onAbort(signal, note('left by the one before'));
  onAbort(signal, note('last'))();
  onAbort(signal, note('last'));
  controller.abort();
  controller.abort();
  expect(called).toEqual(['same', 'same', 'last']);
});
