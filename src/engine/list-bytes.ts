// The bound of a list whose runs are asked for with all their values. A run has up to some megabytes, and a reply is in
// memory as values, as text and as bytes, so a long list of large runs would end a daemon whose heap is small.
import { getHeapStatistics } from 'node:v8';
import { JobrunError } from '../support/errors.ts';
import { LEAST_LIST_BYTES, LIST_SHARE } from '../support/limits.ts';
import { count, showMegabytes } from '../support/text.ts';

/** Throws `too-large` where runs whose JSON has these lengths are too much for one list. */
export function refuseLongList(lengths: readonly number[]): void {
  const bytes = lengths.reduce((sum, length) => sum + length, 0);
  const most = Math.max(LEAST_LIST_BYTES, getHeapStatistics().heap_size_limit * LIST_SHARE);
  if (bytes <= most) return;
  const what = `${count(lengths.length, 'run')} of this list take ${showMegabytes(bytes)}`;
  const message = `${what}, and a daemon with this much memory lists ${showMegabytes(most)} at once`;
  const hint = 'List fewer at a time: --limit and --offset';
  throw new JobrunError('too-large', message, hint);
}
