// What a look at the state folder gives, if all of it was sound (reader.ts) or had to be put together from what can be
// proven (salvage.ts).
import type { Oddity, Problem } from './damage.ts';
import type { Position } from './journal.ts';
import type { Pages, Row, Tables } from './pages.ts';

/** The state as it was read: what is proven, and what is wrong with the rest. */
export interface Recovered<R extends Row = Row, T extends Tables<R> = Tables<R>> {
  readonly tables: T;
  readonly pages: Pages<R>;
  /** The oldest of any document that was read; what was read of it is as this version has it. */
  readonly format: number;
  readonly epoch: number;
  readonly nextId: number;
  readonly changes: number;
  readonly end: Position;
  readonly lastSegment: number;
  /** The segment that ends the chain, if it holds any line, and the part of it that is whole. */
  readonly tail: { readonly segment: number; readonly whole: Buffer } | null;
  readonly problems: readonly Problem[];
  /** Records that make no sense. */
  readonly oddities: readonly Oddity[];
}
