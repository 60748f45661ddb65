// Commands that take several ids do each on its own and tell of each: one that cannot be done does not stop the
// others. The exit code is 0 where all went well, that of the refusals where all were refused alike, else 1.
import type { Query } from '../../engine/engine.ts';
import type { Run, StateName } from '../../run/run.ts';
import type { Clock } from '../../support/clock.ts';
import { errorFromShape, exitCodeOf, JobrunError } from '../../support/errors.ts';
import { showCount } from '../../support/text.ts';
import type { Context } from './command.ts';
import type { Output } from './output.ts';
import type { Refused } from './replies.ts';

/** Runs handled at once: their changes share a commit, and a hundred thousand of them do not fill the memory. */
export const AT_ONCE = 1000;
/** Made in one turn of the loop: what is made of one takes from a few microseconds up to milliseconds. */
const A_TURN_MS = 5;

/**
 * All runs that fit, newest first, each once, though runs settle, come and go while they are looked through. The next
 * part begins below the last run seen, not after so many. Throws where a part of the state cannot be read.
 */
export async function idsOf(
  query: Omit<Query, 'limit' | 'below' | 'order' | 'light'>,
  { engine }: Pick<Context, 'engine'>,
  fits: (run: Run) => boolean = () => true,
): Promise<readonly number[]> {
  const ids: number[] = [];
  const { offset = 0, ...rest } = query;
  let part: Query = { ...rest, offset, limit: AT_ONCE, light: true };
  for (;;) {
    const { runs, damage = [] } = await engine.list(part);
    if (damage[0]) throw damage[0];
    ids.push(...runs.filter(fits).map(({ id }) => id));
    const last = runs.at(-1);
    if (!last || runs.length < AT_ONCE) return ids;
    part = { ...rest, below: last.id, limit: AT_ONCE, light: true };
  }
}

/** Makes of each what `make` makes of it, which may be a promise; a long list lets others be answered in between. */
export async function inTurns<A, B>(
  clock: Pick<Clock, 'monotonic'>,
  all: readonly A[],
  make: (one: A) => B,
): Promise<readonly B[]> {
  const made: B[] = [];
  let since = clock.monotonic();
  for (const one of all) {
    const result = make(one);
    // A caller that waits for all of them hears of one that fails meanwhile.
    if (result instanceof Promise) result.catch(() => undefined);
    made.push(result);
    if (clock.monotonic() - since < A_TURN_MS) continue;
    await new Promise(setImmediate);
    since = clock.monotonic();
  }
  return made;
}

/** Does it for the ids that were given. If that is one, its error is thrown. */
export async function eachGiven<T>(
  ids: readonly number[],
  act: (id: number) => Promise<T>,
): Promise<(T | Refused)[]> {
  const [only] = ids;
  return ids.length === 1 && only !== undefined ? [await act(only)] : each(ids, act);
}

/** Does it for each id, in order. */
export async function each<T>(
  ids: readonly number[],
  act: (id: number) => Promise<T>,
): Promise<(T | Refused)[]> {
  const results: (T | Refused)[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const part = ids.slice(at, at + AT_ONCE);
    results.push(...(await Promise.all(part.map((id) => orRefused(id, act)))));
  }
  return results;
}

/** `5 runs: 4 queued, 1 running`. */
export function countsText(counts: readonly (readonly [state: StateName, n: number])[]): string {
  const some = counts.filter(([, n]) => n > 0);
  const all = some.reduce((sum, [, n]) => sum + n, 0);
  const each = some.map(([state, n]) => `${showCount(n)} ${state}`).join(', ');
  return `${showCount(all)} ${all === 1 ? 'run' : 'runs'}${each && `: ${each}`}`;
}

async function orRefused<T>(id: number, act: (id: number) => Promise<T>): Promise<T | Refused> {
  try {
    return await act(id);
  } catch (error) {
    if (error instanceof JobrunError) return { id: String(id), error: error.toJSON() };
    throw error;
  }
}

export const isRefused = (result: object): result is Refused => 'code' in errorIn(result);

/** A view of a run has an `error` as well; only a refusal's has a code. */
function errorIn(result: object): object {
  const error = (result as { readonly error?: unknown }).error;
  return typeof error === 'object' && error !== null ? error : {};
}

/** Tells what was refused, and gives the exit code. */
export function showRefused(results: readonly object[], out: Output): number | undefined {
  const refused = results.filter(isRefused);
  if (!out.json) for (const { error } of refused) out.error(errorFromShape(error));
  if (refused.length === 0) return undefined;
  const codes = new Set(refused.map(({ error }) => exitCodeOf(error.code)));
  const [code = 1] = codes;
  return refused.length === results.length && codes.size === 1 ? code : 1;
}
