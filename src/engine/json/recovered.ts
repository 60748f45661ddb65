// What a look at the state folder gives, whether all of it was sound (reader.ts) or had to be put together from what
// can be proven (salvage.ts).
import type { JobrunError } from '../../support/errors.ts';
import type { Position } from './journal.ts';
import type { Memory } from './memory.ts';
import type { Pages } from './pages.ts';
import type { Registry } from './registry.ts';

/** What is wrong, and the file that shows it. */
export interface Problem {
  readonly error: JobrunError;
  readonly path: string;
}

/** The state as it was read: what is proven, and what is wrong with the rest. */
export interface Recovered {
  readonly memory: Memory;
  readonly registry: Registry;
  readonly pages: Pages;
  readonly epoch: number;
  readonly nextId: number;
  readonly changes: number;
  readonly end: Position;
  readonly lastSegment: number;
  /** The segment that ends the chain, if it holds any line, and the part of its text that is whole. */
  readonly tail: { readonly segment: number; readonly text: string } | null;
  readonly problems: readonly Problem[];
}
