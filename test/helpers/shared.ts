// What a test has made is undone after that test, and what all tests of a file share, after the last of them.
import { afterAll, beforeAll, onTestFinished } from 'vitest';

type Undo = () => unknown;

let ofFile: Undo[] | null = null;

/** Undoes something when whoever asked for it is over: the test, or the file. */
export function whenOver(undo: Undo): void {
  if (ofFile) ofFile.push(undo);
  else onTestFinished(async () => void (await undo()));
}

/** Makes something once for all tests of a file: starting a daemon or a browser takes longer than most of them. */
export function shared<T>(make: () => Promise<T>): () => T {
  const undos: Undo[] = [];
  const made: T[] = [];
  beforeAll(async () => {
    ofFile = undos;
    try {
      made.push(await make());
    } finally {
      ofFile = null;
    }
  }, 180_000);
  afterAll(async () => {
    for (const undo of undos.reverse()) await undo();
  });
  return () => made[0] as T;
}
