// The room on the heap for runs, and for schedules, whose params are as large. V8 ends a process whose heap is full, so
// new runs are refused before that: what was accepted can be carried on. A run that has started can always save and be
// settled, and a start takes in whatever the state has.
//
// Settled runs are held until a fold has written their page. They count as well, and a fold makes their room free.
import { getHeapStatistics } from 'node:v8';
import { isSettled, type Run } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { JobrunError } from '../../support/errors.ts';
import { HEAP_OF_PROGRAM, HEAP_SHARE_OF_RUNS, MB } from '../../support/limits.ts';
import { showMegabytes } from '../../support/text.ts';
import type { Tables } from './tables.ts';

/** Bytes that runs may take in this process. */
export function heapForRuns(): number {
  const { heap_size_limit: heap } = getHeapStatistics();
  return Math.max(0, heap - HEAP_OF_PROGRAM) * HEAP_SHARE_OF_RUNS;
}

/** Settled runs above this part of the room are worth a fold. */
const MUCH = 1 / 4;

export class Room {
  readonly limit: number;
  readonly #tables: Pick<Tables, 'paged' | 'schedules'>;

  constructor(tables: Pick<Tables, 'paged' | 'schedules'>, limit: number) {
    this.#tables = tables;
    this.limit = limit;
  }

  get bytes(): number {
    return this.#stays + this.#tables.paged.bytes.settled;
  }

  /** The bytes that no fold makes free. */
  get #stays(): number {
    const { paged, schedules } = this.#tables;
    return paged.bytes.unsettled + schedules.bytes;
  }

  /** True where settled runs take much of the room. */
  get wantsFold(): boolean {
    return this.#tables.paged.bytes.settled > this.limit * MUCH;
  }

  /** True where only a fold is missing for more runs. */
  get needsFold(): boolean {
    return this.bytes > this.limit && this.#stays <= this.limit;
  }

  /** Throws `refused`; null while more runs may come. */
  get refuse(): (() => never) | null {
    return this.bytes > this.limit ? () => this.#refuse() : null;
  }

  #refuse(): never {
    const [bytes, limit] = [showMegabytes(this.bytes), showMegabytes(this.limit)];
    const message = `not accepted: the runs and schedules in memory take ${bytes}, and the limit is ${limit}`;
    const more = Math.ceil((2 * getHeapStatistics().heap_size_limit) / MB);
    const hint = `Wait until some are done, or give the daemon more memory: NODE_OPTIONS=--max-old-space-size=${more} jobrun daemon`;
    throw new JobrunError('refused', message, hint);
  }
}

/** True for a request of a schedule that was not there, or with other params. */
export const scheduleTakesRoom = (present: Schedule | null, next: Schedule): boolean =>
  next.source === 'made' && next.params !== present?.params;

/** True where a change makes a run wait that did not, or with other params. */
export const takesRoom = (run: Run, next: Run): boolean =>
  !isSettled(next) && (isSettled(run) || next.params !== run.params);
