// What a look at the state folder gives, whether all of it was sound (reader.ts) or had to be put together from what
// can be proven (salvage.ts).

import { damaged } from '../../store/document.ts';
import type { Position } from '../../store/journal.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Memory } from './memory.ts';
import type { Pages } from './pages.ts';
import type { Registry } from './registry.ts';
import type { Oddity } from './stored.ts';

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
  /** What makes no sense of what was read. */
  readonly oddities: readonly Oddity[];
}

/** What a reader finds wrong: each file once, with the first that was wrong with it. */
export class Problems {
  readonly all: Problem[] = [];

  note(path: string, why: string): void {
    this.#add({ error: damaged(path, why), path });
  }

  /** Reads a file; null, with the problem noted, where it is damaged or no file at all. */
  async try<T>(path: string, read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof JobrunError) || error.code !== 'state-damaged') throw error;
      this.#add({ error, path });
      return null;
    }
  }

  /** What is known of a commit elsewhere has to be in the journal. */
  endsBefore(journal: string, seq: number, known: readonly (readonly [string, number])[]): void {
    const ahead = known.find(([, includes]) => includes > seq);
    if (ahead)
      this.note(journal, `ends at commit ${seq}, but ${ahead[0]} knows of commit ${ahead[1]}`);
  }

  #add(problem: Problem): void {
    if (!this.all.some(({ path }) => path === problem.path)) this.all.push(problem);
  }
}
