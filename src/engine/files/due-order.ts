// The runs that wait, in the order in which they become due. It is made only when a client looks at that order, a part
// at a time so that nothing else waits. Every change keeps it true until no client has looked for long. Runs lie in
// buckets of some hundred: to put one in moves a few, and to find the n-th goes over the buckets, not the runs.
import type { Run } from '../../run/run.ts';

const BUCKET = 512;
/** Runs taken in at a time: a millisecond or two. */
const STEP = 1024;
/** So many changes after the last look it is given up. */
const IDLE_CHANGES = 50_000;

const isBefore = (a: Run, b: Run): boolean =>
  a.state.dueAt !== b.state.dueAt ? a.state.dueAt < b.state.dueAt : a.id < b.id;

export const isWaiting = ({ state: { name } }: Run): boolean =>
  name === 'scheduled' || name === 'waiting' || name === 'queued';

export class DueOrder {
  readonly #buckets: Run[][] = [];
  readonly #rest: Iterator<Run>;
  #complete = false;
  #changes = 0;

  constructor(live: { values(): Iterator<Run> }) {
    // Goes on with what comes later, and leaves out what goes, while it is under way.
    this.#rest = live.values();
  }

  /** Takes in some more of the runs there are. True when they are all in. */
  fill(): boolean {
    this.#changes = 0;
    for (let n = 0; n < STEP && !this.#complete; n++) {
      const { value, done } = this.#rest.next();
      if (done) this.#complete = true;
      else if (isWaiting(value)) this.#add(value);
    }
    return this.#complete;
  }

  /** Follows a change of a run. False if no client looks any more. */
  put(prev: Run | null, next: Run | null): boolean {
    if (prev && isWaiting(prev)) this.#remove(prev);
    if (next && isWaiting(next)) this.#add(next);
    return ++this.#changes < IDLE_CHANGES;
  }

  slice(from: number, until: number): Run[] {
    const runs: Run[] = [];
    let before = 0;
    for (const bucket of this.#buckets) {
      if (before >= until) break;
      if (before + bucket.length > from)
        runs.push(...bucket.slice(Math.max(0, from - before), until - before));
      before += bucket.length;
    }
    return runs;
  }

  /** How many come before this run. */
  rank(run: Run): number {
    const at = this.#bucketFor(run);
    let before = 0;
    for (let i = 0; i < at; i++) before += this.#buckets[i]?.length ?? 0;
    return before + placeIn(this.#buckets[at] ?? [], run);
  }

  /** The next runs after this one, or the first ones: a bucket of them, none at the end. */
  after(run: Run | null): readonly Run[] {
    if (!run) return this.#buckets[0] ?? [];
    const at = this.#bucketFor(run);
    const bucket = this.#buckets[at] ?? [];
    const place = placeIn(bucket, run);
    const rest = bucket.slice(bucket[place]?.id === run.id ? place + 1 : place);
    return rest.length > 0 ? rest : (this.#buckets[at + 1] ?? []);
  }

  #add(run: Run): void {
    const last = this.#buckets.at(-1);
    const end = last?.at(-1);
    // Most come in the order in which they are due.
    if (last && end && isBefore(end, run)) {
      if (last.length < BUCKET) last.push(run);
      else this.#buckets.push([run]);
      return;
    }
    const at = this.#bucketFor(run);
    const bucket = this.#buckets[at];
    if (!bucket) {
      this.#buckets.push([run]);
      return;
    }
    const place = placeIn(bucket, run);
    // A run that came in while the others were taken in is met once more.
    if (bucket[place]?.id === run.id) bucket[place] = run;
    else bucket.splice(place, 0, run);
    if (bucket.length > BUCKET) this.#buckets.splice(at + 1, 0, bucket.splice(BUCKET / 2));
  }

  #remove(run: Run): void {
    const at = this.#bucketFor(run);
    const bucket = this.#buckets[at] ?? [];
    const place = placeIn(bucket, run);
    if (bucket[place]?.id !== run.id) return;
    bucket.splice(place, 1);
    if (bucket.length === 0) this.#buckets.splice(at, 1);
  }

  /** The first bucket that does not end before this run, or the last one. */
  #bucketFor(run: Run): number {
    let [low, high] = [0, this.#buckets.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#buckets[middle]?.at(-1);
      if (last && isBefore(last, run)) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low);
  }
}

/** The place of the run in a bucket, or the place where it would stand. */
function placeIn(bucket: readonly Run[], run: Run, before = isBefore): number {
  let [low, high] = [0, bucket.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(bucket[middle] as Run, run)) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isAfter = (a: Run, b: Run): boolean => isBefore(b, a);

/** The `most` runs that are due first of all that are put in, in that order; or those due last, the last one first. */
export class Nearest {
  readonly runs: Run[] = [];
  readonly #most: number;
  readonly #before: (a: Run, b: Run) => boolean;

  constructor(most: number, isFirst: boolean) {
    this.#most = most;
    this.#before = isFirst ? isBefore : isAfter;
  }

  put(run: Run): void {
    const { runs } = this;
    const last = runs.at(-1);
    if (runs.length >= this.#most && last && !this.#before(run, last)) return;
    runs.splice(placeIn(runs, run, this.#before), 0, run);
    if (runs.length > this.#most) runs.pop();
  }
}
